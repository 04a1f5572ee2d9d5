package planner

import (
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/internal/operation"
	"icehouse/tenancy/meter"
)

// planning is the work on one plan.
type planning struct {
	target  Target
	doc     *operation.Document
	vars    map[string]coercion.Value // looked at for their shape only
	newIDs  int                       // how many ids a request makes so far
	root    int                       // the position of the root field of a mutation
	missing bool                      // the sequence is that of a node that is missing
	calls   []*Node
	// server are the variables of a permission query, which no client fills.
	server map[string]input
	// asRequester says that the plan is right only while the requester's node is
	// there.
	asRequester bool
	verdicts    []Verdict
	features    meter.Feature
	queries     int // permission queries
	// gone is the type of a node that was deleted, while a condition is about the state
	// before that; was, that it is about the node itself. returns counts how often it has
	// come back to the node.
	gone    *datamodel.Type
	was     bool
	returns int
}

// input is a value that the client gave: its structure, which the plan may
// depend on, and at the leaves where each request's value comes from.
type input struct {
	kind   inputKind
	source Source // of a leaf
	value  any    // of a leaf: a boolean or an enum's value; nothing else may be used
	items  []input
	fields []inputField
}

type inputField struct {
	name  string
	value input
}

type inputKind uint8

const (
	absent inputKind = iota
	null
	leaf
	list
	object
	kept // what a hook left out: the client gave it, and it is not written
)

// given says that the client gave a value that is not null.
func (in input) given() bool { return in.kind > null }

// get looks a field of an object up; absent when there is none.
func (in input) get(name string) input {
	for _, f := range in.fields {
		if f.name == name {
			return f.value
		}
	}
	return input{}
}

// asList applies GraphQL's list coercion: one value is a list of one.
func (in input) asList() []input {
	switch in.kind {
	case list:
		return in.items
	case absent, null:
		return nil
	default:
		return []input{in}
	}
}

// argument reads an argument of a field.
func (p *planning) argument(f *ast.Field, name string) input {
	a := f.Arguments.ForName(name)
	if a == nil {
		return input{}
	}
	return p.input(a.Value)
}

// arguments reads all arguments of a field as one object.
func (p *planning) arguments(f *ast.Field) input {
	in := input{kind: object}
	for _, a := range f.Arguments {
		if v := p.input(a.Value); v.kind != absent {
			in.fields = append(in.fields, inputField{a.Name, v})
		}
	}
	return in
}

func (p *planning) input(v *ast.Value) input {
	switch v.Kind {
	case ast.Variable:
		if p.server != nil {
			return p.server[v.Raw]
		}
		value, ok := p.vars[v.Raw]
		if !ok {
			return input{}
		}
		return fromValue(value, Source{kind: fromVariable, name: v.Raw})
	case ast.NullValue:
		return input{kind: null}
	case ast.BooleanValue:
		b, _ := strconv.ParseBool(v.Raw)
		return input{kind: leaf, value: b, source: Source{value: b}}
	case ast.EnumValue:
		return input{kind: leaf, value: v.Raw, source: Source{value: v.Raw}}
	case ast.ListValue:
		in := input{kind: list}
		for _, child := range v.Children {
			item := p.input(child.Value)
			if item.kind == absent { // a variable that was not sent, inside a list
				item.kind = null
			}
			in.items = append(in.items, item)
		}
		return in
	case ast.ObjectValue:
		in := input{kind: object}
		for _, child := range v.Children {
			if field := p.input(child.Value); field.kind != absent {
				in.fields = append(in.fields, inputField{child.Name, field})
			}
		}
		return in
	default: // a string or number
		if i, ok := p.doc.LiteralOf(v); ok {
			return input{kind: leaf, source: Source{kind: fromLiteral, literal: i}}
		}
		kind := v.Kind
		if kind == ast.BlockValue {
			kind = ast.StringValue
		}
		return input{kind: leaf, source: Source{value: operation.Literal{Kind: kind, Raw: v.Raw}}}
	}
}

func fromValue(value coercion.Value, source Source) input {
	switch value := value.(type) {
	case nil:
		return input{kind: null}
	case *coercion.Object:
		in := input{kind: object}
		for _, f := range value.Fields {
			in.fields = append(in.fields, inputField{f.Name, fromValue(f.Value, source.at(f.Name))})
		}
		return in
	case []any:
		if !operation.Structured(value) {
			// The items are scalars: their number is no part of the shape.
			return input{kind: leaf, source: source, value: value}
		}
		in := input{kind: list}
		for i, item := range value {
			in.items = append(in.items, fromValue(item, source.at(i)))
		}
		return in
	default:
		return input{kind: leaf, source: source, value: value}
	}
}

func (s Source) at(step any) Source {
	path := make([]any, 0, len(s.path)+1)
	s.path = append(append(path, s.path...), step)
	return s
}

// listSource is a source for a list of scalars, given as a variable, as a list
// of literals and variables, or as one value.
func (in input) listSource() Source {
	if in.kind == leaf {
		return in.source
	}
	s := Source{kind: fromItems}
	for _, item := range in.items {
		s.items = append(s.items, item.source)
	}
	return s
}
