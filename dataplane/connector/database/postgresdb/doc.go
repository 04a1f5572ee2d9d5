// Package postgresdb keeps projects in PostgreSQL: a schema and a role for each.
//
// In: statements of dialect/postgres and a tenant's scope. Out: the JSON text
// that the server built, or *database.Error. Callers: cmd opens it and hands it
// on as *database.DB.
//
// The login user owns every schema and is a member of every project's role. A
// statement runs as the project's role, which may read and write the rows of its
// own schema and nothing else: whatever SQL a planner wrote, the server refuses
// it another project's rows. The role is set in the same pipeline as the
// statement, in front of it and in the same transaction, so that a statement
// never runs when it could not be set.
//
// Quick reads that meet share round trips; their answers don't depend on it.
//
//	config.go    what Open takes           pipeline.go  one round trip
//	install.go   the shared functions      session.go   what a connection remembers
//	tenant.go    provision, migrate, drop  encode.go    arguments
//	driver.go    query, batch, transact    errors.go    SQLSTATEs
//	sharing.go   round trips of many       costs.go     which statements are quick
//	move.go      to another database       streams.go   who listens to changes
//	relay.go     the order of changes
package postgresdb
