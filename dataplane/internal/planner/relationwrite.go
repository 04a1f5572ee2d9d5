package planner

import (
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/relational"
)

// relationMutation plans addTo, removeFrom, set and unset (data-api §2.9). The
// argument named after side A's field holds the id of the node found in that
// field, which is one of side B's type.
func (w *writer) relationMutation(root compiledschema.Root, in input, c collected) {
	relation := root.Relation
	aName, bName := w.doc.Schema.RelationNames(relation)
	inA, inB := in.get(aName+"Id").source, in.get(bName+"Id").source
	a, b := relation.A(), relation.B()
	e := edge{field: a, link: w.layout().Link(a), ids: []Source{inA}}
	if e.oneToOne() {
		w.hold(&inB, e)
	}
	switch root.Kind {
	case compiledschema.RootAddTo, compiledschema.RootSet:
		w.permitEdges(compiledschema.Connect, a, inB, ends{ids: []Source{inA}})
		w.require(b.Type, inA, connectMissing)
		w.require(a.Type, inB, connectMissing)
		w.connectPair(inB, e)
	default:
		w.permitEdges(compiledschema.Disconnect, a, inB, ends{ids: []Source{inA}})
		missing := func(id string) *fault.Fault {
			return fault.New(fault.RemoveMissing, "Node with id %s not found", id)
		}
		w.require(b.Type, inA, missing)
		w.require(a.Type, inB, missing)
		w.disconnectPair(inB, e, inA)
	}
	w.relationPayload(root, in, [2]Source{datamodel.SideA: inB, datamodel.SideB: inA}, c)
}

// relationPayload reads the two nodes of an edge. nodes are, by side, the ids of
// the nodes that have the field of that side.
func (w *writer) relationPayload(root compiledschema.Root, in input, nodes [2]Source, c collected) {
	r, node := w.reader(), w.out.Node
	payload := r.members(w.doc.Schema.RootType(root).Name, false, c.sets(), node, func(c collected) (relational.Value, *Node) {
		field, ok := w.doc.Schema.PayloadField(root, c.first().Name)
		if !ok {
			return r.refused(unknownField(w.doc.Schema.RootType(root).Name, c), &Node{})
		}
		t, id := root.Relation.Ends[field.Side].Type, nodes[field.Side]
		child := &Node{}
		switch field.Kind {
		case compiledschema.PayloadNode:
			return r.node(t, id, c.sets(), child), child
		case compiledschema.PayloadEdge:
			one := r.byKey(t, id)
			one.Fields = r.edge(t, c.sets(), child).Fields
			return one, child
		default:
			return r.common(field, in, c)
		}
	})
	w.payload(r, c.key, payload)
}

// connectPair adds one edge. An end that can have only one partner leaves its
// old one first.
func (w *writer) connectPair(id Source, e edge) {
	if e.field.List {
		w.connectIDs(id, e, Source{kind: fromItems, items: e.ids})
		return
	}
	w.replaceFrom(id, e)
}

// disconnectPair removes one edge; it is no error when there is none.
func (w *writer) disconnectPair(id Source, e edge, other Source) {
	switch {
	case e.link.Parent != nil:
		w.clear(e.link.Parent, id, other)
	case e.link.Child != nil:
		w.clear(e.link.Child, other, id)
	default:
		drop := func(from, to *relational.Column) {
			var a args
			change := &relational.Delete{Table: e.link.Join.Table, Where: relational.And{
				relational.Compare{Column: from, Op: relational.Equal, Arg: a.add(idParam(id))},
				relational.Compare{Column: to, Op: relational.Equal, Arg: a.add(idParam(other))},
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

// clear empties the column of the row with this id where it points at other.
func (w *writer) clear(column *relational.Column, id, other Source) {
	var a args
	change := &relational.Update{
		Table: column.Table,
		Set:   []relational.Assignment{{Column: column}},
		Where: relational.And{
			relational.Compare{Column: column.Table.ID, Op: relational.Equal, Arg: a.add(idParam(id))},
			relational.Compare{Column: column, Op: relational.Equal, Arg: a.add(idParam(other))},
		},
	}
	change.Args = a.types()
	w.add(change, &a)
}
