package planner

import "icehouse/dataplane/relational"

// insertion is a step that adds rows, to which more insertions can be added.
type insertion struct {
	step   *Step
	change *relational.Insert
	args   args
}

// maxTogether is how many insertions one statement has.
const maxTogether = 8

// insert adds an insertion: to the statement of the last step, where that is one
// too and the engine can.
func (w *writer) insert(i *relational.Insert, a *args) *Step {
	last := w.inserted
	if last == nil || claims(i, a) || w.body[len(w.body)-1] != last.step || len(last.change.Also) == maxTogether-1 ||
		!w.target.Dialect.Features().InsertsTogether {
		step := w.add(i, a)
		if w.inserted = nil; !claims(i, a) {
			w.inserted = &insertion{step: step, change: i, args: *a}
		}
		return step
	}
	for n, v := range i.Values {
		if v != 0 {
			i.Values[n] = last.args.add(a.params[v-1])
		}
	}
	last.change.Also, last.change.Args = append(last.change.Also, i), last.args.types()
	last.step.Statement, last.step.Params = w.target.Dialect.Change(w.target.Namespace, last.change), last.args.params
	return last.step
}

// claims says that a row takes a partner for itself that a client named. That the
// partner is not there must be found before that another row takes it too, but
// engines look at foreign keys last.
func claims(i *relational.Insert, a *args) bool {
	for n, c := range i.Columns {
		if v := i.Values[n]; v != 0 && c.Unique && c.References != nil && a.params[v-1].Source.kind != fromNewID {
			return true
		}
	}
	return false
}
