package coercion

import (
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Variables coerces the variables of a request to the types that the operation
// declares. A variable that was not sent and has no default is not in the result,
// one that was sent as null is there with nil. Variables that the operation does not
// declare are ignored.
func Variables(types Types, op *ast.OperationDefinition, raw *Given) (map[string]Value, gqlerror.List) {
	if len(op.VariableDefinitions) == 0 {
		return nil, nil
	}
	values := make(map[string]Value, len(op.VariableDefinitions))
	c := variable{coercer: coercer{types: types}}
	for _, def := range op.VariableDefinitions {
		c.name, c.at, c.path = def.Variable, def.Position, c.path[:0]
		ref := RefOf(def.Type)
		if _, known := types.InputType(ref.Name); !known {
			c.refuse(fmt.Sprintf(`Variable "$%s" expected value of type "%s" which cannot be used as an input type.`, def.Variable, ref))
			continue
		}
		sent, ok := raw.Get(def.Variable)
		switch {
		case !ok && def.DefaultValue != nil:
			value, err := Literal(types, def.Type, def.DefaultValue, nil)
			if err != nil {
				c.refuse(fmt.Sprintf(`Variable "$%s" has an invalid default value; %s`, def.Variable, messageOf(err)))
				continue
			}
			values[def.Variable] = value
		case !ok && ref.NonNull():
			c.refuse(fmt.Sprintf(`Variable "$%s" of required type "%s" was not provided.`, def.Variable, ref))
		case !ok:
		case sent == nil && ref.NonNull():
			c.refuse(fmt.Sprintf(`Variable "$%s" of non-null type "%s" must not be null.`, def.Variable, ref))
		default:
			values[def.Variable] = c.value(ref, sent)
		}
		if c.full() {
			break
		}
	}
	if len(c.errors) > 0 {
		return nil, c.errors
	}
	return values, nil
}

// variable coerces the value of one variable after the other.
type variable struct {
	coercer
	name string
}

func (c *variable) invalid(v any, why string) {
	at := ""
	if len(c.path) > 0 {
		at = ` at "` + c.where(c.name) + `"`
	}
	c.refuse(`Variable "$` + c.name + `" got invalid value ` + inspect(v) + at + "; " + why)
}

func (c *variable) value(ref Ref, v any) Value {
	switch {
	case c.full():
		return nil
	case v == nil:
		if ref.NonNull() {
			c.invalid(v, `Expected non-nullable type "`+ref.String()+`" not to be null.`)
		}
		return nil
	case ref.IsList():
		return c.list(ref.Elem(), v)
	}
	t, _ := c.types.InputType(ref.Name)
	switch t.Kind {
	case KindObject:
		return c.object(t, v)
	case KindEnum:
		s, ok := v.(string)
		switch {
		case !ok:
			c.invalid(v, `Enum "`+t.Name+`" cannot represent non-string value: `+inspect(v)+".")
		case !t.Members.Has(s):
			c.invalid(v, `Value "`+short(s)+`" does not exist in "`+t.Name+`" enum.`)
		}
		return s
	default:
		value, why := scalarFromJSON(t.Name, v)
		if why != "" {
			c.invalid(v, string(why))
		}
		return value
	}
}

func (c *variable) list(item Ref, v any) Value {
	items, ok := v.([]any)
	if !ok {
		return []any{c.value(item, v)}
	}
	values := make([]any, len(items))
	for i := range items {
		c.enter(step{index: i})
		values[i] = c.value(item, items[i])
		c.leave()
	}
	return values
}

func (c *variable) object(t InputType, v any) Value {
	given, ok := v.(*Given)
	if !ok {
		c.invalid(v, `Expected type "`+t.Name+`" to be an object.`)
		return nil
	}
	object := &Object{Fields: make([]Member, 0, given.len())}
	for _, m := range given.sorted() {
		field, ok := t.Members.Field(m.name)
		if !ok {
			c.invalid(v, `Field "`+short(m.name)+`" is not defined by type "`+t.Name+`".`)
			continue
		}
		c.enter(step{name: field.Name})
		object.Fields = append(object.Fields, Member{Name: field.Name, Value: c.value(field.Type, m.value)})
		c.leave()
	}
	if t.OneOf {
		if given.len() != 1 {
			c.invalid(v, `Exactly one key must be specified for OneOf type "`+t.Name+`".`)
		} else if len(object.Fields) == 1 && object.Fields[0].Value == nil {
			c.invalid(v, `Field "`+object.Fields[0].Name+`" must be non-null.`)
		}
		return object
	}
	for field := range t.Members.Expected() {
		if _, ok := given.Get(field.Name); ok {
			continue
		}
		if field.Default == nil {
			c.invalid(v, `Field "`+field.Name+`" of required type "`+field.Type.String()+`" was not provided.`)
			continue
		}
		value, err := Literal(c.types, field.Type.Type(), field.Default, nil)
		if err != nil {
			c.invalid(v, messageOf(err))
			continue
		}
		object.Fields = append(object.Fields, Member{Name: field.Name, Value: value})
	}
	return object
}
