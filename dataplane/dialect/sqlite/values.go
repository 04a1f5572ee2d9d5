package sqlite

import (
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

func (engine) Output(expr string, k relational.Kind) string {
	switch k {
	case relational.KindBool:
		return "CASE " + expr + " WHEN 1 THEN json('true') WHEN 0 THEN json('false') END"
	case relational.KindFloat:
		return "json(" + floatFunction + "(" + expr + "))"
	case relational.KindJSON:
		return "json(" + expr + ")"
	default:
		return expr
	}
}

func (engine) Literal(json string) string { return "json(" + sqlgen.Text(json) + ")" }

// maxPairs keeps a call below the arguments that every build of the engine
// allows.
const maxPairs = 50

// Object joins the texts of several calls where one closes and the next opens.
func (engine) Object(members []sqlgen.Member) string {
	if len(members) <= maxPairs {
		pairs := make([]string, len(members))
		for i, m := range members {
			pairs[i] = sqlgen.Text(m.Key) + ", " + m.Value
		}
		return "json_object(" + strings.Join(pairs, ", ") + ")"
	}
	var parts []string
	for i := 0; i < len(members); i += maxPairs {
		part := engine{}.Object(members[i:min(i+maxPairs, len(members))])
		if i > 0 {
			part = "substr(" + part + ", 2)"
		}
		if i+maxPairs < len(members) {
			part = cutFunction + "(" + part + ")"
		}
		parts = append(parts, part)
	}
	return "json(" + strings.Join(parts, " || ',' || ") + ")"
}

func (e engine) One(members []sqlgen.Member, from string) string {
	return "(SELECT " + e.Object(members) + " FROM " + from + ")"
}

func (e engine) Many(members []sqlgen.Member, from string) string {
	return "(SELECT json_group_array(" + e.Object(members) + ") FROM " + from + ")"
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
	if kind == relational.EndsWith {
		return "substr(" + text + ", length(" + text + ") - length(" + needle + ") + 1) = " + needle
	}
	return "instr(" + text + ", " + needle + ") > 0"
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
