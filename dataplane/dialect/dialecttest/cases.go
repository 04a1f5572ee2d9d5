package dialecttest

import (
	"icehouse/dataplane/relational"
)

// Case is one query or change of the golden suite.
type Case struct {
	Name   string
	Query  *relational.Query
	Change relational.Change
	Schema []relational.SchemaChange
}

// Cases are what the dialects must render, each form once.
func Cases(l *relational.Layout) []Case {
	c := caser{l}
	return append(append(append(c.queries(), c.pages()...), c.changes()...), c.schema()...)
}

type caser struct{ l *relational.Layout }

func (c caser) table(name string) *relational.Table {
	for _, t := range append(append([]*relational.Table{}, c.l.Tables...), c.l.Joins...) {
		if t.Name == name {
			return t
		}
	}
	panic("dialecttest: no table " + name)
}

func (c caser) column(table, name string) *relational.Column {
	for _, column := range c.table(table).Columns {
		if column.Name == name {
			return column
		}
	}
	panic("dialecttest: no column " + table + "." + name)
}

func (c caser) link(typeName, field string) *relational.Link {
	return c.l.Link(c.l.Model().Type(typeName).Field(field))
}

func (c caser) fields(table string, names ...string) []relational.Field {
	var out []relational.Field
	for _, name := range names {
		out = append(out, relational.Field{Key: name, Value: relational.ColumnValue{Column: c.column(table, name)}})
	}
	return out
}

func root(key string, v relational.Value, args ...relational.ArgType) *relational.Query {
	return &relational.Query{Fields: []relational.Field{{Key: key, Value: v}}, Args: args}
}

var (
	idArg    = relational.ArgType{Kind: relational.ArgID}
	idsArg   = relational.ArgType{Kind: relational.ArgID, List: true}
	foldArg  = relational.ArgType{Kind: relational.ArgFold}
	foldsArg = relational.ArgType{Kind: relational.ArgFold, List: true}
	textArg  = relational.ArgType{Kind: relational.ArgText}
	textsArg = relational.ArgType{Kind: relational.ArgText, List: true}
	intArg   = relational.ArgType{Kind: relational.ArgInt}
	floatsIn = relational.ArgType{Kind: relational.ArgFloat, List: true}
	timeArg  = relational.ArgType{Kind: relational.ArgTime}
	jsonArg  = relational.ArgType{Kind: relational.ArgJSON}
)

