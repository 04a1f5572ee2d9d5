package postgres

import (
	"fmt"
	"strconv"
	"strings"

	"icehouse/dataplane/dialect"
	"icehouse/dataplane/dialect/internal/sqlgen"
	"icehouse/dataplane/relational"
)

// Change renders a write or a check. A check that fails raises GuardState or
// RequireState, so that a whole batch can be sent at once and ends there.
func (Dialect) Change(namespace string, change relational.Change) dialect.Statement {
	e := engine{namespace}
	switch c := change.(type) {
	case *relational.Insert:
		sql, around := e.inserts(sqlgen.New(e, c.Args), c)
		return dialect.Write(sql, around, c.Args)
	case *relational.Update:
		g := sqlgen.New(e, c.Args)
		sql, around := g.Update(c, func(a relational.Assignment) string {
			if a.Append {
				return appended(g, a)
			}
			return e.stored(g, a.Column, a.Value)
		})
		return dialect.Write(sql, around, c.Args)
	case *relational.Delete:
		sql, around := sqlgen.New(e, c.Args).Delete(c)
		return dialect.Write(sql, around, c.Args)
	case *relational.Guard:
		g := sqlgen.New(e, c.Args)
		return dialect.Statement{Args: c.Args, Check: dialect.GuardCheck,
			SQL: "SELECT CASE WHEN " + g.Condition(c.Condition, nil) + " THEN NULL ELSE " + refuse(GuardState, "NULL") + " END"}
	case *relational.Require:
		g := sqlgen.New(e, c.Args)
		return dialect.Statement{Args: c.Args, Check: dialect.RequireCheck, SQL: e.require(g, c)}
	case *relational.Hold:
		return dialect.Statement{Args: c.Args, SQL: e.hold(sqlgen.New(e, c.Args), c)}
	}
	panic(fmt.Sprintf("no such change: %T", change))
}

// appended joins two arrays where one closes and the other opens.
func appended(g *sqlgen.Generator, a relational.Assignment) string {
	old, more := sqlgen.Quote(a.Column.Name)+"::text", g.Arg(a.Value)
	return "(CASE WHEN coalesce(" + old + ", '[]') = '[]' THEN " + more + " WHEN " + more + " = '[]' THEN " + old +
		" ELSE left(" + old + ", -1) || ',' || substr(" + more + ", 2) END)::json"
}

// require asks for the first id that has no row. LIMIT keeps the refusal
// outside, so that it is asked for that id alone.
func (e engine) require(g *sqlgen.Generator, c *relational.Require) string {
	return "SELECT " + refuse(RequireState, "missing.id") + " FROM (SELECT wanted.id FROM unnest(" + g.Arg(c.IDs) +
		") WITH ORDINALITY AS wanted (id, place) WHERE NOT EXISTS (SELECT 1 FROM " + e.Table(c.Table) + " AS t WHERE t." +
		sqlgen.Quote(c.Table.ID.Name) + " = wanted.id) ORDER BY wanted.place LIMIT 1) AS missing"
}

// hold locks rows in the order of their ids, so that two transactions that want
// the same ones wait for each other, and never both at once.
func (e engine) hold(g *sqlgen.Generator, c *relational.Hold) string {
	ids := "SELECT unnest(" + g.Arg(c.IDs) + ")"
	also := func(id, from *relational.Column, at relational.Arg) {
		ids += " UNION ALL SELECT o." + sqlgen.Quote(id.Name) + " FROM " + e.Table(from.Table) + " AS o WHERE o." + sqlgen.Quote(from.Name) + " = ANY (" + g.Arg(at) + ")"
	}
	if p := c.Partners; p != nil {
		also(p.To, p.From, c.IDs)
	}
	if c.Column != nil {
		also(c.Table.ID, c.Column, c.At)
	}
	id := "t." + sqlgen.Quote(c.Table.ID.Name)
	return "SELECT 1 FROM " + e.Table(c.Table) + " AS t WHERE " + id + " IN (" + ids + ") ORDER BY " + id + " FOR NO KEY UPDATE"
}

// inserts writes an insertion and those that go with it. The engine runs the main
// statement first and the others from the last to the first, so that of several
// rows that break a rule the same one is reported as by statements of their own.
// Foreign keys are looked at when all are done.
func (e engine) inserts(g *sqlgen.Generator, i *relational.Insert) (sql string, around []string) {
	with := make([]string, len(i.Also))
	for n, also := range i.Also {
		one, _ := e.insert(g, also)
		with[len(with)-1-n] = "i" + strconv.Itoa(n+1) + " AS (" + one + ")"
	}
	sql, around = e.insert(g, i)
	if len(with) > 0 {
		sql = "WITH " + strings.Join(with, ", ") + " " + sql
	}
	return sql, around
}

// insert writes rows. With Each, the lists are unrolled side by side and the
// other arguments repeat.
func (e engine) insert(g *sqlgen.Generator, i *relational.Insert) (sql string, around []string) {
	lists, names := unrolled(g, i)
	values := make([]string, len(i.Values))
	for n, v := range i.Values {
		if name, ok := names[v]; ok && i.Each {
			values[n] = cast(i.Columns[n], name)
		} else {
			values[n] = e.stored(g, i.Columns[n], v)
		}
	}
	sql = g.InsertInto(i)
	if len(lists) > 0 {
		columns := make([]string, len(lists))
		args := make([]string, len(lists))
		for n, l := range lists {
			args[n], columns[n] = g.Arg(l), "a"+strconv.Itoa(int(l))
		}
		sql += " SELECT " + strings.Join(values, ", ") + " FROM unnest(" + strings.Join(args, ", ") + ") AS each (" + strings.Join(columns, ", ") + ")"
	} else {
		sql += " VALUES (" + strings.Join(values, ", ") + ")"
	}
	if i.IgnoreExisting {
		sql += " ON CONFLICT DO NOTHING"
	}
	return g.Returning(sql, i)
}

// unrolled finds the list arguments of an insertion, each once.
func unrolled(g *sqlgen.Generator, i *relational.Insert) (lists []relational.Arg, names map[relational.Arg]string) {
	names = map[relational.Arg]string{}
	if !i.Each {
		return nil, names
	}
	for _, v := range i.Values {
		if _, known := names[v]; v != 0 && !known && g.Type(v).List {
			lists = append(lists, v)
			names[v] = "each.a" + strconv.Itoa(int(v))
		}
	}
	return lists, names
}

// stored writes an argument as a column keeps it.
func (e engine) stored(g *sqlgen.Generator, c *relational.Column, v relational.Arg) string {
	if v == 0 {
		return "NULL"
	}
	return cast(c, g.Arg(v))
}

func cast(c *relational.Column, value string) string {
	if c.Kind == relational.KindJSON {
		return value + "::json"
	}
	return value
}
