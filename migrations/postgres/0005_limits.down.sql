DROP TABLE letter;
ALTER TABLE project DROP COLUMN invocation_limit_exceeded;
ALTER TABLE project DROP COLUMN database_limit_exceeded;
ALTER TABLE project DROP COLUMN request_limit_exceeded;
