package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/relational"
)

// Call is one of a resolver function (platform §2.9).
type Call struct {
	Resolver *compiledschema.Resolver
	Type     string // the payload type's name in this API
	Data     Data
}

// Hook is what runs before one node is written (platform §2.6).
type Hook struct {
	Type   *datamodel.Type
	Verb   compiledschema.Verb
	Before *compiledschema.Function // nil when only PreWrite runs
	// PreWrite sees what Before returned, and changes nothing.
	PreWrite *compiledschema.Function
	Data     Data
}

// AfterHook runs when a root field's node is written (platform §2.7).
type AfterHook struct {
	Function *compiledschema.Function
	Type     *datamodel.Type
	Step     int // of the sequence: reads the node's scalars, see Node
}

// afterKey is the key of what the step of an AfterHook reads.
const afterKey = "node"

// Data is what a function is told: JSON with the values of a request.
type Data struct {
	null   bool
	leaf   *Param
	items  []Data
	fields []namedData // of an object; by name
	object bool
}

type namedData struct {
	name string
	data Data
}

// JSON writes the data of one request.
func (b *Binding) JSON(d Data) ([]byte, error) { return b.appendData(nil, d) }

func (b *Binding) appendData(out []byte, d Data) ([]byte, error) {
	var err error
	switch {
	case d.null:
		return append(out, "null"...), nil
	case d.leaf != nil:
		v, err := b.resolve(d.leaf, d.leaf.Source)
		if err == nil && d.leaf.scalar == datamodel.Password {
			v, err = b.hashed(v, false)
		}
		if err != nil {
			return nil, err
		}
		return coercion.AppendJSON(out, v)
	case d.object:
		out = append(out, '{')
		for i, f := range d.fields {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(append(append(out, '"'), f.name...), `":`...)
			if out, err = b.appendData(out, f.data); err != nil {
				return nil, err
			}
		}
		return append(out, '}'), nil
	default:
		out = append(out, '[')
		for i, item := range d.items {
			if i > 0 {
				out = append(out, ',')
			}
			if out, err = b.appendData(out, item); err != nil {
				return nil, err
			}
		}
		return append(out, ']'), nil
	}
}

// listData is a list of scalars, for which one of them may stand.
func listData(in input, scalar datamodel.Scalar) Data {
	if _, isList := in.value.([]any); in.kind == leaf && !isList {
		in = input{kind: list, items: []input{in}}
	}
	return scalarData(in, scalar)
}

// scalarData is a scalar, or a list of them.
func scalarData(in input, scalar datamodel.Scalar) Data {
	switch in.kind {
	case absent, null:
		return Data{null: true}
	case list:
		d := Data{}
		for _, item := range in.items {
			d.items = append(d.items, scalarData(item, scalar))
		}
		return d
	default:
		return Data{leaf: &Param{Source: in.source, scalar: scalar}}
	}
}

// nodeData is what a client says of a node, with the nodes inside.
func (p *planning) nodeData(t *datamodel.Type, in input) Data {
	d := Data{object: true}
	for _, f := range in.fields {
		key, ok := p.doc.Schema.InputKey(t, f.name)
		if !ok {
			continue // clientMutationId of the Relay API
		}
		d.fields = append(d.fields, namedData{f.name, p.keyData(key, f.value)})
	}
	return d.sorted()
}

func (d Data) sorted() Data {
	slices.SortStableFunc(d.fields, func(a, b namedData) int { return cmp.Compare(a.name, b.name) })
	return d
}

func (p *planning) keyData(key compiledschema.InputKey, in input) Data {
	switch key.Kind {
	case compiledschema.InputCreate, compiledschema.InputCreateMany:
		switch in.kind {
		case absent, null:
			return Data{null: true}
		case list:
			d := Data{}
			for _, item := range in.items {
				d.items = append(d.items, p.nodeData(key.Field.Target(), item))
			}
			return d
		default:
			return p.nodeData(key.Field.Target(), in)
		}
	case compiledschema.InputConnect, compiledschema.InputID:
		return scalarData(in, datamodel.ID)
	case compiledschema.InputConnectMany:
		return listData(in, datamodel.ID)
	default:
		if key.Field.List {
			return listData(in, key.Field.Scalar)
		}
		return scalarData(in, key.Field.Scalar)
	}
}

// withID adds the id of a node.
func (d Data) withID(id Source) Data {
	d.fields = slices.DeleteFunc(slices.Clone(d.fields), func(f namedData) bool { return f.name == "id" })
	d.fields = append(d.fields, namedData{"id", Data{leaf: &Param{Source: id, scalar: datamodel.ID}}})
	d.object = true
	return d.sorted()
}

// call plans the call of a resolver function.
func (p *planning) call(root compiledschema.Root, c collected, node *Node) {
	d := Data{object: true}
	for _, arg := range root.Resolver.Field.Args {
		in := p.argument(c.first(), arg.Name)
		if in.kind == absent && arg.Default != nil {
			in = p.input(arg.Default)
		}
		if in.kind != absent {
			value := scalarData
			if arg.Type.IsList() {
				value = listData
			}
			d.fields = append(d.fields, namedData{arg.Name, value(in, datamodel.ScalarNamed(arg.Type.Name))})
		}
	}
	node.Call = &Call{Resolver: root.Resolver, Type: p.doc.Schema.PayloadName(root.Resolver), Data: d.sorted()}
	node.List = root.Resolver.Field.Type.IsList()
	node.Item = node.List
	for _, one := range p.collect(node.Call.Type, false, c.sets()) {
		child := &Node{Key: one.key, Field: p.doc.FieldOf(one.first()), NonNull: true} // as __typename is
		for i := range root.Resolver.Payload.Fields {
			if f := &root.Resolver.Payload.Fields[i]; f.Name == one.first().Name {
				child.Value, child.NonNull = f, f.Type.NonNull()
			}
		}
		node.Children = append(node.Children, child)
	}
	if p.target.Requester.Type != "" {
		p.asRequester = true
	}
}

