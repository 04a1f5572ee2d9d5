package console

import (
	"regexp"
	"slices"

	"icehouse/controlplane/elements"
	"icehouse/controlplane/problem"
)

// Type finds a type by its id; 4001.
func (d *Draft) Type(id string) (*Type, error) {
	if t := d.Before.Type(id); t != nil {
		for _, one := range d.Types {
			if one.was == t.Name {
				return one, nil
			}
		}
	}
	return nil, problem.NoModel(id)
}

// AddType adds a type with the fields that the server sets. Everyone may do
// everything with it.
func (d *Draft) AddType(name string, description *string) (*Type, error) {
	t := &Type{Name: name, description: description, Fields: systemFields()}
	d.Types = append(d.Types, t)
	d.openType(t)
	return t, d.checkType(t)
}

func systemFields() []*Field {
	return []*Field{
		{Name: "id", Of: "ID", Required: true, Unique: true, system: true},
		{Name: "createdAt", Of: "DateTime", Required: true, system: true},
		{Name: "updatedAt", Of: "DateTime", Required: true, system: true},
	}
}

// checkName refuses what would be no name in SDL. What else is wrong with a name is
// for the deploy to say.
func checkName(name string) error {
	if !sdlName.MatchString(name) {
		return problem.New(problem.CodeInvalidName, "'%s' is not a valid name.", name)
	}
	return nil
}

var sdlName = regexp.MustCompile(`^[_a-zA-Z][_a-zA-Z0-9]*$`)

// checkType refuses bad names and those of other types.
func (d *Draft) checkType(t *Type) error {
	for _, other := range d.Types {
		if other != t && other.Name == t.Name {
			return problem.New(problem.CodeModelNameTaken, "A model with the name '%s' already exists in your project", t.Name)
		}
	}
	return checkName(t.Name)
}

// UpdateType renames and describes a type.
func (d *Draft) UpdateType(t *Type, name, description *string) error {
	if description != nil {
		t.description = description
	}
	if name == nil || *name == t.Name {
		return nil
	}
	if elements.IsSystemType(t.Name) {
		return problem.New(problem.CodeSystemModelRenamed, "The system model '%s' cannot be renamed.", t.Name)
	}
	keep(&t.id, func() string { return d.Before.TypeID(d.Before.Model.Type(t.was)) })
	d.retarget(t.Name, *name, false)
	for _, other := range d.Types {
		for _, f := range other.Fields {
			if f.Relation != nil && f.Of == t.Name {
				f.Of = *name
			}
		}
	}
	t.Name = *name
	return d.checkType(t)
}

// RemoveType removes a type with its relations, permissions and functions. The
// fields are those of other types that go with it.
func (d *Draft) RemoveType(t *Type) (fields []string, err error) {
	if elements.IsSystemType(t.Name) {
		return nil, problem.New(problem.CodeSystemModelRemoved, "The system model '%s' cannot be removed.", t.Name)
	}
	for _, r := range slices.Clone(d.Relations) {
		for i, e := range r.ends {
			if e.Type == t {
				if other := r.ends[1-i]; other.Type != t {
					fields = append(fields, d.fieldID(other))
				}
			}
		}
		if r.ends[0].Type == t || r.ends[1].Type == t {
			d.RemoveRelation(r)
		}
	}
	d.Types = slices.DeleteFunc(d.Types, func(one *Type) bool { return one == t })
	d.forget(t.Name, false)
	return fields, nil
}

func (d *Draft) fieldID(e End) string {
	return d.Before.FieldID(d.Before.Model.Type(e.Type.was).Field(e.Field.was))
}

// Reset removes all types but those of the system, with their fields, and all enums
// and functions.
func (d *Draft) Reset() error {
	for _, r := range slices.Clone(d.Relations) {
		d.RemoveRelation(r)
	}
	for _, t := range slices.Clone(d.Types) {
		if !elements.IsSystemType(t.Name) {
			if _, err := d.RemoveType(t); err != nil {
				return err
			}
			continue
		}
		for _, f := range slices.Clone(t.Fields) {
			if !f.system && !elements.IsSystemField(t.Name, f.Name) {
				d.dropField(End{t, f})
			}
		}
	}
	d.Enums, d.Functions, d.ids = nil, nil, map[string]string{}
	return nil
}
