// Package sqlitedb keeps projects in SQLite: a file for each, in a folder of its
// own (<folder>/<namespace>/rows.db).
//
// In: statements of dialect/sqlite and a tenant's scope. Out: the JSON text that
// the engine built, or *database.Error. Callers: cmd opens it and hands it on as
// *database.DB.
//
// A project's file has one connection that writes and a few that read, opened
// when they are first needed and closed when other projects need the room. No
// connection can attach a second file, so that a statement reaches the rows of
// its own project alone, whatever it says.
//
//	config.go  what Open takes          file.go     one project's connections
//	driver.go  query, batch, transact   conn.go     one connection
//	tenant.go  provision, migrate, drop files.go    which files are open
//	errors.go  result codes             engine.go   the engine, set up for us
//	streams.go who listens to changes   relay.go    which of them were sent
package sqlitedb
