package planner

import (
	"slices"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/relational"
)

// permits is what a sequence must be allowed to do, as it is planned: each node that
// it writes (data-api §6.4) and each edge that it adds or removes by name (§6.5).
type permits struct {
	forbidden *fault.Fault // no record can allow it
	echoed    map[string]bool
	connected []connected
}

// connected are nodes that the engine itself finds missing when the edge is
// written, which comes before the edge's permission.
type connected struct {
	t   *datamodel.Type
	ids Source
}

// echoed are the fields of a payload's node that may be read whatever the records
// say: those that were given, and the id (data-api §6.3).
func echoed(in input) map[string]bool {
	out := map[string]bool{"id": true}
	for _, f := range in.fields {
		out[f.name] = true
	}
	return out
}

// permit asks whether a node may be written: each field given must be allowed; a
// write without one needs one record that allows it. id is of the node, which is
// there already unless the verb is Create.
func (w *writer) permit(verb compiledschema.Verb, t *datamodel.Type, in input, id Source) {
	if w.free() {
		return
	}
	records := w.doc.Schema.PermissionsFor(t.Name, verb)
	var a args
	var all relational.And
	var asked [][]*compiledschema.Permission
	var refusal access
	table := w.layout().Table(t)
	onNode := func(a *args, condition relational.Predicate) relational.Predicate { // as it is
		if len(a.rows) == 0 {
			return condition
		}
		condition = onRow(a, condition)
		return relational.Exists{Select: &relational.Select{Table: table, Where: relational.And{
			relational.Compare{Column: table.ID, Op: relational.Equal, Arg: a.add(anyID(id))}, condition,
		}}}
	}
	ask := func(field string, records []*compiledschema.Permission) {
		if !w.target.Explain && slices.ContainsFunc(asked, func(known []*compiledschema.Permission) bool { return slices.Equal(known, records) }) {
			return
		}
		asked = append(asked, records)
		access := w.access(&a, records, subject{value: w.nodeVariables(verb, in, id), about: onNode, keep: true})
		w.note(t.Name, verb, field, access, ByStatement)
		switch {
		case access.open:
		case access.condition == nil:
			w.forbid(access.denied(notPermitted))
		default:
			all = append(all, access.condition)
			refusal = access
		}
	}
	fields := w.given(t, in)
	if verb == compiledschema.Delete || len(fields) == 0 {
		ask("", records)
	}
	for _, f := range fields {
		if verb == compiledschema.Delete {
			break
		}
		var covering []*compiledschema.Permission
		for _, r := range records {
			if r.Covers(f) {
				covering = append(covering, r)
			}
		}
		ask(f, covering)
	}
	if len(all) == 0 {
		return
	}
	if verb != compiledschema.Create { // the node stays as it was looked at
		w.holds(held{table: table, ids: []Source{id}})
	}
	w.nodes = append(w.nodes, w.guardStep(&a, joined(all), refusal.denied(notPermitted)))
}

const notPermitted = "Insufficient permissions for this mutation"

// forbid makes the whole write fail before everything else. The first reason
// stands.
func (w *writer) forbid(f *fault.Fault) {
	if w.forbidden == nil {
		w.forbidden = f
	}
}

// given are the fields that a write gives: scalars, and relation fields whose nodes
// it creates.
func (w *writer) given(t *datamodel.Type, in input) []string {
	var out []string
	for _, f := range in.fields {
		key, ok := w.doc.Schema.InputKey(t, f.name)
		if !ok {
			continue
		}
		switch key.Kind {
		case compiledschema.InputScalar, compiledschema.InputCreate, compiledschema.InputCreateMany:
			if key.Field.Name != "id" && !slices.Contains(out, key.Field.Name) {
				out = append(out, key.Field.Name)
			}
		}
	}
	return out
}

// anyID is an id that may have any form.
func anyID(s Source) Param {
	p := idParam(s)
	p.conv = asIs
	return p
}

// dummyNodeID is $node_id of a node that is not there yet (data-api §6.6).
const dummyNodeID = "not-the-id"

