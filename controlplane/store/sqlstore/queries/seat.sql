-- name: Members :many
SELECT seat.id, seat.customer_id, seat.is_owner, seat.status, seat.created_at, customer.email, customer.name
FROM seat JOIN customer ON customer.id = seat.customer_id
WHERE seat.project_id = sqlc.arg(project_id)
UNION ALL
SELECT invitation.id, CAST('' AS text), false, CAST('INVITED_TO_PROJECT' AS text), invitation.created_at, invitation.email, CAST('' AS text)
FROM invitation
WHERE invitation.project_id = sqlc.arg(project_id)
ORDER BY 5, 1;

-- name: JoinSeat :exec
INSERT INTO seat (id, project_id, customer_id, is_owner, status, created_at)
VALUES (sqlc.arg(id), sqlc.arg(project_id), sqlc.arg(customer_id), false, 'JOINED', sqlc.arg(created_at))
ON CONFLICT (project_id, customer_id) DO NOTHING;

-- name: Invite :exec
INSERT INTO invitation (id, project_id, email, created_at)
VALUES (sqlc.arg(id), sqlc.arg(project_id), sqlc.arg(email), sqlc.arg(created_at))
ON CONFLICT (project_id, email) DO NOTHING;

-- name: AcceptInvitations :exec
INSERT INTO seat (id, project_id, customer_id, is_owner, status, created_at)
SELECT invitation.id, invitation.project_id, CAST(sqlc.arg(customer_id) AS text), false, 'JOINED', invitation.created_at
FROM invitation JOIN project ON project.id = invitation.project_id
WHERE invitation.email = sqlc.arg(email) AND project.deleted_at IS NULL
ON CONFLICT (project_id, customer_id) DO NOTHING;

-- name: ForgetInvitations :exec
DELETE FROM invitation WHERE email = sqlc.arg(email);

-- name: ForgetInvitation :exec
DELETE FROM invitation WHERE project_id = sqlc.arg(project_id) AND email = sqlc.arg(email);

-- name: RemoveSeat :execrows
DELETE FROM seat WHERE id = sqlc.arg(id);

-- name: CountSeatsInName :one
SELECT count(*) FROM project JOIN seat ON seat.project_id = project.id
WHERE seat.customer_id = sqlc.arg(customer_id) AND project.name = sqlc.arg(name) AND project.id <> sqlc.arg(id);

-- name: LockProject :one
SELECT * FROM project WHERE id = sqlc.arg(id) AND deleted_at IS NULL FOR UPDATE;

-- name: SetOwner :exec
UPDATE project SET owner_id = sqlc.arg(owner_id), updated_at = sqlc.arg(updated_at) WHERE id = sqlc.arg(id);

-- name: SetOwnerSeat :exec
UPDATE seat SET is_owner = (customer_id = sqlc.arg(customer_id)) WHERE project_id = sqlc.arg(project_id);

-- name: ChangeProject :one
UPDATE project SET name = sqlc.arg(name), alias = sqlc.narg(alias), allow_queries = sqlc.arg(allow_queries),
    allow_mutations = sqlc.arg(allow_mutations), request_limit_exceeded = sqlc.arg(request_limit_exceeded),
    database_limit_exceeded = sqlc.arg(database_limit_exceeded), invocation_limit_exceeded = sqlc.arg(invocation_limit_exceeded),
    updated_at = sqlc.arg(updated_at)
WHERE id = sqlc.arg(id)
RETURNING *;

-- name: ProjectOfSeat :one
SELECT seat.project_id FROM seat WHERE seat.id = sqlc.arg(id)
UNION ALL
SELECT invitation.project_id FROM invitation WHERE invitation.id = sqlc.arg(id)
LIMIT 1;
