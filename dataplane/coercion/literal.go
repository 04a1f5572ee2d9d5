package coercion

import (
	"errors"
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Literal coerces a value of the document to the type that is expected there.
// vars are the coerced variables of the request. A variable that was not sent
// gives Absent when it is the whole value, leaves its field out inside of an
// object, and is null inside of a list. The error is a *gqlerror.Error with the
// position of the part that was refused.
func Literal(types Types, t *ast.Type, v *ast.Value, vars map[string]Value) (Value, error) {
	c := literal{coercer{types: types, vars: vars}}
	value := c.value(RefOf(t), v)
	if len(c.errors) > 0 {
		return nil, c.errors[0]
	}
	return value, nil
}

func messageOf(err error) string {
	if e, ok := errors.AsType[*gqlerror.Error](err); ok {
		return e.Message
	}
	return err.Error()
}

// literal coerces one literal; it stops at the first error.
type literal struct{ coercer }

func (c *literal) invalid(v *ast.Value, why string) {
	c.at = v.Position
	c.refuse(why)
}

func (c *literal) value(ref Ref, v *ast.Value) Value {
	if len(c.errors) > 0 {
		return nil
	}
	switch {
	case v.Kind == ast.Variable:
		value, sent := c.vars[v.Raw]
		if !sent {
			return Absent{}
		}
		if value == nil && ref.NonNull() {
			c.invalid(v, fmt.Sprintf(`Variable "$%s" is null, but a value of type "%s" is expected.`, v.Raw, ref))
		}
		return value
	case v.Kind == ast.NullValue:
		if ref.NonNull() {
			c.invalid(v, fmt.Sprintf(`Expected value of type "%s", found null.`, ref))
		}
		return nil
	case ref.IsList():
		return c.list(ref.Elem(), v)
	}
	t, known := c.types.InputType(ref.Name)
	if !known {
		c.invalid(v, fmt.Sprintf(`Unknown type "%s".`, ref.Name))
		return nil
	}
	switch t.Kind {
	case KindObject:
		return c.object(t, v)
	case KindEnum:
		if v.Kind != ast.EnumValue {
			c.invalid(v, fmt.Sprintf(`Enum "%s" cannot represent non-enum value: %s.`, t.Name, short(v.String())))
		} else if !t.Members.Has(v.Raw) {
			c.invalid(v, fmt.Sprintf(`Value "%s" does not exist in "%s" enum.`, short(v.Raw), t.Name))
		}
		return v.Raw
	default:
		value, why := scalarFromLiteral(t.Name, v, c.vars)
		if why != "" {
			c.invalid(v, string(why))
		}
		return value
	}
}

func (c *literal) list(item Ref, v *ast.Value) Value {
	if v.Kind != ast.ListValue {
		return []any{c.value(item, v)}
	}
	values := make([]any, len(v.Children))
	for i, child := range v.Children {
		value := c.value(item, child.Value)
		if value == (Absent{}) {
			value = nil
			if item.NonNull() {
				c.invalid(child.Value, fmt.Sprintf(`Variable "$%s" was not provided, but a value of type "%s" is expected.`, child.Value.Raw, item))
			}
		}
		values[i] = value
	}
	return values
}

func (c *literal) object(t InputType, v *ast.Value) Value {
	if v.Kind != ast.ObjectValue {
		c.invalid(v, fmt.Sprintf(`Expected value of type "%s", found %s.`, t.Name, short(v.String())))
		return nil
	}
	object := &Object{Fields: make([]Member, 0, len(v.Children))}
	for _, child := range v.Children {
		field, ok := t.Members.Field(child.Name)
		if !ok {
			c.invalid(v, fmt.Sprintf(`Field "%s" is not defined by type "%s".`, short(child.Name), t.Name))
			return nil
		}
		value := c.value(field.Type, child.Value)
		if value != (Absent{}) {
			object.Fields = append(object.Fields, Member{Name: field.Name, Value: value})
		}
	}
	if t.OneOf {
		if len(object.Fields) != 1 || len(v.Children) != 1 {
			c.invalid(v, fmt.Sprintf(`Exactly one key must be specified for OneOf type "%s".`, t.Name))
		} else if object.Fields[0].Value == nil {
			c.invalid(v, fmt.Sprintf(`Field "%s" must be non-null.`, object.Fields[0].Name))
		}
		return object
	}
	for field := range t.Members.Expected() {
		if object.Has(field.Name) || len(c.errors) > 0 {
			continue
		}
		if field.Default == nil {
			c.invalid(v, fmt.Sprintf(`Field "%s" of required type "%s" was not provided.`, field.Name, field.Type))
			continue
		}
		object.Fields = append(object.Fields, Member{Name: field.Name, Value: c.value(field.Type, field.Default)})
	}
	return object
}
