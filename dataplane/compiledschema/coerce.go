package compiledschema

import (
	"iter"

	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/dataplane/coercion"
)

var _ coercion.Types = (*Schema)(nil)

// InputType tells coercion what an input type looks like, so that a Schema serves
// as coercion.Types.
func (s *Schema) InputType(name string) (coercion.InputType, bool) {
	d, ok := s.definition(name)
	if !ok {
		return coercion.InputType{}, false
	}
	switch d.kind {
	case ast.Scalar:
		return coercion.InputType{Kind: coercion.KindScalar, Name: d.name}, true
	case ast.Enum:
		return coercion.InputType{Kind: coercion.KindEnum, Name: d.name, Members: enumMembers{s, d}}, true
	case ast.InputObject:
		return coercion.InputType{Kind: coercion.KindObject, Name: d.name, Members: objectMembers{s, s.inputsOf(d)}}, true
	}
	return coercion.InputType{}, false
}

// Argument tells coercion what an argument of a root field looks like.
func (s *Schema) Argument(root Root, name string) (coercion.Field, bool) {
	in, ok := s.input(s.rootField("", root).args, name)
	return in.field(), ok
}

// MemberArgument tells coercion what an argument of a model type's field looks like.
func (s *Schema) MemberArgument(member Member, name string) (coercion.Field, bool) {
	in, ok := s.input(s.memberField(member).args, name)
	return in.field(), ok
}

func (in input) field() coercion.Field {
	return coercion.Field{Name: in.name, Type: in.typ, Default: in.def}
}

type enumMembers struct {
	schema *Schema
	enum   definition
}

func (m enumMembers) Has(value string) bool               { return m.schema.hasValue(m.enum, value) }
func (m enumMembers) Field(string) (coercion.Field, bool) { return coercion.Field{}, false }
func (m enumMembers) Expected() iter.Seq[coercion.Field]  { return func(func(coercion.Field) bool) {} }

type objectMembers struct {
	schema *Schema
	in     inputs
}

func (m objectMembers) Has(string) bool { return false }

func (m objectMembers) Field(name string) (coercion.Field, bool) {
	in, ok := m.schema.input(m.in, name)
	return in.field(), ok
}

func (m objectMembers) Expected() iter.Seq[coercion.Field] {
	return func(yield func(coercion.Field) bool) {
		for in := range m.schema.expected(m.in) {
			if !yield(in.field()) {
				return
			}
		}
	}
}

// expected are the values that mean something when they are absent: required
// ones and those with a default.
func (s *Schema) expected(in inputs) iter.Seq[input] {
	if !in.wrapped {
		return s.ownExpected(in)
	}
	return func(yield func(input) bool) {
		for one := range s.ownExpected(in) {
			if !yield(one) {
				return
			}
		}
		yield(mutationID)
	}
}

func (s *Schema) ownExpected(in inputs) iter.Seq[input] {
	return func(yield func(input) bool) {
		switch in.form {
		case inputsNone, inputsList, inputsToOne, inputsUnique, inputsSubscription,
			inputsFilter, inputsSubscriptionFilter, inputsSubscriptionFilterNode:
			return // all optional
		case inputsCreate, inputsUpdate: // relation arguments are always optional
			for _, f := range in.model.fields {
				key := InputKey{Kind: directKind(f), Field: f}
				if f.IsRelation() || !f.Required || !s.hasKey(in, key) {
					continue
				}
				if one := s.keyInput(in, key, f.Name); one.typ.NonNull() && !yield(one) {
					return
				}
			}
			return
		}
		for one := range s.ownInputs(in) {
			if (one.typ.NonNull() || one.def != nil) && !yield(one) {
				return
			}
		}
	}
}
