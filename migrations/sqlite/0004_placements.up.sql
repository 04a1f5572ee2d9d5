-- The databases that hold projects' rows (platform §7.2). The URL of the platform's
-- own database is empty: its processes are told where that is.

CREATE TABLE project_database (
    name       text PRIMARY KEY,
    region     text NOT NULL,
    url        text NOT NULL,
    reader_url text NOT NULL,
    capacity   integer NOT NULL,
    is_open    boolean NOT NULL,
    created_at integer NOT NULL
);

INSERT INTO project_database (name, region, url, reader_url, capacity, is_open, created_at)
VALUES ('default', 'EU_WEST_1', '', '', 10000, true, 0);

CREATE INDEX project_placement ON project (placement);
