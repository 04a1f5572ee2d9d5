package managementapi

import (
	"bytes"
	"encoding/json"

	"github.com/vektah/gqlparser/v2/ast"
)

// ordered brings the executor's maps into the order of the operation, which is
// the order a reader of the response expects.
func ordered(doc *ast.QueryDocument, set ast.SelectionSet, data any) any {
	switch data := data.(type) {
	case map[string]any:
		o := object{values: data}
		inside := map[string]ast.SelectionSet{}
		o.collect(doc, set, inside, map[string]bool{})
		for key, value := range data {
			data[key] = ordered(doc, inside[key], value)
		}
		return o
	case []any:
		for i := range data {
			data[i] = ordered(doc, set, data[i])
		}
	}
	return data
}

// object is a map with an order of keys.
type object struct {
	keys   []string
	values map[string]any
}

// collect lists the keys of a selection in order, with what is selected inside
// each. Only keys that the executor answered count, so that type conditions and
// directives need no second look.
func (o *object) collect(doc *ast.QueryDocument, set ast.SelectionSet, inside map[string]ast.SelectionSet, visited map[string]bool) {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			if _, answered := o.values[s.Alias]; !answered {
				continue
			}
			known, seen := inside[s.Alias]
			if !seen {
				o.keys = append(o.keys, s.Alias)
			}
			inside[s.Alias] = append(known[:len(known):len(known)], s.SelectionSet...)
		case *ast.InlineFragment:
			o.collect(doc, s.SelectionSet, inside, visited)
		case *ast.FragmentSpread:
			if f := doc.Fragments.ForName(s.Name); f != nil && !visited[s.Name] {
				visited[s.Name] = true
				o.collect(doc, f.SelectionSet, inside, visited)
			}
		}
	}
}

// MarshalJSON writes the keys in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, key := range o.keys {
		if i > 0 {
			out.WriteByte(',')
		}
		for j, part := range []any{key, o.values[key]} {
			if j > 0 {
				out.WriteByte(':')
			}
			encoder := json.NewEncoder(&out)
			encoder.SetEscapeHTML(false)
			if err := encoder.Encode(part); err != nil {
				return nil, err
			}
			out.Truncate(out.Len() - 1) // the encoder's line end
		}
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}
