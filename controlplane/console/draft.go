package console

import (
	"maps"
	"slices"
	"strings"

	"icehouse/controlplane/definition"
	"icehouse/controlplane/elements"
	"icehouse/dataplane/datamodel"
)

// Draft is a project's definition while it is being changed.
type Draft struct {
	Before    *elements.Snapshot // what serves
	Types     []*Type
	Enums     []*Enum
	Relations []*Relation
	// Functions and Permissions are those of the definition that is to come.
	Functions   []definition.Function
	Permissions []definition.Permission

	ids   map[string]string // of functions, by key; elements of the model know theirs
	edges func(*datamodel.Relation) (bool, error)
}

// Type is a type of a draft.
type Type struct {
	Name        string
	Fields      []*Field
	description *string
	id          string // that it keeps; "" while it follows from where it is stored
	was         string // its name in the release; "" for a new one
}

// Field is a field of a draft.
type Field struct {
	Name                   string
	Of                     string // the type in SDL
	List, Required, Unique bool
	Default, Migration     *string
	Relation               *Relation
	description            *string
	id, was                string
	system                 bool // id, createdAt or updatedAt
}

// Relation is a relation of a draft: what its fields share.
type Relation struct {
	Name        string
	description *string
	id, was     string
	ends        [2]End // left and right, which are the same for one field of a self relation
}

// Enum is an enum of a draft.
type Enum struct {
	Name      string
	Values    []string
	Migration *string
	id, was   string
}

// newDraft begins with what serves.
func newDraft(s *elements.Snapshot, edges func(*datamodel.Relation) (bool, error)) *Draft {
	def := s.Definition
	d := &Draft{Before: s, Functions: slices.Clone(def.Functions), Permissions: slices.Clone(def.Permissions), ids: map[string]string{}, edges: edges}
	about := func(key string) (id string, description *string) {
		if text, ok := def.Descriptions[key]; ok {
			description = &text
		}
		return def.IDs[key], description
	}
	for _, f := range def.Functions {
		if key := elements.FunctionKey(f.Name); def.IDs[key] != "" {
			d.ids[key] = def.IDs[key]
		}
	}
	relations := map[*datamodel.Relation]*Relation{}
	for _, r := range s.Model.Relations {
		one := &Relation{Name: r.Name, was: r.Name}
		one.id, one.description = about(elements.RelationKey(r.Name))
		relations[r] = one
		d.Relations = append(d.Relations, one)
	}
	for _, t := range s.Model.Types {
		typ := &Type{Name: t.Name, was: t.Name}
		typ.id, typ.description = about(elements.TypeKey(t.Name))
		for _, f := range t.Fields {
			field := &Field{Name: f.Name, was: f.Name, Of: f.TypeName(), List: f.List, Required: f.Required, Unique: f.Unique, system: f.IsSystem()}
			field.id, field.description = about(elements.FieldKey(t.Name, f.Name))
			if f.Default != nil {
				field.Default = &f.Default.Text
			}
			if f.IsRelation() {
				field.Relation = relations[f.Relation]
				field.Relation.ends[f.Side] = End{typ, field}
				if f.Relation.SameField() {
					field.Relation.ends = [2]End{{typ, field}, {typ, field}}
				}
			}
			typ.Fields = append(typ.Fields, field)
		}
		d.Types = append(d.Types, typ)
	}
	for _, e := range s.Model.Enums {
		one := &Enum{Name: e.Name, was: e.Name, Values: slices.Clone(e.Values)}
		one.id, _ = about(elements.EnumKey(e.Name))
		d.Enums = append(d.Enums, one)
	}
	d.explicit()
	return d
}

// explicit says in permissions what the wildcard says in a word, so that they can be
// taken away one by one.
func (d *Draft) explicit() {
	if !(&definition.Definition{Permissions: d.Permissions}).Open() {
		return
	}
	d.Permissions = nil
	for _, t := range d.Types {
		d.openType(t)
	}
	for _, r := range d.Relations {
		d.openRelation(r)
	}
}

