package sqlgen

import (
	"strconv"

	"icehouse/dataplane/relational"
)

// page is the rows of a page, put aside under a name: in the order in which they
// were found, which for a page from the end is the reverse of the list's. With
// more, one row behind the page is among them, if there is one.
type page struct {
	name     string // no table is called so: names of tables have no blanks
	list     *relational.Select
	row      *Row
	limit    string
	withMore bool
}

// pageObject writes an object about a page.
func (g *Generator) pageObject(v *relational.Page, parent *Row) string {
	g.pages++
	p := &page{
		name: Quote("page " + strconv.Itoa(g.pages)), list: v.Select, row: g.NewRow(),
		withMore: v.Select.Limit != 0 && asksMore(v.Fields),
	}
	if v.Select.Limit != 0 {
		p.limit = g.Arg(v.Select.Limit)
	}
	outer := g.page
	g.page = p
	members := g.members(v.Fields, parent)
	g.page = outer
	return "(WITH " + p.name + " AS MATERIALIZED (" + g.found(p, parent) + ") SELECT " + g.engine.Object(members) + ")"
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

// found writes the rows that are put aside.
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
	text := "SELECT " + columns + " FROM " + from + where + " ORDER BY " + g.order(p.list, p.row, p.list.FromEnd)
	if cut := g.engine.Page(limit, skip); cut != "" {
		text += " " + cut
	}
	return text
}

// from writes the rows of the page, as they were found.
func (p *page) from(g *Generator) string {
	if !p.withMore {
		return p.name + " AS " + p.row.Alias
	}
	return "(SELECT * FROM " + p.name + " " + g.engine.Page(p.limit, "") + ") AS " + p.row.Alias
}

// rows writes the array of the page's objects, in list order.
func (p *page) rows(g *Generator, v relational.PageRows) string {
	outer := g.page
	g.page = nil
	members := g.members(v.Fields, p.row)
	g.page = outer
	from := p.from(g)
	if p.list.FromEnd {
		from = "(SELECT * FROM " + from + " ORDER BY " + g.order(p.list, p.row, false) + ") AS " + p.row.Alias
	}
	return g.engine.Many(members, from)
}

// cursor writes the id of the row at one end of the page: the first that was
// found, or the last of them that the page has.
func (p *page) cursor(g *Generator, v relational.PageCursor) string {
	text := "SELECT " + p.row.Column(p.list.Table.ID) + " FROM " + p.from(g)
	if v.Last != p.list.FromEnd {
		text += " ORDER BY " + g.order(p.list, p.row, !p.list.FromEnd)
	}
	return g.engine.Output("("+text+" "+g.engine.Page("1", "")+")", relational.KindID)
}

// more writes whether a row was found that the page does not have.
func (p *page) more(g *Generator) string {
	if !p.withMore {
		return g.engine.Literal("false")
	}
	return g.engine.Output("(SELECT count(*) > "+p.limit+" FROM "+p.name+")", relational.KindBool)
}
