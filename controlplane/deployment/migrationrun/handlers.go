package migrationrun

import (
	"slices"

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
		formerly := slices.DeleteFunc(slices.Clone(f.Formerly), func(name string) bool { return release.Model.Type(name) != nil })
		out = append(out, database.Handler{Function: f.ID, Model: t.Name, Formerly: formerly, DDL: d.Schema(namespace, release.Layout.Listen(t))})
	}
	return out
}
