package planner

import (
	"slices"

	"icehouse/dataplane/dialect"
)

// writer collects the steps of one sequence.
type writer struct {
	*planning
	out *Sequence
	steps
	// row is the write of the payload's own row, when that one write is all that
	// can be left to say what became of it: it may return the payload itself.
	row *rowWrite
	// inserted is the insertion that the last step is, if it is one.
	inserted *insertion
	// held are the nodes that this sequence looks at before it writes.
	held []held
	permits
	scalars *Step // reads what the function after the write is told
	// keyed are nodes that the engine finds missing when it writes a key.
	keyed []connected
}

// steps are those of a sequence by what they are for.
type steps struct {
	nodes      []*Step // may the nodes be written?
	edgesNamed []*Step // may the edges be added or removed?
	exist      []*Step // is the node there that is updated or deleted?
	body       []*Step // checks, writes and reads in the order in which they were planned
	parts      []*Step // those that read the payload
}

func (p *planning) sequence(plan func(*writer)) *Sequence {
	w := &writer{planning: p, out: &Sequence{Node: &Node{}}}
	plan(w)
	if w.forbidden != nil { // whatever else is wrong with it
		return &Sequence{Fault: w.forbidden, Node: w.out.Node}
	}
	w.out.Permits = w.nodes
	w.out.Steps = w.ordered()
	for _, part := range w.parts {
		w.out.Payload = append(w.out.Payload, slices.Index(w.out.Steps, part))
	}
	if w.out.Fault != nil {
		w.out.Steps = w.out.Permits
	}
	w.out.Ahead = w.ahead()
	if w.out.After != nil && w.out.Fault == nil {
		w.out.After.Step = slices.Index(w.out.Steps, w.scalars)
	}
	w.out.Checks = w.out.Node.checks()
	return w.out
}

// ahead counts the steps that come before any write and any reading for an answer.
func (w *writer) ahead() int {
	for i, s := range w.out.Steps {
		if s.Statement.Writes || s == w.scalars || slices.Contains(w.parts, s) {
			return i
		}
	}
	return len(w.out.Steps)
}

// ordered puts the steps in the order in which they run (data-api §6.7): rows are
// held before anything is looked at, and who may not write a node is told so
// whatever else is wrong. The permission of an edge comes behind the checks of nodes
// and of required relations, and before the first write; functions run between them and
// that.
func (w *writer) ordered() []*Step {
	if len(w.edgesNamed) == 0 && len(w.out.Hooks) == 0 {
		return slices.Concat(w.holdSteps(), w.nodes, w.exist, w.body)
	}
	exist := w.exist
	var rest []*Step
	for _, s := range w.body {
		if s.Statement.Check == dialect.RequireCheck {
			exist = append(exist, s)
		} else {
			rest = append(rest, s)
		}
	}
	if w.target.Dialect.Features().NamesForeignKeys { // else they are looked for anyway
		looked := w.connected
		if len(w.out.Hooks) > 0 {
			looked = slices.Concat(looked, w.keyed)
		}
		for _, c := range looked {
			exist = append(exist, w.requireStep(c.t, c.ids, connectMissing))
		}
	}
	first := slices.IndexFunc(rest, func(s *Step) bool { return s.Statement.Writes || slices.Contains(w.parts, s) })
	if first < 0 {
		first = len(rest)
	}
	// What a third node requires is looked at ahead of the permission, and once more
	// in its place, as the writes before it may have changed the answer.
	var required []*Step
	for _, s := range rest[first:] {
		if s.Statement.Check == dialect.GuardCheck {
			ahead := *s
			required = append(required, &ahead)
		}
	}
	return slices.Concat(w.holdSteps(), w.nodes, exist, rest[:first], required, w.edgesNamed, rest[first:])
}
