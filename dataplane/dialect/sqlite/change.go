package sqlite

import (
	"fmt"
	"strconv"
	"strings"

	"icehouse/dataplane/dialect"
	"icehouse/dataplane/dialect/internal/sqlgen"
	"icehouse/dataplane/relational"
)

// Change renders a write or a check.
func (Dialect) Change(_ string, change relational.Change) dialect.Statement {
	e := engine{}
	switch c := change.(type) {
	case *relational.Insert:
		sql, around := e.insert(sqlgen.New(e, c.Args), c)
		return dialect.Write(sql, around, c.Args)
	case *relational.Update:
		g := sqlgen.New(e, c.Args)
		sql, around := g.Update(c, func(a relational.Assignment) string {
			if a.Append {
				return appended(g, a)
			}
			return stored(g, a.Value)
		})
		return dialect.Write(sql, around, c.Args)
	case *relational.Delete:
		sql, around := sqlgen.New(e, c.Args).Delete(c)
		return dialect.Write(sql, around, c.Args)
	case *relational.Guard:
		g := sqlgen.New(e, c.Args)
		return dialect.Statement{Args: c.Args, Check: dialect.GuardCheck,
			SQL: "SELECT CASE WHEN " + g.Condition(c.Condition, nil) + " THEN 1 ELSE 0 END"}
	case *relational.Require:
		g := sqlgen.New(e, c.Args)
		return dialect.Statement{Args: c.Args, Check: dialect.RequireCheck,
			SQL: "SELECT wanted.value FROM json_each(" + g.Arg(c.IDs) + ") AS wanted WHERE NOT EXISTS (SELECT 1 FROM " +
				e.Table(c.Table) + " AS t WHERE t." + sqlgen.Quote(c.Table.ID.Name) + " = wanted.value) ORDER BY wanted.key LIMIT 1"}
	}
	panic(fmt.Sprintf("no such change: %T", change))
}

// appended joins two arrays where one closes and the other opens.
func appended(g *sqlgen.Generator, a relational.Assignment) string {
	old, more := sqlgen.Quote(a.Column.Name), g.Arg(a.Value)
	return "CASE WHEN coalesce(" + old + ", '[]') = '[]' THEN " + more + " WHEN " + more + " = '[]' THEN " + old +
		" ELSE substr(" + old + ", 1, length(" + old + ") - 1) || ',' || substr(" + more + ", 2) END"
}

// insert writes rows. With Each, the lists are unrolled side by side and the
// other arguments repeat. The lists are materialised, so that the engine finds
// their elements by an index that it makes.
func (e engine) insert(g *sqlgen.Generator, i *relational.Insert) (sql string, around []string) {
	var lists []relational.Arg
	place := map[relational.Arg]string{}
	values := make([]string, len(i.Values))
	for n, v := range i.Values {
		t := g.Type(v)
		if !i.Each || v == 0 || !t.List {
			values[n] = stored(g, v)
			continue
		}
		if _, known := place[v]; !known {
			place[v] = "l" + strconv.Itoa(int(v))
			lists = append(lists, v)
		}
		values[n] = element(place[v]+".value", t)
	}
	sql = g.InsertInto(i)
	if len(lists) == 0 {
		sql += " VALUES (" + strings.Join(values, ", ") + ")"
	} else {
		var with []string
		first := place[lists[0]]
		from := first
		for n, l := range lists {
			with = append(with, place[l]+" AS MATERIALIZED (SELECT key, value FROM json_each("+g.Arg(l)+"))")
			if n > 0 {
				from += " JOIN " + place[l] + " ON " + place[l] + ".key = " + first + ".key"
			}
		}
		sql += " WITH " + strings.Join(with, ", ")
		sql += " SELECT " + strings.Join(values, ", ") + " FROM " + from + " WHERE TRUE" // or ON CONFLICT reads as a join's ON
	}
	if i.IgnoreExisting {
		sql += " ON CONFLICT DO NOTHING"
	}
	return g.Returning(sql, i)
}

func stored(g *sqlgen.Generator, v relational.Arg) string {
	if v == 0 {
		return "NULL"
	}
	return g.Arg(v)
}
