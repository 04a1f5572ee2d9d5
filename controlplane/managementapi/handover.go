package managementapi

import (
	"maps"

	executor "github.com/graphql-go/graphql/language/ast"
	"github.com/graphql-go/graphql/language/source"
	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/dataplane/coercion"
)

// toExecutor hands a valid document over to graphql-go: one operation and the
// fragments. Null literals are left out, since the executor does not know them:
// in this API null and absent mean the same everywhere.
func toExecutor(doc *ast.QueryDocument, op *ast.OperationDefinition, text string) *executor.Document {
	h := &handover{source: source.NewSource(&source.Source{Body: []byte(text), Name: "request"})}
	out := executor.NewDocument(&executor.Document{})
	definition := executor.NewOperationDefinition(&executor.OperationDefinition{
		Loc: h.loc(op.Position), Operation: string(op.Operation), SelectionSet: h.set(op.SelectionSet), Directives: h.directives(op.Directives),
	})
	if op.Name != "" {
		definition.Name = h.name(op.Name, op.Position)
	}
	for _, v := range op.VariableDefinitions {
		// Variables are coerced, their defaults with them.
		definition.VariableDefinitions = append(definition.VariableDefinitions, executor.NewVariableDefinition(&executor.VariableDefinition{
			Loc: h.loc(v.Position), Variable: h.variable(v.Variable, v.Position), Type: h.typ(v.Type),
		}))
	}
	out.Definitions = append(out.Definitions, definition)
	for _, f := range doc.Fragments {
		out.Definitions = append(out.Definitions, executor.NewFragmentDefinition(&executor.FragmentDefinition{
			Loc: h.loc(f.Position), Name: h.name(f.Name, f.Position), TypeCondition: h.named(f.TypeCondition, f.Position),
			SelectionSet: h.set(f.SelectionSet), Directives: h.directives(f.Directives), Operation: "fragment",
		}))
	}
	return out
}

type handover struct{ source *source.Source }

func (h *handover) loc(p *ast.Position) *executor.Location {
	if p == nil {
		return executor.NewLocation(&executor.Location{Source: h.source})
	}
	return executor.NewLocation(&executor.Location{Start: p.Start, End: p.End, Source: h.source})
}

func (h *handover) name(text string, p *ast.Position) *executor.Name {
	return executor.NewName(&executor.Name{Value: text, Loc: h.loc(p)})
}

func (h *handover) named(text string, p *ast.Position) *executor.Named {
	return executor.NewNamed(&executor.Named{Name: h.name(text, p), Loc: h.loc(p)})
}

func (h *handover) variable(name string, p *ast.Position) *executor.Variable {
	return executor.NewVariable(&executor.Variable{Name: h.name(name, p), Loc: h.loc(p)})
}

func (h *handover) typ(t *ast.Type) executor.Type {
	var out executor.Type
	if t.Elem != nil {
		out = executor.NewList(&executor.List{Type: h.typ(t.Elem), Loc: h.loc(t.Position)})
	} else {
		out = h.named(t.NamedType, t.Position)
	}
	if t.NonNull {
		return executor.NewNonNull(&executor.NonNull{Type: out, Loc: h.loc(t.Position)})
	}
	return out
}

func (h *handover) set(set ast.SelectionSet) *executor.SelectionSet {
	if len(set) == 0 {
		return nil
	}
	out := executor.NewSelectionSet(&executor.SelectionSet{Loc: h.loc(set[0].GetPosition())})
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			out.Selections = append(out.Selections, executor.NewField(&executor.Field{
				Loc: h.loc(s.Position), Alias: h.name(s.Alias, s.Position), Name: h.name(s.Name, s.Position),
				Arguments: h.arguments(s.Arguments), Directives: h.directives(s.Directives), SelectionSet: h.set(s.SelectionSet),
			}))
		case *ast.FragmentSpread:
			out.Selections = append(out.Selections, executor.NewFragmentSpread(&executor.FragmentSpread{
				Loc: h.loc(s.Position), Name: h.name(s.Name, s.Position), Directives: h.directives(s.Directives),
			}))
		case *ast.InlineFragment:
			f := executor.NewInlineFragment(&executor.InlineFragment{
				Loc: h.loc(s.Position), Directives: h.directives(s.Directives), SelectionSet: h.set(s.SelectionSet),
			})
			if s.TypeCondition != "" {
				f.TypeCondition = h.named(s.TypeCondition, s.Position)
			}
			out.Selections = append(out.Selections, f)
		}
	}
	return out
}

func (h *handover) directives(list ast.DirectiveList) []*executor.Directive {
	var out []*executor.Directive
	for _, d := range list {
		out = append(out, executor.NewDirective(&executor.Directive{
			Loc: h.loc(d.Position), Name: h.name(d.Name, d.Position), Arguments: h.arguments(d.Arguments),
		}))
	}
	return out
}

func (h *handover) arguments(list ast.ArgumentList) []*executor.Argument {
	var out []*executor.Argument
	for _, a := range list {
		if v := h.value(a.Value); v != nil {
			out = append(out, executor.NewArgument(&executor.Argument{Loc: h.loc(a.Position), Name: h.name(a.Name, a.Position), Value: v}))
		}
	}
	return out
}

// value is nil for null.
func (h *handover) value(v *ast.Value) executor.Value {
	loc := h.loc(v.Position)
	switch v.Kind {
	case ast.Variable:
		return h.variable(v.Raw, v.Position)
	case ast.IntValue:
		return executor.NewIntValue(&executor.IntValue{Value: v.Raw, Loc: loc})
	case ast.FloatValue:
		return executor.NewFloatValue(&executor.FloatValue{Value: v.Raw, Loc: loc})
	case ast.StringValue, ast.BlockValue:
		return executor.NewStringValue(&executor.StringValue{Value: v.Raw, Loc: loc})
	case ast.BooleanValue:
		return executor.NewBooleanValue(&executor.BooleanValue{Value: v.Raw == "true", Loc: loc})
	case ast.EnumValue:
		return executor.NewEnumValue(&executor.EnumValue{Value: v.Raw, Loc: loc})
	case ast.ListValue:
		list := executor.NewListValue(&executor.ListValue{Loc: loc})
		for _, c := range v.Children {
			if item := h.value(c.Value); item != nil {
				list.Values = append(list.Values, item)
			}
		}
		return list
	case ast.ObjectValue:
		object := executor.NewObjectValue(&executor.ObjectValue{Loc: loc})
		for _, c := range v.Children {
			if field := h.value(c.Value); field != nil {
				object.Fields = append(object.Fields, executor.NewObjectField(&executor.ObjectField{
					Loc: h.loc(c.Position), Name: h.name(c.Name, c.Position), Value: field,
				}))
			}
		}
		return object
	default: // null
		return nil
	}
}

// plain turns coerced variables into the maps that the executor expects, without
// nulls.
func plain(values map[string]coercion.Value) map[string]any {
	out := map[string]any{}
	for name, v := range maps.All(values) {
		if p := plainValue(v); p != nil {
			out[name] = p
		}
	}
	return out
}

func plainValue(v coercion.Value) any {
	switch v := v.(type) {
	case *coercion.Object:
		out := map[string]any{}
		for _, m := range v.Fields {
			if p := plainValue(m.Value); p != nil {
				out[m.Name] = p
			}
		}
		return out
	case []any:
		out := make([]any, 0, len(v))
		for _, item := range v {
			if p := plainValue(item); p != nil {
				out = append(out, p)
			}
		}
		return out
	case coercion.JSON:
		return string(v)
	default:
		return v
	}
}
