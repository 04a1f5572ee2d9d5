-- name: AddUsage :exec
INSERT INTO usage (project_id, began_at, ended_at, requests, console_requests, permission_queries, functions, features, addresses)
VALUES (sqlc.arg(project_id), sqlc.arg(began_at), sqlc.arg(ended_at), sqlc.arg(requests), sqlc.arg(console_requests), sqlc.arg(permission_queries), sqlc.arg(functions), sqlc.arg(features), sqlc.arg(addresses));

-- name: UsageOf :many
SELECT * FROM usage WHERE project_id = sqlc.arg(project_id) AND ended_at > sqlc.arg(since) ORDER BY ended_at, began_at;
