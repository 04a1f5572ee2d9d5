package console

import (
	"slices"
	"strings"

	"icehouse/controlplane/elements"
	"icehouse/controlplane/problem"
)

// End is a field with its type; of a relation one of its two ends.
type End struct {
	Type  *Type
	Field *Field
}

// Field finds a field by its id; 4003.
func (d *Draft) Field(id string) (End, error) {
	if f := d.Before.Field(id); f != nil {
		for _, t := range d.Types {
			for _, one := range t.Fields {
				if t.was == f.Type.Name && one.was == f.Name {
					return End{t, one}, nil
				}
			}
		}
	}
	return End{}, problem.NoField(id)
}

// FieldChange is what is said about a field; nil is not said.
type FieldChange struct {
	Name, Type, EnumID              *string // Type is the platform's word for it
	List, Required, Unique          *bool
	Default, Migration, Description *string
}

// AddField adds a scalar or enum field.
func (d *Draft) AddField(t *Type, c FieldChange) (End, error) {
	f := &Field{}
	t.Fields = append(t.Fields, f)
	return End{t, f}, d.change(End{t, f}, c)
}

// UpdateField changes a field; of a relation's its name, whether it is a list and
// whether it is required.
func (d *Draft) UpdateField(e End, c FieldChange) error {
	t, f := e.Type, e.Field
	if f.system || elements.IsSystemField(t.Name, f.Name) {
		return problem.New(problem.CodeSystemFieldChanged, "The field '%s' of the model '%s' is a system field and cannot be changed.", f.Name, t.Name)
	}
	keep(&f.id, func() string { return d.fieldID(e) })
	if f.Relation != nil {
		return d.changeEnd(e, c)
	}
	return d.change(e, c)
}

func (d *Draft) changeEnd(e End, c FieldChange) error {
	f := e.Field
	if c.Type != nil && *c.Type != elements.RelationType || c.EnumID != nil || c.Default != nil || c.Migration != nil || c.Unique != nil && *c.Unique {
		return problem.New(problem.CodeNoScalar, "The field '%s' belongs to a relation: it has no value of its own.", f.Name)
	}
	d.describe(e, c)
	set(&f.List, c.List)
	set(&f.Required, c.Required)
	r := f.Relation
	keep(&r.id, func() string { return d.Before.RelationID(d.Before.Model.Relation(r.was)) })
	return d.checkRelation(r)
}

// describe sets name and description.
func (d *Draft) describe(e End, c FieldChange) {
	t, f := e.Type, e.Field
	if c.Name != nil && *c.Name != f.Name {
		d.renameInPermissions(t.Name, func(fields []string) []string {
			for i := range fields {
				if fields[i] == f.Name {
					fields[i] = *c.Name
				}
			}
			return fields
		})
		f.Name = *c.Name
	}
	if c.Description != nil {
		f.description = c.Description
	}
}

func (d *Draft) change(e End, c FieldChange) error {
	f := e.Field
	d.describe(e, c)
	set(&f.List, c.List)
	set(&f.Required, c.Required)
	set(&f.Unique, c.Unique)
	if c.Type != nil || c.EnumID != nil {
		of, err := d.typeName(c)
		if err != nil {
			return err
		}
		if of != f.Of {
			f.Default = nil // it was one of the old type (platform §3.5)
		}
		f.Of = of
	}
	if c.Default != nil {
		f.Default = c.Default
	}
	f.Migration = c.Migration
	return e.Type.checkField(f)
}

// checkField refuses bad names and those of other fields.
func (t *Type) checkField(f *Field) error {
	for _, other := range t.Fields {
		if other != f && other.Name == f.Name {
			return problem.New(problem.CodeFieldNameTaken, "A field with the name '%s' already exists", f.Name)
		}
	}
	return checkName(f.Name)
}

func set[T any](to *T, value *T) {
	if value != nil {
		*to = *value
	}
}

// scalars are the types that a field can have.
var scalars = strings.Fields("String Int Float Boolean DateTime Json Password")

// typeName is the SDL name of a type that the platform calls by its own word.
func (d *Draft) typeName(c FieldChange) (string, error) {
	word := elements.EnumType
	if c.Type != nil {
		word = *c.Type
	}
	switch {
	case word == elements.EnumType && c.EnumID == nil:
		return "", problem.New(problem.CodeEnumMissing, "A field of the type Enum needs the enumId of an enum.")
	case word == elements.EnumType:
		e, err := d.Enum(*c.EnumID)
		if err != nil {
			return "", err
		}
		return e.Name, nil
	case word == elements.IDType:
		return "ID", nil
	case slices.Contains(scalars, word):
		return word, nil
	case word == elements.RelationType:
		return "", problem.New(problem.CodeNoScalar, "A relation is no scalar: use addRelation.")
	}
	return "", problem.New(problem.CodeNoScalar, "'%s' is not a scalar type. The types are %s, %s and %s.", word, strings.Join(scalars, ", "), elements.IDType, elements.EnumType)
}

// RemoveField removes a scalar or enum field.
func (d *Draft) RemoveField(e End) error {
	t, f := e.Type, e.Field
	switch {
	case f.system || elements.IsSystemField(t.Name, f.Name):
		return problem.New(problem.CodeSystemFieldRemoved, "The field '%s' of the model '%s' is a system field and cannot be removed.", f.Name, t.Name)
	case f.Relation != nil:
		return problem.New(problem.CodeRelationFieldRemoved, "The field '%s' belongs to the relation '%s' and cannot be removed alone.", f.Name, f.Relation.Name)
	}
	d.dropField(e)
	return nil
}

func (d *Draft) dropField(e End) {
	e.Type.Fields = slices.DeleteFunc(e.Type.Fields, func(one *Field) bool { return one == e.Field })
	d.forgetField(e.Type.Name, e.Field.Name)
}
