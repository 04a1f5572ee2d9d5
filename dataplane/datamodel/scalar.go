package datamodel

import (
	"iter"
	"slices"
)

// Scalar names a built-in value type (data-api §1.4). What its values are, coercion
// says; how they are stored, relational.
type Scalar uint8

// The scalars. NotScalar marks enum and relation fields.
const (
	NotScalar Scalar = iota
	String
	Int
	Float
	Boolean
	DateTime
	JSON
	ID
	Password
)

// scalarNames are the names in the SDL and in the API. GraphQLID, Enum and Relation
// are no types of fields (LQ-D05).
var scalarNames = [...]string{
	String: "String", Int: "Int", Float: "Float", Boolean: "Boolean",
	DateTime: "DateTime", JSON: "Json", ID: "ID", Password: "Password",
}

// String is the scalar's name in SDL and in the API; "" for NotScalar.
func (s Scalar) String() string {
	if int(s) >= len(scalarNames) {
		return ""
	}
	return scalarNames[s]
}

// ScalarNamed looks a scalar up; NotScalar when there is none of this name.
func ScalarNamed(name string) Scalar {
	return Scalar(max(slices.Index(scalarNames[:], name), 0)) //nolint:gosec // a position in the table
}

// Scalars are all scalars, NotScalar left out.
func Scalars() iter.Seq[Scalar] {
	return func(yield func(Scalar) bool) {
		for s := String; int(s) < len(scalarNames); s++ {
			if !yield(s) {
				return
			}
		}
	}
}
