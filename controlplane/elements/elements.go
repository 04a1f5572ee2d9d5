// Package elements gives the parts of a deployed project ids: types, fields,
// relations, enums, permissions and functions (platform §15.1, web/docs/adr/0019).
//
// In: a project and the release that serves it. Out: a Snapshot, which knows the id
// of every element and finds the element behind an id. Ids are cuids to their
// readers: 25 letters and digits. The first of them say which projects can have the
// element, so that it is looked for there only. Callers: managementapi reads, console
// edits, deployment, migrationrun and project read what serves.
package elements

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"icehouse/controlplane/definition"
	"icehouse/controlplane/store"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
	"icehouse/tenancy"
)

// Kind is what an id is the id of: its tenth character.
type Kind byte

// The kinds.
const (
	Model              Kind = 'm'
	Field              Kind = 'f'
	Relation           Kind = 'r'
	Enum               Kind = 'e'
	Function           Kind = 'u'
	ModelPermission    Kind = 'p'
	RelationPermission Kind = 'q'
	Database           Kind = 'd'
	AuthProvider       Kind = 'a'
	SearchProvider     Kind = 's'
)

const (
	idLength      = 25
	projectDigits = 8 // after the c
	restDigits    = idLength - 1 - projectDigits - 1
)

// digits are n letters and digits that a text determines.
func digits(text string, n int) string {
	sum := sha256.Sum256([]byte(text))
	all := new(big.Int).SetBytes(sum[:]).Text(36)
	return all[len(all)-n:]
}

// ID is the id of an element of a project that is the same as long as identity is.
func ID(project tenancy.ProjectID, k Kind, identity string) string {
	return "c" + digits(string(project), projectDigits) + string(k) + digits(string(project)+"\n"+string(k)+"\n"+identity, restDigits)
}

// NewID is an id for an element that keeps it whatever becomes of it.
func NewID(project tenancy.ProjectID, k Kind) string { return ID(project, k, rand.Text()) }

// KindOf is the kind of an id, and false when no element of the project can have it.
func KindOf(project tenancy.ProjectID, id string) (Kind, bool) {
	if len(id) != idLength || !strings.HasPrefix(id, "c"+digits(string(project), projectDigits)) {
		return 0, false
	}
	return Kind(id[1+projectDigits]), true
}

// Snapshot is a project as one release says.
type Snapshot struct {
	Project    store.Project
	Definition *definition.Definition
	Release    compiledschema.Release
	Model      *datamodel.DataModel
	Payload    []byte // Release as it is stored
}

// Load reads what serves a project: nothing before its first release.
func Load(ctx context.Context, s store.Store, p store.Project) (*Snapshot, error) {
	if p.Release == 0 {
		m := &datamodel.DataModel{}
		return &Snapshot{Project: p, Definition: definition.Empty(), Model: m,
			Release: compiledschema.Release{Model: m, Layout: relational.Build(m, nil)}}, nil
	}
	return Served(ctx, s, p)
}

// Served is Load for a project that has a release; store.ErrNotFound without one.
func Served(ctx context.Context, s store.Store, p store.Project) (*Snapshot, error) {
	stored, err := s.Release(ctx, p.ID, p.Release)
	if err != nil {
		return nil, err
	}
	def, err := definition.Decode(stored.Definition)
	if err != nil {
		return nil, err
	}
	release, err := compiledschema.DecodeRelease(stored.Payload)
	if err != nil {
		return nil, err
	}
	return &Snapshot{Project: p, Definition: def, Release: release, Model: release.Model, Payload: stored.Payload}, nil
}

// The keys of elements in Definition.Descriptions and Definition.IDs.

// TypeKey is the key of a type.
func TypeKey(name string) string { return "type/" + name }

// FieldKey is the key of a field.
func FieldKey(typ, field string) string { return "field/" + typ + "/" + field }

// RelationKey is the key of a relation.
func RelationKey(name string) string { return "relation/" + name }

// EnumKey is the key of an enum.
func EnumKey(name string) string { return "enum/" + name }

// FunctionKey is the key of a function.
func FunctionKey(name string) string { return "function/" + name }

func (s *Snapshot) id(key string, k Kind, identity func() string) string {
	if id := s.Definition.IDs[key]; id != "" {
		return id
	}
	return ID(s.Project.ID, k, identity())
}

// TypeID is the id of a type: its table's, whose name stays when the type is renamed.
func (s *Snapshot) TypeID(t *datamodel.Type) string {
	return s.id(TypeKey(t.Name), Model, func() string { return s.Release.Layout.Table(t).Name })
}

