package sqlite

import (
	"strings"

	"icehouse/dataplane/dialect"
	"icehouse/dataplane/dialect/internal/sqlgen"
	"icehouse/dataplane/relational"
)

// Schema renders one step of a migration. Steps may be repeated; the engine has
// no ADD COLUMN IF NOT EXISTS, so the driver leaves a column alone that is there.
func (Dialect) Schema(_ string, change relational.SchemaChange) []string {
	switch c := change.(type) {
	case relational.CreateTable:
		if c.Table.ID == nil {
			return createJoin(c.Table)
		}
		return createTable(c.Table)
	case relational.AddColumn:
		add := "ALTER TABLE " + sqlgen.Quote(c.Column.Table.Name) + " ADD COLUMN "
		if c.Bare {
			return []string{add + column(sqlgen.Bare(c.Column))}
		}
		// A column that may not be null can be added to an empty table only,
		// as in every engine, when it has no value to start with.
		return append([]string{add + column(c.Column)}, sqlgen.Indexes(engine{}, c.Column)...)
	case relational.Listen:
		return listen(c)
	case relational.Still:
		return nil // one transaction writes at a time
	case relational.DropColumn:
		// The engine removes no column that anything else speaks of.
		var out []string
		for _, name := range []string{dialect.UniqueName(c.Column.Table.Name, c.Column.Name), dialect.IndexName(c.Column.Table.Name, c.Column.Name)} {
			out = append(out, engine{}.DropIndex(name))
		}
		alter := "ALTER TABLE " + sqlgen.Quote(c.Column.Table.Name) + " DROP "
		if c.Column.Unique && c.Column.Kind == relational.KindText {
			out = append(out, alter+"CONSTRAINT "+sqlgen.Quote(dialect.LengthName(c.Column.Table.Name, c.Column.Name)))
		}
		return append(out, alter+"COLUMN "+sqlgen.Quote(c.Column.Name))
	}
	return sqlgen.Schema(engine{}, change)
}

func createTable(t *relational.Table) []string {
	var parts, after []string
	for _, c := range t.Columns {
		if c.References != nil {
			continue
		}
		parts = append(parts, column(c))
		if c != t.ID {
			after = append(after, sqlgen.Indexes(engine{}, c)...)
		}
	}
	parts = append(parts, "PRIMARY KEY ("+sqlgen.Quote(t.ID.Name)+")")
	create := "CREATE TABLE IF NOT EXISTS " + sqlgen.Quote(t.Name) + " (" + strings.Join(parts, ", ") + ") STRICT"
	return append([]string{create}, append(after, sqlgen.Index(engine{}, t.CreatedAt))...)
}

// createJoin makes a table of edges: found from A by its key, from B by an
// index.
func createJoin(t *relational.Table) []string {
	var parts, key, back, after []string
	for i, c := range t.Columns {
		parts = append(parts, column(c))
		key = append(key, sqlgen.Quote(c.Name))
		back = append(back, sqlgen.Quote(t.Columns[len(t.Columns)-1-i].Name))
		if c.Unique {
			after = append(after, sqlgen.Indexes(engine{}, c)...)
		}
	}
	parts = append(parts, "PRIMARY KEY ("+strings.Join(key, ", ")+")")
	create := "CREATE TABLE IF NOT EXISTS " + sqlgen.Quote(t.Name) + " (" + strings.Join(parts, ", ") + ") STRICT, WITHOUT ROWID"
	after = append(after, "CREATE INDEX IF NOT EXISTS "+sqlgen.Quote(dialect.IndexName(t.Name, ""))+" ON "+sqlgen.Quote(t.Name)+" ("+strings.Join(back, ", ")+")")
	return append([]string{create}, after...)
}

var columnTypes = [...]string{
	relational.KindID:    "TEXT",
	relational.KindText:  "TEXT",
	relational.KindWord:  "TEXT",
	relational.KindHash:  "TEXT",
	relational.KindInt:   "INTEGER",
	relational.KindFloat: "REAL",
	relational.KindBool:  "INTEGER",
	relational.KindTime:  "TEXT",
	relational.KindJSON:  "TEXT",
}

func column(c *relational.Column) string {
	name := sqlgen.Quote(c.Name)
	text := name + " " + columnTypes[c.Kind]
	if c.Required && (c.References == nil || c.Cascade) {
		text += " NOT NULL"
	}
	if c.Unique && c.Kind == relational.KindText {
		text += " " + sqlgen.LengthCheck(engine{}, c)
	}
	if c.References != nil {
		text += " REFERENCES " + sqlgen.Quote(c.References.Name) + " (" + sqlgen.Quote(c.References.ID.Name) + ")"
		switch {
		case c.Cascade:
			text += " ON DELETE CASCADE"
		case !c.Required:
			text += " ON DELETE SET NULL"
		}
	}
	return text
}

// DropIndex removes an index.
func (engine) DropIndex(name string) string { return "DROP INDEX IF EXISTS " + sqlgen.Quote(name) }

// Constant writes a value of a column that is known to the plan.
func (engine) Constant(k relational.Kind, value string) string {
	switch k {
	case relational.KindInt, relational.KindFloat:
		return "CAST(" + sqlgen.Text(value) + " AS " + columnTypes[k] + ")"
	case relational.KindBool:
		if value == "true" {
			return "1"
		}
		return "0"
	default:
		return sqlgen.Text(value)
	}
}

// AsText writes a value as the text that an API shows.
func (e engine) AsText(expr string, k relational.Kind) string {
	switch k {
	case relational.KindBool, relational.KindFloat:
		return e.Output(expr, k)
	default:
		return "CAST(" + expr + " AS TEXT)"
	}
}

// ElementsAsText writes a list with each element as a text.
func (engine) ElementsAsText(expr string) string {
	element := "json_quote(CASE e.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' WHEN 'real' THEN " + floatFunction + "(e.value) ELSE CAST(e.value AS TEXT) END)"
	return "CASE WHEN " + expr + " IS NULL THEN NULL ELSE '[' || coalesce((SELECT group_concat(" + element + ", ',' ORDER BY e.key) FROM json_each(" + expr + ") AS e), '') || ']' END"
}
