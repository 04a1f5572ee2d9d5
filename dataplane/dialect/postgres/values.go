package postgres

import (
	"fmt"
	"strconv"
	"strings"

	"icehouse/dataplane/dialect/internal/sqlgen"
	"icehouse/dataplane/relational"
)

// engine writes what only PostgreSQL understands, for one tenant.
type engine struct{ namespace string }

var _ sqlgen.Engine = engine{}

func (e engine) Table(t *relational.Table) string {
	return sqlgen.Quote(e.namespace) + "." + sqlgen.Quote(t.Name)
}

// argTypes are the types of arguments. JSON is given as text, so that every way
// of sending arguments agrees.
var argTypes = [...]string{
	relational.ArgID:    "text",
	relational.ArgText:  "text",
	relational.ArgFold:  "text",
	relational.ArgWord:  "text",
	relational.ArgInt:   "bigint",
	relational.ArgFloat: "double precision",
	relational.ArgBool:  "boolean",
	relational.ArgTime:  "timestamptz",
	relational.ArgJSON:  "text",
}

func (engine) Arg(n relational.Arg, t relational.ArgType) string {
	text := "$" + strconv.Itoa(int(n)) + "::" + argTypes[t.Kind]
	if t.List {
		return text + "[]"
	}
	return text
}

func (engine) Key(expr string, k relational.Kind) string {
	switch k {
	case relational.KindText:
		return fold(expr)
	case relational.KindJSON: // json has no order of its own
		return "(" + expr + `::text COLLATE "C")`
	default:
		return expr
	}
}

func fold(expr string) string { return SharedSchema + ".fold(" + expr + ")" }

func (engine) Output(expr string, k relational.Kind) string {
	if k == relational.KindTime {
		return "to_char(" + expr + ` AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
	}
	return expr
}

func (engine) Piece(value string) string { return "to_json(" + value + ")" }

func (engine) Literal(json string) string { return sqlgen.Text(json) + "::json" }

// A row type has at most 1,600 columns with names of at most 63 bytes; it is the
// fastest way to an object. A function call has at most 100 arguments.
const (
	maxColumns   = 1000
	maxName      = 63
	maxCallPairs = 50
)

func asRow(members []sqlgen.Member) bool {
	if len(members) == 0 || len(members) > maxColumns {
		return false
	}
	for _, m := range members {
		if len(m.Key) > maxName {
			return false
		}
	}
	return true
}

// row writes the columns of a subquery whose row, o, is the object.
func row(members []sqlgen.Member) string {
	columns := make([]string, len(members))
	for i, m := range members {
		columns[i] = m.Value + " AS " + sqlgen.Quote(m.Key)
	}
	return "SELECT " + strings.Join(columns, ", ")
}

// call writes an object by function calls, for members that no row can hold.
// The texts of several calls are joined where one closes and the next opens.
func call(members []sqlgen.Member) string {
	if len(members) <= maxCallPairs {
		pairs := make([]string, len(members))
		for i, m := range members {
			pairs[i] = sqlgen.Text(m.Key) + ", " + m.Value
		}
		return "json_build_object(" + strings.Join(pairs, ", ") + ")"
	}
	var parts []string
	for i := 0; i < len(members); i += maxCallPairs {
		part := call(members[i:min(i+maxCallPairs, len(members))]) + "::text"
		if i > 0 {
			part = "substr(" + part + ", 2)"
		}
		if i+maxCallPairs < len(members) {
			part = "left(" + part + ", -1)"
		}
		parts = append(parts, part)
	}
	return "(" + strings.Join(parts, " || ',' || ") + ")::json"
}

func (engine) Object(members []sqlgen.Member) string {
	if asRow(members) {
		return "(SELECT row_to_json(o.*) FROM (" + row(members) + ") AS o)"
	}
	return call(members)
}

func (engine) One(members []sqlgen.Member, from string) string {
	if asRow(members) {
		return "(SELECT row_to_json(o.*) FROM (" + row(members) + " FROM " + from + ") AS o)"
	}
	return "(SELECT " + call(members) + " FROM " + from + ")"
}

func (engine) Many(members []sqlgen.Member, from string) string {
	if asRow(members) {
		return "(SELECT coalesce(json_agg(o.*), '[]') FROM (" + row(members) + " FROM " + from + ") AS o)"
	}
	return "(SELECT coalesce(json_agg(" + call(members) + "), '[]') FROM " + from + ")"
}

func (engine) Array(object, condition string) string {
	text := "json_agg(" + object + ")"
	if condition != "" {
		text += " FILTER (WHERE " + condition + ")"
	}
	return "coalesce(" + text + ", '[]')"
}

func (engine) OneOf(key, list string, _ relational.ArgType, not bool) string {
	if not {
		return "(" + key + " <> ALL (" + list + "))"
	}
	return "(" + key + " = ANY (" + list + "))"
}

func (engine) Find(kind relational.MatchKind, text, needle string) string {
	switch kind {
	case relational.StartsWith:
		return "starts_with(" + text + ", " + needle + ")"
	case relational.EndsWith:
		return "right(" + text + ", char_length(" + needle + ")) = " + needle
	case relational.Contains:
		return "strpos(" + text + ", " + needle + ") > 0"
	}
	panic(fmt.Sprintf("no such way to find a text: %d", kind))
}

func (engine) Page(limit, skip string) string {
	var parts []string
	if limit != "" {
		parts = append(parts, "LIMIT "+limit)
	}
	if skip != "" {
		parts = append(parts, "OFFSET "+skip)
	}
	return strings.Join(parts, " ")
}

func (engine) Keep(alias string) string { return " FOR SHARE OF " + alias }

func (engine) Written(_ *relational.Table, alias string) string { return alias }

// Noted writes the JSON value of a column in a JSON object.
func (engine) Noted(object string, c *relational.Column) string {
	return "(" + object + "::json -> " + sqlgen.Text(c.Name) + ")"
}

// Was writes the query of the one row that a JSON object is.
func (engine) Was(object string, t *relational.Table) string {
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = "(" + object + "::json ->> " + sqlgen.Text(c.Name) + ")::" + argTypes[c.Kind.Arg()] + " AS " + sqlgen.Quote(c.Name)
	}
	return "SELECT " + strings.Join(columns, ", ")
}
