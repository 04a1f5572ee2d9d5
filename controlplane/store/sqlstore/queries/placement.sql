-- name: Placements :many
SELECT project_database.*, (SELECT count(*) FROM project WHERE project.placement = project_database.name) AS projects
FROM project_database ORDER BY project_database.name;

-- name: AddPlacement :execrows
INSERT INTO project_database (name, region, url, reader_url, capacity, is_open, created_at)
VALUES (sqlc.arg(name), sqlc.arg(region), sqlc.arg(url), sqlc.arg(reader_url), sqlc.arg(capacity), sqlc.arg(is_open), sqlc.arg(created_at))
ON CONFLICT DO NOTHING;

-- name: ChangePlacement :execrows
UPDATE project_database SET region = sqlc.arg(region), url = sqlc.arg(url), reader_url = sqlc.arg(reader_url), capacity = sqlc.arg(capacity), is_open = sqlc.arg(is_open)
WHERE project_database.name = sqlc.arg(name);

-- name: RemovePlacement :execrows
DELETE FROM project_database
WHERE project_database.name = sqlc.arg(name) AND NOT EXISTS (SELECT 1 FROM project WHERE project.placement = project_database.name);

-- name: RelocateProject :execrows
UPDATE project SET placement = sqlc.arg(destination), updated_at = sqlc.arg(updated_at)
WHERE project.id = sqlc.arg(id) AND project.placement = sqlc.arg(origin)
  AND EXISTS (SELECT 1 FROM deployment WHERE deployment.project_id = project.id AND deployment.holder = sqlc.arg(holder))
  AND EXISTS (SELECT 1 FROM project_database WHERE project_database.name = sqlc.arg(destination));
