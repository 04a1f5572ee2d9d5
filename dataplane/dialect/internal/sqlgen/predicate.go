package sqlgen

import (
	"fmt"
	"slices"
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
	case relational.WithRow:
		return g.withRow(p, row)
	case relational.Definite:
		return g.definite(p, row)
	case relational.Word:
		words := make([]string, len(p.Of))
		for i, w := range p.Of {
			words[i] = Text(w)
		}
		return "(" + row.Column(p.Column) + " IN (" + strings.Join(words, ", ") + "))"
	case relational.Repeated:
		key := g.engine.Key(Quote(p.Column.Name), p.Column.Kind)
		return "(EXISTS (SELECT 1 FROM " + g.engine.Table(p.Column.Table) + " WHERE " + Quote(p.Column.Name) + " IS NOT NULL GROUP BY " + key + " HAVING count(*) > 1))"
	case relational.NullArg:
		if p.Not {
			return "(" + g.Arg(p.Arg) + " IS NOT NULL)"
		}
		return "(" + g.Arg(p.Arg) + " IS NULL)"
	}
	panic(fmt.Sprintf("no such predicate: %T", p))
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
	case p.Kind != relational.StartsWith || p.Arg < 0:
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

// definite writes a condition that is never unknown. Most need nothing for it.
func (g *Generator) definite(p relational.Definite, row *Row) string {
	text := g.Condition(p.Predicate, row)
	if known(p.Predicate) {
		return text
	}
	if c, ok := p.Predicate.(relational.Compare); ok && c.Op == relational.Equal && !c.Column.Required {
		return "(" + row.Column(c.Column) + " IS NOT NULL AND " + text + ")"
	}
	return "coalesce(" + text + ", FALSE)"
}

// known says that a condition is true or false for every row.
func known(p relational.Predicate) bool {
	all := func(parts []relational.Predicate) bool {
		return !slices.ContainsFunc(parts, func(part relational.Predicate) bool { return !known(part) })
	}
	switch p := p.(type) {
	case relational.And:
		return all(p)
	case relational.Or:
		return all(p)
	case relational.Not:
		return known(p.Predicate)
	case relational.WithRow:
		return known(p.Predicate)
	case relational.Compare:
		return p.Column.Required && p.Column.References == nil && p.Arg > 0
	case relational.Constant, relational.IsNull, relational.NullArg, relational.Exists, relational.Definite, relational.Repeated:
		return true
	default:
		return false
	}
}

// withRow writes a condition with the values of the row in place of arguments.
func (g *Generator) withRow(p relational.WithRow, row *Row) string {
	outer := g.values
	defer func() { g.values = outer }()
	g.values = make([]rowValue, len(p.Values))
	for i, v := range p.Values {
		text := row.Column(v.Column)
		if v.NoNulls {
			text = "coalesce(" + text + ", '')"
		}
		if v.Type.Kind == relational.ArgFold {
			text = g.engine.Key(text, relational.KindText)
		}
		g.values[i] = rowValue{text, v.Type}
	}
	return g.Condition(p.Predicate, row)
}

func (g *Generator) exists(p relational.Exists, row *Row) string {
	s := &relational.Select{Table: p.Select.Table, Was: p.Select.Was, Link: p.Select.Link, Where: p.Select.Where, Cursors: p.Select.Cursors, OrderBy: p.Select.OrderBy, Desc: p.Select.Desc}
	found := g.NewRow()
	from, where := g.rows(s, found, row, s.Where != nil || len(s.Cursors) > 0 || p.Keep)
	if p.Select.Skip != 0 {
		operator := " > "
		if p.Not {
			operator = " <= "
		}
		return "((SELECT count(*) FROM " + from + where + ")" + operator + g.Arg(p.Select.Skip) + ")"
	}
	if p.Keep {
		where += g.engine.Keep(found.Alias)
	}
	word := "EXISTS"
	if p.Not {
		word = "NOT EXISTS"
	}
	return "(" + word + " (SELECT 1 FROM " + from + where + "))"
}
