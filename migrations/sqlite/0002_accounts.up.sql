-- Accounts: passwords, sessions, invitations, what slows guessing down, and the log of
-- management calls (platform §4.7). Times are milliseconds.

ALTER TABLE customer ADD COLUMN password_hash text NOT NULL DEFAULT '';

CREATE TABLE invitation (
    id         text PRIMARY KEY,
    project_id text NOT NULL REFERENCES project (id) ON DELETE CASCADE,
    email      text NOT NULL,
    created_at integer NOT NULL,
    UNIQUE (project_id, email)
);

CREATE INDEX invitation_email ON invitation (email);

-- What a mail may confirm, once. Only the hash of its secret is here. A sign-up has no
-- account yet; its name and password wait here.
CREATE TABLE one_time (
    hash          text PRIMARY KEY,
    purpose       text NOT NULL,
    customer_id   text REFERENCES customer (id) ON DELETE CASCADE,
    email         text NOT NULL,
    name          text NOT NULL,
    password_hash text NOT NULL,
    expires_at    integer NOT NULL
);

CREATE INDEX one_time_customer ON one_time (customer_id);
CREATE INDEX one_time_expires ON one_time (expires_at);

CREATE TABLE session (
    id          text PRIMARY KEY,
    customer_id text NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    name        text NOT NULL,
    scopes      text NOT NULL,
    created_at  integer NOT NULL,
    expires_at  integer
);

CREATE INDEX session_customer ON session (customer_id);

CREATE TABLE attempt (
    key      text PRIMARY KEY,
    count    integer NOT NULL,
    began_at integer NOT NULL,
    ends_at  integer NOT NULL
);

CREATE INDEX attempt_ends ON attempt (ends_at);

-- Rows outlive what they speak of, so they refer to nothing.
CREATE TABLE audit (
    number      integer PRIMARY KEY AUTOINCREMENT,
    at          integer NOT NULL,
    customer_id text NOT NULL,
    session_id  text NOT NULL,
    project_id  text NOT NULL,
    action      text NOT NULL,
    target      text NOT NULL,
    result      text NOT NULL,
    code        integer NOT NULL,
    address     text NOT NULL,
    request_id  text NOT NULL
);

CREATE INDEX audit_project ON audit (project_id, number);
CREATE INDEX audit_customer ON audit (customer_id, number);

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;

CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
