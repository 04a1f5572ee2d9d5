-- name: LockDeployment :one
INSERT INTO deployment (project_id, holder, lease_until)
VALUES (sqlc.arg(project_id), sqlc.arg(holder), sqlc.arg(lease_until))
ON CONFLICT (project_id) DO UPDATE
SET holder = excluded.holder, lease_until = excluded.lease_until
WHERE deployment.lease_until <= CAST(unixepoch('subsec') * 1000 AS integer)
RETURNING record;

-- name: ExtendDeployment :execrows
UPDATE deployment SET lease_until = sqlc.arg(lease_until)
WHERE project_id = sqlc.arg(project_id) AND holder = sqlc.arg(holder);

-- name: RecordDeployment :execrows
UPDATE deployment SET record = sqlc.narg(record)
WHERE project_id = sqlc.arg(project_id) AND holder = sqlc.arg(holder);

-- name: EndDeployment :exec
DELETE FROM deployment WHERE project_id = ?1 AND holder = ?2 AND record IS NULL;

-- name: YieldDeployment :exec
UPDATE deployment SET lease_until = 0 WHERE project_id = ?1 AND holder = ?2;

-- name: HoldDeployment :execrows
UPDATE deployment SET holder = sqlc.arg(holder)
WHERE project_id = sqlc.arg(project_id) AND holder = sqlc.arg(holder);

-- name: InterruptedDeployments :many
SELECT project_id FROM deployment WHERE record IS NOT NULL AND lease_until <= CAST(unixepoch('subsec') * 1000 AS integer) ORDER BY project_id;
