-- name: AddFunctionLog :execrows
INSERT INTO function_log (id, project_id, function_id, at, request_id, is_success, duration, message)
VALUES (sqlc.arg(id), sqlc.arg(project_id), sqlc.arg(function_id), sqlc.arg(at), sqlc.arg(request_id), sqlc.arg(is_success), sqlc.arg(duration), sqlc.arg(message))
ON CONFLICT (id) DO NOTHING;

-- name: CountFunctionCalls :exec
INSERT INTO function_count (project_id, seconds, began_at, function_id, requests, errors)
VALUES (sqlc.arg(project_id), sqlc.arg(seconds), sqlc.arg(began_at), sqlc.arg(function_id), sqlc.arg(requests), sqlc.arg(errors))
ON CONFLICT (project_id, seconds, began_at, function_id) DO UPDATE
SET requests = function_count.requests + excluded.requests, errors = function_count.errors + excluded.errors;

-- name: NoteFunctionLogs :exec
INSERT INTO function_logged (project_id, function_id, last_at, kept)
VALUES (sqlc.arg(project_id), sqlc.arg(function_id), sqlc.arg(last_at), sqlc.arg(added))
ON CONFLICT (project_id, function_id) DO UPDATE
SET kept = function_logged.kept + excluded.kept,
    last_at = CASE WHEN excluded.last_at > function_logged.last_at THEN excluded.last_at ELSE function_logged.last_at END;

-- name: FunctionLog :one
SELECT * FROM function_log WHERE id = sqlc.arg(id);

-- name: FunctionLogsDown :many
SELECT * FROM function_log
WHERE project_id = sqlc.arg(project_id) AND function_id = sqlc.arg(function_id)
  AND (at, id) < (sqlc.arg(older_at), CAST(sqlc.arg(older_id) AS text)) AND (at, id) > (sqlc.arg(newer_at), CAST(sqlc.arg(newer_id) AS text))
ORDER BY at DESC, id DESC LIMIT sqlc.arg(most);

-- name: FunctionLogsUp :many
SELECT * FROM function_log
WHERE project_id = sqlc.arg(project_id) AND function_id = sqlc.arg(function_id)
  AND (at, id) < (sqlc.arg(older_at), CAST(sqlc.arg(older_id) AS text)) AND (at, id) > (sqlc.arg(newer_at), CAST(sqlc.arg(newer_id) AS text))
ORDER BY at, id LIMIT sqlc.arg(most);

-- name: FunctionCounts :many
SELECT function_id, began_at, requests FROM function_count
WHERE project_id = sqlc.arg(project_id) AND seconds = sqlc.arg(seconds) AND began_at >= sqlc.arg(since) AND began_at <= sqlc.arg(until);

-- name: FunctionSums :many
SELECT function_id, CAST(sum(requests) AS bigint) AS requests, CAST(sum(errors) AS bigint) AS errors FROM function_count
WHERE project_id = sqlc.arg(project_id) AND seconds = sqlc.arg(seconds) AND began_at >= sqlc.arg(since) AND began_at <= sqlc.arg(until)
GROUP BY function_id;

-- name: ProjectCounts :many
SELECT began_at, CAST(sum(requests) AS bigint) AS requests FROM function_count
WHERE project_id = sqlc.arg(project_id) AND seconds = sqlc.arg(seconds) AND began_at >= sqlc.arg(since) AND began_at <= sqlc.arg(until)
GROUP BY began_at;

-- name: FunctionsLogged :many
SELECT * FROM function_logged WHERE project_id = sqlc.arg(project_id);

-- name: RemoveOldFunctionLogs :execrows
DELETE FROM function_log WHERE id IN
  (SELECT l.id FROM function_log l WHERE l.at < sqlc.arg(before) ORDER BY l.at LIMIT sqlc.arg(most) FOR UPDATE SKIP LOCKED);

-- name: RemoveOldFunctionCounts :execrows
DELETE FROM function_count WHERE (project_id, seconds, began_at, function_id) IN
  (SELECT c.project_id, c.seconds, c.began_at, c.function_id FROM function_count c
   WHERE c.seconds = sqlc.arg(seconds) AND c.began_at < sqlc.arg(before) LIMIT sqlc.arg(most) FOR UPDATE SKIP LOCKED);

-- name: CrowdedFunction :one
SELECT * FROM function_logged WHERE kept > CAST(sqlc.arg(keep) AS bigint) ORDER BY kept DESC LIMIT 1 FOR UPDATE SKIP LOCKED;

-- name: RemoveSurplusFunctionLogs :execrows
DELETE FROM function_log WHERE id IN
  (SELECT l.id FROM function_log l WHERE l.project_id = sqlc.arg(project_id) AND l.function_id = sqlc.arg(function_id)
   ORDER BY l.at DESC, l.id DESC LIMIT sqlc.arg(most) OFFSET sqlc.arg(keep));

-- name: RecountFunctionLogs :exec
UPDATE function_logged SET kept =
  (SELECT count(*) FROM function_log l WHERE l.project_id = function_logged.project_id AND l.function_id = function_logged.function_id)
WHERE function_logged.project_id = sqlc.arg(project_id) AND function_logged.function_id = sqlc.arg(function_id);
