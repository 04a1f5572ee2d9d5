package planner

import (
	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
)

// Mutations of the Relay API do what those of the Simple API do; their arguments
// are the fields of one input, and what they return is a payload around the node
// (data-api §3.3).

// mutationInput reads what a mutation is told, as one object.
func (p *planning) mutationInput(f *ast.Field) input {
	if p.doc.Schema.API() == compiledschema.Relay {
		return p.argument(f, "input")
	}
	return p.arguments(f)
}

// payload plans a payload with the node that it is about as the current row: node,
// edge and related nodes are all read from there.
func (r *reader) payload(root compiledschema.Root, in input, id Source, c collected, node *Node) relational.Value {
	one := r.byKey(root.Type, id)
	one.Fields = r.payloadFields(root, in, c, node).Fields
	return one
}

func (r *reader) payloadFields(root compiledschema.Root, in input, c collected, node *Node) relational.Object {
	typeName := r.doc.Schema.RootType(root).Name
	return r.members(typeName, false, c.sets(), node, func(c collected) (relational.Value, *Node) {
		field, ok := r.doc.Schema.PayloadField(root, c.first().Name)
		if !ok {
			return r.refused(unknownField(typeName, c), &Node{})
		}
		child := &Node{}
		switch field.Kind {
		case compiledschema.PayloadNode:
			r.echo, r.after = r.payloadEcho, r.payloadAfter
			return relational.Object{Fields: r.object(root.Type, c.sets(), child)}, child
		case compiledschema.PayloadEdge:
			r.after = r.payloadAfter
			edge := r.edge(root.Type, c.sets(), child)
			r.after = false // it may have selected no node
			return edge, child
		case compiledschema.PayloadRelated:
			value, child := r.toOne(field.Field, c)
			child.NonNull = false
			return value, child
		case compiledschema.PayloadDeletedID:
			return relational.ColumnValue{Column: r.doc.Schema.Layout().Table(root.Type).ID}, child
		default:
			return r.common(field, in, c)
		}
	})
}

// common plans the fields that every payload has.
func (r *reader) common(field compiledschema.PayloadField, in input, c collected) (relational.Value, *Node) {
	if field.Kind == compiledschema.PayloadViewer {
		return r.viewer(c, &Node{})
	}
	param := Param{
		Source: in.get(compiledschema.MutationIDField).source,
		Type:   relational.ArgType{Kind: relational.ArgText}, scalar: datamodel.String,
	}
	return relational.Argument{Arg: r.args.add(param)}, &Node{NonNull: true}
}

// deleteWithPayload deletes a node between two kinds of reading: what the payload
// says of the node is the state before, what its viewer shows is the state after.
// Fields of one kind that follow each other are one statement.
func (w *writer) deleteWithPayload(root compiledschema.Root, in input, id Source, c collected, node *Node) {
	type run struct {
		after  bool
		fields []*ast.Field
	}
	runs := []run{{}}
	for _, one := range w.collect(w.doc.Schema.RootType(root).Name, false, c.sets()) {
		field, ok := w.doc.Schema.PayloadField(root, one.first().Name)
		after := ok && field.Kind == compiledschema.PayloadViewer
		last := &runs[len(runs)-1]
		if len(last.fields) > 0 && last.after != after {
			runs = append(runs, run{})
			last = &runs[len(runs)-1]
		}
		last.after, last.fields = after, append(last.fields, one.fields...)
	}
	parts := make([]*Step, len(runs)) // of the runs
	shapes := make([]Node, len(runs))
	read := func(after bool) {
		for i, run := range runs {
			if run.after != after {
				continue
			}
			r := w.reader()
			r.payloadEcho, r.payloadAfter = w.echoed, w.out.After != nil
			part := selecting(run.fields)
			if after {
				w.payload(r, c.key, r.payloadFields(root, in, part, &shapes[i]))
			} else {
				w.payload(r, c.key, r.payload(root, in, id, part, &shapes[i]))
			}
			parts[i] = w.body[len(w.body)-1]
		}
	}
	read(false)
	if w.out.After != nil {
		w.scalarsOf(root.Type, id)
	}
	w.delete(root.Type, id)
	read(true)
	w.parts = parts
	for _, shape := range shapes {
		node.Children = append(node.Children, shape.Children...)
	}
}

// selecting is a field that selects these fields.
func selecting(fields []*ast.Field) collected {
	set := make(ast.SelectionSet, len(fields))
	for i, f := range fields {
		set[i] = f
	}
	return collected{fields: []*ast.Field{{SelectionSet: set}}}
}
