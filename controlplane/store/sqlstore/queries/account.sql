-- name: CustomerByEmail :one
SELECT * FROM customer WHERE email = sqlc.arg(email);

-- name: InsertCustomer :one
INSERT INTO customer (id, name, email, source, password_hash, created_at, updated_at)
VALUES (sqlc.arg(id), sqlc.arg(name), sqlc.arg(email), sqlc.arg(source), sqlc.arg(password_hash), sqlc.arg(created_at), sqlc.arg(created_at))
ON CONFLICT (email) DO NOTHING
RETURNING *;

-- name: UpdateCustomer :one
UPDATE customer SET name = coalesce(sqlc.narg(name), name), email = coalesce(sqlc.narg(email), email), updated_at = sqlc.arg(updated_at)
WHERE id = sqlc.arg(id)
RETURNING *;

-- name: SetPassword :one
UPDATE customer SET password_hash = sqlc.arg(password_hash), updated_at = sqlc.arg(updated_at)
WHERE id = sqlc.arg(id)
RETURNING *;

-- name: RemoveCustomer :execrows
DELETE FROM customer WHERE id = sqlc.arg(id);

-- name: CountOwned :one
SELECT count(*) FROM project WHERE owner_id = sqlc.arg(owner_id);

-- name: RemoveSeatsOf :exec
DELETE FROM seat WHERE customer_id = sqlc.arg(customer_id);

-- name: AddOneTime :exec
INSERT INTO one_time (hash, purpose, customer_id, email, name, password_hash, expires_at)
VALUES (sqlc.arg(hash), sqlc.arg(purpose), sqlc.narg(customer_id), sqlc.arg(email), sqlc.arg(name), sqlc.arg(password_hash), sqlc.arg(expires_at));

-- name: TakeOneTime :one
DELETE FROM one_time WHERE hash = sqlc.arg(hash) AND expires_at > sqlc.arg(now)
RETURNING *;

-- name: RemoveOneTimesOf :exec
DELETE FROM one_time WHERE customer_id = sqlc.narg(customer_id);

-- name: AddSession :exec
INSERT INTO session (id, customer_id, name, scopes, created_at, expires_at)
VALUES (sqlc.arg(id), sqlc.arg(customer_id), sqlc.arg(name), sqlc.arg(scopes), sqlc.arg(created_at), sqlc.narg(expires_at));

-- name: Session :one
SELECT * FROM session WHERE id = sqlc.arg(id);

-- name: SessionsOf :many
SELECT * FROM session WHERE customer_id = sqlc.arg(customer_id) ORDER BY created_at, id;

-- name: RemoveSession :execrows
DELETE FROM session WHERE id = sqlc.arg(id) AND customer_id = sqlc.arg(customer_id);

-- name: RemoveSessionsBut :exec
DELETE FROM session WHERE customer_id = sqlc.arg(customer_id) AND id <> sqlc.arg(but);

-- name: CountAttempt :one
INSERT INTO attempt (key, count, began_at, ends_at) VALUES (sqlc.arg(key), 1, sqlc.arg(now), sqlc.arg(ends_at))
ON CONFLICT (key) DO UPDATE
SET count = CASE WHEN attempt.ends_at <= excluded.began_at THEN 1 ELSE attempt.count + 1 END,
    began_at = CASE WHEN attempt.ends_at <= excluded.began_at THEN excluded.began_at ELSE attempt.began_at END,
    ends_at = CASE WHEN attempt.ends_at <= excluded.began_at THEN excluded.ends_at ELSE attempt.ends_at END
RETURNING *;

-- name: CountedAttempts :one
SELECT * FROM attempt WHERE key = sqlc.arg(key) AND ends_at > sqlc.arg(now);

-- name: ForgetAttempts :exec
DELETE FROM attempt WHERE key = sqlc.arg(key);

-- name: SweepAttempts :exec
DELETE FROM attempt WHERE key IN (SELECT a.key FROM attempt a WHERE a.ends_at <= sqlc.arg(now) FOR UPDATE SKIP LOCKED);

-- name: SweepOneTimes :exec
DELETE FROM one_time WHERE hash IN (SELECT o.hash FROM one_time o WHERE o.expires_at <= sqlc.arg(now) FOR UPDATE SKIP LOCKED);

-- name: SweepSessions :exec
DELETE FROM session WHERE id IN (SELECT s.id FROM session s WHERE s.expires_at <= sqlc.narg(now) FOR UPDATE SKIP LOCKED);
