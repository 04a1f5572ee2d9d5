// Package migrations carries the files that make and change the platform's own
// tables, one folder for each engine. Both folders have the same versions and
// end with the same logical schema.
//
// In: nothing. Out: FS, which golang-migrate reads. Callers: the control plane's
// store, with the folder of its engine; sqlc compiles the store's queries against
// postgres. The tables of projects are not here: they are computed by deploys.
package migrations

import "embed"

// FS holds the folders postgres and sqlite.
//
//go:embed postgres/*.sql sqlite/*.sql
var FS embed.FS
