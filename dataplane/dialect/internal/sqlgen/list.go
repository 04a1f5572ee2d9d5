package sqlgen

import (
	"strconv"
	"strings"

	"icehouse/dataplane/relational"
)

// list writes the rows of a list: cut, and in list order.
func (g *Generator) list(s *relational.Select, row, parent *Row) string {
	return g.cut(s, row, parent, "")
}

// cut writes the derived table of the rows that a list keeps. limit stands in
// for a Select without one.
func (g *Generator) cut(s *relational.Select, row, parent *Row, limit string) string {
	if own := g.limit(s); own != "" {
		limit = own
	}
	skip := ""
	if s.Skip != 0 {
		skip = g.Arg(s.Skip)
	}
	fromEnd := s.FromEnd && (limit != "" || skip != "")
	if fromEnd {
		row.Column(s.Table.ID)
		if s.OrderBy != nil {
			row.Column(s.OrderBy)
		}
	}
	columns, again := row.columns(), row.again() // before where and order take columns that stay inside
	from, where := g.rows(s, row, parent, true)
	inner := "SELECT " + columns + " FROM " + from + where + " ORDER BY " + g.order(s, row, fromEnd)
	if page := g.engine.Page(limit, skip); page != "" {
		inner += " " + page
	}
	if fromEnd {
		inner = "SELECT " + again + " FROM (" + inner + ") AS " + row.Alias + " ORDER BY " + g.order(s, row, false)
	}
	return "(" + inner + ") AS " + row.Alias
}

// limit writes how many rows a list keeps; "" for all.
func (g *Generator) limit(s *relational.Select) string {
	switch {
	case s.Max != 0:
		return strconv.Itoa(s.Max)
	case s.Limit != 0:
		return g.Arg(s.Limit)
	default:
		return ""
	}
}

// order writes the list order, or its exact reverse: nulls before all values,
// ties by id.
func (g *Generator) order(s *relational.Select, row *Row, reverse bool) string {
	id, column, desc := row.Column(s.Table.ID), s.OrderBy, s.Desc != reverse
	if column == nil {
		desc = reverse
	}
	if column == nil || column == s.Table.ID {
		return id + direction(desc, true)
	}
	return g.key(row, column) + direction(desc, column.Required) + ", " + id + direction(reverse, true)
}

// direction leaves nulls to an engine's habit where there are none, so that its
// indexes serve.
func direction(desc, required bool) string {
	switch {
	case desc && required:
		return " DESC"
	case desc:
		return " DESC NULLS LAST"
	case required:
		return ""
	default:
		return " ASC NULLS FIRST"
	}
}

// rows writes where the rows of a Select come from and their conditions. Without
// target, the rows of a join table stand for the rows that they lead to.
func (g *Generator) rows(s *relational.Select, row, parent *Row, target bool) (from, where string) {
	var conditions []string
	from = g.engine.Table(s.Table) + " AS " + row.Alias
	if s.Was != 0 {
		from = "(" + g.engine.Was(g.Arg(s.Was), s.Table) + ") AS " + row.Alias
	}
	if s.Link != nil {
		switch {
		case s.Link.Parent != nil:
			conditions = append(conditions, row.Column(s.Table.ID)+" = "+parent.Column(s.Link.Parent))
		case s.Link.Child != nil:
			conditions = append(conditions, row.Column(s.Link.Child)+" = "+parent.Column(s.Link.Child.References.ID))
		default:
			edge, join := g.NewRow(), s.Link.Join
			edges := g.engine.Table(join.Table) + " AS " + edge.Alias
			if target {
				from = edges + " JOIN " + from + " ON " + row.Column(s.Table.ID) + " = " + edge.Column(join.To)
			} else {
				from = edges
			}
			conditions = append(conditions, edge.Column(join.From)+" = "+parent.Column(join.From.References.ID))
		}
	}
	if s.Where != nil {
		conditions = append(conditions, g.Condition(s.Where, row))
	}
	for _, c := range s.Cursors {
		conditions = append(conditions, g.cursor(s, c, row))
	}
	if len(conditions) == 0 {
		return from, ""
	}
	return from, " WHERE " + strings.Join(conditions, " AND ")
}

// cursor writes that a row stands behind, or before, the cursor's row in list
// order (data-api §2.11). A cursor row that is not there makes it unknown.
func (g *Generator) cursor(s *relational.Select, c relational.Cursor, row *Row) string {
	at, mark := g.Arg(c.ID), g.NewRow()
	of := g.engine.Table(s.Table) + " AS " + mark.Alias + " WHERE " + mark.Column(s.Table.ID) + " = " + at
	id, markID := row.Column(s.Table.ID), mark.Column(s.Table.ID)
	beyond := " > "
	if c.Before {
		beyond = " < "
	}
	column := s.OrderBy
	if column == nil || column == s.Table.ID {
		if column != nil && s.Desc != c.Before {
			beyond = " < "
		} else if column != nil {
			beyond = " > "
		}
		return id + beyond + "(SELECT " + markID + " FROM " + of + ")"
	}
	key, markKey := g.key(row, column), g.key(mark, column)
	further, toward := " > ", !(s.Desc != c.Before) // toward: away from the nulls
	if !toward {
		further = " < "
	}
	if column.Required {
		mk := "(SELECT " + markKey + " FROM " + of + ")"
		return "(" + key + further[:2] + "= " + mk + " AND (" + key + further + mk + " OR " + id + beyond + at + "))"
	}
	null, markNull := row.Column(column)+" IS NULL", mark.Column(column)+" IS NULL"
	tie := id + beyond + markID
	sameNull := "(" + markNull + " AND " + null + " AND " + tie + ")"
	values := "(" + key + further + markKey + " OR (" + key + " = " + markKey + " AND " + tie + "))"
	if toward {
		// from the nulls to the values
		return "EXISTS (SELECT 1 FROM " + of + " AND (" + sameNull + " OR (" + markNull + " AND NOT " + null + ") OR " + values + "))"
	}
	return "EXISTS (SELECT 1 FROM " + of + " AND (" + sameNull + " OR (NOT " + markNull + " AND " + null + ") OR " + values + "))"
}
