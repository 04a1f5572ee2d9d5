package console

import (
	"regexp"
	"slices"

	"icehouse/controlplane/problem"
)

// Enum finds an enum by its id; 4037.
func (d *Draft) Enum(id string) (*Enum, error) {
	if e := d.Before.Enum(id); e != nil {
		for _, one := range d.Enums {
			if one.was == e.Name {
				return one, nil
			}
		}
	}
	return nil, problem.NoEnum(id)
}

// AddEnum adds an enum.
func (d *Draft) AddEnum(name string, values []string) (*Enum, error) {
	e := &Enum{Name: name, Values: values}
	d.Enums = append(d.Enums, e)
	return e, d.checkEnum(e)
}

var enumValue = regexp.MustCompile(`^[A-Z][_a-zA-Z0-9]*$`)

func (d *Draft) checkEnum(e *Enum) error {
	if len(e.Values) == 0 {
		return problem.New(problem.CodeEnumEmpty, "The enum '%s' needs at least one value.", e.Name)
	}
	for _, v := range e.Values {
		if !enumValue.MatchString(v) {
			return problem.New(problem.CodeInvalidName, "'%s' is not a valid value of an enum.", v)
		}
	}
	return checkName(e.Name)
}

// UpdateEnum renames an enum, or gives it other values. Fields that have a value
// that goes get the migration value.
func (d *Draft) UpdateEnum(e *Enum, name *string, values []string, migration *string) error {
	keep(&e.id, func() string { return d.Before.EnumID(d.Before.Model.Enum(e.was)) })
	if name != nil {
		for _, t := range d.Types {
			for _, f := range t.Fields {
				if f.Relation == nil && f.Of == e.Name {
					f.Of = *name
				}
			}
		}
		e.Name = *name
	}
	if values != nil {
		e.Values = values
	}
	e.Migration = migration
	return d.checkEnum(e)
}

// RemoveEnum removes an enum that no field has; 2044.
func (d *Draft) RemoveEnum(e *Enum) error {
	for _, t := range d.Types {
		for _, f := range t.Fields {
			if f.Relation == nil && f.Of == e.Name {
				return problem.New(problem.CodeEnumUsed, "The enum '%s' is used by the field '%s' of the model '%s'.", e.Name, f.Name, t.Name)
			}
		}
	}
	d.Enums = slices.DeleteFunc(d.Enums, func(one *Enum) bool { return one == e })
	return nil
}
