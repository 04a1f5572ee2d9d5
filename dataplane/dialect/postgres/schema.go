package postgres

import (
	"slices"
	"strings"

	"icehouse/dataplane/dialect"
	"icehouse/dataplane/dialect/internal/sqlgen"
	"icehouse/dataplane/relational"
)

// Schema renders one step of a migration. Steps may be repeated.
func (Dialect) Schema(namespace string, change relational.SchemaChange) []string {
	e := engine{namespace}
	switch c := change.(type) {
	case relational.CreateTable:
		if c.Table.ID == nil {
			return e.createJoin(c.Table)
		}
		return e.createTable(c.Table)
	case relational.AddColumn:
		add := "ALTER TABLE " + e.Table(c.Column.Table) + " ADD COLUMN IF NOT EXISTS "
		if c.Bare {
			return []string{add + e.column(sqlgen.Bare(c.Column))}
		}
		return append([]string{add + e.column(c.Column)}, sqlgen.Indexes(e, c.Column)...)
	case relational.Still:
		return []string{"LOCK TABLE " + e.Table(c.Table) + " IN SHARE ROW EXCLUSIVE MODE"}
	case relational.Listen:
		return e.listen(c)
	case relational.DropColumn:
		return []string{"ALTER TABLE " + e.Table(c.Column.Table) + " DROP COLUMN IF EXISTS " + sqlgen.Quote(c.Column.Name)}
	}
	return sqlgen.Schema(e, change)
}

func (e engine) createTable(t *relational.Table) []string {
	var parts []string
	var after []string
	for _, c := range packed(t.Columns) {
		if c.References != nil {
			continue
		}
		parts = append(parts, e.column(c))
		if c != t.ID {
			after = append(after, sqlgen.Indexes(e, c)...)
		}
	}
	parts = append(parts, "CONSTRAINT "+sqlgen.Quote(dialect.UniqueName(t.Name, t.ID.Name))+" PRIMARY KEY ("+sqlgen.Quote(t.ID.Name)+")")
	return append([]string{e.create(t, parts)}, append(after, sqlgen.Index(e, t.CreatedAt))...)
}

// packed puts the columns of fixed width first, wide ones before narrow ones: the
// server finds those of a row without walking over its texts, and pads nothing.
func packed(columns []*relational.Column) []*relational.Column {
	order := func(c *relational.Column) int {
		width := len(widths)
		for i, kinds := range widths {
			if slices.Contains(kinds, c.Kind) {
				width = i
			}
		}
		if !c.Required { // a null moves what stands behind it
			width += len(widths) + 1
		}
		return width
	}
	out := slices.Clone(columns)
	slices.SortStableFunc(out, func(a, b *relational.Column) int { return order(a) - order(b) })
	return out
}

// widths are the kinds of fixed width, from wide to narrow.
var widths = [][]relational.Kind{
	{relational.KindTime, relational.KindFloat},
	{relational.KindInt},
	{relational.KindBool},
}

// createJoin makes a table of edges: found from A by its key, from B by an
// index.
func (e engine) createJoin(t *relational.Table) []string {
	var parts, key, back []string
	var after []string
	for i, c := range t.Columns {
		parts = append(parts, e.column(c))
		key = append(key, sqlgen.Quote(c.Name))
		back = append(back, sqlgen.Quote(t.Columns[len(t.Columns)-1-i].Name))
		if c.Unique {
			after = append(after, sqlgen.Indexes(e, c)...)
		}
	}
	parts = append(parts, "CONSTRAINT "+sqlgen.Quote(dialect.Name(t.Name, "", "key"))+" PRIMARY KEY ("+strings.Join(key, ", ")+")")
	after = append(after, "CREATE INDEX IF NOT EXISTS "+sqlgen.Quote(dialect.IndexName(t.Name, ""))+" ON "+e.Table(t)+" ("+strings.Join(back, ", ")+")")
	return append([]string{e.create(t, parts)}, after...)
}

func (e engine) create(t *relational.Table, parts []string) string {
	return "CREATE TABLE IF NOT EXISTS " + e.Table(t) + " (" + strings.Join(parts, ", ") + ")"
}

var columnTypes = [...]string{
	relational.KindID:    `text COLLATE "C"`,
	relational.KindText:  `text COLLATE "C"`,
	relational.KindWord:  `text COLLATE "C"`,
	relational.KindHash:  `text COLLATE "C"`,
	relational.KindInt:   "integer",
	relational.KindFloat: "double precision",
	relational.KindBool:  "boolean",
	relational.KindTime:  "timestamptz(3)",
	relational.KindJSON:  "json",
}

func (e engine) column(c *relational.Column) string {
	name := sqlgen.Quote(c.Name)
	text := name + " " + columnTypes[c.Kind]
	if c.Required && (c.References == nil || c.Cascade) {
		text += " NOT NULL"
	}
	if c.Unique && c.Kind == relational.KindText {
		text += " " + sqlgen.LengthCheck(e, c)
	}
	if c.References != nil {
		text += " CONSTRAINT " + sqlgen.Quote(dialect.ForeignKeyName(c.Table.Name, c.Name)) +
			" REFERENCES " + e.Table(c.References) + " (" + sqlgen.Quote(c.References.ID.Name) + ")"
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
func (e engine) DropIndex(name string) string {
	return "DROP INDEX IF EXISTS " + sqlgen.Quote(e.namespace) + "." + sqlgen.Quote(name)
}

// Constant writes a value of a column that is known to the plan.
func (engine) Constant(k relational.Kind, value string) string {
	return sqlgen.Text(value) + "::" + constantTypes[k]
}

var constantTypes = [...]string{
	relational.KindID:    "text",
	relational.KindText:  "text",
	relational.KindWord:  "text",
	relational.KindHash:  "text",
	relational.KindInt:   "integer",
	relational.KindFloat: "double precision",
	relational.KindBool:  "boolean",
	relational.KindTime:  "timestamptz",
	relational.KindJSON:  "json",
}

// AsText writes a value as the text that an API shows.
func (e engine) AsText(expr string, k relational.Kind) string {
	return "(" + e.Output(expr, k) + ")::text"
}

// ElementsAsText writes a list with each element as a text.
func (engine) ElementsAsText(expr string) string {
	return "CASE WHEN " + expr + " IS NULL THEN NULL ELSE ('[' || coalesce((SELECT string_agg(to_json(e.v)::text, ',' ORDER BY e.n) FROM json_array_elements_text(" +
		expr + ") WITH ORDINALITY AS e (v, n)), '') || ']')::json END"
}
