package dialecttest

import "icehouse/dataplane/relational"

// pages are what can be said of a page of a list, and values that depend on an
// argument.
func (c caser) pages() []Case {
	order, user := c.table("Order"), c.table("User")
	field := func(key string, v relational.Value) relational.Field { return relational.Field{Key: key, Value: v} }
	rows := field("edges", relational.PageRows{Fields: []relational.Field{
		field("cursor", relational.ColumnValue{Column: order.ID}), field("node", relational.Object{Fields: c.fields("Order", "title")}),
	}})
	first, last := field("startCursor", relational.PageCursor{}), field("endCursor", relational.PageCursor{Last: true})
	more := field("more", relational.PageMore{})
	about := func(fields ...relational.Field) relational.Field {
		return field("pageInfo", relational.Object{Fields: fields})
	}
	page := func(s *relational.Select, fields ...relational.Field) *relational.Query {
		return root("orders", &relational.Page{Select: s, Fields: fields}, intArg, intArg)
	}
	return []Case{
		{Name: "page, rows and what is beyond", Query: page(&relational.Select{Table: order, Limit: 1}, rows, about(more, last))},
		{Name: "page from the end, ordered by text", Query: page(&relational.Select{Table: order, OrderBy: c.column("Order", "title"), Limit: 1, Skip: 2, FromEnd: true}, rows, about(more, first, last))},
		{Name: "page without a limit", Query: page(&relational.Select{Table: order}, about(more, first, last), rows)},
		{Name: "page, only whether there is more", Query: page(&relational.Select{Table: order, Limit: 1}, about(more))},
		{Name: "page of nothing but a count", Query: page(&relational.Select{Table: order, Limit: 1}, field("count", &relational.Count{Select: &relational.Select{Table: order}}))},
		{Name: "page of the rows of a parent", Query: root("users", &relational.Many{Select: &relational.Select{Table: user}, Fields: []relational.Field{
			field("orders", &relational.Page{Select: &relational.Select{Table: order, Link: c.link("User", "orders"), Limit: 1}, Fields: []relational.Field{
				rows, about(more), field("count", &relational.Count{Select: &relational.Select{Table: order, Link: c.link("User", "orders")}}),
			}}),
		}}, intArg)},
		{Name: "an argument, and one value or another by an argument", Query: root("node", relational.When{
			Arg: 1, Is: "it's", Then: relational.Object{Fields: []relational.Field{field("told", relational.Argument{Arg: 2})}},
			Else: &relational.One{Select: &relational.Select{Table: user, Where: relational.Compare{Column: user.ID, Op: relational.Equal, Arg: 1}}, Fields: c.fields("User", "id")},
		}, idArg, textArg)},
	}
}
