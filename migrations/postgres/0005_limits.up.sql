-- What the billing side says of a project's plan (platform §4.9), and mails that are
-- still to be sent.

ALTER TABLE project ADD COLUMN request_limit_exceeded boolean NOT NULL DEFAULT false;
ALTER TABLE project ADD COLUMN database_limit_exceeded boolean NOT NULL DEFAULT false;
ALTER TABLE project ADD COLUMN invocation_limit_exceeded boolean NOT NULL DEFAULT false;

-- A letter with a purpose is written when it is sent: its code is made then, and is
-- never here. One without has its words here.
CREATE TABLE letter (
    id            text PRIMARY KEY,
    purpose       text NOT NULL,
    customer_id   text REFERENCES customer (id) ON DELETE CASCADE,
    email         text NOT NULL,
    name          text NOT NULL,
    password_hash text NOT NULL,
    subject       text NOT NULL,
    body          text NOT NULL,
    attempts      bigint NOT NULL,
    due_at        timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL
);

CREATE INDEX letter_due ON letter (due_at);
CREATE INDEX letter_customer ON letter (customer_id);
