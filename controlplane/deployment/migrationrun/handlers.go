package migrationrun

import (
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/dialect"
)

// Handlers are the functions of a release that are told of events (platform §2.8), for
// tables in a namespace.
func Handlers(release compiledschema.Release, d dialect.Dialect, namespace string) (out []database.Handler) {
	for _, f := range release.Functions {
		t := release.Model.Type(f.Type)
		if f.Kind != compiledschema.EventHandler || t == nil {
			continue
		}
		out = append(out, database.Handler{Function: f.ID, Model: t.Name, DDL: d.Schema(namespace, release.Layout.Listen(t))})
	}
	return out
}
