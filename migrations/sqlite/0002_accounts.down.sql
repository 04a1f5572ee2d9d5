DROP TABLE audit;
DROP TABLE attempt;
DROP TABLE session;
DROP TABLE one_time;
DROP TABLE invitation;
ALTER TABLE customer DROP COLUMN password_hash;
