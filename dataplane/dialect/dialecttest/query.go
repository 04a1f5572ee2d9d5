package dialecttest

import (
	"strconv"

	"pgregory.net/rapid"

	"icehouse/dataplane/relational"
)

// RandomQuery makes a query of all that a query can say, with its arguments.
func RandomQuery(t *rapid.T, l *relational.Layout, d Data) (*relational.Query, []any) {
	g := &querier{t: t, layout: l, data: d}
	q := &relational.Query{}
	for i := range rapid.IntRange(1, 3).Draw(t, "roots") {
		q.Fields = append(q.Fields, relational.Field{Key: g.key(i), Value: g.root()})
	}
	q.Args = g.types
	return q, g.values
}

type querier struct {
	t      *rapid.T
	layout *relational.Layout
	data   Data
	types  []relational.ArgType
	values []any
}

func (g *querier) n(label string, most int) int { return rapid.IntRange(0, most).Draw(g.t, label) }

func (g *querier) arg(kind relational.ArgKind, list bool, v any) relational.Arg {
	g.types = append(g.types, relational.ArgType{Kind: kind, List: list})
	g.values = append(g.values, v)
	return relational.Arg(len(g.types))
}

// Some keys are longer than names may be in an engine, or names of its own.
var keys = []string{"id", "o", "t1", "select", "a_very_long_response_key_that_is_longer_than_sixty_three_bytes_can_be"}

func (g *querier) key(i int) string {
	return rapid.SampledFrom(keys).Draw(g.t, "key") + strconv.Itoa(i)
}

func (g *querier) table() *relational.Table {
	return rapid.SampledFrom(g.layout.Tables).Draw(g.t, "table")
}

func (g *querier) root() relational.Value {
	switch g.n("root", 7) {
	case 0:
		return &relational.Count{Select: g.selection(g.table(), nil)}
	case 1:
		return &relational.FirstOf{Options: []*relational.One{g.one(g.table(), nil, 2), g.one(g.table(), nil, 2)}}
	case 2:
		return g.one(g.table(), nil, 3)
	case 3:
		return relational.Literal{JSON: `"it's"`}
	case 4:
		return g.page(g.table(), nil, 3)
	case 5:
		return g.when()
	default:
		table := g.table()
		return &relational.Many{Select: g.selection(table, nil), Fields: g.fields(table, 3)}
	}
}

func (g *querier) one(table *relational.Table, link *relational.Link, depth int) *relational.One {
	one := &relational.One{Select: g.selection(table, link), Fields: g.fields(table, depth)}
	if g.n("by id", 1) == 0 {
		one.Select = &relational.Select{Table: table, Link: link, Where: relational.Compare{Column: table.ID, Op: relational.Equal, Arg: g.arg(relational.ArgID, false, g.id(table))}}
	}
	return one
}

// when is one value or another, by what an argument is.
func (g *querier) when() relational.Value {
	table := g.table()
	return relational.When{
		Arg: g.arg(relational.ArgID, false, rapid.SampledFrom([]string{"it's", "IT'S", ""}).Draw(g.t, "told")), Is: "it's",
		Then: relational.Object{Fields: []relational.Field{{Key: "x", Value: &relational.Count{Select: g.selection(table, nil)}}}},
		Else: g.one(table, nil, 2),
	}
}

// page says all that can be said of a page, in any order and number.
func (g *querier) page(table *relational.Table, link *relational.Link, depth int) relational.Value {
	page := &relational.Page{Select: g.selection(table, link)}
	var about func(inner int) relational.Value
	about = func(inner int) relational.Value {
		switch g.n("about", 7) {
		case 0, 1:
			return relational.PageMore{}
		case 2, 3:
			return relational.PageCursor{Last: rapid.Bool().Draw(g.t, "last")}
		case 4:
			return &relational.Count{Select: &relational.Select{Table: table, Link: link, Where: page.Select.Where}}
		case 5:
			if inner == 0 {
				return relational.Literal{JSON: "null"}
			}
			return relational.Object{Fields: []relational.Field{{Key: g.key(0), Value: about(inner - 1)}, {Key: g.key(1), Value: about(inner - 1)}}}
		default:
			return relational.PageRows{Fields: g.fields(table, depth-1)}
		}
	}
	for i := range g.n("said", 4) {
		page.Fields = append(page.Fields, relational.Field{Key: g.key(i), Value: about(1)})
	}
	return page
}

func (g *querier) fields(table *relational.Table, depth int) []relational.Field {
	most := 5
	if g.n("wide", 20) == 20 { // the smallest case is a narrow one
		most = 130
	}
	var fields []relational.Field
	for i := range g.n("fields", most) {
		fields = append(fields, relational.Field{Key: g.key(i), Value: g.value(table, depth)})
	}
	return fields
}

func (g *querier) value(table *relational.Table, depth int) relational.Value {
	relations := links(g.layout, table)
	if depth == 0 || len(relations) == 0 || g.n("value", 2) > 0 {
		switch g.n("plain", 9) {
		case 9:
			return relational.Argument{Arg: g.arg(relational.ArgText, false, randomText(g.t))}
		case 0:
			return relational.Literal{JSON: rapid.SampledFrom([]string{`"Order"`, "null", `{"a":1}`}).Draw(g.t, "literal")}
		case 1:
			return relational.Object{Fields: []relational.Field{{Key: "x", Value: relational.ColumnValue{Column: table.ID}}}}
		default:
			return relational.ColumnValue{Column: rapid.SampledFrom(table.Columns).Draw(g.t, "column")}
		}
	}
	f := rapid.SampledFrom(relations).Draw(g.t, "relation")
	link, target := g.layout.Link(f), g.layout.Table(f.Target())
	switch g.n("nested", 4) {
	case 0:
		return g.one(target, link, depth-1)
	case 4:
		return g.page(target, link, depth)
	case 1:
		return &relational.Count{Select: g.selection(target, link)}
	default:
		return &relational.Many{Select: g.selection(target, link), Fields: g.fields(target, depth-1)}
	}
}

