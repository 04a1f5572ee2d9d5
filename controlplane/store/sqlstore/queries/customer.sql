-- name: AddCustomer :execrows
INSERT INTO customer (id, name, email, source, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING;

-- name: Customer :one
SELECT * FROM customer WHERE id = $1;

-- name: FirstCustomer :one
SELECT * FROM customer ORDER BY created_at, id LIMIT 1;
