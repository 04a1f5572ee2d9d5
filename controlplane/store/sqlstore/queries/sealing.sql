-- name: Sealing :one
SELECT * FROM sealing WHERE id = 1;

-- name: AddSealing :exec
INSERT INTO sealing (id, proof, complete)
VALUES (1, sqlc.arg(proof), NOT EXISTS (SELECT 1 FROM release) AND NOT EXISTS (SELECT 1 FROM deployment))
ON CONFLICT (id) DO NOTHING;

-- name: CompleteSealing :exec
UPDATE sealing SET proof = sqlc.arg(proof), complete = true WHERE id = 1;

-- name: ReleasesAfter :many
SELECT project_id, number FROM release
WHERE project_id > sqlc.arg(project_id) OR project_id = sqlc.arg(project_id) AND number > sqlc.arg(number)
ORDER BY project_id, number LIMIT sqlc.arg(most);

-- name: SealRelease :exec
UPDATE release SET definition = sqlc.arg(definition), payload = sqlc.arg(payload)
WHERE project_id = sqlc.arg(project_id) AND number = sqlc.arg(number);

-- name: RecordsAfter :many
SELECT project_id FROM deployment
WHERE record IS NOT NULL AND project_id > sqlc.arg(project_id)
ORDER BY project_id LIMIT sqlc.arg(most);

-- name: RecordOf :one
SELECT record FROM deployment WHERE project_id = sqlc.arg(project_id);

-- name: SealRecord :execrows
UPDATE deployment SET record = sqlc.narg(record)
WHERE project_id = sqlc.arg(project_id) AND record = sqlc.narg(before);