func (w *writer) nodeVariables(verb compiledschema.Verb, in input, id Source) func(compiledschema.PermissionVariable) (input, bool) {
	return func(v compiledschema.PermissionVariable) (input, bool) {
		switch v.Kind {
		case compiledschema.PermissionNodeID:
			if verb == compiledschema.Create {
				return input{kind: leaf, source: Source{value: dummyNodeID}}, true
			}
			id.scalar = datamodel.ID
			return input{kind: leaf, source: id}, true
		case compiledschema.PermissionNode:
			return rowInput(w.layout().Column(v.Field)), true
		case compiledschema.PermissionInput:
			return as(in.get(v.Field.Name), v.Field.Scalar), true
		case compiledschema.PermissionInputID:
			return as(in.get(v.Field.Name+"Id"), datamodel.ID), true
		default:
			return input{}, false
		}
	}
}

// as says what a literal is read as, wherever it stands.
func as(in input, s datamodel.Scalar) input {
	if in.kind == leaf {
		in.source.scalar = s
	}
	return in
}

// ends are the nodes at the other ends of edges.
type ends struct {
	ids     []Source // each one id
	idLists []Source // each a list of ids
	isNew   bool     // they are not there yet
}

func newNode(id Source) ends { return ends{ids: []Source{id}, isNew: true} }

// permitConnects asks for all edges to nodes that are there already.
func (w *writer) permitConnects(id Source, e edge) {
	w.permitEdges(compiledschema.Connect, e.field, id, ends{ids: e.ids, idLists: e.idLists})
}

// permitConnect asks for the edge between a new node and others. f is the new
// node's end.
func (w *writer) permitConnect(f *datamodel.Field, id Source, others ends) {
	w.permitEdges(compiledschema.Connect, f, id, others)
}

// permitEdges asks whether edges of a field may be added or removed between a node
// and others.
func (w *writer) permitEdges(verb compiledschema.Verb, f *datamodel.Field, id Source, others ends) {
	if w.free() || len(others.ids)+len(others.idLists) == 0 {
		return
	}
	if !others.isNew {
		if len(others.ids) > 0 {
			w.connected = append(w.connected, connected{f.Target(), Source{kind: fromItems, items: others.ids}})
		}
		for _, ids := range others.idLists {
			w.connected = append(w.connected, connected{f.Target(), ids})
		}
	}
	message := "No CONNECT permissions"
	if verb == compiledschema.Disconnect {
		message = "No DISCONNECT permissions"
	}
	records := w.doc.Schema.PermissionsFor(f.Relation.Name, verb)
	ask := func(a *args, other input) access {
		value := func(v compiledschema.PermissionVariable) (input, bool) {
			if v.Side == f.Side { // the node found in this field
				return other, true
			}
			return input{kind: leaf, source: withScalar(id, datamodel.ID)}, true
		}
		return w.access(a, records, subject{value: value, about: onRow, keep: true})
	}
	for _, other := range others.ids {
		var a args
		access := ask(&a, input{kind: leaf, source: withScalar(other, datamodel.ID)})
		w.note(f.Relation.Name, verb, "", access, ByStatement)
		switch {
		case access.open:
			return
		case access.condition == nil:
			w.edgesNamed = append(w.edgesNamed, w.guardStep(&args{}, relational.Constant(false), access.denied(message)))
			return
		}
		w.edgesNamed = append(w.edgesNamed, w.guardStep(&a, access.condition, access.denied(message)))
	}
	table := w.layout().Table(f.Target())
	for _, ids := range others.idLists {
		var a args
		access := ask(&a, rowInput(table.ID))
		w.note(f.Relation.Name, verb, "", access, ByStatement)
		if access.open {
			return
		}
		if access.condition == nil {
			access.condition = relational.Constant(false)
		}
		// None of the nodes is one that may not.
		condition := relational.Exists{Not: true, Select: &relational.Select{Table: table, Where: relational.Not{Predicate: access.condition}}}
		in := relational.In{Column: table.ID, Arg: a.add(anyIDs(ids))}
		condition.Select.Where = relational.And{in, condition.Select.Where}
		w.edgesNamed = append(w.edgesNamed, w.guardStep(&a, condition, access.denied(message)))
	}
}

func withScalar(s Source, scalar datamodel.Scalar) Source {
	s.scalar = scalar
	return s
}

func anyIDs(s Source) Param {
	p := idsParam(s)
	p.conv = asIs
	return p
}
