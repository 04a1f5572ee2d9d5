package sqlgen

import (
	"strconv"

	"icehouse/dataplane/relational"
)

// page is the rows of a page while an object about them is written. What the
// object says of them are aggregates, all taken in one pass. With more, one row
// behind the page (of a page from the end: before it) is among the rows, if there
// is one; rows have numbers in the order in which they were found, so that it is
// the last.
type page struct {
	list       *relational.Select
	row        *Row
	limit      string
	withMore   bool
	sums       string   // alias of the row of aggregates
	aggregates []string // its columns
	numbered   bool     // the number of each row is needed
	counted    bool     // how many rows there are is needed
	ordered    bool     // the rows are needed in list order
}

// Columns that rows get beside their own; no column of a table has a blank.
var (
	rowNumber = Quote("row number")
	rowCount  = Quote("row count")
)

// pageObject writes an object about a page.
func (g *Generator) pageObject(v *relational.Page, parent *Row) string {
	p := &page{
		list: v.Select, row: g.NewRow(), sums: g.NewRow().Alias,
		limit: g.limit(v.Select),
	}
	p.withMore = p.limit != "" && asksMore(v.Fields)
	outer := g.page
	g.page = p
	members := g.members(v.Fields, parent)
	g.page = outer
	if len(p.aggregates) == 0 {
		return g.engine.Object(members)
	}
	text := "SELECT "
	for i, a := range p.aggregates {
		if i > 0 {
			text += ", "
		}
		text += a + " AS " + aggregate(i)
	}
	return g.engine.One(members, "("+text+" FROM "+g.found(p, parent)+") AS "+p.sums)
}

// asksMore says that an object says whether the list goes on.
func asksMore(fields []relational.Field) bool {
	for _, f := range fields {
		switch v := f.Value.(type) {
		case relational.PageMore:
			return true
		case relational.Object:
			if asksMore(v.Fields) {
				return true
			}
		}
	}
	return false
}

// found writes the rows.
func (g *Generator) found(p *page, parent *Row) string {
	columns := p.row.columns() // before where and order take columns that stay inside
	from, where := g.rows(p.list, p.row, parent, true)
	limit, skip := p.limit, ""
	if p.withMore {
		limit += " + 1"
	}
	if p.list.Skip != 0 {
		skip = g.Arg(p.list.Skip)
	}
	rows := "SELECT " + columns + " FROM " + from + where + " ORDER BY " + g.order(p.list, p.row, p.list.FromEnd)
	if cut := g.engine.Page(limit, skip); cut != "" {
		rows += " " + cut
	}
	turned := p.ordered && p.list.FromEnd
	if p.numbered || p.counted || turned {
		text := "SELECT " + p.row.Alias + ".*, row_number() OVER () AS " + rowNumber
		if p.counted {
			text += ", count(*) OVER () AS " + rowCount
		}
		rows = text + " FROM (" + rows + ") AS " + p.row.Alias
		if turned {
			rows += " ORDER BY " + rowNumber + " DESC"
		}
	}
	return "(" + rows + ") AS " + p.row.Alias
}

// take adds an aggregate and returns where it is found.
func (p *page) take(text string) string {
	for i, known := range p.aggregates {
		if known == text {
			return p.sums + "." + aggregate(i)
		}
	}
	p.aggregates = append(p.aggregates, text)
	return p.sums + "." + aggregate(len(p.aggregates)-1)
}

func aggregate(i int) string { return "a" + strconv.Itoa(i+1) }

func (p *page) number() string {
	p.numbered = true
	return p.row.Alias + "." + rowNumber
}

// within is the condition that a row belongs to the page; "" when all do.
func (p *page) within() string {
	if !p.withMore {
		return ""
	}
	return p.number() + " <= " + p.limit
}

// rows writes the array of the page's objects.
func (p *page) rows(g *Generator, v relational.PageRows) string {
	p.ordered = true
	outer := g.page
	g.page = nil
	members := g.members(v.Fields, p.row)
	g.page = outer
	return p.take(g.engine.Array(g.engine.Object(members), p.within()))
}

// cursor writes the id of the row at one end of the page: the one that was found
// first, or the last that belongs to it.
func (p *page) cursor(g *Generator, v relational.PageCursor) string {
	is := p.number() + " = 1"
	if v.Last != p.list.FromEnd {
		p.counted = true
		is = p.number() + " = " + p.row.Alias + "." + rowCount
		if p.withMore {
			is = "(" + is + " OR " + p.number() + " = " + p.limit + ")"
		}
	}
	if within := p.within(); within != "" {
		is += " AND " + within
	}
	return g.engine.Output(p.take("max("+p.row.Column(p.list.Table.ID)+") FILTER (WHERE "+is+")"), relational.KindID)
}

// more writes whether a row was found that the page does not have.
func (p *page) more(g *Generator) string {
	if !p.withMore {
		return g.engine.Literal("false")
	}
	return g.engine.Output(p.take("count(*) > "+p.limit), relational.KindBool)
}
