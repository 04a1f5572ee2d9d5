package sqlgen

import (
	"strings"

	"icehouse/dataplane/relational"
)

// Condition writes a predicate on a row. What it writes can stand between AND
// and OR, and is unknown where the predicate is.
func (g *Generator) Condition(p relational.Predicate, row *Row) string {
	switch p := p.(type) {
	case nil:
		return "TRUE"
	case relational.And:
		return g.combine(p, row, " AND ", "TRUE")
	case relational.Or:
		return g.combine(p, row, " OR ", "FALSE")
	case relational.Not:
		return "(NOT " + g.Condition(p.Predicate, row) + ")"
	case relational.Constant:
		if p {
			return "TRUE"
		}
		return "FALSE"
	case relational.Compare:
		return "(" + g.key(row, p.Column) + operators[p.Op] + g.Arg(p.Arg) + ")"
	case relational.Flag:
		if p.Value {
			return row.Column(p.Column)
		}
		return "(NOT " + row.Column(p.Column) + ")"
	case relational.IsNull:
		if p.Not {
			return "(" + row.Column(p.Column) + " IS NOT NULL)"
		}
		return "(" + row.Column(p.Column) + " IS NULL)"
	case relational.In:
		return g.engine.OneOf(g.key(row, p.Column), g.Arg(p.Arg), g.Type(p.Arg), p.Not)
	case relational.Match:
		return g.match(p, row)
	case relational.Exists:
		return g.exists(p, row)
	}
	return "FALSE"
}

var operators = [...]string{
	relational.Equal:        " = ",
	relational.NotEqual:     " <> ",
	relational.Less:         " < ",
	relational.LessEqual:    " <= ",
	relational.Greater:      " > ",
	relational.GreaterEqual: " >= ",
}

func (g *Generator) combine(parts []relational.Predicate, row *Row, word, empty string) string {
	if len(parts) == 0 {
		return empty
	}
	if len(parts) == 1 {
		return g.Condition(parts[0], row)
	}
	texts := make([]string, len(parts))
	for i, part := range parts {
		texts[i] = g.Condition(part, row)
	}
	return balanced(texts, word)
}

// balanced puts a word between parts. Many parts become a tree of brackets:
// engines read a row of them as one nested in the next, and limit the depth.
func balanced(parts []string, word string) string {
	if len(parts) > 64 {
		half := len(parts) / 2
		return "(" + balanced(parts[:half], word) + word + balanced(parts[half:], word) + ")"
	}
	return "(" + strings.Join(parts, word) + ")"
}

func (g *Generator) match(p relational.Match, row *Row) string {
	key, text := g.key(row, p.Column), g.Arg(p.Arg)
	var found string
	switch {
	case p.Kind != relational.StartsWith:
		found = "(" + g.engine.Find(p.Kind, key, text) + ")"
	case p.Upper == 0:
		found = "(" + key + " >= " + text + ")"
	default:
		found = "(" + key + " >= " + text + " AND " + key + " < " + g.Arg(p.Upper) + ")"
	}
	if p.Not {
		return "(NOT " + found + ")"
	}
	return found
}

func (g *Generator) exists(p relational.Exists, row *Row) string {
	s := &relational.Select{Table: p.Select.Table, Link: p.Select.Link, Where: p.Select.Where}
	from, where := g.rows(s, g.NewRow(), row, s.Where != nil)
	word := "EXISTS"
	if p.Not {
		word = "NOT EXISTS"
	}
	return "(" + word + " (SELECT 1 FROM " + from + where + "))"
}