func (c caser) queries() []Case {
	order, user, tag := c.table("Order"), c.table("User"), c.table("Tag")
	byID := relational.Compare{Column: order.ID, Op: relational.Equal, Arg: 1}
	list := func(s *relational.Select, args ...relational.ArgType) *relational.Query {
		return root("orders", &relational.Many{Select: s, Fields: c.fields("Order", "id", "title")}, args...)
	}
	where := func(p relational.Predicate, args ...relational.ArgType) *relational.Query {
		return list(&relational.Select{Table: order, Where: p}, args...)
	}
	cases := []Case{
		{Name: "one by id, every kind of column", Query: root("order", &relational.One{Select: &relational.Select{Table: order, Where: byID},
			Fields: c.fields("Order", "id", "title", "count", "amount", "paid", "at", "data", "secret", "state", "labels")}, idArg)},
		{Name: "first of several types", Query: root("node", &relational.FirstOf{Options: []*relational.One{
			{Select: &relational.Select{Table: order, Where: byID}, Fields: append(c.fields("Order", "id"), relational.Field{Key: "__typename", Value: relational.Literal{JSON: `"Order"`}})},
			{Select: &relational.Select{Table: user, Where: relational.Compare{Column: user.ID, Op: relational.Equal, Arg: 1}}, Fields: c.fields("User", "id")},
		}}, idArg)},
		{Name: "one without a unique condition is the first", Query: root("order", &relational.One{Select: &relational.Select{Table: order}, Fields: c.fields("Order", "id")})},
		{Name: "nested three deep, all links", Query: root("users", &relational.Many{
			Select: &relational.Select{Table: user, OrderBy: user.CreatedAt, Desc: true, Limit: 1},
			Fields: append(c.fields("User", "id", "name"), relational.Field{Key: "orders", Value: &relational.Many{
				Select: &relational.Select{Table: order, Link: c.link("User", "orders"), Limit: 1},
				Fields: append(c.fields("Order", "id"),
					relational.Field{Key: "user", Value: &relational.One{Select: &relational.Select{Table: user, Link: c.link("Order", "user")}, Fields: c.fields("User", "name")}},
					relational.Field{Key: "receipt", Value: &relational.One{Select: &relational.Select{Table: c.table("Receipt"), Link: c.link("Order", "receipt")}, Fields: c.fields("Receipt", "number")}},
					relational.Field{Key: "tags", Value: &relational.Many{Select: &relational.Select{Table: tag, Link: c.link("Order", "tags")}, Fields: c.fields("Tag", "name")}},
					relational.Field{Key: "_tagsMeta", Value: relational.Object{Fields: []relational.Field{{Key: "count", Value: &relational.Count{Select: &relational.Select{Table: tag, Link: c.link("Order", "tags")}}}}}},
				),
			}}),
		}, intArg)},
		{Name: "count", Query: root("n", &relational.Count{Select: &relational.Select{Table: order, Where: relational.IsNull{Column: c.column("Order", "note")}, Limit: 1}}, intArg)},
		{Name: "a key longer than names", Query: root("orders", &relational.Many{Select: &relational.Select{Table: order}, Fields: []relational.Field{
			{Key: "a_very_long_response_key_that_is_longer_than_sixty_three_bytes_can_be", Value: relational.ColumnValue{Column: order.ID}}}})},
		{Name: "several roots", Query: &relational.Query{Fields: []relational.Field{
			{Key: "a", Value: &relational.Count{Select: &relational.Select{Table: order}}}, {Key: "b", Value: relational.Literal{JSON: "null"}}, {Key: "__typename", Value: relational.Literal{JSON: `"Query"`}}}}},
	}
	for name, q := range map[string]*relational.Query{
		"and or not":                  where(relational.And{relational.Or{byID, relational.Constant(false)}, relational.Not{Predicate: byID}, relational.And{}, relational.Or{}}, idArg),
		"text compares folded":        where(relational.Compare{Column: c.column("Order", "title"), Op: relational.LessEqual, Arg: 1}, foldArg),
		"one of a list of texts":      where(relational.In{Column: c.column("Order", "title"), Arg: 1}, foldsArg),
		"none of a list of floats":    where(relational.In{Column: c.column("Order", "amount"), Arg: 1, Not: true}, floatsIn),
		"contains":                    where(relational.Match{Column: c.column("Order", "title"), Kind: relational.Contains, Arg: 1}, foldArg),
		"starts with":                 where(relational.Match{Column: c.column("Order", "title"), Kind: relational.StartsWith, Arg: 1, Upper: 2}, foldArg, foldArg),
		"starts with what has no end": where(relational.Match{Column: c.column("Order", "title"), Kind: relational.StartsWith, Arg: 1}, foldArg),
		"does not end with":           where(relational.Match{Column: c.column("Order", "id"), Kind: relational.EndsWith, Arg: 1, Not: true}, idArg),
		"some": where(relational.Exists{Select: &relational.Select{Table: tag, Link: c.link("Order", "tags"),
			Where: relational.Compare{Column: c.column("Tag", "name"), Op: relational.Equal, Arg: 1}}}, foldArg),
		"none":                 where(relational.Exists{Select: &relational.Select{Table: tag, Link: c.link("Order", "tags")}, Not: true}),
		"ordered by text":      list(&relational.Select{Table: order, OrderBy: c.column("Order", "note"), Desc: true}),
		"after, null order":    list(&relational.Select{Table: order, OrderBy: c.column("Order", "note"), Cursors: []relational.Cursor{{ID: 1}}}, idArg),
		"before, descending":   list(&relational.Select{Table: order, OrderBy: order.CreatedAt, Desc: true, Cursors: []relational.Cursor{{ID: 1, Before: true}}}, idArg),
		"after, by id":         list(&relational.Select{Table: order, Cursors: []relational.Cursor{{ID: 1}}}, idArg),
		"last with skip":       list(&relational.Select{Table: order, OrderBy: c.column("Order", "count"), Limit: 1, Skip: 2, FromEnd: true}, intArg, intArg),
		"first with skip":      list(&relational.Select{Table: order, Limit: 1, Skip: 2}, intArg, intArg),
		"skip without a limit": list(&relational.Select{Table: order, Skip: 1}, intArg),
	} {
		cases = append(cases, Case{Name: name, Query: q})
	}
	return cases
}

func (c caser) changes() []Case {
	order, user, join := c.table("Order"), c.table("User"), c.table("_OrderTags")
	byID := relational.Compare{Column: order.ID, Op: relational.Equal, Arg: 1}
	return []Case{
		{Name: "insert", Change: &relational.Insert{Table: order, Columns: []*relational.Column{order.ID, c.column("Order", "data"), c.column("Order", "note")},
			Values: []relational.Arg{1, 2, 0}, Args: []relational.ArgType{idArg, jsonArg}}},
		{Name: "insert each", Change: &relational.Insert{Table: user, Each: true, Columns: []*relational.Column{user.ID, user.CreatedAt, user.UpdatedAt, c.column("User", "email")},
			Values: []relational.Arg{1, 2, 2, 3}, Args: []relational.ArgType{idsArg, timeArg, textsArg}}},
		{Name: "insert edges", Change: &relational.Insert{Table: join, Each: true, IgnoreExisting: true, Columns: join.Columns,
			Values: []relational.Arg{1, 2}, Args: []relational.ArgType{idArg, idsArg}}},
		{Name: "update", Change: &relational.Update{Table: order, Where: byID, Args: []relational.ArgType{idArg, textArg, jsonArg},
			Set: []relational.Assignment{{Column: c.column("Order", "title"), Value: 2}, {Column: c.column("Order", "data"), Value: 3}, {Column: c.column("Order", "user")}}}},
		{Name: "append", Change: &relational.Update{Table: order, Where: byID, Args: []relational.ArgType{idArg, jsonArg},
			Set: []relational.Assignment{{Column: c.column("Order", "labels"), Value: 2, Append: true}}}},
		{Name: "keep", Change: &relational.Update{Table: order, Where: byID, Args: []relational.ArgType{idArg, textArg},
			Set: []relational.Assignment{{Column: c.column("Order", "title"), Value: 2}, {Column: c.column("Order", "code"), Keep: true}}}},
		{Name: "delete", Change: &relational.Delete{Table: order, Where: byID, Args: []relational.ArgType{idArg}}},
		{Name: "guard", Change: &relational.Guard{Condition: relational.Exists{Select: &relational.Select{Table: order, Where: byID}}, Args: []relational.ArgType{idArg}}},
		{Name: "require", Change: &relational.Require{Table: user, IDs: 1, Args: []relational.ArgType{idsArg}}},
	}
}

