package functionhook

import (
	"bytes"
	"encoding/json"

	"github.com/go-json-experiment/json/jsontext"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/internal/planner"
)

// refOf is the type of a scalar field; null is for other stages to refuse.
func refOf(f *datamodel.Field) coercion.Ref {
	ref := coercion.Ref{Name: compiledschema.ValueName(f)}
	if f.List {
		ref.Wrap = coercion.NullableItemsOf
	}
	return ref
}

// coerce reads a value that a function returned for a field; 5004.
func coerce(schema *compiledschema.Schema, field string, ref coercion.Ref, value []byte) (coercion.Value, error) {
	wrong := fault.New(fault.FunctionValue, "The function returned a value for the field '%s' that is not of the type %s.", field, ref)
	v, err := coercion.Read(jsontext.NewDecoder(bytes.NewReader(value), jsontext.AllowDuplicateNames(true)))
	if err != nil {
		return nil, wrong
	}
	if ref.IsList() && v != nil {
		if _, isList := v.([]any); !isList {
			return nil, wrong
		}
	}
	out, err := coercion.FromJSON(schema, ref, v)
	if err != nil {
		return nil, wrong
	}
	if items, ok := out.([]any); ok {
		for _, item := range items {
			if item == nil {
				return nil, wrong
			}
		}
	}
	return out, nil
}

// scalars reads the scalar fields of a type out of an object that a function returned;
// other keys are dropped.
func scalars(schema *compiledschema.Schema, t *datamodel.Type, fields map[string]json.RawMessage, want func(*datamodel.Field) bool) (map[string]coercion.Value, error) {
	out := map[string]coercion.Value{}
	for _, f := range t.Fields {
		value, ok := fields[f.Name]
		if !ok || f.IsRelation() || !want(f) {
			continue
		}
		v, err := coerce(schema, f.Name, refOf(f), value)
		if err != nil {
			return nil, err
		}
		out[f.Name] = v
	}
	return out, nil
}

// shaped writes the value of a resolver function in the shape of a node: extra keys are
// dropped, missing ones are null, in the order of the selection (platform §2.9).
func shaped(schema *compiledschema.Schema, n *planner.Node, data []byte) ([]byte, error) {
	name := n.Call.Resolver.Function
	data = bytes.TrimSpace(data)
	switch {
	case len(data) == 0 || string(data) == "null":
		return []byte("null"), nil
	case !n.List:
		if data[0] != '{' {
			return nil, badShape(name, "an object")
		}
		return appendShaped(nil, schema, n, data)
	case data[0] != '[':
		return nil, badShape(name, "a list")
	}
	var items []json.RawMessage
	if err := json.Unmarshal(data, &items); err != nil {
		return nil, badShape(name, "a list")
	}
	out := []byte{'['}
	for i, item := range items {
		if i > 0 {
			out = append(out, ',')
		}
		if item = bytes.TrimSpace(item); item[0] != '{' {
			return nil, badShape(name, "a list of objects")
		}
		var err error
		if out, err = appendShaped(out, schema, n, item); err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}

func appendShaped(out []byte, schema *compiledschema.Schema, n *planner.Node, data []byte) ([]byte, error) {
	fields, ok := object(data)
	if !ok {
		return nil, badShape(n.Call.Resolver.Function, "an object")
	}
	out = append(out, '{')
	for i, child := range n.Children {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), child.Key...), `":`...)
		var v coercion.Value
		var err error
		if child.Value == nil { // __typename
			v = n.Call.Type
		} else if value, ok := fields[child.Value.Name]; ok {
			if v, err = coerce(schema, child.Value.Name, child.Value.Type.Nullable(), value); err != nil {
				return nil, err
			}
		}
		if out, err = coercion.AppendJSON(out, v); err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}
