-- Accounts, projects and their releases (platform §7.3). A project's own tables
-- are no part of these files: deploys compute them.

CREATE TABLE customer (
    id         text PRIMARY KEY,
    name       text NOT NULL,
    email      text NOT NULL UNIQUE,
    source     text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE project (
    id              text PRIMARY KEY,
    name            text NOT NULL,
    alias           text UNIQUE,
    owner_id        text NOT NULL REFERENCES customer (id),
    placement       text NOT NULL,
    region          text NOT NULL,
    release         bigint NOT NULL,
    allow_queries   boolean NOT NULL,
    allow_mutations boolean NOT NULL,
    is_ejected      boolean NOT NULL,
    deleted_at      timestamptz,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    UNIQUE (owner_id, name)
);

CREATE TABLE seat (
    id          text PRIMARY KEY,
    project_id  text NOT NULL REFERENCES project (id) ON DELETE CASCADE,
    customer_id text NOT NULL REFERENCES customer (id),
    is_owner    boolean NOT NULL,
    status      text NOT NULL,
    created_at  timestamptz NOT NULL,
    UNIQUE (project_id, customer_id)
);

CREATE INDEX seat_customer ON seat (customer_id);

CREATE TABLE release (
    project_id text NOT NULL REFERENCES project (id) ON DELETE CASCADE,
    number     bigint NOT NULL,
    definition bytea NOT NULL,
    payload    bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (project_id, number)
);

CREATE TABLE root_token (
    id         text PRIMARY KEY,
    project_id text NOT NULL REFERENCES project (id) ON DELETE CASCADE,
    name       text NOT NULL,
    token      text NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (project_id, name)
);

-- One row while a deploy runs, or after one stopped half-way: the lock of the
-- project's deploys, and what the deploy had set out to do.
CREATE TABLE deployment (
    project_id  text PRIMARY KEY REFERENCES project (id) ON DELETE CASCADE,
    holder      text NOT NULL,
    lease_until timestamptz NOT NULL,
    record      bytea
);