// Hooked says what hooks returned for the nodes of one root field, as far as a plan
// depends on it.
type Hooked struct {
	Write   int
	Missing bool         // it is about the sequence Missing
	Nodes   []HookedNode // by the order of Sequence.Hooks
}

// HookedNode are the fields that a hook returned, by name. Of one that left them as they
// were, As is true.
type HookedNode struct {
	As     bool
	Fields []HookedField
}

// HookedField is a scalar field; null, or with a value.
type HookedField struct {
	Name string
	Null bool
}

// Shape is what a plan depends on.
func (h *Hooked) Shape() string {
	if h == nil {
		return ""
	}
	var out strings.Builder
	fmt.Fprintf(&out, "\x00hooks:%d %t", h.Write, h.Missing)
	for _, n := range h.Nodes {
		fmt.Fprintf(&out, ";%t", n.As)
		for _, f := range n.Fields {
			fmt.Fprintf(&out, ",%s=%t", f.Name, f.Null)
		}
	}
	return out.String()
}

// hooked plans the hooks of a node that is written, and returns what is written of it
// instead of what the client gave (platform §2.6).
func (w *writer) hooked(verb compiledschema.Verb, t *datamodel.Type, in input, id Source) input {
	hook := &Hook{
		Type: t, Verb: verb,
		Before: w.doc.Schema.Hook(t, verb, compiledschema.OperationBefore), PreWrite: w.doc.Schema.Hook(t, verb, compiledschema.PreWrite),
	}
	switch {
	case hook.Before == nil && hook.PreWrite == nil:
		return in
	case verb == compiledschema.Update && !w.givesScalar(t, in):
		return in
	case verb == compiledschema.Delete:
		hook.Data = Data{}.withID(id)
	default:
		hook.Data = w.nodeData(t, in).withID(id)
	}
	if verb != compiledschema.Create { // whether it is there must be known before
		w.mustExist(t, id)
	}
	n := len(w.out.Hooks)
	w.out.Hooks = append(w.out.Hooks, hook)
	if w.target.Hooked == nil || w.target.Hooked.Write != w.root || w.target.Hooked.Missing != w.missing || verb == compiledschema.Delete || w.target.Hooked.Nodes[n].As {
		return in
	}
	returned := w.target.Hooked.Nodes[n].Fields
	out := input{kind: object}
	for _, f := range in.fields {
		if key, ok := w.doc.Schema.InputKey(t, f.name); !ok || key.Kind != compiledschema.InputScalar {
			out.fields = append(out.fields, f)
		} else if verb == compiledschema.Update && !slices.ContainsFunc(returned, func(r HookedField) bool { return r.Name == f.name }) {
			out.fields = append(out.fields, inputField{f.name, input{kind: kept}}) // updatedFields has both (LQ-23)
		}
	}
	for _, f := range returned {
		value := input{kind: null}
		if !f.Null {
			value = input{kind: leaf, source: Source{kind: fromHook, number: n, edges: f.Name}}
		}
		out.fields = append(out.fields, inputField{f.Name, value})
	}
	return out
}

func (w *writer) givesScalar(t *datamodel.Type, in input) bool {
	return slices.ContainsFunc(in.fields, func(f inputField) bool {
		key, ok := w.doc.Schema.InputKey(t, f.name)
		return ok && key.Kind == compiledschema.InputScalar
	})
}

// hooks says that functions run before nodes of a type are written.
func (w *writer) hooks(verb compiledschema.Verb, t *datamodel.Type) bool {
	return w.doc.Schema.Hook(t, verb, compiledschema.OperationBefore) != nil || w.doc.Schema.Hook(t, verb, compiledschema.PreWrite) != nil
}

// after plans the function that runs when the node of a root field is written. It comes
// before the payload is planned.
func (w *writer) after(verb compiledschema.Verb, t *datamodel.Type) {
	if f := w.doc.Schema.Hook(t, verb, compiledschema.OperationAfter); f != nil {
		w.out.After = &AfterHook{Function: f, Type: t}
		w.out.Rewrite = true
	}
}

// scalarsOf reads all scalars of a node, for the function that runs after its write.
func (w *writer) scalarsOf(t *datamodel.Type, id Source) {
	r := w.reader()
	one := r.byKey(t, id)
	for _, f := range t.Fields {
		if !f.IsRelation() {
			one.Fields = append(one.Fields, relational.Field{Key: f.Name, Value: relational.ColumnValue{Column: w.layout().Column(f)}})
		}
	}
	q := &relational.Query{Fields: []relational.Field{{Key: afterKey, Value: one}}, Args: r.args.types()}
	w.scalars = &Step{Statement: w.target.Dialect.Query(w.target.Namespace, q), Params: r.args.params}
	w.body = append(w.body, w.scalars)
}

// hookValue finds what a hook returned.
func (b *Binding) hookValue(s Source) (any, error) {
	if s.number >= len(b.Hooked) {
		return nil, fault.Internal(fmt.Errorf("no hook %d", s.number))
	}
	v, ok := b.Hooked[s.number][s.edges]
	if !ok {
		return nil, fault.Internal(fmt.Errorf("no value of a hook for %s", s.edges))
	}
	if items, ok := v.([]any); ok {
		return slices.Clone(items), nil // which is changed on its way to the database
	}
	return v, nil
}
