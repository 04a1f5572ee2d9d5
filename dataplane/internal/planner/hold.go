package planner

import (
	"cmp"
	"slices"

	"icehouse/dataplane/relational"
)

// held are rows of one table that no other request may change while a sequence
// runs. Of two requests that change a partner, each could else miss the edge that
// the other makes, and both would stay; or each would wait for the other.
type held struct {
	table    *relational.Table
	ids      []Source // each one id
	idLists  []Source // each a list of ids
	partners *relational.JoinLink
	column   *relational.Column
	at       []Source // each one id
}

// oneToOne says that neither end of an edge can have two partners.
func (e edge) oneToOne() bool { return !e.field.List && !e.field.Reverse().List }

// hold holds the rows that change when a node gets the partners of an edge and
// leaves its old ones, as they may have to leave theirs. id is nil for a node that
// is created. What one row alone says, and edges that are only added to a join
// table, need no hold.
func (w *writer) hold(id *Source, e edge) {
	own, target := w.layout().Table(e.field.Type), w.layout().Table(e.field.Target())
	var mine []Source
	if id != nil {
		mine = []Source{*id}
	}
	switch one := e.oneToOne(); {
	case one && e.link.Join != nil:
		w.holds(held{table: own, partners: e.link.Join, ids: mine})
		w.holds(held{table: target, partners: e.link.Join, ids: e.ids})
	case one && e.link.Parent != nil:
		w.holds(held{table: target, ids: e.ids})
		w.holds(held{table: own, column: e.link.Parent, ids: mine, at: e.ids})
	case e.link.Child != nil && (one || id != nil || len(e.ids) > 1 || len(e.idLists) > 0):
		w.holds(held{table: own, ids: mine})
		w.holds(held{table: target, column: e.link.Child, ids: e.ids, idLists: e.idLists, at: mine})
	case e.link.Join != nil:
		w.holds(held{table: own, ids: mine})
	}
}

func (w *writer) holds(more held) {
	if len(more.ids)+len(more.idLists)+len(more.at) == 0 {
		return
	}
	i := slices.IndexFunc(w.held, func(h held) bool {
		return h.table == more.table && h.partners == more.partners && h.column == more.column
	})
	if i < 0 {
		i = len(w.held)
		w.held = append(w.held, held{table: more.table, partners: more.partners, column: more.column})
	}
	h := &w.held[i]
	h.ids, h.idLists, h.at = append(h.ids, more.ids...), append(h.idLists, more.idLists...), append(h.at, more.at...)
}

// holdSteps hold all rows in one order for all requests: nodes first, then the rows
// that point at them.
func (w *writer) holdSteps() []*Step {
	if !w.target.Dialect.Features().ParallelWriters {
		return nil
	}
	place := func(h held) int {
		i := slices.Index(w.layout().Tables, h.table)
		if h.column != nil {
			i += len(w.layout().Tables)
		}
		return i
	}
	slices.SortStableFunc(w.held, func(a, b held) int { return cmp.Compare(place(a), place(b)) })
	var steps []*Step
	for _, h := range w.held {
		lists := h.idLists
		if len(h.ids) > 0 || len(lists) == 0 {
			lists = append(lists, Source{kind: fromItems, items: h.ids})
		}
		for i, ids := range lists {
			if i > 0 {
				h.at = nil // held with the first
			}
			steps = append(steps, w.holdStep(h, ids))
		}
	}
	return steps
}

func (w *writer) holdStep(h held, ids Source) *Step {
	var a args
	change := &relational.Hold{Table: h.table, IDs: a.add(idsParam(ids)), Partners: h.partners}
	if len(h.at) > 0 {
		change.Column, change.At = h.column, a.add(idsParam(Source{kind: fromItems, items: h.at}))
	}
	change.Args = a.types()
	return w.step(change, &a)
}
