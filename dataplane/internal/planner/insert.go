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
	if last == nil || w.out.Steps[len(w.out.Steps)-1] != last.step || len(last.change.Also) == maxTogether-1 ||
		!w.target.Dialect.Features().InsertsTogether {
		w.inserted = &insertion{step: w.add(i, a), change: i, args: *a}
		return w.inserted.step
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