// id is one that is there, mostly.
func (g *querier) id(table *relational.Table) string {
	if rows := g.data[table]; len(rows) > 0 && g.n("known id", 4) > 0 {
		id, _ := rapid.SampledFrom(rows).Draw(g.t, "row")[table.ID].(string)
		return id
	}
	return "missing"
}

func (g *querier) selection(table *relational.Table, link *relational.Link) *relational.Select {
	s := &relational.Select{Table: table, Link: link}
	if g.n("where", 1) == 0 {
		s.Where = g.predicate(table, 2)
	}
	if g.n("ordered", 2) > 0 {
		s.OrderBy = rapid.SampledFrom(table.Columns).Draw(g.t, "order")
		s.Desc = rapid.Bool().Draw(g.t, "desc")
	}
	for range max(0, g.n("cursors", 4)-2) {
		s.Cursors = append(s.Cursors, relational.Cursor{ID: g.arg(relational.ArgID, false, g.id(table)), Before: rapid.Bool().Draw(g.t, "before")})
	}
	if g.n("skip", 3) == 0 {
		s.Skip = g.arg(relational.ArgInt, false, int64(g.n("skipped", 3)))
	}
	switch g.n("limit", 3) {
	case 0:
	case 1:
		s.Max = 1 + g.n("most", 4)
	default:
		s.Limit = g.arg(relational.ArgInt, false, int64(g.n("limited", 4)))
	}
	s.FromEnd = rapid.Bool().Draw(g.t, "from end")
	return s
}

func (g *querier) predicate(table *relational.Table, depth int) relational.Predicate {
	if depth > 0 {
		switch g.n("combined", 7) {
		case 0, 1:
			var parts []relational.Predicate
			for range g.n("parts", 3) {
				parts = append(parts, g.predicate(table, depth-1))
			}
			if rapid.Bool().Draw(g.t, "and") {
				return relational.And(parts)
			}
			return relational.Or(parts)
		case 2:
			return relational.Not{Predicate: g.predicate(table, depth-1)}
		case 3:
			return relational.Constant(rapid.Bool().Draw(g.t, "constant"))
		case 4, 5:
			relations := links(g.layout, table)
			if len(relations) == 0 {
				break
			}
			f := rapid.SampledFrom(relations).Draw(g.t, "relation")
			s := &relational.Select{Table: g.layout.Table(f.Target()), Link: g.layout.Link(f)}
			if g.n("inner", 2) > 0 {
				s.Where = g.predicate(s.Table, depth-1)
			}
			return relational.Exists{Select: s, Not: rapid.Bool().Draw(g.t, "none")}
		}
	}
	return g.comparison(table)
}

func (g *querier) comparison(table *relational.Table) relational.Predicate {
	c := rapid.SampledFrom(table.Columns).Draw(g.t, "column")
	kind := c.Kind.Arg()
	if c.Kind == relational.KindText {
		kind = relational.ArgFold
	}
	not := rapid.Bool().Draw(g.t, "not")
	switch text := c.Kind == relational.KindText || c.Kind == relational.KindID || c.Kind == relational.KindWord; {
	case c.Kind == relational.KindJSON || g.n("is null", 5) == 0:
		return relational.IsNull{Column: c, Not: not}
	case c.Kind == relational.KindBool && g.n("flag", 1) == 0:
		return relational.Flag{Column: c, Value: not}
	case text && g.n("match", 1) == 0:
		needle := g.stored(table, c)
		s, _ := needle.(string)
		runes := []rune(s)
		from := g.n("from", len(runes))
		part := string(runes[from : from+g.n("length", len(runes)-from)])
		m := relational.Match{Column: c, Kind: relational.MatchKind(g.n("kind", 2)), Arg: g.arg(kind, false, part), Not: not}
		if end, ok := relational.PrefixEnd(part); ok && m.Kind == relational.StartsWith {
			m.Upper = g.arg(kind, false, end)
		}
		return m
	case c.Kind != relational.KindBool && g.n("in", 2) == 0:
		var list []any
		for range g.n("values", 3) {
			list = append(list, g.stored(table, c))
		}
		return relational.In{Column: c, Arg: g.arg(kind, true, typed(kind, list)), Not: not}
	default:
		return relational.Compare{Column: c, Op: relational.Op(g.n("op", 5)), Arg: g.arg(kind, false, g.stored(table, c))}
	}
}

// stored is a value to compare with: one of the column's own, mostly.
func (g *querier) stored(table *relational.Table, c *relational.Column) any {
	var v any
	if rows := g.data[table]; len(rows) > 0 && g.n("known", 3) > 0 {
		v = rapid.SampledFrom(rows).Draw(g.t, "row")[c]
	}
	for v == nil {
		required := *c
		required.Required = true
		v = randomValue(g.t, &required, g.n("other", 9))
	}
	if s, ok := v.(string); ok && c.Kind == relational.KindText {
		return relational.Fold(s)
	}
	return v
}

// typed gives lists without nulls their own type, as most callers do.
func typed(kind relational.ArgKind, list []any) any {
	switch kind {
	case relational.ArgInt:
		return cast[int64](list)
	case relational.ArgFloat, relational.ArgTime, relational.ArgBool:
		if list == nil {
			return []any{}
		}
		return list
	default:
		return cast[string](list)
	}
}

func cast[T any](list []any) []T {
	out := make([]T, len(list))
	for i, v := range list {
		out[i], _ = v.(T)
	}
	return out
}
