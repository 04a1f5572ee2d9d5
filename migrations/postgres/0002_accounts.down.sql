DROP TABLE audit;
DROP FUNCTION audit_is_append_only;
DROP TABLE attempt;
DROP TABLE session;
DROP TABLE one_time;
DROP TABLE invitation;
ALTER TABLE customer DROP COLUMN password_hash;
