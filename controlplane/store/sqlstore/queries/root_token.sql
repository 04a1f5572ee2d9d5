-- name: AddRootToken :execrows
INSERT INTO root_token (id, project_id, name, token, created_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (project_id, name) DO NOTHING;

-- name: RemoveRootToken :exec
DELETE FROM root_token WHERE project_id = $1 AND name = $2;

-- name: RemoveRootTokenByID :execrows
DELETE FROM root_token WHERE project_id = $1 AND id = $2;

-- name: RootToken :one
SELECT * FROM root_token WHERE id = $1;

-- name: RootTokens :many
SELECT * FROM root_token WHERE project_id = $1 ORDER BY created_at, id;
