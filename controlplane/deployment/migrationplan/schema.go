package migrationplan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"icehouse/controlplane/definition"
	"icehouse/controlplane/deployment/schemadiff"
	"icehouse/dataplane/datamodel"
)

// schema goes through the changes of the data model: each one is told, and
// either planned or refused.
func (p *planner) schema() {
	updates := map[string]int{} // type name to its Update message
	for _, change := range p.Diff.Changes {
		switch c := change.(type) {
		case schemadiff.CreateEnum:
			p.tell("Enum", "Create", c.Enum.Name, "The enum `%s` is created. It has the values: %s.", c.Enum.Name, strings.Join(c.Enum.Values, ","))
		case schemadiff.CreateType:
			p.createType(c.Type)
		case schemadiff.AddField:
			if !c.Field.IsRelation() { // told and planned with its relation
				p.sub(updates, c.Field.Type.Name, addition(c.Field))
				p.addField(c.Field)
			}
		case schemadiff.ShowField:
			p.sub(updates, c.Field.Type.Name, addition(c.Field))
		case schemadiff.HideField:
			p.sub(updates, c.Type.Name, Message{Type: "Field", Action: "Delete", Name: c.Old.Name,
				Description: fmt.Sprintf("The field `%s` is deleted.", c.Old.Name)})
		case schemadiff.ChangeDefault:
			p.sub(updates, c.Field.Type.Name, Message{Type: "Field", Action: "Update", Name: c.Field.Name,
				Description: fmt.Sprintf("The field `%s` is updated.", c.Field.Name)})
		case schemadiff.AddEnumValues:
			p.tell("Enum", "Update", c.Enum.Name, "The enum `%s` is updated. It has the values: %s.", c.Enum.Name, strings.Join(c.Enum.Values, ","))
		case schemadiff.CreateRelation:
			r := c.Relation
			p.tell("Relation", "Create", r.Name, "The relation `%s` is created. It connects the type `%s` with the type `%s`.", r.Name, r.A().Type.Name, r.B().Type.Name)
			p.createRelation(r)
		default:
			p.refuse(change)
		}
	}
}

func (p *planner) tell(typ, action, name, format string, args ...any) {
	p.Messages = append(p.Messages, Message{Type: typ, Action: action, Name: name, Description: fmt.Sprintf(format, args...)})
}

// sub puts a message about a field under its type's.
func (p *planner) sub(updates map[string]int, typ string, m Message) {
	at, ok := updates[typ]
	if !ok {
		at = len(p.Messages)
		updates[typ] = at
		p.tell("Type", "Update", typ, "The type `%s` is updated.", typ)
	}
	p.Messages[at].Sub = append(p.Messages[at].Sub, m)
}

// createType tells about a new type. Its relation fields are told with their
// relations, its id goes without saying.
func (p *planner) createType(t *datamodel.Type) {
	p.tell("Type", "Create", t.Name, "A new type with the name `%s` is created.", t.Name)
	m := &p.Messages[len(p.Messages)-1]
	for _, f := range t.Fields {
		if !f.IsRelation() && f.Name != "id" {
			m.Sub = append(m.Sub, addition(f))
		}
	}
}

func addition(f *datamodel.Field) Message {
	return Message{Type: "Field", Action: "Create", Name: f.Name,
		Description: fmt.Sprintf("A new field with the name `%s` and type `%s` is created.", f.Name, form(f))}
}

// form is a field's type in messages: the platform's word for the type, and the
// marks of SDL (platform §3.2).
func form(f *datamodel.Field) string {
	word := f.TypeName()
	switch {
	case f.Enum != nil:
		word = "Enum"
	case f.Scalar == datamodel.ID:
		word = "GraphQLID"
	}
	if f.List {
		word = "[" + word + "!]"
	}
	if f.Required {
		word += "!"
	}
	return word
}

// addField plans a new field of a type that exists: its column follows from the
// layout, its demands on rows are checks.
func (p *planner) addField(f *datamodel.Field) {
	if f.Required && p.New.Hints.MigrationValues[datamodel.FieldKey(f.Type.Name, f.Name)] == nil {
		p.empty(f.Type, definition.Problem{Type: f.Type.Name, Field: f.Name, Code: 2007, Description: fmt.Sprintf(
			"The field `%s` is required and the type has nodes already. Give them a value with `@migrationValue`, for example: `%s: %s @migrationValue(value: \"42\")`",
			f.Name, f.Name, sdlForm(f))})
	}
}

// sdlForm is a field's type as written in SDL.
func sdlForm(f *datamodel.Field) string {
	text := f.TypeName()
	if f.List {
		text = "[" + text + "!]"
	}
	if f.Required {
		text += "!"
	}
	return text
}

