package coercion

import (
	"iter"

	"github.com/vektah/gqlparser/v2/ast"
)

// Types tells what the input types of a schema look like.
type Types interface {
	// InputType looks a scalar, enum or input object up; false for all others.
	InputType(name string) (InputType, bool)
}

// Kind is what sort of input type a name stands for.
type Kind uint8

// The kinds.
const (
	KindScalar Kind = iota
	KindEnum
	KindObject
)

// InputType is one input type. Members answers for enums and objects; it is nil
// for scalars, whose name alone decides.
type InputType struct {
	Kind    Kind
	Name    string
	OneOf   bool // exactly one field, and that not null
	Members Members
}

// Members is the inside of an enum or input object. An enum uses Has only, an
// object the other two.
type Members interface {
	// Has says whether the enum has the value.
	Has(value string) bool
	// Field looks an input field up.
	Field(name string) (Field, bool)
	// Expected lists the fields that mean something when they are absent: those
	// that are non-null or have a default, in the order of the type.
	Expected() iter.Seq[Field]
}

// Field is an input field or an argument.
type Field struct {
	Name    string
	Type    Ref
	Default *ast.Value // nil: no default
}

// FromSchema answers from a parsed schema.
func FromSchema(s *ast.Schema) Types { return parsedSchema{s} }

type parsedSchema struct{ schema *ast.Schema }

func (p parsedSchema) InputType(name string) (InputType, bool) {
	def := p.schema.Types[name]
	if def == nil {
		return InputType{}, false
	}
	t := InputType{Name: name, Members: parsedMembers{def}}
	switch def.Kind {
	case ast.Scalar:
		t.Kind = KindScalar
	case ast.Enum:
		t.Kind = KindEnum
	case ast.InputObject:
		t.Kind, t.OneOf = KindObject, def.Directives.ForName("oneOf") != nil
	default:
		return InputType{}, false
	}
	return t, true
}

type parsedMembers struct{ def *ast.Definition }

func (m parsedMembers) Has(value string) bool { return m.def.EnumValues.ForName(value) != nil }

func (m parsedMembers) Field(name string) (Field, bool) {
	if f := m.def.Fields.ForName(name); f != nil {
		return Field{Name: f.Name, Type: RefOf(f.Type), Default: f.DefaultValue}, true
	}
	return Field{}, false
}

func (m parsedMembers) Expected() iter.Seq[Field] {
	return func(yield func(Field) bool) {
		for _, f := range m.def.Fields {
			if !f.Type.NonNull && f.DefaultValue == nil {
				continue
			}
			if !yield(Field{Name: f.Name, Type: RefOf(f.Type), Default: f.DefaultValue}) {
				return
			}
		}
	}
}