// openType lets everyone do everything with the nodes of a type, as the console did
// with new ones (platform §1.9).
func (d *Draft) openType(t *Type) {
	for _, verb := range definition.TypeVerbs {
		d.Permissions = append(d.Permissions, definition.Permission{
			ID: elements.NewID(d.Before.Project.ID, elements.ModelPermission), Operation: t.Name + "." + verb,
		})
	}
}

func (d *Draft) openRelation(r *Relation) {
	d.Permissions = append(d.Permissions, definition.Permission{
		ID: elements.NewID(d.Before.Project.ID, elements.RelationPermission), Operation: r.Name + ".*",
	})
}

// definition writes the draft down.
func (d *Draft) definition() *definition.Definition {
	old := d.Before.Definition
	def := &definition.Definition{
		TypesPath: old.TypesPath, SDL: d.sdl(true), Functions: d.Functions, Permissions: d.Permissions, RootTokens: old.RootTokens,
		IDs: maps.Clone(d.ids), Descriptions: map[string]string{},
	}
	about := func(key, id string, description *string) {
		if id != "" {
			def.IDs[key] = id
		}
		if description != nil {
			def.Descriptions[key] = *description
		}
	}
	for _, t := range d.Types {
		about(elements.TypeKey(t.Name), t.id, t.description)
		for _, f := range t.Fields {
			about(elements.FieldKey(t.Name, f.Name), f.id, f.description)
		}
	}
	for _, r := range d.Relations {
		about(elements.RelationKey(r.Name), r.id, r.description)
	}
	for _, e := range d.Enums {
		about(elements.EnumKey(e.Name), e.id, nil)
	}
	def.Rewrite(d.sdl(false))
	return def
}

// sdl writes the data model, with the directives that say how to get there or
// without.
func (d *Draft) sdl(hints bool) string {
	var b strings.Builder
	directive := func(yes bool, name, argument, value string) {
		if yes {
			b.WriteString(" @" + name + "(" + argument + ": " + definition.Quote(value) + ")")
		}
	}
	renamed := func(name, was string) bool { return hints && was != "" && was != name }
	for _, t := range d.Types {
		b.WriteString("type " + t.Name + " @model")
		directive(renamed(t.Name, t.was), "rename", "oldName", t.was)
		b.WriteString(" {\n")
		for _, f := range t.Fields {
			b.WriteString("  " + f.Name + ": " + f.form())
			if f.Unique {
				b.WriteString(" @isUnique")
			}
			if f.Default != nil {
				directive(true, "defaultValue", "value", *f.Default)
			}
			if f.Migration != nil {
				directive(hints, "migrationValue", "value", *f.Migration)
			}
			if r := f.Relation; r != nil {
				b.WriteString(" @relation(name: " + definition.Quote(r.Name))
				if renamed(r.Name, r.was) {
					b.WriteString(", oldName: " + definition.Quote(r.was))
				}
				b.WriteString(")")
			}
			directive(renamed(f.Name, f.was), "rename", "oldName", f.was)
			b.WriteString("\n")
		}
		b.WriteString("}\n\n")
	}
	for _, e := range d.Enums {
		b.WriteString("enum " + e.Name)
		directive(renamed(e.Name, e.was), "rename", "oldName", e.was)
		if e.Migration != nil {
			directive(hints, "migrationValue", "value", *e.Migration)
		}
		b.WriteString(" {\n  " + strings.Join(e.Values, "\n  ") + "\n}\n\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// form is the field's type as written in SDL.
func (f *Field) form() string {
	return datamodel.Form(f.Of, f.List, f.Required || f.List && f.Relation != nil)
}

// keep lets an element keep its id whatever becomes of it.
func keep(id *string, now func() string) {
	if *id == "" {
		*id = now()
	}
}
