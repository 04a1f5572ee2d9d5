package migrationplan

import (
	"slices"

	"icehouse/dataplane/relational"
)

// places finds tables and columns of a layout by their stored names.
type places map[string]*relational.Table

func placesOf(l *relational.Layout) places {
	out := places{}
	for _, t := range all(l) {
		out[t.Name] = t
	}
	return out
}

// all are a layout's tables: those of types before those of edges.
func all(l *relational.Layout) []*relational.Table { return slices.Concat(l.Tables, l.Joins) }

func (p places) column(c *relational.Column) *relational.Column {
	if t := p[c.Table.Name]; t != nil {
		for _, own := range t.Columns {
			if own.Name == c.Name {
				return own
			}
		}
	}
	return nil
}

// tables plans the steps from the old layout to the new one. What is stored under
// the same name is stored in the same form; what differs is what a column demands.
func (p *planner) tables() {
	before, after := placesOf(p.oldLayout()), placesOf(p.Layout)
	var settle, drop []relational.SchemaChange
	p.create(before, &settle)
	for _, t := range all(p.Layout) {
		if before[t.Name] == nil {
			continue
		}
		for _, c := range t.Columns {
			if was := before.column(c); was != nil && (was.Required != c.Required || was.Unique != c.Unique) {
				settle = append(settle, relational.Settle{Column: c, Was: was})
			}
		}
	}
	moved := p.moved()
	for _, t := range all(p.oldLayout()) {
		for _, c := range t.Columns {
			switch {
			case after.column(c) != nil || after[t.Name] == nil && t.ID == nil: // stays, or goes with its edges
			case slices.Contains(moved, c):
				drop = append(drop, relational.DropColumn{Column: c})
			case after[t.Name] == nil && c.References == nil: // goes with its table
			default:
				if c.Required && c.References == nil { // the new release gives it no value
					free := *c
					free.Required = false
					settle = append(settle, relational.Settle{Column: &free, Was: c})
				}
				p.Contract = append(p.Contract, relational.DropColumn{Column: c})
			}
		}
	}
	gone := all(p.oldLayout())
	slices.Reverse(gone) // edges before what they connect
	for _, t := range gone {
		switch {
		case after[t.Name] != nil:
		case t.ID == nil && slices.Contains(moved, t.Columns[0]):
			drop = append(drop, relational.DropTable{Table: t})
		default:
			p.Contract = append(p.Contract, relational.DropTable{Table: t})
		}
	}
	p.change(settle, drop)
	p.still(before)
}

// create adds what is new. Columns of tables that are there demand nothing yet: the
// old release doesn't fill them.
func (p *planner) create(before places, settle *[]relational.SchemaChange) {
	add := func(step, undo relational.SchemaChange) {
		p.Expand = append(p.Expand, step)
		p.Undo = append([]relational.SchemaChange{undo}, p.Undo...)
	}
	for _, t := range p.Layout.Tables {
		if before[t.Name] == nil {
			add(relational.CreateTable{Table: t}, relational.DropTable{Table: t})
		}
	}
	for _, t := range p.Layout.Tables {
		for _, c := range t.Columns {
			isNew := before[t.Name] == nil
			if isNew && c.References == nil || before.column(c) != nil {
				continue
			}
			bare := !isNew && (c.Unique || c.Required || c.References != nil)
			add(relational.AddColumn{Column: c, Bare: bare}, relational.DropColumn{Column: c})
			if bare {
				*settle = append(*settle, relational.Settle{Column: c})
			}
		}
	}
	for _, t := range p.Layout.Joins {
		if before[t.Name] == nil {
			add(relational.CreateTable{Table: t}, relational.DropTable{Table: t})
		}
	}
}

// moved are the columns of the old layout whose values are copied. They go with the
// switch: what the old release wrote there afterwards would be lost.
func (p *planner) moved() []*relational.Column {
	var out []*relational.Column
	for _, f := range p.fills {
		if f.Value.Text != nil {
			out = append(out, f.Value.Text)
		}
	}
	for _, m := range p.moves {
		for _, c := range []*relational.Column{m.From.A, m.From.B} {
			if c != m.From.Table.ID {
				out = append(out, c)
			}
		}
	}
	return out
}

// change puts the steps of the switch in order: what only writers wait for comes
// before what keeps everybody out until the end.
func (p *planner) change(settle, drop []relational.SchemaChange) {
	filled := func(c *relational.Column) bool {
		return slices.ContainsFunc(p.fills, func(f relational.Fill) bool { return f.Column.Table.Name == c.Table.Name && f.Column.Name == c.Name })
	}
	var repeats, apart, require []relational.SchemaChange
	for _, step := range settle {
		s := step.(relational.Settle)
		if s.Was != nil && s.Was.Unique && !s.Column.Unique && filled(s.Column) { // rows are about to have the same value
			shared := *s.Column
			shared.Required = s.Was.Required
			repeats = append(repeats, relational.Settle{Column: &shared, Was: s.Was})
			if s = (relational.Settle{Column: s.Column, Was: &shared}); s.Column.Required == shared.Required {
				continue
			}
		}
		if s.Column.References != nil || !s.Column.Required || s.Was != nil && s.Was.Required {
			apart = append(apart, s)
			continue
		}
		free := *s.Column
		free.Required = false
		if free.Unique || s.Was != nil && s.Was.Unique {
			apart = append(apart, relational.Settle{Column: &free, Was: s.Was})
		}
		require = append(require, relational.Settle{Column: s.Column, Was: &free})
	}
	p.Switch = repeats
	for _, f := range p.fills {
		p.Switch = append(p.Switch, f)
	}
	for _, m := range p.moves {
		p.Switch = append(p.Switch, m)
	}
	p.Switch = slices.Concat(p.Switch, apart, require, drop)
}

// still finds the tables whose rows must not change while the switch looks at them.
func (p *planner) still(before places) {
	add := func(t *relational.Table) {
		if t = before[t.Name]; t != nil && !slices.Contains(p.Still, t) {
			p.Still = append(p.Still, t)
		}
	}
	for _, t := range p.checked {
		add(t)
	}
	for _, step := range p.Switch {
		switch s := step.(type) {
		case relational.Fill:
			add(s.Column.Table)
		case relational.MoveEdges:
			add(s.From.Table)
			add(s.To.Table)
		case relational.Settle:
			if s.Was == nil || s.Column.Required && !s.Was.Required || s.Column.Unique && !s.Was.Unique {
				add(s.Column.Table)
			}
		}
	}
	order := all(p.oldLayout())
	slices.SortFunc(p.Still, func(a, b *relational.Table) int { return slices.Index(order, a) - slices.Index(order, b) })
}
