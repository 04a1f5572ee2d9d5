-- What projects used, as nodes counted it (platform §4.9). Rows outlive their project:
-- what it used is owed.
CREATE TABLE usage (
    project_id         text NOT NULL,
    began_at           timestamptz NOT NULL,
    ended_at           timestamptz NOT NULL,
    requests           bigint NOT NULL,
    console_requests   bigint NOT NULL,
    permission_queries bigint NOT NULL,
    functions          bigint NOT NULL,
    features           bigint NOT NULL,
    addresses          text NOT NULL
);

CREATE INDEX usage_project ON usage (project_id, ended_at);
