package planner

import (
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/relational"
	"icehouse/tenancy/meter"
)

// edge is what a mutation says about one relation field of a node: which nodes
// to connect by id and which to create (data-api §2.10).
type edge struct {
	field   *datamodel.Field
	link    *relational.Link
	ids     []Source // each one id
	idLists []Source // each a list of ids
	nested  []input
}

// some says that the edge connects to at least one node, for all that the plan
// can know: a list of ids in a variable may be empty.
func (e edge) some() bool { return len(e.ids)+len(e.idLists)+len(e.nested) > 0 }

// edges reads the relation arguments of a create or update. For create, fields
// that connect to nothing are left out.
func (w *writer) edges(t *datamodel.Type, in input, creating bool) []edge {
	var out []edge
	for _, f := range in.fields {
		key, ok := w.doc.Schema.InputKey(t, f.name)
		if !ok || key.Kind == compiledschema.InputScalar || key.Kind == compiledschema.InputID {
			continue
		}
		i := 0
		for i < len(out) && out[i].field != key.Field {
			i++
		}
		if i == len(out) {
			out = append(out, edge{field: key.Field, link: w.layout().Link(key.Field)})
		}
		e := &out[i]
		if !f.value.given() {
			continue
		}
		switch key.Kind {
		case compiledschema.InputConnect:
			e.ids = append(e.ids, f.value.source)
		case compiledschema.InputConnectMany:
			if f.value.kind == list {
				for _, item := range f.value.items {
					e.ids = append(e.ids, item.source)
				}
			} else {
				e.idLists = append(e.idLists, f.value.source)
			}
		case compiledschema.InputCreate:
			w.features |= meter.NestedMutation
			e.nested = append(e.nested, f.value)
		case compiledschema.InputCreateMany:
			w.features |= meter.NestedMutation
			e.nested = append(e.nested, f.value.asList()...)
		}
		if !e.field.List && len(e.ids)+len(e.nested) > 1 {
			w.refuse(fault.New(fault.BadArguments, "Give either '%sId' or '%s' for the field '%s' on type '%s', not both.", e.field.Name, e.field.Name, e.field.Name, t.Name))
		}
	}
	if creating {
		kept := out[:0]
		for _, e := range out {
			if e.some() {
				kept = append(kept, e)
			}
		}
		return kept
	}
	return out
}

// requireOnCreate checks that each required relation field of a new node gets
// its node.
func (w *writer) requireOnCreate(t *datamodel.Type, edges []edge, parent *parentEdge) {
	for _, f := range t.Fields {
		if !f.IsRelation() || !f.Required || parent != nil && parent.field == f {
			continue
		}
		connected := false
		for _, e := range edges {
			connected = connected || e.field == f && e.some()
		}
		if !connected {
			w.refuse(relationRequired(f))
		}
	}
}

// createPointing handles an edge whose column is in the new row: the other node
// is checked or created first.
func (w *writer) createPointing(r *row, of Source, e edge) {
	reverse := e.field.Reverse()
	for _, id := range e.ids {
		w.requireUnlessKey(e.field.Target(), id)
		if !reverse.List {
			w.takeFromParentColumn(e, id, nil)
		}
		p := idParam(id)
		r.set(e.link.Parent, &p)
	}
	for _, nested := range e.nested {
		id := w.create(e.field.Target(), nested, &parentEdge{field: reverse, id: of})
		p := idParam(id)
		r.set(e.link.Parent, &p)
	}
}

// requireUnlessKey checks that nodes exist that a foreign key will point at, unless
// the engine says by itself which one is missing.
func (w *writer) requireUnlessKey(t *datamodel.Type, ids Source) {
	if !w.target.Dialect.Features().NamesForeignKeys {
		w.require(t, ids, connectMissing)
	} else {
		w.keyed = append(w.keyed, connected{t, ids})
	}
}

// connectFrom connects a node to the nodes of an edge that another row holds:
// the related row itself, or a join table's. Nodes that can have only one
// partner leave their old one; the node's own old edges of this field are gone
// already.
func (w *writer) connectFrom(id Source, e edge) {
	target := e.field.Target()
	connect := func(ids Source) {
		if e.link.Join != nil {
			w.requireUnlessKey(target, ids)
		} else {
			w.require(target, ids, connectMissing)
		}
		w.connectIDs(id, e, ids)
	}
	if len(e.ids) > 0 {
		connect(Source{kind: fromItems, items: e.ids})
	}
	for _, ids := range e.idLists {
		connect(ids)
	}
	if e.link.Child != nil && w.createEach(target, e, id) {
		return
	}
	for _, nested := range e.nested {
		if e.link.Child != nil {
			w.create(target, nested, &parentEdge{field: e.field.Reverse(), column: e.link.Child, id: id})
			continue
		}
		child := w.create(target, nested, &parentEdge{field: e.field.Reverse(), id: id})
		w.addJoinRows(id, e, Source{kind: fromItems, items: []Source{child}})
	}
}

