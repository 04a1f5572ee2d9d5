package migrationplan

import (
	"fmt"

	"icehouse/dataplane/relational"
)

// Lock is whom a step keeps waiting, on a product whose transactions write beside each
// other.
type Lock string

// The locks, from none to most.
const (
	LockNone   Lock = "NONE"   // nobody: what is made is new
	LockMoment Lock = "MOMENT" // everybody who uses the table, for a moment
	LockWrites Lock = "WRITES" // who writes to the table, while its rows are gone through
	LockTable  Lock = "TABLE"  // everybody who uses the table, while its rows are read
)

// Step tells what a plan does to stored rows, in order.
type Step struct {
	Does  string
	Lock  Lock
	Table *relational.Table // whose rows it goes through; nil: none
}

// Steps lists what a plan does, for people.
func (p *Plan) Steps() []Step {
	var out []Step
	add := func(lock Lock, table *relational.Table, format string, args ...any) {
		out = append(out, Step{fmt.Sprintf(format, args...), lock, table})
	}
	before := placesOf(&relational.Layout{Tables: p.Still})
	old := func(t *relational.Table) *relational.Table { return before[t.Name] }
	for _, step := range p.Expand {
		switch s := step.(type) {
		case relational.CreateTable:
			add(LockNone, nil, "create the table %s", s.Table.Name)
		case relational.AddColumn:
			add(LockMoment, nil, "add the column %s to %s", s.Column.Name, s.Column.Table.Name)
		}
	}
	for _, step := range p.Switch {
		switch s := step.(type) {
		case relational.Fill:
			add(LockWrites, old(s.Column.Table), "give rows of %s a value in %s", s.Column.Table.Name, s.Column.Name)
		case relational.MoveEdges:
			add(LockWrites, old(s.From.Table), "copy the edges in %s to %s", s.From.Table.Name, s.To.Table.Name)
		case relational.Settle:
			p.settleStep(add, old, s)
		default:
			dropStep(add, step)
		}
	}
	for _, step := range p.Contract {
		dropStep(add, step)
	}
	return out
}

func (p *Plan) settleStep(add func(Lock, *relational.Table, string, ...any), old func(*relational.Table) *relational.Table, s relational.Settle) {
	c, was := s.Column, s.Was
	if was == nil {
		was = &relational.Column{}
	}
	switch {
	case c.Unique && !was.Unique:
		add(LockWrites, old(c.Table), "hold the values of %s in %s apart", c.Name, c.Table.Name)
	case s.Was == nil && c.References != nil:
		add(LockWrites, old(c.Table), "make an index for %s in %s", c.Name, c.Table.Name)
	case !c.Unique && was.Unique:
		add(LockMoment, nil, "let the values of %s in %s repeat", c.Name, c.Table.Name)
	}
	switch {
	case c.References != nil:
	case c.Required && !was.Required:
		add(LockTable, old(c.Table), "require a value of %s in %s", c.Name, c.Table.Name)
	case !c.Required && was.Required:
		add(LockMoment, nil, "require no value of %s in %s", c.Name, c.Table.Name)
	}
}

func dropStep(add func(Lock, *relational.Table, string, ...any), step relational.SchemaChange) {
	switch s := step.(type) {
	case relational.DropColumn:
		add(LockMoment, nil, "remove the column %s of %s", s.Column.Name, s.Column.Table.Name)
	case relational.DropTable:
		add(LockMoment, nil, "remove the table %s", s.Table.Name)
	}
}
