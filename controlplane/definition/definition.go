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

// Kind is a kind of function (platform §2.1).
type Kind string

// The kinds. The last two are accepted and never run (LQ-1). PreWrite comes from the
// console only.
const (
	OperationBefore Kind = "operationBefore"
	PreWrite        Kind = "operationPreWrite"
	OperationAfter  Kind = "operationAfter"
	Subscription    Kind = "subscription"
	Resolver        Kind = "resolver"
	HTTPRequest     Kind = "httpRequest"
	HTTPResponse    Kind = "httpResponse"
)

// Function is one function with its handler.
type Function struct {
	Name        string   `json:"name"`
	Kind        Kind     `json:"kind"`
	Enabled     bool     `json:"enabled"`
	Description string   `json:"description,omitempty"`
	Operation   string   `json:"operation,omitempty"` // hooks: Model.create
	SchemaPath  string   `json:"schemaPath,omitempty"`
	Schema      string   `json:"schema,omitempty"` // resolvers: SDL
	QueryPath   string   `json:"queryPath,omitempty"`
	Query       string   `json:"query,omitempty"` // subscriptions
	Code        *Code    `json:"code,omitempty"`
	Webhook     *Webhook `json:"webhook,omitempty"`
}

// Code is a handler that runs on the platform.
type Code struct {
	Path        string            `json:"path"`
	Text        string            `json:"text,omitempty"` // one-file functions (LQ-6)
	Bundle      *External         `json:"bundle,omitempty"`
	Environment map[string]string `json:"environment,omitempty"`
}

// Webhook is a handler that runs elsewhere.
type Webhook struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
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

// Same says that two definitions are the same to their author: bundles count by
// what is in them, not by where they were uploaded.
func Same(a, b *Definition) bool {
	x, errX := a.withoutURLs().Encode()
	y, errY := b.withoutURLs().Encode()
	return errX == nil && errY == nil && string(x) == string(y)
}

func (d *Definition) withoutURLs() *Definition {
	c := *d
	c.Source.External = nil // functions have what counts of it
	c.Functions = make([]Function, len(d.Functions))
	for i, f := range d.Functions {
		if f.Code != nil && f.Code.Bundle != nil && f.Code.Bundle.Hash != "" {
			code, bundle := *f.Code, *f.Code.Bundle
			bundle.URL = ""
			code.Bundle = &bundle
			f.Code = &code
		}
		c.Functions[i] = f
	}
	return &c
}

// Runs says that the function is of a kind that is more than accepted (LQ-1).
func (f *Function) Runs() bool { return f.Kind != HTTPRequest && f.Kind != HTTPResponse }

// Function finds a function by its name, or is nil.
func (d *Definition) Function(name string) *Function {
	for i := range d.Functions {
		if d.Functions[i].Name == name {
			return &d.Functions[i]
		}
	}
	return nil
}
