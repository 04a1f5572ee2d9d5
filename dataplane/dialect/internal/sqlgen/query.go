package sqlgen

import (
	"encoding/json"
	"strings"

	"icehouse/dataplane/relational"
)

// maxPieces is how many fields of the answer stand as columns of their own;
// engines allow between 1,600 and 2,000 columns, and a field takes two.
const maxPieces = 500

// Query writes a whole read. The answer's row has a column for each piece of
// the text, in order, so that the engine need not copy large values together:
//
//	SELECT '{"posts":', (...), ',"users":', (...), '}'
//
// An answer with very many fields has several of them in one column.
func (g *Generator) Query(q *relational.Query) string {
	return g.answer(q.Fields, nil)
}

// Alone writes a read with one field as the subquery of its value by itself, where
// it is one: the engine has less to do when it need not put text around it. before
// and after are that text. ok is false for other reads.
func (g *Generator) Alone(q *relational.Query) (sql, before, after string, ok bool) {
	if len(q.Fields) != 1 {
		return "", "", "", false
	}
	switch v := q.Fields[0].Value.(type) {
	case *relational.One, *relational.Many:
		text := g.value(v, nil)
		inner, cut := strings.CutPrefix(text, "(SELECT ")
		if inner, end := strings.CutSuffix(inner, ")"); cut && end {
			return "SELECT " + inner, "{" + JSONString(q.Fields[0].Key) + ":", "}", true
		}
	}
	return "", "", "", false
}

func (g *Generator) answer(fields []relational.Field, row *Row) string {
	if len(fields) == 0 {
		return "SELECT '{}'"
	}
	together := (len(fields) + maxPieces - 1) / maxPieces
	var b strings.Builder
	b.WriteString("SELECT ")
	open := "{"
	for i, m := range g.members(fields, row) {
		switch {
		case together == 1:
			b.WriteString(Text(open+JSONString(m.Key)+":") + ", " + m.Value + ", ")
		case i%together == together-1 || i == len(fields)-1:
			b.WriteString(Text(open+JSONString(m.Key)+":") + " || " + inText(m.Value) + ", ")
		default:
			b.WriteString(Text(open+JSONString(m.Key)+":") + " || " + inText(m.Value) + " || ")
		}
		open = ","
	}
	b.WriteString("'}'")
	return b.String()
}

func inText(value string) string { return "coalesce(CAST(" + value + " AS text), 'null')" }

// JSONString writes a JSON string.
func JSONString(s string) string {
	text, err := json.Marshal(s)
	if err != nil { // no string fails
		return `""`
	}
	return string(text)
}

func (g *Generator) members(fields []relational.Field, row *Row) []Member {
	members := make([]Member, len(fields))
	for i, f := range fields {
		members[i] = Member{Key: f.Key, Value: g.value(f.Value, row)}
	}
	return members
}

func (g *Generator) value(v relational.Value, row *Row) string {
	switch v := v.(type) {
	case relational.ColumnValue:
		return g.engine.Output(row.Column(v.Column), v.Column.Kind)
	case relational.Literal:
		return g.engine.Literal(v.JSON)
	case relational.Object:
		return g.engine.Object(g.members(v.Fields, row))
	case *relational.One:
		return g.one(v, row)
	case *relational.Many:
		inner := g.NewRow()
		members := g.members(v.Fields, inner)
		return g.engine.Many(members, g.list(v.Select, inner, row))
	case *relational.Count:
		return g.count(v.Select, row)
	case *relational.FirstOf:
		options := make([]string, len(v.Options))
		for i, o := range v.Options {
			options[i] = g.one(o, row)
		}
		switch len(options) {
		case 0:
			return g.engine.Literal("null")
		case 1:
			return options[0]
		}
		return "coalesce(" + strings.Join(options, ", ") + ")"
	case relational.Argument:
		return g.engine.Output(g.Arg(v.Arg), relational.KindText)
	case relational.When:
		return "CASE WHEN " + g.Arg(v.Arg) + " = " + Text(v.Is) + " THEN " + g.value(v.Then, row) + " ELSE " + g.value(v.Else, row) + " END"
	case *relational.Page:
		return g.pageObject(v, row)
	case relational.PageRows:
		return g.page.rows(g, v)
	case relational.PageCursor:
		return g.page.cursor(g, v)
	case relational.PageMore:
		return g.page.more(g)
	}
	return g.engine.Literal("null")
}

func (g *Generator) one(v *relational.One, row *Row) string {
	inner := g.NewRow()
	members := g.members(v.Fields, inner)
	if single(v.Select) {
		from, where := g.rows(v.Select, inner, row, true)
		return g.engine.One(members, from+where)
	}
	if v.Select.Limit != 0 || v.Select.Max != 0 || v.Select.FromEnd {
		return g.engine.One(members, g.list(v.Select, inner, row)+" LIMIT 1")
	}
	return g.engine.One(members, g.cut(v.Select, inner, row, "1"))
}

// single says that no more than one row can be found, so that the first needs no
// order and no limit.
func single(s *relational.Select) bool {
	switch {
	case len(s.Cursors) > 0 || s.Skip != 0 || s.Limit != 0 || s.Max != 0:
		return false
	case s.Link != nil && s.Link.Parent != nil:
		return true
	case s.Link != nil && s.Link.Child != nil && s.Link.Child.Unique:
		return true
	default:
		return unique(s.Where)
	}
}

func unique(p relational.Predicate) bool {
	switch p := p.(type) {
	case relational.Compare:
		return p.Op == relational.Equal && p.Column.Unique
	case relational.And:
		for _, part := range p {
			if unique(part) {
				return true
			}
		}
	}
	return false
}

func (g *Generator) count(s *relational.Select, row *Row) string {
	from, where := g.rows(&relational.Select{Table: s.Table, Link: s.Link, Where: s.Where}, g.NewRow(), row, s.Where != nil)
	return "(SELECT count(*) FROM " + from + where + ")"
}
