package sqlgen

import (
	"strconv"

	"icehouse/dataplane/relational"
)

// Given are the columns of a table whose names are noted when an update sets them.
func Given(t *relational.Table) []*relational.Column {
	var out []*relational.Column
	for _, c := range t.Columns {
		if c != t.ID && c != t.CreatedAt && c != t.UpdatedAt && c.References == nil {
			out = append(out, c)
		}
	}
	return out
}

// Former writes, in a trigger, the JSON object of a row as it was: the values of its own,
// as an API shows them.
func Former(e Engine, t *relational.Table) string {
	var members []Member
	for _, c := range t.Columns {
		if c.References == nil {
			members = append(members, Member{c.Name, e.Output("OLD."+Quote(c.Name), c.Kind)})
		}
	}
	return e.Object(members)
}

// Partners writes, in a trigger, the JSON object of the ids that a row's edges lead to.
func Partners(e Engine, l relational.Listen) string {
	old := "OLD." + Quote(l.Table.ID.Name)
	members := make([]Member, len(l.Links))
	for i, link := range l.Links {
		var from string
		switch {
		case link.Parent != nil:
			own := "OLD." + Quote(link.Parent.Name)
			from = "SELECT " + own + " AS id WHERE " + own + " IS NOT NULL"
		case link.Child != nil:
			from = partners(e, link.Child.Table, link.Child.Table.ID, link.Child, old)
		default:
			from = partners(e, link.Join.Table, link.Join.To, link.Join.From, old)
		}
		members[i] = Member{link.EdgeKey(), "(SELECT " + e.Array(e.Output("e.id", relational.KindID), "") + " FROM (" + from + ") AS e)"}
	}
	return e.Object(members)
}

func partners(e Engine, t *relational.Table, id, at *relational.Column, old string) string {
	return "SELECT p." + Quote(id.Name) + " AS id FROM " + e.Table(t) + " AS p WHERE p." + Quote(at.Name) + " = " + old + " LIMIT " + strconv.Itoa(relational.MaxEdges)
}
