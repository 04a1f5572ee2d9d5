package sqlgen

import (
	"strings"

	"icehouse/dataplane/relational"
)

// Update writes a change of rows. set writes the value of one assignment.
func (g *Generator) Update(u *relational.Update, set func(relational.Assignment) string) (sql string, around []string) {
	row := g.NewRow()
	assignments := make([]string, 0, len(u.Set))
	for _, a := range u.Set {
		value := Quote(a.Column.Name)
		if !a.Keep {
			value = set(a)
		}
		assignments = append(assignments, Quote(a.Column.Name)+" = "+value)
	}
	if len(assignments) == 0 && len(u.Table.Columns) > 0 {
		first := Quote(u.Table.Columns[0].Name)
		assignments = append(assignments, first+" = "+first)
	}
	sql = "UPDATE " + g.engine.Table(u.Table) + " AS " + row.Alias + " SET " + strings.Join(assignments, ", ") + g.where(u.Where, row)
	return g.returning(sql, u.Returning, u.Table, row)
}

// Delete writes the removal of rows.
func (g *Generator) Delete(d *relational.Delete) (sql string, around []string) {
	row := g.NewRow()
	sql = "DELETE FROM " + g.engine.Table(d.Table) + " AS " + row.Alias + g.where(d.Where, row)
	return g.returning(sql, d.Returning, d.Table, row)
}

// returning adds the answer of a write, in pieces as Query does.
func (g *Generator) returning(sql string, fields []relational.Field, t *relational.Table, row *Row) (string, []string) {
	if fields == nil {
		return sql, nil
	}
	p := g.pieces(fields, &Row{Alias: g.engine.Written(t, row.Alias)})
	return sql + " RETURNING " + strings.Join(p.columns, ", "), p.around
}

func (g *Generator) where(p relational.Predicate, row *Row) string {
	if p == nil {
		return ""
	}
	return " WHERE " + g.Condition(p, row)
}

// InsertInto writes the head of an insertion; Returning its end.
func (g *Generator) InsertInto(i *relational.Insert) string {
	g.inserted = g.NewRow()
	names := make([]string, len(i.Columns))
	for n, c := range i.Columns {
		names[n] = Quote(c.Name)
	}
	return "INSERT INTO " + g.engine.Table(i.Table) + " AS " + g.inserted.Alias + " (" + strings.Join(names, ", ") + ")"
}

// Returning adds the end of an insertion.
func (g *Generator) Returning(sql string, i *relational.Insert) (string, []string) {
	return g.returning(sql, i.Returning, i.Table, g.inserted)
}