func (c caser) schema() []Case {
	return []Case{
		{Name: "table", Schema: []relational.SchemaChange{relational.CreateTable{Table: c.table("Order")}}},
		{Name: "join table", Schema: []relational.SchemaChange{relational.CreateTable{Table: c.table("_OrderTags")}}},
		{Name: "join table of one to one", Schema: []relational.SchemaChange{relational.CreateTable{Table: c.table("_Partners")}}},
		{Name: "foreign keys", Schema: []relational.SchemaChange{relational.AddColumn{Column: c.column("Order", "user")},
			relational.AddColumn{Column: c.column("Order", "group")}, relational.AddColumn{Column: c.column("Receipt", "order")}}},
		{Name: "unique text", Schema: []relational.SchemaChange{relational.AddColumn{Column: c.column("Order", "code")}}},
		{Name: "bare column, filled and settled", Schema: c.grown()},
		{Name: "demands that go", Schema: []relational.SchemaChange{relational.Settle{Column: plain(c.column("Order", "code")), Was: c.column("Order", "code")},
			relational.Settle{Column: plain(c.column("Receipt", "order")), Was: c.column("Receipt", "order")}}},
		{Name: "values as text", Schema: c.asText()},
		{Name: "edges that move", Schema: c.moves()},
		{Name: "listen", Schema: []relational.SchemaChange{c.l.Listen(c.l.Model().Type("User"))}},
		{Name: "what goes", Schema: []relational.SchemaChange{relational.DropColumn{Column: c.column("Order", "code")},
			relational.DropColumn{Column: c.column("Order", "user")}, relational.DropTable{Table: c.table("_OrderTags")}}},
	}
}

// plain is a column that demands nothing.
func plain(of *relational.Column) *relational.Column {
	c := *of
	c.Unique, c.Required = false, false
	return &c
}

func (c caser) grown() []relational.SchemaChange {
	code, state := c.column("Order", "code"), &relational.Column{Table: c.table("Order"), Name: "state", Kind: relational.KindWord, Required: true}
	return []relational.SchemaChange{
		relational.AddColumn{Column: code, Bare: true}, relational.AddColumn{Column: state, Bare: true}, relational.Still{Table: state.Table},
		relational.Fill{Column: state, Value: relational.Filling{JSON: `"It's"`},
			Where: relational.Or{relational.IsNull{Column: state}, relational.Word{Column: state, Of: []string{"A", "B"}}}},
		relational.Settle{Column: code}, relational.Settle{Column: state},
	}
}

func (c caser) asText() []relational.SchemaChange {
	var out []relational.SchemaChange
	add := func(from *relational.Column, k relational.Kind) {
		to := &relational.Column{Table: from.Table, Name: from.Name + "_2", Kind: k}
		out = append(out, relational.Fill{Column: to, Value: relational.Filling{Text: from}})
	}
	for _, from := range c.table("Order").Columns {
		if from.References == nil {
			add(from, relational.KindText)
		}
	}
	add(c.column("Order", "labels"), relational.KindJSON)
	for _, v := range []struct {
		kind relational.Kind
		json string
	}{{relational.KindInt, "-1"}, {relational.KindBool, "true"}, {relational.KindTime, `"2017-11-30T12:00:00.000Z"`}, {relational.KindJSON, `{"a":["b'"]}`}, {relational.KindFloat, ""}} {
		out = append(out, relational.Fill{Column: &relational.Column{Table: c.table("Order"), Name: "given", Kind: v.kind}, Value: relational.Filling{JSON: v.json}})
	}
	return out
}

func (c caser) moves() []relational.SchemaChange {
	order, user, join := c.table("Order"), c.column("Order", "user"), c.table("_OrderTags")
	back := &relational.Column{Table: user.References, Name: "order", Kind: relational.KindID, References: order}
	byOrder := relational.Edges{Table: order, A: order.ID, B: user}
	byUser := relational.Edges{Table: user.References, A: back, B: user.References.ID}
	rows := relational.Edges{Table: join, A: join.Columns[0], B: join.Columns[1]}
	return []relational.SchemaChange{relational.MoveEdges{From: byOrder, To: byUser}, relational.MoveEdges{From: byUser, To: rows}, relational.MoveEdges{From: rows, To: byOrder}}
}
