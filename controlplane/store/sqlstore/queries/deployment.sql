-- name: LockDeployment :one
INSERT INTO deployment (project_id, holder, lease_until)
VALUES (sqlc.arg(project_id), sqlc.arg(holder), now() + CAST(sqlc.arg(milliseconds) AS bigint) * interval '1 millisecond')
ON CONFLICT (project_id) DO UPDATE
SET holder = excluded.holder, lease_until = excluded.lease_until
WHERE deployment.lease_until <= now()
RETURNING record;

-- name: ExtendDeployment :execrows
UPDATE deployment SET lease_until = now() + CAST(sqlc.arg(milliseconds) AS bigint) * interval '1 millisecond'
WHERE project_id = sqlc.arg(project_id) AND holder = sqlc.arg(holder);

-- name: RecordDeployment :execrows
UPDATE deployment SET record = sqlc.narg(record)
WHERE project_id = sqlc.arg(project_id) AND holder = sqlc.arg(holder);

-- name: EndDeployment :exec
DELETE FROM deployment WHERE project_id = $1 AND holder = $2 AND record IS NULL;

-- name: YieldDeployment :exec
UPDATE deployment SET lease_until = now() WHERE project_id = $1 AND holder = $2;

-- name: HoldDeployment :execrows
UPDATE deployment SET holder = sqlc.arg(holder)
WHERE project_id = sqlc.arg(project_id) AND holder = sqlc.arg(holder);

-- name: InterruptedDeployments :many
SELECT project_id FROM deployment WHERE record IS NOT NULL AND lease_until <= now() ORDER BY project_id;
