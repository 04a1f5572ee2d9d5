package migrationplan

import (
	"fmt"
	"slices"
	"strings"

	"icehouse/controlplane/definition"
	"icehouse/controlplane/deployment/schemadiff"
	"icehouse/dataplane/datamodel"
)

// Message tells a developer about one change, in the form of platform §3.2.
type Message struct {
	Type, Action, Name, Description string
	Sub                             []Message // without Sub of their own
}

// message tells about one change (platform §3.2).
func (p *planner) message(change schemadiff.Change) {
	values := func(e *datamodel.Enum) string { return strings.Join(e.Values, ",") }
	connects := func(r *datamodel.Relation) string {
		return fmt.Sprintf("the type `%s` with the type `%s`.", r.A().Type.Name, r.B().Type.Name)
	}
	switch c := change.(type) {
	case schemadiff.CreateEnum:
		p.tell("Enum", "Create", c.Enum.Name, "The enum `%s` is created. It has the values: %s.", c.Enum.Name, values(c.Enum))
	case schemadiff.RenameEnum:
		p.updateEnum(c.Enum, values(c.Enum))
	case schemadiff.AddEnumValues:
		p.updateEnum(c.Enum, values(c.Enum))
	case schemadiff.RemoveEnumValues:
		p.updateEnum(c.Enum, values(c.Enum))
	case schemadiff.RemoveEnum:
		p.tell("Enum", "Delete", c.Old.Name, "The enum `%s` is deleted.", c.Old.Name)
	case schemadiff.CreateType:
		p.createType(c.Type)
	case schemadiff.RenameType:
		p.updateType(c.Type.Name)
	case schemadiff.RemoveType:
		p.tell("Type", "Delete", c.Old.Name, "The type `%s` is removed. This also removes its fields and relations.", c.Old.Name)
	case schemadiff.AddField:
		if !c.Field.IsRelation() {
			p.sub(c.Field.Type.Name, addition(c.Field))
		}
	case schemadiff.ShowField:
		p.sub(c.Field.Type.Name, addition(c.Field))
	case schemadiff.HideField:
		p.deleteField(c.Type, c.Old)
	case schemadiff.RemoveField:
		if !c.Old.IsRelation() {
			p.deleteField(c.Type, c.Old)
		}
	case schemadiff.RenameField:
		p.updateField(c.Field)
	case schemadiff.ChangeDefault:
		p.updateField(c.Field)
	case schemadiff.ChangeField:
		p.updateField(c.Field)
	case schemadiff.CreateRelation:
		p.tell("Relation", "Create", c.Relation.Name, "The relation `%s` is created. It connects %s", c.Relation.Name, connects(c.Relation))
	case schemadiff.RenameRelation:
		p.tell("Relation", "Update", c.Old.Name, "The relation `%s` is renamed to `%s`. It connects %s", c.Old.Name, c.Relation.Name, connects(c.Relation))
	case schemadiff.RemoveRelation:
		p.tell("Relation", "Delete", c.Old.Name, "The relation `%s` is deleted. It connected %s", c.Old.Name, connects(c.Old))
	default:
		panic(fmt.Sprintf("migrationplan: nothing is said of %T", change))
	}
}

func (p *planner) tell(typ, action, name, format string, args ...any) {
	p.Messages = append(p.Messages, Message{Type: typ, Action: action, Name: name, Description: fmt.Sprintf(format, args...)})
}

// updateType is the place of a type's Update message, which is told once.
func (p *planner) updateType(name string) int {
	at, ok := p.updates[name]
	if !ok {
		at = len(p.Messages)
		p.updates[name] = at
		p.tell("Type", "Update", name, "The type `%s` is updated.", name)
	}
	return at
}

// sub puts a message about a field under its type's, once.
func (p *planner) sub(typ string, m Message) {
	of := &p.Messages[p.updateType(typ)]
	if !slices.ContainsFunc(of.Sub, func(o Message) bool { return o.Name == m.Name && o.Action == m.Action }) {
		of.Sub = append(of.Sub, m)
	}
}

func (p *planner) updateField(f *datamodel.Field) {
	p.sub(f.Type.Name, Message{Type: "Field", Action: "Update", Name: f.Name, Description: fmt.Sprintf("The field `%s` is updated.", f.Name)})
}

func (p *planner) deleteField(t *datamodel.Type, old *datamodel.Field) {
	p.sub(t.Name, Message{Type: "Field", Action: "Delete", Name: old.Name, Description: fmt.Sprintf("The field `%s` is deleted.", old.Name)})
}

// updateEnum tells of an enum once, whatever changes in it.
func (p *planner) updateEnum(e *datamodel.Enum, values string) {
	if !slices.ContainsFunc(p.Messages, func(m Message) bool { return m.Type == "Enum" && m.Action == "Update" && m.Name == e.Name }) {
		p.tell("Enum", "Update", e.Name, "The enum `%s` is updated. It has the values: %s.", e.Name, values)
	}
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
	return datamodel.Form(word, f.List, f.Required)
}

// kindWords are the words for a kind of function: as message type, and in a
// sentence (platform §3.2).
func kindWords(k definition.Kind) (typ, word, article string) {
	switch k {
	case definition.Subscription:
		return "subscription function", "subscription", "A"
	case definition.Resolver:
		return "resolver function", "resolver function", "A"
	default:
		return "operation function", "operation function", "An"
	}
}
