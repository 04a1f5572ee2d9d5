-- name: AddRelease :exec
INSERT INTO release (project_id, number, definition, payload, created_at)
VALUES ($1, $2, $3, $4, $5);

-- name: PointToRelease :execrows
UPDATE project SET release = sqlc.arg(number), updated_at = sqlc.arg(updated_at)
WHERE id = sqlc.arg(id) AND release = sqlc.arg(previous) AND deleted_at IS NULL;

-- name: Release :one
SELECT * FROM release WHERE project_id = $1 AND number = $2;

-- name: Payload :one
SELECT payload FROM release WHERE project_id = $1 AND number = $2;
