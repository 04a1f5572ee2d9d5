package planner

import (
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/relational"
)

// relationMutation plans addTo, removeFrom, set and unset (data-api §2.9). The
// argument named after side A's field holds the id of the node found in that
// field, which is one of side B's type.
func (w *writer) relationMutation(root compiledschema.Root, in input, c collected, node *Node) {
	relation := root.Relation
	aName, bName := w.doc.Schema.RelationNames(relation)
	inA, inB := in.get(aName+"Id").source, in.get(bName+"Id").source
	a, b := relation.A(), relation.B()
	e := edge{field: a, link: w.layout().Link(a), ids: []Source{inA}}
	switch root.Kind {
	case compiledschema.RootAddTo, compiledschema.RootSet:
		w.require(b.Type, inA, connectMissing)
		w.require(a.Type, inB, connectMissing)
		w.connectPair(inB, e)
	default:
		missing := func(id string) *fault.Fault {
			return fault.New(fault.RemoveMissing, "Node with id %s not found", id)
		}
		w.require(b.Type, inA, missing)
		w.require(a.Type, inB, missing)
		w.disconnectPair(inB, e, inA)
	}
	r := &reader{planning: w.planning}
	fields := []relational.Field{}
	typeName := payloadName(root)
	for _, m := range w.collect(typeName, false, c.sets()) {
		child := &Node{Key: m.key, Field: w.doc.FieldOf(m.first())}
		var value relational.Value
		switch m.first().Name {
		case "__typename":
			child.NonNull = true
			value = literal(quote(typeName))
		case aName:
			value = r.node(b.Type, inA, m.sets(), child)
		default:
			value = r.node(a.Type, inB, m.sets(), child)
		}
		fields = append(fields, relational.Field{Key: m.key, Value: value})
		node.Children = append(node.Children, child)
	}
	w.payload(r, c.key, relational.Object{Fields: fields})
}

func payloadName(root compiledschema.Root) string {
	verb := map[compiledschema.RootKind]string{
		compiledschema.RootAddTo:      "AddTo",
		compiledschema.RootRemoveFrom: "RemoveFrom",
		compiledschema.RootSet:        "Set",
		compiledschema.RootUnset:      "Unset",
	}[root.Kind]
	return verb + root.Relation.Name + "Payload"
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
