package dialecttest

import "icehouse/dataplane/relational"

// Shape is a query that an index must serve.
type Shape struct {
	Name  string
	Query *relational.Query
	Index string // its name
	Key   bool   // Index is a primary key, for which engines have their own names
}

// Shapes are the ways to rows that every project takes.
func Shapes(l *relational.Layout) []Shape {
	c := caser{l}
	email := c.column("User", "email")
	user := c.table("User")
	count := func(s *relational.Select) relational.Value { return &relational.Count{Select: s} }
	where := func(p relational.Predicate) relational.Value { return count(&relational.Select{Table: user, Where: p}) }
	// through counts what a relation field leads to from one row.
	through := func(typeName, field string) relational.Value {
		f := l.Model().Type(typeName).Field(field)
		table, target := l.Table(f.Type), l.Table(f.Target())
		return &relational.One{
			Select: &relational.Select{Table: table, Where: relational.Compare{Column: table.ID, Op: relational.Equal, Arg: 1}},
			Fields: []relational.Field{{Key: "n", Value: count(&relational.Select{Table: target, Link: l.Link(f)})}},
		}
	}
	shape := func(name, index string, v relational.Value) Shape {
		return Shape{Name: name, Query: root("x", v, foldArg, foldArg), Index: index}
	}
	shapes := []Shape{
		shape("unique text", "User.email.key", where(relational.Compare{Column: email, Op: relational.Equal, Arg: 1})),
		shape("prefix of a unique text", "User.email.key", where(relational.Match{Column: email, Kind: relational.StartsWith, Arg: 1, Upper: 2})),
		shape("foreign key", "Order.user.idx", through("User", "orders")),
		shape("unique foreign key", "Receipt.order.key", through("Order", "receipt")),
		shape("from side B", "_OrderTags..idx", through("Tag", "orders")),
		shape("newest first", "User.createdAt.idx", &relational.Many{Fields: c.fields("User", "name"),
			Select: &relational.Select{Table: user, OrderBy: user.CreatedAt, Desc: true, Max: 20}}),
		shape("id", "User.id.key", where(relational.Compare{Column: user.ID, Op: relational.Equal, Arg: 1})),
		shape("from side A", "_OrderTags..key", through("Order", "tags")),
	}
	for i := range shapes[6:] {
		shapes[6+i].Key = true
	}
	return shapes
}
