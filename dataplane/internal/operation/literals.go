package operation

import (
	"errors"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/compiledschema"
)

// checkLiterals looks at what the parser's rules let pass: literals for DateTime
// and Json (data-api §2.12). The document is valid otherwise.
func checkLiterals(schema *compiledschema.Schema, doc *ast.QueryDocument) gqlerror.List {
	c := &literalChecker{schema: schema}
	for _, op := range doc.Operations {
		for _, v := range op.VariableDefinitions {
			c.value(v.Type, v.DefaultValue)
		}
		c.set(op.SelectionSet)
	}
	for _, f := range doc.Fragments {
		c.set(f.SelectionSet)
	}
	return c.errors
}

type literalChecker struct {
	schema *compiledschema.Schema
	errors gqlerror.List
}

func (c *literalChecker) set(set ast.SelectionSet) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			if s.Definition != nil {
				for _, a := range s.Arguments {
					if def := s.Definition.Arguments.ForName(a.Name); def != nil {
						c.value(def.Type, a.Value)
					}
				}
			}
			c.set(s.SelectionSet)
		case *ast.InlineFragment:
			c.set(s.SelectionSet)
		}
	}
}

func (c *literalChecker) value(t *ast.Type, v *ast.Value) {
	if v == nil || v.Kind == ast.Variable || v.Kind == ast.NullValue {
		return
	}
	if t.Elem != nil {
		if v.Kind != ast.ListValue {
			c.value(t.Elem, v)
			return
		}
		for _, item := range v.Children {
			c.value(t.Elem, item.Value)
		}
		return
	}
	switch t.NamedType {
	case "DateTime", "Json":
		if _, err := coercion.Literal(c.schema, ast.NamedType(t.NamedType, nil), v, nil); err != nil {
			e := &gqlerror.Error{Message: err.Error()}
			if of := (*gqlerror.Error)(nil); errors.As(err, &of) {
				e.Message = of.Message
			}
			if v.Position != nil {
				e.Locations = []gqlerror.Location{{Line: v.Position.Line, Column: v.Position.Column}}
			}
			c.errors = append(c.errors, e)
		}
		return
	}
	if v.Kind != ast.ObjectValue {
		return
	}
	input, ok := c.schema.InputType(t.NamedType)
	if !ok || input.Kind != coercion.KindObject {
		return
	}
	for _, child := range v.Children {
		if f, ok := input.Members.Field(child.Name); ok {
			c.value(f.Type.Type(), child.Value)
		}
	}
}
