package sqlgen

import (
	"strings"

	"icehouse/dataplane/relational"
)

// Update writes a change of rows. set writes the value of one assignment.
func (g *Generator) Update(u *relational.Update, set func(relational.Assignment) string) string {
	row := g.NewRow()
	assignments := make([]string, 0, len(u.Set))
	for _, a := range u.Set {
		assignments = append(assignments, Quote(a.Column.Name)+" = "+set(a))
	}
	if len(assignments) == 0 && len(u.Table.Columns) > 0 {
		first := Quote(u.Table.Columns[0].Name)
		assignments = append(assignments, first+" = "+first)
	}
	return "UPDATE " + g.engine.Table(u.Table) + " AS " + row.Alias + " SET " + strings.Join(assignments, ", ") +
		g.where(u.Where, row)
}

// Delete writes the removal of rows.
func (g *Generator) Delete(d *relational.Delete) string {
	row := g.NewRow()
	return "DELETE FROM " + g.engine.Table(d.Table) + " AS " + row.Alias + g.where(d.Where, row)
}

func (g *Generator) where(p relational.Predicate, row *Row) string {
	if p == nil {
		return ""
	}
	return " WHERE " + g.Condition(p, row)
}

// InsertInto writes the head of an insertion.
func (g *Generator) InsertInto(i *relational.Insert) string {
	names := make([]string, len(i.Columns))
	for n, c := range i.Columns {
		names[n] = Quote(c.Name)
	}
	return "INSERT INTO " + g.engine.Table(i.Table) + " (" + strings.Join(names, ", ") + ")"
}
