package definition

import (
	"slices"
	"strings"

	"icehouse/dataplane/datamodel"
)

// Empty is the definition of a project before its first deploy.
func Empty() *Definition {
	return &Definition{
		TypesPath: emptyTypesPath,
		Source:    Source{Content: "types: " + emptyTypesPath + "\n", Files: map[string]string{emptyTypesPath: ""}},
	}
}

// FromSDL is the definition of a project that consists of types only, with the
// wildcard permission that such projects had (platform §1.9).
func FromSDL(sdl string) *Definition {
	d := &Definition{TypesPath: emptyTypesPath, SDL: sdl, Permissions: []Permission{{Operation: "*"}}}
	d.Source = Source{Content: d.yaml(), Files: d.files()}
	return d
}

// systemTypes are those that a project of the console has from the start (data-api
// §1.12).
var systemTypes = []struct{ name, sdl string }{
	{"User", "type User @model {\n  id: ID! @isUnique\n  createdAt: DateTime!\n  updatedAt: DateTime!\n}\n"},
	{"File", "type File @model {\n  id: ID! @isUnique\n  createdAt: DateTime!\n  updatedAt: DateTime!\n  contentType: String!\n" +
		"  name: String!\n  secret: String! @isUnique\n  size: Int!\n  url: String! @isUnique\n}\n"},
}

// Legacy is the definition of a new project of the console: these types and those of
// the system, all open to everyone (platform §4.7).
func Legacy(sdl string) *Definition {
	parsed, _ := datamodel.Parse(sdl)
	if parsed == nil {
		return FromSDL(sdl) // a deploy says what is wrong with it
	}
	for _, t := range systemTypes {
		if parsed.Model.Type(t.name) == nil {
			sdl = strings.TrimSuffix(sdl, "\n") + "\n\n" + t.sdl
		}
	}
	d := &Definition{TypesPath: emptyTypesPath, SDL: strings.TrimLeft(sdl, "\n")}
	if parsed, _ = datamodel.Parse(sdl); parsed != nil {
		for _, t := range parsed.Model.Types {
			for _, verb := range TypeVerbs {
				d.Permissions = append(d.Permissions, Permission{Operation: t.Name + "." + verb})
			}
		}
		for _, r := range parsed.Model.Relations {
			d.Permissions = append(d.Permissions, Permission{Operation: r.Name + ".*"})
		}
	}
	d.Rewrite(d.SDL)
	return d
}

// Clone is the definition of a project that begins as this one: without functions
// and root tokens, which are its own (platform §3.8).
func (d *Definition) Clone() *Definition {
	out := &Definition{TypesPath: d.TypesPath, SDL: d.SDL, Permissions: slices.Clone(d.Permissions), Descriptions: d.Descriptions}
	for i := range out.Permissions {
		out.Permissions[i].ID = ""
	}
	out.Rewrite(out.SDL)
	return out
}

const emptyTypesPath = "./types.graphql"