// createRelation plans a new relation: a required end on a type that exists
// needs a type without nodes.
func (p *planner) createRelation(r *datamodel.Relation) {
	ends := r.Ends[:]
	if r.SameField() {
		ends = ends[:1]
	}
	for _, end := range ends {
		if end.Required {
			p.empty(end.Type, definition.Problem{Type: end.Type.Name, Field: end.Name, Code: 2052, Description: fmt.Sprintf(
				"You are adding a required relation to '%s' but there are already nodes that would violate it: `%s`.", end.Type.Name, end.Name)})
		}
	}
}

// empty adds the check that a type has no nodes, unless it is new.
func (p *planner) empty(t *datamodel.Type, otherwise definition.Problem) {
	if old := p.Diff.OldType(t); old != nil {
		p.Checks = append(p.Checks, Check{Type: old, Table: p.Old.Layout.Table(old), Otherwise: otherwise})
	}
}

// migrationValues looks at @migrationValue directives. One that the deployed
// definition had already was meant for an earlier deploy (LQ-51); any other
// needs rows to be changed.
func (p *planner) migrationValues() {
	before := map[string]*datamodel.Value{}
	if p.Old != nil {
		before = p.Old.Hints.MigrationValues
	}
	for _, key := range slices.Sorted(maps.Keys(p.New.Hints.MigrationValues)) {
		value := p.New.Hints.MigrationValues[key]
		typ, name, _ := strings.Cut(key, ".")
		t := p.New.Model.Type(typ)
		if t == nil || p.Diff.OldType(t) == nil {
			continue // a new type has no rows
		}
		f := t.Field(name)
		if f == nil {
			continue
		}
		if was := p.Diff.OldField(f); was != nil {
			if old, ok := before[datamodel.FieldKey(was.Type.Name, was.Name)]; ok && sameValue(old, value) {
				p.Notes = append(p.Notes, fmt.Sprintf("The migration value of `%s` was there at an earlier deploy and is not applied again. You can remove the directive.", key))
				continue
			}
		}
		p.empty(t, definition.Problem{Type: typ, Field: name, Description: fmt.Sprintf(
			"The field `%s` has a `@migrationValue` and its type has nodes. This version of Icehouse cannot apply migration values to nodes yet.", name)})
	}
	for _, name := range slices.Sorted(maps.Keys(p.New.Hints.EnumMigrationValues)) {
		p.Notes = append(p.Notes, fmt.Sprintf("The migration value of the enum `%s` has no effect: no value of it is removed.", name))
	}
}

func sameValue(a, b *datamodel.Value) bool { return a.Null == b.Null && a.JSON == b.JSON }

// refuse says that a change is not supported by this version.
func (p *planner) refuse(change schemadiff.Change) {
	typ, field, what := refusal(change)
	p.Problems = append(p.Problems, definition.Problem{Type: typ, Field: field,
		Description: what + " This version of Icehouse cannot apply that change yet; nothing was deployed."})
}

func refusal(change schemadiff.Change) (typ, field, what string) {
	say := fmt.Sprintf
	switch c := change.(type) {
	case schemadiff.RemoveType:
		return c.Old.Name, "", say("The type `%s` would be removed.", c.Old.Name)
	case schemadiff.RenameType:
		return c.Type.Name, "", say("The type `%s` would be renamed to `%s`.", c.Old.Name, c.Type.Name)
	case schemadiff.RemoveField:
		return c.Type.Name, c.Old.Name, say("The field `%s` would be removed.", c.Old.Name)
	case schemadiff.RenameField:
		return c.Field.Type.Name, c.Field.Name, say("The field `%s` would be renamed to `%s`.", c.Old.Name, c.Field.Name)
	case schemadiff.ChangeField:
		return c.Field.Type.Name, c.Field.Name, say("The field `%s` would change %s (from `%s` to `%s`).", c.Field.Name, aspects(c.Aspects), declared(c.Old), declared(c.Field))
	case schemadiff.RemoveEnum:
		return c.Old.Name, "", say("The enum `%s` would be removed.", c.Old.Name)
	case schemadiff.RenameEnum:
		return c.Enum.Name, "", say("The enum `%s` would be renamed to `%s`.", c.Old.Name, c.Enum.Name)
	case schemadiff.RemoveEnumValues:
		return c.Enum.Name, "", say("The enum `%s` would lose the values %s.", c.Enum.Name, strings.Join(c.Values, ", "))
	case schemadiff.RemoveRelation:
		return definition.Global, "", say("The relation `%s` would be removed.", c.Old.Name)
	case schemadiff.RenameRelation:
		return definition.Global, "", say("The relation `%s` would be renamed to `%s`.", c.Old.Name, c.Relation.Name)
	default:
		panic(fmt.Sprintf("migrationplan: change %T is neither planned nor refused", change))
	}
}

// declared is a field's type with what else its declaration demands.
func declared(f *datamodel.Field) string {
	text := sdlForm(f)
	if f.Unique {
		text += " @isUnique"
	}
	return text
}

func aspects(list []schemadiff.Aspect) string {
	words := make([]string, len(list))
	for i, a := range list {
		words[i] = [...]string{"its type", "between single and list", "whether it is required", "whether it is unique"}[a]
	}
	return strings.Join(words, " and ")
}