// FieldID is the id of a field: its column's, or its relation's with the side.
func (s *Snapshot) FieldID(f *datamodel.Field) string {
	return s.id(FieldKey(f.Type.Name, f.Name), Field, func() string {
		if f.IsRelation() {
			return s.RelationID(f.Relation) + "/" + strconv.Itoa(int(f.Side))
		}
		c := s.Release.Layout.Column(f)
		return c.Table.Name + "/" + c.Name
	})
}

// RelationID is the id of a relation: that of the table or column that stores it.
func (s *Snapshot) RelationID(r *datamodel.Relation) string {
	return s.id(RelationKey(r.Name), Relation, func() string {
		link := s.Release.Layout.Link(r.A())
		column := link.Parent
		switch {
		case link.Join != nil:
			return link.Join.Table.Name
		case column == nil:
			column = link.Child
		}
		return column.Table.Name + "/" + column.Name
	})
}

// EnumID is the id of an enum: its name's.
func (s *Snapshot) EnumID(e *datamodel.Enum) string {
	return s.id(EnumKey(e.Name), Enum, func() string { return e.Name })
}

// FunctionID is the id of a function: its name's.
func (s *Snapshot) FunctionID(name string) string {
	return s.id(FunctionKey(name), Function, func() string { return name })
}

// Permission is a permission with its id. Its record is Definition.Permissions[At].
type Permission struct {
	ID string
	At int
	definition.Rule
	Type     *datamodel.Type     // of a model permission
	Relation *datamodel.Relation // of a relation permission
}

// Permissions lists the permissions of types and relations, in the order of the
// definition.
func (s *Snapshot) Permissions() []Permission {
	var out []Permission
	seen := map[string]int{}
	for at, record := range s.Definition.Permissions {
		one := definition.Definition{Permissions: []definition.Permission{record}}
		for _, rule := range one.AllRules(s.Model) {
			p := Permission{ID: rule.ID, At: at, Rule: rule}
			k, target := RelationPermission, ""
			if p.Type = s.Model.Type(rule.Target); p.Type != nil {
				k, target = ModelPermission, s.TypeID(p.Type)
			} else {
				p.Relation = s.Model.Relation(rule.Target)
				target = s.RelationID(p.Relation)
			}
			if p.ID == "" {
				fields := slices.Sorted(slices.Values(rule.Fields))
				identity := strings.Join([]string{target, rule.Verb, strconv.FormatBool(rule.Authenticated), rule.QueryName, rule.Query,
					strconv.FormatBool(rule.Fields == nil), strings.Join(fields, ",")}, "\n")
				if seen[identity]++; seen[identity] > 1 {
					identity += "\n" + strconv.Itoa(seen[identity])
				}
				p.ID = ID(s.Project.ID, k, identity)
			}
			out = append(out, p)
		}
	}
	return out
}

// Type finds a type by id, or is nil.
func (s *Snapshot) Type(id string) *datamodel.Type {
	return found(s.Model.Types, id, s.TypeID)
}

// Field finds a field by id, or is nil.
func (s *Snapshot) Field(id string) *datamodel.Field {
	for _, t := range s.Model.Types {
		if f := found(t.Fields, id, s.FieldID); f != nil {
			return f
		}
	}
	return nil
}

// Relation finds a relation by id, or is nil.
func (s *Snapshot) Relation(id string) *datamodel.Relation {
	return found(s.Model.Relations, id, s.RelationID)
}

// Enum finds an enum by id, or is nil.
func (s *Snapshot) Enum(id string) *datamodel.Enum { return found(s.Model.Enums, id, s.EnumID) }

// Function finds a function by id, or is nil.
func (s *Snapshot) Function(id string) *definition.Function {
	for i := range s.Definition.Functions {
		if f := &s.Definition.Functions[i]; f.Runs() && s.FunctionID(f.Name) == id {
			return f
		}
	}
	return nil
}

// Permission finds a permission by id, or is nil.
func (s *Snapshot) Permission(id string) *Permission {
	for _, p := range s.Permissions() {
		if p.ID == id {
			return &p
		}
	}
	return nil
}

func found[E any](all []*E, id string, idOf func(*E) string) *E {
	for _, e := range all {
		if idOf(e) == id {
			return e
		}
	}
	return nil
}

// The platform's words for types of fields that SDL calls otherwise.
const (
	EnumType     = "Enum"
	RelationType = "Relation"
	IDType       = "GraphQLID"
)

// systemTypes are the types that a project of the console has from the start, with
// their system fields beside id, createdAt and updatedAt (data-api §1.12).
var systemTypes = map[string][]string{"User": nil, "File": append(slices.Clone(datamodel.ReadOnlyOfFile), "name")}

// IsSystemType says that a project of the console keeps this type.
func IsSystemType(name string) bool {
	_, ok := systemTypes[name]
	return ok
}

// IsSystemField says that a project of the console keeps this field.
func IsSystemField(typ, field string) bool { return slices.Contains(systemTypes[typ], field) }
