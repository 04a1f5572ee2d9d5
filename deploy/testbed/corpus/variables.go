package corpus

import (
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// Variables makes a value for each variable of an operation, of the type that it
// declares, so that the operation gets past coercion.
func Variables(schema *ast.Schema, op *ast.OperationDefinition) map[string]any {
	g := &generator{schema: schema}
	out := map[string]any{}
	for _, v := range op.VariableDefinitions {
		out[v.Variable] = g.value(v.Type, v.Variable, 0)
	}
	return out
}

type generator struct{ schema *ast.Schema }

func (g *generator) value(t *ast.Type, name string, depth int) any {
	if t.Elem != nil {
		if depth > 4 {
			return []any{}
		}
		return []any{g.value(t.Elem, name, depth+1)}
	}
	switch t.NamedType {
	case "Int":
		if strings.EqualFold(name, "first") || strings.EqualFold(name, "last") {
			return 10
		}
		return 1
	case "Float":
		return 1.5
	case "Boolean":
		return true
	case "ID":
		return "cj00000000000000000000000"
	case "DateTime":
		return "2017-08-01T10:20:30.123Z"
	case "Json":
		return map[string]any{"a": 1}
	case "String", "Password":
		return "text of " + name
	}
	def := g.schema.Types[t.NamedType]
	if def == nil {
		return nil
	}
	switch def.Kind {
	case ast.Enum:
		return def.EnumValues[0].Name
	case ast.InputObject:
		out := map[string]any{}
		for _, f := range def.Fields {
			if f.Type.NonNull && f.DefaultValue == nil || depth == 0 && f.Type.Elem == nil && g.isScalar(f.Type.NamedType) {
				out[f.Name] = g.value(f.Type, f.Name, depth+1)
			}
		}
		return out
	default:
		return "any"
	}
}

func (g *generator) isScalar(name string) bool {
	def := g.schema.Types[name]
	return def != nil && (def.Kind == ast.Scalar || def.Kind == ast.Enum)
}
