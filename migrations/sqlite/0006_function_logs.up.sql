-- What functions logged (platform §2.11), and how often they were called. Times are
-- milliseconds.

CREATE TABLE function_log (
    id          text PRIMARY KEY,
    project_id  text NOT NULL REFERENCES project (id) ON DELETE CASCADE,
    function_id text NOT NULL,
    at          integer NOT NULL,
    request_id  text NOT NULL,
    is_success  boolean NOT NULL,
    duration    integer NOT NULL, -- in milliseconds
    message     blob NOT NULL
);

CREATE INDEX function_log_function ON function_log (project_id, function_id, at, id);
CREATE INDEX function_log_at ON function_log (at);

-- The calls of a function in a time of some seconds, of which there are two lengths.
CREATE TABLE function_count (
    project_id  text NOT NULL REFERENCES project (id) ON DELETE CASCADE,
    seconds     integer NOT NULL,
    began_at    integer NOT NULL,
    function_id text NOT NULL,
    requests    integer NOT NULL,
    errors      integer NOT NULL,
    PRIMARY KEY (project_id, seconds, began_at, function_id)
);

CREATE INDEX function_count_began ON function_count (seconds, began_at);

-- One row for each function that ever logged. kept is how many entries it has at most:
-- those that grew old are taken off when it is looked at.
CREATE TABLE function_logged (
    project_id  text NOT NULL REFERENCES project (id) ON DELETE CASCADE,
    function_id text NOT NULL,
    last_at     integer NOT NULL,
    kept        integer NOT NULL,
    PRIMARY KEY (project_id, function_id)
);