// connectIDs adds edges from a node to existing nodes. ids is a list.
func (w *writer) connectIDs(id Source, e edge, ids Source) {
	switch {
	case e.link.Child != nil:
		if e.field.Required {
			// The other nodes may not be taken from one that requires them.
			w.noneTaken(id, e, ids)
		}
		var a args
		change := &relational.Update{
			Table: e.link.Child.Table,
			Set:   []relational.Assignment{{Column: e.link.Child, Value: a.add(idParam(id))}},
			Where: relational.In{Column: e.link.Child.Table.ID, Arg: a.add(idsParam(ids))},
		}
		change.Args = a.types()
		w.add(change, &a)
	case e.link.Join != nil:
		if e.field.Relation.SameField() && !e.field.List {
			w.leaveOldPartners(id, e, ids)
		}
		w.addJoinRows(id, e, ids)
	}
}

func (w *writer) addJoinRows(id Source, e edge, ids Source) {
	join := e.link.Join
	insert := func(first, second *relational.Column) {
		var a args
		change := &relational.Insert{
			Table:          join.Table,
			Columns:        []*relational.Column{first, second},
			Values:         []relational.Arg{a.add(idParam(id)), a.add(idsParam(ids))},
			Each:           true,
			IgnoreExisting: true,
		}
		change.Args = a.types()
		w.insert(change, &a)
	}
	insert(join.From, join.To)
	if e.field.Relation.SameField() { // an edge without direction is stored in both
		insert(join.To, join.From)
	}
}

// replaceFrom is what update does with an edge: the node's old edges of the
// field go, those given come (data-api §2.10).
func (w *writer) replaceFrom(id Source, e edge) {
	if !e.some() && e.field.Required {
		w.refuse(relationRequired(e.field)) // LQ-D30
		return
	}
	switch {
	case e.link.Parent != nil:
		w.replaceParentColumn(id, e)
	default:
		w.dropFrom(id, e)
		w.connectFrom(id, e)
	}
}

// replaceParentColumn sets the column of the node's own row.
func (w *writer) replaceParentColumn(id Source, e edge) {
	reverse := e.field.Reverse()
	var value *Source
	switch {
	case len(e.ids) > 0:
		w.require(e.field.Target(), e.ids[0], connectMissing)
		value = &e.ids[0]
		if !reverse.List {
			w.takeFromParentColumn(e, e.ids[0], &id)
		}
	case len(e.nested) > 0:
		child := w.create(e.field.Target(), e.nested[0], &parentEdge{field: reverse, id: id})
		value = &child
	}
	if reverse.Required {
		w.noneWouldLose(e.field, id, value)
	}
	var a args
	change := &relational.Update{Table: e.link.Parent.Table}
	assignment := relational.Assignment{Column: e.link.Parent}
	if value != nil {
		assignment.Value = a.add(idParam(*value))
	}
	change.Set = []relational.Assignment{assignment}
	change.Where = relational.Compare{Column: e.link.Parent.Table.ID, Op: relational.Equal, Arg: a.add(idParam(id))}
	change.Args = a.types()
	w.add(change, &a)
}

// takeFromParentColumn frees a node that can have one partner only from the row
// that points at it, except from the row of keep. It is refused when that row's
// node requires it.
func (w *writer) takeFromParentColumn(e edge, partner Source, keep *Source) {
	column := e.link.Parent
	var a args
	others := relational.And{relational.Compare{Column: column, Op: relational.Equal, Arg: a.add(idParam(partner))}}
	if keep != nil {
		others = append(others, relational.Compare{Column: column.Table.ID, Op: relational.NotEqual, Arg: a.add(idParam(*keep))})
	}
	if e.field.Required {
		w.guard(&a, relational.Exists{Select: &relational.Select{Table: column.Table, Where: others}, Not: true}, relationRequired(e.field))
		return
	}
	change := &relational.Update{Table: column.Table, Set: []relational.Assignment{{Column: column}}, Where: others, Args: a.types()}
	w.add(change, &a)
}

