package migrationplan

import (
	"icehouse/controlplane/problem"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
)

// ends are a relation's fields, of which one that is both ends counts once.
func ends(r *datamodel.Relation) []*datamodel.Field {
	if r.SameField() {
		return r.Ends[:1]
	}
	return r.Ends[:]
}

// createRelation plans a new relation: a required end on a type that exists needs a
// type without nodes.
func (p *planner) createRelation(r *datamodel.Relation) {
	for _, end := range ends(r) {
		if end.Required {
			p.empty(end.Type, problemOf(end, problem.CodeRequiredRelation, "You are adding a required relation to '%s' but there are already nodes that would violate it: `%s`.", end.Type.Name, end.Name))
		}
	}
}

// keepRelation plans a relation that stays: edges go where they are stored from now
// on, and none may be too many or missing (LQ-52).
func (p *planner) keepRelation(r, old *datamodel.Relation) {
	from, to := p.Old.Layout.Edges(old), p.Layout.Edges(r)
	if from.A.Name != to.A.Name || from.B.Name != to.B.Name || from.Table.Name != to.Table.Name {
		p.moves = append(p.moves, relational.MoveEdges{From: from, To: to})
	}
	own := [2]*relational.Column{from.A, from.B}
	for _, end := range ends(r) {
		was := old.Ends[end.Side]
		table := p.Old.Layout.Table(was.Type)
		if was.List && !end.List {
			p.check(from.Table, relational.Not{Predicate: relational.Repeated{Column: own[end.Side]}}, problemOf(end, problem.CodeManyEdges,
				"The field `%s` can't become a relation to one node: there are nodes that are connected to several.", end.Name))
		}
		if end.Required && !was.Required {
			link := p.Old.Layout.Link(was)
			alone := relational.Exists{Select: &relational.Select{Table: p.Old.Layout.Table(was.Target()), Link: link}, Not: true}
			p.check(table, none(table, alone), problemOf(end, problem.CodePartnerMissing,
				"You are updating the field '%s' to be required. But there are already nodes that would violate that constraint.", end.Name))
		}
	}
}
