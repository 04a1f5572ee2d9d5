-- name: AddLetter :execrows
INSERT INTO letter (id, purpose, customer_id, email, name, password_hash, subject, body, attempts, due_at, expires_at)
SELECT sqlc.arg(id), sqlc.arg(purpose), sqlc.narg(customer_id), sqlc.arg(email), sqlc.arg(name), sqlc.arg(password_hash),
    sqlc.arg(subject), sqlc.arg(body), 0, CAST(sqlc.arg(due_at) AS timestamptz), CAST(sqlc.arg(expires_at) AS timestamptz)
WHERE (SELECT count(*) FROM letter) < CAST(sqlc.arg(most) AS bigint);

-- name: TakeLetter :one
UPDATE letter SET attempts = letter.attempts + 1, due_at = sqlc.arg(until)
WHERE letter.id = (SELECT l.id FROM letter l WHERE l.due_at <= sqlc.arg(now) ORDER BY l.due_at, l.id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING *;

-- name: RemoveLetter :exec
DELETE FROM letter WHERE id = sqlc.arg(id) AND attempts = sqlc.arg(attempts);

-- name: DelayLetter :exec
UPDATE letter SET due_at = sqlc.arg(due_at) WHERE id = sqlc.arg(id) AND attempts = sqlc.arg(attempts);

-- name: RemoveLettersOf :exec
DELETE FROM letter WHERE customer_id = sqlc.narg(customer_id);
