-- What projects used, as nodes counted it (platform §4.9). Rows outlive their project:
-- what it used is owed.
CREATE TABLE usage (
    project_id         text NOT NULL,
    began_at           integer NOT NULL,
    ended_at           integer NOT NULL,
    requests           integer NOT NULL,
    console_requests   integer NOT NULL,
    permission_queries integer NOT NULL,
    functions          integer NOT NULL,
    features           integer NOT NULL,
    addresses          text NOT NULL
);

CREATE INDEX usage_project ON usage (project_id, ended_at);
