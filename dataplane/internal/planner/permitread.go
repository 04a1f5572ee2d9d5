package planner

import (
	"slices"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/relational"
)

// readable says which scalar fields of one object may be read (data-api §6.3).
// Fields that depend on the same records have one gate.
type readable struct {
	reader  *reader
	t       *datamodel.Type
	echo    map[string]bool
	after   bool // see reader.after
	records []*compiledschema.Permission
	gates   []fieldsGate
}

// fieldsGate is what the records for some fields say.
type fieldsGate struct {
	records []*compiledschema.Permission
	access  access
	gate    *relational.Gate
}

// readable takes the echo rule along, which is for this object alone.
func (r *reader) readable(t *datamodel.Type) *readable {
	out := &readable{reader: r, t: t, echo: r.echo, after: r.after}
	r.echo, r.after = nil, false
	if !r.free() {
		out.records = r.doc.Schema.PermissionsFor(t.Name, compiledschema.Read)
	}
	return out
}

// value puts a field's value behind its gate.
func (b *readable) value(f *datamodel.Field, value relational.Value, node *Node) (relational.Value, *Node) {
	r := b.reader
	if r.free() {
		return value, node
	}
	if b.echo[f.Name] {
		r.note(b.t.Name, compiledschema.Read, f.Name, access{open: true, rules: []string{"a mutation may read what it was given"}}, ByNode)
		return value, node
	}
	g := b.gate(f)
	r.note(b.t.Name, compiledschema.Read, f.Name, g.access, ByNode)
	denied := g.access.denied("Insufficient Permissions")
	switch {
	case g.access.open:
		return value, node
	case g.gate == nil:
		return r.refused(denied, node)
	}
	r.gated = true
	node.Denied = denied
	return relational.Guarded{Gate: g.gate, Value: value, Mark: r.target.Mark}, node
}

func (b *readable) gate(f *datamodel.Field) fieldsGate {
	var records []*compiledschema.Permission
	for _, r := range b.records {
		if r.Covers(f.Name) {
			records = append(records, r)
		}
	}
	for _, g := range b.gates {
		if slices.Equal(g.records, records) {
			return g
		}
	}
	r, table := b.reader, b.reader.doc.Schema.Layout().Table(b.t)
	value := func(v compiledschema.PermissionVariable) (input, bool) {
		switch v.Kind {
		case compiledschema.PermissionNodeID:
			return rowInput(table.ID), true
		case compiledschema.PermissionNode:
			return rowInput(r.doc.Schema.Layout().Column(v.Field)), true
		default:
			return input{}, false
		}
	}
	g := fieldsGate{records: records, access: r.access(&r.args, records, subject{value: value, about: onRow})}
	if g.access.condition != nil {
		g.gate = &relational.Gate{Predicate: g.access.condition}
	}
	b.gates = append(b.gates, g)
	return g
}

// some is Some<Type>Exists where it is asked by itself: by an admin who tries a
// permission query.
func (r *reader) some(t *datamodel.Type, c collected, node *Node) (relational.Value, *Node) {
	if !r.target.Requester.Admin {
		return r.refused(fault.New(fault.NotAllowed, "Insufficient Permissions"), node)
	}
	where, err := r.filter(&r.args, t, r.argument(c.first(), "filter"))
	if err != nil {
		return r.refused(err, node)
	}
	sel := &relational.Select{Table: r.doc.Schema.Layout().Table(t), Where: where}
	if err := r.page(sel, t, c.first(), node); err != nil {
		return r.refused(err, node)
	}
	r.usesRows = true
	return relational.Whether{Select: sel}, node
}
