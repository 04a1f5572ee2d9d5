// Package definition reads service definitions: the config string that a deploy
// uploads (platform §1.7), the YAML in it (§1.3) and the files that the YAML
// names.
//
//	config string --ParseConfig--> Config --Merge--> Source --Read--> Definition
//	Definition + DataModel --Check--> problems, warnings
//
// In: text from anyone. Out: a Definition with every text it refers to inside,
// or Problems that name file, line and column. Nothing outside the config is
// read. Callers: deployment (push, addProject) reads and checks; managementapi
// renders what is deployed (Render).
package definition

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"icehouse/dataplane/datamodel"
)

// Definition is a whole service definition, resolved. Its JSON form is what a
// release keeps.
type Definition struct {
	Source      Source       `json:"source"`
	TypesPath   string       `json:"typesPath"`
	SDL         string       `json:"sdl"` // the data model's text, of all types files
	Functions   []Function   `json:"functions,omitempty"`
	Permissions []Permission `json:"permissions,omitempty"`
	RootTokens  []string     `json:"rootTokens,omitempty"`

	// What no text has and the console can say: descriptions, and ids of elements
	// that changed what their ids are made from. Keys are those of package elements.
	Descriptions map[string]string `json:"descriptions,omitempty"`
	IDs          map[string]string `json:"ids,omitempty"`
}

// Source is the definition as written, one module.
type Source struct {
	Content  string              `json:"content"` // the YAML
	Files    map[string]string   `json:"files"`
	External map[string]External `json:"externalFiles,omitempty"`
}

// External says where the bundle of a code file was uploaded (platform §2.12).
type External struct {
	URL           string `json:"url"`
	LambdaHandler string `json:"lambdaHandler"`
	DevHandler    string `json:"devHandler"`
	Hash          string `json:"hash,omitempty"`
}

// Permission is one entry of permissions (platform §1.9).
type Permission struct {
	Operation     string   `json:"operation"` // Target.verb, or *
	Authenticated bool     `json:"authenticated,omitempty"`
	QueryPath     string   `json:"queryPath,omitempty"`
	QueryName     string   `json:"queryName,omitempty"`
	Query         string   `json:"query,omitempty"`
	Fields        []string `json:"fields,omitzero"` // nil: all

	// What only the console's permissions have.
	ID          string `json:"id,omitempty"`
	Description string `json:"description,omitempty"`
	Disabled    bool   `json:"disabled,omitempty"` // kept, and allows nothing
	RuleName    string `json:"ruleName,omitempty"` // what the query is called there
}

// Wildcard says that the permission opens everything to everyone.
func (p Permission) Wildcard() bool { return p.Operation == "*" }

// Split is the type or relation and the verb of an operation.
func (p Permission) Split() (target, verb string) {
	target, verb, _ = strings.Cut(p.Operation, ".")
	return target, verb
}

// Open says that the definition has the wildcard permission.
func (d *Definition) Open() bool {
	for _, p := range d.Permissions {
		if p.Wildcard() && !p.Disabled {
			return true
		}
	}
	return false
}

// Encode writes the JSON form.
func (d *Definition) Encode() ([]byte, error) { return json.Marshal(d) }

// Decode reads what Encode wrote.
func Decode(data []byte) (*Definition, error) {
	d := &Definition{}
	if err := json.Unmarshal(data, d); err != nil {
		return nil, fmt.Errorf("decode definition: %w", err)
	}
	return d, nil
}

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
			for _, verb := range []string{"read", "create", "update", "delete"} {
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