// dropFrom removes the node's edges of a field that other rows hold, except
// those that will be there again.
func (w *writer) dropFrom(id Source, e edge) {
	kept := Source{kind: fromItems, items: e.ids}
	if len(e.ids) == 0 && len(e.idLists) == 1 {
		kept = e.idLists[0]
	}
	if e.field.Reverse().Required {
		w.noneWouldLose(e.field, id, &kept)
	}
	var a args
	switch {
	case e.link.Child != nil:
		where := relational.And{
			relational.Compare{Column: e.link.Child, Op: relational.Equal, Arg: a.add(idParam(id))},
			relational.In{Column: e.link.Child.Table.ID, Arg: a.add(idsParam(kept)), Not: true},
		}
		if e.link.Child.Required {
			return // the check above left none to drop
		}
		change := &relational.Update{Table: e.link.Child.Table, Set: []relational.Assignment{{Column: e.link.Child}}, Where: where, Args: a.types()}
		w.add(change, &a)
	case e.link.Join != nil:
		drop := func(from, to *relational.Column) {
			var a args
			change := &relational.Delete{Table: e.link.Join.Table, Where: relational.And{
				relational.Compare{Column: from, Op: relational.Equal, Arg: a.add(idParam(id))},
				relational.In{Column: to, Arg: a.add(idsParam(kept)), Not: true},
			}}
			change.Args = a.types()
			w.add(change, &a)
		}
		drop(e.link.Join.From, e.link.Join.To)
		if e.field.Relation.SameField() {
			drop(e.link.Join.To, e.link.Join.From)
		}
	}
}

// noneWouldLose checks that no node at the other end of a field, kept ones
// aside, is connected to this node and requires it. keep is one id or a list.
func (w *writer) noneWouldLose(f *datamodel.Field, id Source, keep *Source) {
	link := w.layout().Link(f)
	var a args
	var others *relational.Select
	var other *relational.Column // the other node's id in the rows of others
	switch {
	case link.Child != nil:
		others = &relational.Select{Table: link.Child.Table, Where: relational.Compare{Column: link.Child, Op: relational.Equal, Arg: a.add(idParam(id))}}
		other = link.Child.Table.ID
	case link.Parent != nil:
		others = &relational.Select{Table: link.Parent.Table, Where: relational.And{
			relational.Compare{Column: link.Parent.Table.ID, Op: relational.Equal, Arg: a.add(idParam(id))},
			relational.IsNull{Column: link.Parent, Not: true},
		}}
		other = link.Parent
	default:
		others = &relational.Select{Table: link.Join.Table, Where: relational.Compare{Column: link.Join.From, Op: relational.Equal, Arg: a.add(idParam(id))}}
		other = link.Join.To
	}
	if f.Type == f.Target() { // a node connected to itself loses nothing that stays
		others.Where = relational.And{others.Where, relational.Compare{Column: other, Op: relational.NotEqual, Arg: a.add(idParam(id))}}
	}
	if keep != nil {
		others.Where = relational.And{others.Where, relational.In{Column: other, Arg: a.add(idsParam(*keep)), Not: true}}
	}
	w.guard(&a, relational.Exists{Select: others, Not: true}, relationRequired(f.Reverse()))
}

// noneTaken checks that none of the nodes belongs to another node that requires
// it.
func (w *writer) noneTaken(id Source, e edge, ids Source) {
	var a args
	taken := &relational.Select{Table: e.link.Child.Table, Where: relational.And{
		relational.In{Column: e.link.Child.Table.ID, Arg: a.add(idsParam(ids))},
		relational.IsNull{Column: e.link.Child, Not: true},
		relational.Compare{Column: e.link.Child, Op: relational.NotEqual, Arg: a.add(idParam(id))},
	}}
	w.guard(&a, relational.Exists{Select: taken, Not: true}, relationRequired(e.field))
}

// leaveOldPartners frees the nodes of a one-to-one relation of one field from
// their old partners.
func (w *writer) leaveOldPartners(id Source, e edge, ids Source) {
	join := e.link.Join
	var a args
	pair := func(first, second *relational.Column) relational.Predicate {
		return relational.And{
			relational.In{Column: first, Arg: a.add(idsParam(ids))},
			relational.Compare{Column: second, Op: relational.NotEqual, Arg: a.add(idParam(id))},
		}
	}
	own := func(first, second *relational.Column) relational.Predicate {
		return relational.And{
			relational.Compare{Column: first, Op: relational.Equal, Arg: a.add(idParam(id))},
			relational.In{Column: second, Arg: a.add(idsParam(ids)), Not: true},
		}
	}
	old := relational.Or{pair(join.From, join.To), pair(join.To, join.From), own(join.From, join.To), own(join.To, join.From)}
	if e.field.Required {
		w.guard(&a, relational.Exists{Select: &relational.Select{Table: join.Table, Where: old}, Not: true}, relationRequired(e.field))
		return
	}
	w.add(&relational.Delete{Table: join.Table, Where: old, Args: a.types()}, &a)
}
