package console

import (
	"slices"

	"icehouse/controlplane/problem"
)

// Relation finds a relation by its id; 4022.
func (d *Draft) Relation(id string) (*Relation, error) {
	if r := d.Before.Relation(id); r != nil {
		for _, one := range d.Relations {
			if one.was == r.Name {
				return one, nil
			}
		}
	}
	return nil, problem.NoRelation(id)
}

// RelationChange is what is said about a relation; nil is not said. Pairs are left
// and right.
type RelationChange struct {
	Name, Description *string
	Models            [2]*string // ids
	Fields            [2]*string // names
	List, Required    [2]*bool
}

// AddRelation adds a relation with its fields. Which of them is the left one follows
// from the order of the types (data-api §1.7 rule 6).
func (d *Draft) AddRelation(c RelationChange) (*Relation, error) {
	r := &Relation{}
	d.Relations = append(d.Relations, r)
	if err := d.connect(r, c); err != nil {
		return nil, err
	}
	d.openRelation(r)
	return r, nil
}

// connect makes the fields of a relation.
func (d *Draft) connect(r *Relation, c RelationChange) error {
	set(&r.Name, c.Name)
	if c.Description != nil {
		r.description = c.Description
	}
	var types [2]*Type
	for i := range types {
		t, err := d.Type(*c.Models[i])
		if err != nil {
			return err
		}
		types[i] = t
	}
	one := types[0] == types[1] && *c.Fields[0] == *c.Fields[1]
	if one && (is(c.List[0]) != is(c.List[1]) || is(c.Required[0]) != is(c.Required[1])) {
		return problem.New(problem.CodeSelfRelation, "A self relation with one field has one cardinality.")
	}
	for i, t := range types {
		if i == 1 && one {
			r.ends[1] = r.ends[0]
			break
		}
		f := &Field{Name: *c.Fields[i], Of: types[1-i].Name, List: is(c.List[i]), Required: is(c.Required[i]), Relation: r}
		t.Fields = append(t.Fields, f)
		r.ends[i] = End{t, f}
	}
	return d.checkRelation(r)
}

func is(b *bool) bool { return b != nil && *b }

// checkRelation refuses bad names, those of other relations, and lists that must not
// be empty.
func (d *Draft) checkRelation(r *Relation) error {
	for _, e := range r.ends {
		if e.Field.List && e.Field.Required {
			return problem.New(problem.CodeListRequired, "The field '%s' is a list and cannot be required.", e.Field.Name)
		}
		if err := e.Type.checkField(e.Field); err != nil {
			return err
		}
	}
	for _, other := range d.Relations {
		if other != r && other.Name == r.Name {
			return problem.New(problem.CodeRelationNameTaken, "A relation with that name already exists: %s.", r.Name)
		}
	}
	return checkName(r.Name)
}

// UpdateRelation changes a relation. Other models only when it has no edges: 2014.
func (d *Draft) UpdateRelation(r *Relation, c RelationChange) error {
	before := d.Before.Model.Relation(r.was)
	keep(&r.id, func() string { return d.Before.RelationID(before) })
	for _, e := range r.ends {
		keep(&e.Field.id, func() string { return d.fieldID(e) })
	}
	if c.Description != nil {
		r.description = c.Description
	}
	if moved, err := d.moves(r, c); err != nil {
		return err
	} else if moved {
		return d.move(r, c)
	}
	for i, e := range r.ends {
		d.describe(e, FieldChange{Name: c.Fields[i]})
		set(&e.Field.List, c.List[i])
		set(&e.Field.Required, c.Required[i])
	}
	if c.Name != nil {
		d.retarget(r.Name, *c.Name, true)
		r.Name = *c.Name
	}
	return d.checkRelation(r)
}

// moves says that a relation is to connect other models.
func (d *Draft) moves(r *Relation, c RelationChange) (bool, error) {
	for i, id := range c.Models {
		if id == nil {
			continue
		}
		t, err := d.Type(*id)
		if err != nil {
			return false, err
		}
		if t != r.ends[i].Type {
			return true, nil
		}
	}
	return false, nil
}

// move takes the fields away and makes them again.
func (d *Draft) move(r *Relation, c RelationChange) error {
	connected, err := d.edges(d.Before.Model.Relation(r.was))
	if err != nil {
		return err
	}
	if connected {
		return problem.New(problem.CodeRelationHasEdges, "The relation '%s' connects nodes. Its models cannot be changed.", r.Name)
	}
	for i, e := range r.ends {
		id := d.Before.TypeID(d.Before.Model.Type(e.Type.was))
		for at, value := range map[**string]string{&c.Models[i]: id, &c.Fields[i]: e.Field.Name} {
			if *at == nil {
				*at = &value
			}
		}
		if c.List[i] == nil {
			c.List[i] = &e.Field.List
		}
		if c.Required[i] == nil {
			c.Required[i] = &e.Field.Required
		}
	}
	for _, e := range r.ends {
		d.dropField(e)
	}
	if c.Name != nil {
		d.retarget(r.Name, *c.Name, true)
	}
	return d.connect(r, c)
}

// RemoveRelation removes a relation with its fields and permissions.
func (d *Draft) RemoveRelation(r *Relation) {
	for _, e := range r.ends {
		d.dropField(e)
	}
	d.Relations = slices.DeleteFunc(d.Relations, func(one *Relation) bool { return one == r })
	d.forget(r.Name, true)
}
