-- Accounts: passwords, sessions, invitations, what slows guessing down, and the log of
-- management calls (platform §4.7).

ALTER TABLE customer ADD COLUMN password_hash text NOT NULL DEFAULT '';

CREATE TABLE invitation (
    id         text PRIMARY KEY,
    project_id text NOT NULL REFERENCES project (id) ON DELETE CASCADE,
    email      text NOT NULL,
    created_at timestamptz NOT NULL,
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
    expires_at    timestamptz NOT NULL
);

CREATE INDEX one_time_customer ON one_time (customer_id);
CREATE INDEX one_time_expires ON one_time (expires_at);

CREATE TABLE session (
    id          text PRIMARY KEY,
    customer_id text NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    name        text NOT NULL,
    scopes      text NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz
);

CREATE INDEX session_customer ON session (customer_id);

CREATE TABLE attempt (
    key      text PRIMARY KEY,
    count    bigint NOT NULL,
    began_at timestamptz NOT NULL,
    ends_at  timestamptz NOT NULL
);

CREATE INDEX attempt_ends ON attempt (ends_at);

-- Rows outlive what they speak of, so they refer to nothing.
CREATE TABLE audit (
    number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL,
    customer_id text NOT NULL,
    session_id  text NOT NULL,
    project_id  text NOT NULL,
    action      text NOT NULL,
    target      text NOT NULL,
    result      text NOT NULL,
    code        bigint NOT NULL,
    address     text NOT NULL,
    request_id  text NOT NULL
);

CREATE INDEX audit_project ON audit (project_id, number);
CREATE INDEX audit_customer ON audit (customer_id, number);

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log only grows';
END
$$;

CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
