package sqlgen

import (
	"encoding/json"
	"strconv"

	"icehouse/dataplane/dialect"
	"icehouse/dataplane/relational"
)

// SchemaEngine is what differs between products where a schema changes.
type SchemaEngine interface {
	Engine
	// DropIndex removes an index.
	DropIndex(name string) string
	// Constant writes a value that is known to the plan, from its text.
	Constant(k relational.Kind, value string) string
	// AsText writes a value as the text that an API shows, ElementsAsText the
	// elements of a list.
	AsText(expr string, k relational.Kind) string
	ElementsAsText(expr string) string
}

// Schema renders the steps that all engines write in the same way.
func Schema(e SchemaEngine, change relational.SchemaChange) []string {
	switch c := change.(type) {
	case relational.Settle:
		return settle(e, c)
	case relational.Fill:
		return []string{New(e, nil).fill(e, c)}
	case relational.MoveEdges:
		return []string{New(e, nil).moveEdges(c)}
	case relational.DropTable:
		return []string{"DROP TABLE IF EXISTS " + e.Table(c.Table)}
	}
	panic("sqlgen: unknown schema change")
}

// Bare is a column that demands nothing yet.
func Bare(c *relational.Column) *relational.Column {
	bare := *c
	bare.Unique = false
	if c.References == nil {
		bare.Required = false // of a foreign key it says what a deletion does
	}
	return &bare
}

// demands are what a column holds its rows to, and what serves that.
type demands struct{ value, unique, length, index bool }

func demandsOf(c *relational.Column) demands {
	if c == nil {
		return demands{}
	}
	return demands{
		value: c.Required && (c.References == nil || c.Cascade), unique: c.Unique, length: c.Unique && c.Kind == relational.KindText,
		index: c.References != nil && !c.Unique && !c.Cascade,
	}
}

// settle changes what a column demands. What reads all rows comes before what keeps
// all others out.
func settle(e SchemaEngine, s relational.Settle) []string {
	c, is, was := s.Column, demandsOf(s.Column), demandsOf(s.Was)
	alter := "ALTER TABLE " + e.Table(c.Table) + " "
	var out []string
	when := func(yes bool, sql string) {
		if yes {
			out = append(out, sql)
		}
	}
	when(is.unique && !was.unique, uniqueIndex(e, c))
	when(is.index && !was.index, Index(e, c))
	when(is.length && !was.length, alter+"ADD "+LengthCheck(e, c))
	when(!is.index && was.index, e.DropIndex(dialect.IndexName(c.Table.Name, c.Name)))
	when(!is.unique && was.unique, e.DropIndex(dialect.UniqueName(c.Table.Name, c.Name)))
	when(!is.length && was.length, alter+"DROP CONSTRAINT "+Quote(dialect.LengthName(c.Table.Name, c.Name)))
	when(is.value && !was.value, alter+"ALTER COLUMN "+Quote(c.Name)+" SET NOT NULL")
	when(!is.value && was.value, alter+"ALTER COLUMN "+Quote(c.Name)+" DROP NOT NULL")
	return out
}

// Indexes are a column's own: for uniqueness, or to find what points at a row.
func Indexes(e Engine, c *relational.Column) []string {
	switch {
	case c.Unique:
		return []string{uniqueIndex(e, c)}
	case c.References != nil:
		return []string{Index(e, c)}
	default:
		return nil
	}
}

// uniqueIndex holds a column's values apart.
func uniqueIndex(e Engine, c *relational.Column) string {
	return "CREATE UNIQUE INDEX IF NOT EXISTS " + Quote(dialect.UniqueName(c.Table.Name, c.Name)) + " ON " + e.Table(c.Table) + " (" + e.Key(Quote(c.Name), c.Kind) + ")"
}

// Index makes a column's index that holds nothing to a rule.
func Index(e Engine, c *relational.Column) string {
	return "CREATE INDEX IF NOT EXISTS " + Quote(dialect.IndexName(c.Table.Name, c.Name)) + " ON " + e.Table(c.Table) + " (" + Quote(c.Name) + ")"
}

// LengthCheck writes the constraint that keeps a unique text short.
func LengthCheck(e Engine, c *relational.Column) string {
	return "CONSTRAINT " + Quote(dialect.LengthName(c.Table.Name, c.Name)) +
		" CHECK (octet_length(" + e.Key(Quote(c.Name), relational.KindText) + ") <= " + strconv.Itoa(dialect.MaxUniqueText) + ")"
}

// fill gives a column a value, in the rows that it is for.
func (g *Generator) fill(e SchemaEngine, f relational.Fill) string {
	row := g.NewRow()
	sql := "UPDATE " + e.Table(f.Column.Table) + " AS " + row.Alias + " SET " + Quote(f.Column.Name) + " = " + filling(e, f, row)
	if f.Where == nil {
		return sql
	}
	return sql + " WHERE " + g.Condition(f.Where, row)
}

func filling(e SchemaEngine, f relational.Fill, row *Row) string {
	switch from := f.Value.Text; {
	case from != nil && from.Kind == relational.KindJSON && f.Column.Kind == relational.KindJSON:
		return e.ElementsAsText(row.Column(from))
	case from != nil:
		return e.AsText(row.Column(from), from.Kind)
	case f.Value.JSON == "":
		return "NULL"
	}
	value := f.Value.JSON
	switch f.Column.Kind {
	case relational.KindID, relational.KindText, relational.KindWord, relational.KindHash, relational.KindTime:
		if err := json.Unmarshal([]byte(value), &value); err != nil {
			panic("sqlgen: the value of a text is no JSON text: " + err.Error())
		}
	}
	return e.Constant(f.Column.Kind, value)
}

// moveEdges copies the edges of a relation: into a column, or into rows of their
// own.
func (g *Generator) moveEdges(m relational.MoveEdges) string {
	from, table := g.engine.Table(m.From.Table), g.engine.Table(m.To.Table)
	a, b := Quote(m.From.A.Name), Quote(m.From.B.Name)
	put := func(column, at *relational.Column, value, key string) string {
		where := " FROM " + from + " AS f WHERE f." + key + " = t." + Quote(at.Name) + " AND f." + value + " IS NOT NULL"
		return "UPDATE " + table + " AS t SET " + Quote(column.Name) + " = (SELECT f." + value + where + ") WHERE EXISTS (SELECT 1" + where + ")"
	}
	switch m.To.Table.ID {
	case nil:
		return "INSERT INTO " + table + " (" + Quote(m.To.A.Name) + ", " + Quote(m.To.B.Name) + ") SELECT " + a + ", " + b +
			" FROM " + from + " WHERE " + a + " IS NOT NULL AND " + b + " IS NOT NULL ON CONFLICT DO NOTHING"
	case m.To.A:
		return put(m.To.B, m.To.A, b, a)
	default:
		return put(m.To.A, m.To.B, a, b)
	}
}
