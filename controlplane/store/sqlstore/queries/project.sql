-- name: AddProject :exec
INSERT INTO project (id, name, alias, owner_id, placement, region, release, allow_queries, allow_mutations, is_ejected, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10, $11);

-- name: AddSeat :exec
INSERT INTO seat (id, project_id, customer_id, is_owner, status, created_at)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: Project :one
SELECT * FROM project WHERE id = $1 OR alias = $1 ORDER BY id = $1 DESC LIMIT 1;

-- name: ProjectsOf :many
SELECT project.* FROM project JOIN seat ON seat.project_id = project.id
WHERE seat.customer_id = $1 AND project.deleted_at IS NULL
ORDER BY project.created_at, project.id;

-- name: Seat :one
SELECT * FROM seat WHERE project_id = $1 AND customer_id = $2;

-- name: NameTaken :one
SELECT count(*) FROM project WHERE owner_id = $1 AND name = $2;

-- name: AliasTaken :one
SELECT count(*) FROM project WHERE alias = $1;

-- name: IDTaken :one
SELECT count(*) FROM project WHERE id = $1;

-- name: EjectProject :exec
UPDATE project SET is_ejected = true, updated_at = $2 WHERE id = $1 AND deleted_at IS NULL;

-- name: WithdrawProject :execrows
UPDATE project SET name = '~' || id, alias = NULL, release = 0, deleted_at = $2, updated_at = $2
WHERE id = $1 AND deleted_at IS NULL;

-- name: WithdrawnProjects :many
SELECT * FROM project WHERE deleted_at IS NOT NULL ORDER BY deleted_at, id;

-- name: RemoveProject :exec
DELETE FROM project WHERE id = $1 AND deleted_at IS NOT NULL;
