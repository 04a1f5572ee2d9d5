package sqlgen

import (
	"encoding/json"
	"strings"

	"icehouse/dataplane/relational"
)

// maxPieces is how many columns an answer has; engines allow between 1,600 and
// 2,000.
const maxPieces = 1000

// Query writes a whole read. The answer's row has a column for each piece of the
// text that differs from answer to answer, so that the engine need not copy large
// values together; around holds the texts before, between and behind the columns:
//
//	SELECT (...), (...)    {"posts":  ,"users":  }
//
// A piece that is a subquery by itself stands without another around it: the
// engine has less to do.
func (g *Generator) Query(q *relational.Query) (sql string, around []string) {
	p := g.pieces(q.Fields, nil)
	if len(p.columns) == 1 && p.subquery {
		if inner, ok := strings.CutPrefix(p.columns[0], "(SELECT "); ok {
			return "SELECT " + strings.TrimSuffix(inner, ")"), p.around
		}
	}
	return "SELECT " + strings.Join(p.columns, ", "), p.around
}

// pieces are the columns of an answer, and the texts around them.
type pieces struct {
	columns  []string
	around   []string
	subquery bool // the last column is a subquery
}

func (g *Generator) pieces(fields []relational.Field, row *Row) pieces {
	p := pieces{around: []string{""}}
	g.addObject(&p, fields, row)
	if len(p.columns) == 0 { // a statement returns something
		return pieces{columns: []string{Text(p.around[0])}, around: []string{"", ""}}
	}
	together := (len(p.columns) + maxPieces - 1) / maxPieces
	if together == 1 {
		return p
	}
	out := pieces{around: p.around[:1:1]}
	for i, column := range p.columns {
		if i%together == 0 {
			out.columns, out.around = append(out.columns, inText(column)), append(out.around, p.around[i+1])
			continue
		}
		last := len(out.columns) - 1
		out.columns[last] += " || " + Text(p.around[i]) + " || " + inText(column)
		out.around[last+1] = p.around[i+1]
	}
	return out
}

func (g *Generator) addObject(p *pieces, fields []relational.Field, row *Row) {
	open := "{"
	for _, f := range fields {
		p.add(open + JSONString(f.Key) + ":")
		open = ","
		switch v := f.Value.(type) {
		case relational.Object:
			g.addObject(p, v.Fields, row)
		case relational.Literal:
			p.add(v.JSON)
		default:
			p.columns, p.around = append(p.columns, g.piece(v, row)), append(p.around, "")
			switch v.(type) {
			case *relational.One, *relational.Many, *relational.Count:
				p.subquery = true
			default:
				p.subquery = false
			}
		}
	}
	if len(fields) == 0 {
		p.add(open)
	}
	p.add("}")
}

func (p *pieces) add(text string) { p.around[len(p.around)-1] += text }

// piece writes a value as a JSON text of its own. Its type does not depend on the
// column's, which may become another while the statement stays prepared.
func (g *Generator) piece(v relational.Value, row *Row) string {
	text := g.value(v, row)
	switch v.(type) {
	case *relational.One, *relational.Many, *relational.Count, *relational.FirstOf, *relational.Page:
		return text
	}
	return g.engine.Piece(text)
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
	case relational.Whether:
		inner := g.NewRow()
		return g.engine.Output("(EXISTS (SELECT 1 FROM "+g.list(v.Select, inner, row)+"))", relational.KindBool)
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
	case relational.Noted:
		return g.engine.Noted(g.Arg(v.Arg), v.Column)
	case relational.When:
		return "CASE WHEN " + g.Arg(v.Arg) + " = " + Text(v.Is) + " THEN " + g.value(v.Then, row) + " ELSE " + g.value(v.Else, row) + " END"
	case relational.Guarded:
		return "CASE WHEN " + g.gate(row, v.Gate) + " THEN " + g.engine.Piece(g.value(v.Value, row)) + " ELSE " + g.engine.Literal(JSONString(v.Mark)) + " END"
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
		columns := inner.columns() // before where takes some that stay inside
		from, where := g.rows(v.Select, inner, row, true)
		if len(inner.gates) > 0 { // the limit keeps the engine from looking at a gate for each value
			return g.engine.One(members, "(SELECT "+columns+" FROM "+from+where+" LIMIT 1) AS "+inner.Alias)
		}
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
	case s.Was != 0:
		return true
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
