-- name: AddAudit :exec
INSERT INTO audit (at, customer_id, session_id, project_id, action, target, result, code, address, request_id)
VALUES (sqlc.arg(at), sqlc.arg(customer_id), sqlc.arg(session_id), sqlc.arg(project_id), sqlc.arg(action), sqlc.arg(target), sqlc.arg(result), sqlc.arg(code), sqlc.arg(address), sqlc.arg(request_id));

-- name: AuditOfProject :many
SELECT * FROM audit WHERE project_id = sqlc.arg(project_id) AND number < sqlc.arg(before) ORDER BY number DESC LIMIT sqlc.arg(most);

-- name: AuditOfCustomer :many
SELECT * FROM audit WHERE customer_id = sqlc.arg(customer_id) AND number < sqlc.arg(before) ORDER BY number DESC LIMIT sqlc.arg(most);
