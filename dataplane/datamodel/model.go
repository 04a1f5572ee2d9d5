// Package datamodel is the data model of a project: its types, fields,
// relations and enums.
//
// In: the SDL text of the type definition (Parse) or the JSON of a release
// (UnmarshalJSON). Out: a DataModel whose parts point at each other, the
// temporary directives of the text (Hints), and diagnostics with positions
// (data-api §1). The package is pure: no database, no network.
//
// Callers: controlplane (definition, deployment) parses; relational lays the
// model out in tables; compiledschema derives the API from it; the planner
// walks it.
package datamodel

import "slices"

// DataModel is the whole model of one release. It is immutable once built.
type DataModel struct {
	Types     []*Type // in document order; Type.Index is the position
	Enums     []*Enum
	Relations []*Relation
}

// Type is an object type marked @model (data-api §1.1).
type Type struct {
	Name   string
	Index  int      // position in DataModel.Types
	Fields []*Field // in document order; Field.Index is the position
}

// Enum is an enum type; values keep their declared order (data-api §1.5).
type Enum struct {
	Name   string
	Values []string
}

// Field is one field of a type: exactly one of Scalar, Enum and Relation is set.
type Field struct {
	Name     string
	Type     *Type // the type that declares it
	Index    int   // position in Type.Fields
	Scalar   Scalar
	Enum     *Enum
	Relation *Relation
	Side     Side // the end of Relation that this field is; SideA for a same-field self relation

	List     bool // scalar list, or to-many
	Required bool // T! or [T!]!; never set for to-many (data-api §1.7 rule 7)
	Unique   bool
	Default  *Value // nil: no default
}

// Side is an end of a relation. Sides decide argument order and never swap
// after the relation was created (data-api §1.7 rule 6).
type Side uint8

// The two sides.
const (
	SideA Side = iota
	SideB
)

// Relation connects two types or one with itself.
type Relation struct {
	Name string
	Ends [2]*Field // by Side; both are the same field for a same-field self relation
}

// Value is a parsed default or migration value (data-api §1.9). Null is the
// word null: "default is null".
type Value struct {
	Null bool
	Text string // the literal's text, as written
	JSON string // the value as canonical JSON text of the field's type; "" when Null
}

// SameField says that the relation has one field for both ends, so that its
// edges have no direction.
func (r *Relation) SameField() bool { return r.Ends[SideA] == r.Ends[SideB] }

// A is the field of side A.
func (r *Relation) A() *Field { return r.Ends[SideA] }

// B is the field of side B.
func (r *Relation) B() *Field { return r.Ends[SideB] }

// Target is the type that a relation field leads to; nil for other fields.
func (f *Field) Target() *Type {
	if f.Relation == nil {
		return nil
	}
	return f.Reverse().Type
}

// Reverse is the field at the other end; the field itself for a same-field self
// relation; nil for fields that are no relation.
func (f *Field) Reverse() *Field {
	if f.Relation == nil {
		return nil
	}
	return f.Relation.Ends[1-f.Side]
}

// IsRelation says that the field leads to other nodes.
func (f *Field) IsRelation() bool { return f.Relation != nil }

// IsSystem says that the server sets the field: id, createdAt, updatedAt
// (data-api §1.6).
func (f *Field) IsSystem() bool {
	return f.Relation == nil && (f.Name == "id" || f.Name == "createdAt" || f.Name == "updatedAt")
}

// ReadOnlyOfFile are the fields of the type File that only uploads set (data-api §8.2).
var ReadOnlyOfFile = []string{"contentType", "secret", "size", "url"}

// IsReadOnly says that no mutation may set the field, but for those that create nodes.
func (f *Field) IsReadOnly() bool {
	return f.Type.Name == "File" && slices.Contains(ReadOnlyOfFile, f.Name)
}

// Field looks a field up by its exact name.
func (t *Type) Field(name string) *Field {
	for _, f := range t.Fields {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// Type looks a type up by its exact name.
func (m *DataModel) Type(name string) *Type {
	for _, t := range m.Types {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// Enum looks an enum up by its exact name.
func (m *DataModel) Enum(name string) *Enum {
	for _, e := range m.Enums {
		if e.Name == name {
			return e
		}
	}
	return nil
}

// Relation looks a relation up by its exact name.
func (m *DataModel) Relation(name string) *Relation {
	for _, r := range m.Relations {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// TypeName is the name of the field's scalar, enum or target type.
func (f *Field) TypeName() string {
	switch {
	case f.Enum != nil:
		return f.Enum.Name
	case f.Relation != nil:
		return f.Target().Name
	default:
		return f.Scalar.String()
	}
}
