package sqlite

import (
	"fmt"
	"strconv"
	"strings"

	"icehouse/dataplane/dialect/internal/sqlgen"
	"icehouse/dataplane/relational"
)

// engine writes what only SQLite understands.
type engine struct{}

var _ sqlgen.Engine = engine{}

func (engine) Table(t *relational.Table) string { return sqlgen.Quote(t.Name) }

func (engine) Arg(n relational.Arg, _ relational.ArgType) string { return "?" + strconv.Itoa(int(n)) }

func (engine) Key(expr string, k relational.Kind) string {
	if k == relational.KindText {
		return fold(expr)
	}
	return expr
}

// fold lowers text of ASCII alone inside the engine, which is cheaper than a
// call to Go.
func fold(expr string) string {
	return "CASE WHEN length(" + expr + ") = octet_length(" + expr + ") THEN lower(" + expr + ") ELSE " + foldFunction + "(" + expr + ") END"
}

// JSON is put together as text: what the engine's JSON functions return stops
// being JSON when it leaves a subquery, and would be read once more at every
// level.
func (engine) Output(expr string, k relational.Kind) string {
	switch k {
	case relational.KindBool:
		return "CASE " + expr + " WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"
	case relational.KindFloat:
		return floatFunction + "(" + expr + ")"
	case relational.KindInt, relational.KindJSON:
		return expr
	default:
		return "json_quote(" + expr + ")"
	}
}

func (engine) Piece(value string) string { return value }

func (engine) Literal(json string) string { return sqlgen.Text(json) }

// maxMembers keeps a call at two arguments a member, and two braces, below the
// thousand that the engine allows.
const maxMembers = 400

// Object writes the text of an object. A null value is the word null.
func (engine) Object(members []sqlgen.Member) string {
	if len(members) == 0 {
		return "'{}'"
	}
	var calls []string
	open := "{"
	for i := 0; i < len(members); i += maxMembers {
		var parts []string
		for _, m := range members[i:min(i+maxMembers, len(members))] {
			parts = append(parts, sqlgen.Text(open+sqlgen.JSONString(m.Key)+":"), "coalesce("+m.Value+", 'null')")
			open = ","
		}
		if i+maxMembers >= len(members) {
			parts = append(parts, "'}'")
		}
		calls = append(calls, "concat("+strings.Join(parts, ", ")+")")
	}
	if len(calls) == 1 {
		return calls[0]
	}
	return "concat(" + strings.Join(calls, ", ") + ")"
}

func (e engine) One(members []sqlgen.Member, from string) string {
	return "(SELECT " + e.Object(members) + " FROM " + from + ")"
}

// Many joins the texts of the rows, which group_concat takes in their order.
func (e engine) Many(members []sqlgen.Member, from string) string {
	return "(SELECT concat('[', group_concat(" + e.Object(members) + "), ']') FROM " + from + ")"
}

func (engine) Array(object, condition string) string {
	text := "group_concat(" + object + ")"
	if condition != "" {
		text += " FILTER (WHERE " + condition + ")"
	}
	return "concat('[', " + text + ", ']')"
}

func (engine) OneOf(key, list string, t relational.ArgType, not bool) string {
	word := " IN ("
	if not {
		word = " NOT IN ("
	}
	return "(" + key + word + "SELECT " + element("value", t) + " FROM json_each(" + list + ")))"
}

// element reads a value that EncodeList put into a list.
func element(expr string, t relational.ArgType) string {
	if t.Kind == relational.ArgFloat {
		return numberFunction + "(" + expr + ")"
	}
	return expr
}

func (engine) Find(kind relational.MatchKind, text, needle string) string {
	switch kind {
	case relational.StartsWith:
		return "substr(" + text + ", 1, length(" + needle + ")) = " + needle
	case relational.EndsWith:
		return "substr(" + text + ", length(" + text + ") - length(" + needle + ") + 1) = " + needle
	case relational.Contains:
		return "instr(" + text + ", " + needle + ") > 0"
	}
	panic(fmt.Sprintf("no such way to find a text: %d", kind))
}

func (engine) Page(limit, skip string) string {
	switch {
	case limit == "" && skip == "":
		return ""
	case skip == "":
		return "LIMIT " + limit
	case limit == "":
		return "LIMIT -1 OFFSET " + skip
	default:
		return "LIMIT " + limit + " OFFSET " + skip
	}
}

// Keep has nothing to do: a transaction that writes is alone.
func (engine) Keep(string) string { return "" }

// Written is the table's name: an alias ends before RETURNING.
func (engine) Written(t *relational.Table, _ string) string { return sqlgen.Quote(t.Name) }

func path(c *relational.Column) string { return sqlgen.Text("$." + sqlgen.JSONString(c.Name)) }

// Noted writes the JSON value of a column in a JSON object.
func (engine) Noted(object string, c *relational.Column) string {
	return "(" + object + " -> " + path(c) + ")"
}

// Was writes the query of the one row that a JSON object is.
func (engine) Was(object string, t *relational.Table) string {
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = "(" + object + " ->> " + path(c) + ") AS " + sqlgen.Quote(c.Name)
	}
	return "SELECT " + strings.Join(columns, ", ")
}
