package relational

import "icehouse/dataplane/datamodel"

// Listen makes the engine note each change of the rows of a type's table that the API
// makes: a row that comes, a row whose scalars an update gives (it sets updatedAt), a row
// that goes. A driver takes it back.
type Listen struct {
	Table *Table
	Model string  // the type's name
	Links []*Link // whose partners are noted of a row that goes, at most MaxEdges each
}

// MaxEdges is how many partners of one relation are noted of a row that goes.
const MaxEdges = 1000

func (Listen) schemaChange() {}

// Listen is what makes the engine note the changes of a type.
func (l *Layout) Listen(t *datamodel.Type) Listen {
	out := Listen{Table: l.Table(t), Model: t.Name}
	for _, f := range t.Fields {
		if f.IsRelation() {
			out.Links = append(out.Links, l.Link(f))
			if f.Relation.SameField() { // its edges stand for both directions
				join := l.Link(f).Join
				out.Links = append(out.Links, &Link{Join: &JoinLink{Table: join.Table, From: join.To, To: join.From}})
			}
		}
	}
	return out
}

// EdgeKey is the key under which the partners are noted that a row has through the link:
// the name of its own column, or the table and the column that hold its id, as in
// Order.user.
func (l *Link) EdgeKey() string {
	switch {
	case l.Parent != nil:
		return l.Parent.Name
	case l.Child != nil:
		return l.Child.Table.Name + "." + l.Child.Name
	default:
		return l.Join.Table.Name + "." + l.Join.From.Name
	}
}
