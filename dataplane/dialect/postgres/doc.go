// Package postgres writes PostgreSQL's SQL.
//
// In: relational queries, changes and schema changes, and a tenant's namespace,
// which is the name of its schema. Out: dialect.Statements with $1, $2 ... typed
// where they stand, and the DDL of tables.
//
// Callers: postgresdb hands it out as the dialect of its product and installs
// SharedSchema before the first statement runs.
//
//	dialect.go  the door             values.go  columns, arguments and JSON
//	change.go   writes and checks    schema.go  tables, keys and indexes
//	shared.go   the functions that statements call
package postgres
