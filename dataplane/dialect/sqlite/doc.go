// Package sqlite writes SQLite's SQL.
//
// In: relational queries, changes and schema changes. A tenant is a file, so
// the namespace is not written. Out: dialect.Statements with ?1, ?2 ..., the DDL
// of tables, and the Functions that statements call.
//
// Callers: sqlitedb hands it out as the dialect of its product and registers
// Functions on every connection.
//
//	dialect.go    the door             values.go  columns, arguments and JSON
//	change.go     writes and checks    schema.go  tables, keys and indexes
//	functions.go  what statements call
//
// Conventions with the driver: list arguments are JSON arrays (EncodeList).
// A GuardCheck statement returns 1 when the guard holds; a RequireCheck
// statement returns the first id that is missing, or no row.
package sqlite
