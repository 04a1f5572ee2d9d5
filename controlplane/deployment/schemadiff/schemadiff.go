// Package schemadiff says what changed between two data models.
//
// In: the model that serves, the model to deploy (after KeepSides) and its
// temporary directives. Out: a Diff: changes in the order in which they are
// applied and told, and which element of the new model was which of the old.
// Pure. Caller: deployment; migrationplan turns the changes into steps.
//
// Elements are the same by name, or by what @rename and oldName say (platform
// §3.4); a relation also by its two fields.
package schemadiff

import (
	"fmt"
	"slices"

	"icehouse/dataplane/datamodel"
)

// Change is one difference. The set is closed.
type Change interface{ change() }

type (
	// CreateEnum adds an enum.
	CreateEnum struct{ Enum *datamodel.Enum }
	// RemoveType removes a type with its fields.
	RemoveType struct{ Old *datamodel.Type }
	// CreateType adds a type with its fields.
	CreateType struct{ Type *datamodel.Type }
	// RenameType gives a type another name.
	RenameType struct{ Type, Old *datamodel.Type }
	// AddField adds a field to a type that exists.
	AddField struct{ Field *datamodel.Field }
	// RemoveField removes a field of a type that stays.
	RemoveField struct {
		Type *datamodel.Type // the new one
		Old  *datamodel.Field
	}
	// ShowField lets a field appear that the server fills anyway (data-api §1.6).
	ShowField struct{ Field *datamodel.Field }
	// HideField hides such a field; its values stay (LQ-55).
	HideField struct {
		Type *datamodel.Type // the new one
		Old  *datamodel.Field
	}
	// RenameField gives a field another name.
	RenameField struct{ Field, Old *datamodel.Field }
	// ChangeDefault gives later nodes another default, or none.
	ChangeDefault struct{ Field, Old *datamodel.Field }
	// ChangeField changes what a field stores or demands.
	ChangeField struct {
		Field, Old *datamodel.Field
		Aspects    []Aspect
	}
	// RemoveEnum removes an enum.
	RemoveEnum struct{ Old *datamodel.Enum }
	// RenameEnum gives an enum another name.
	RenameEnum struct{ Enum, Old *datamodel.Enum }
	// AddEnumValues adds values to an enum.
	AddEnumValues struct {
		Enum, Old *datamodel.Enum
		Values    []string
	}
	// RemoveEnumValues removes values from an enum.
	RemoveEnumValues struct {
		Enum, Old *datamodel.Enum
		Values    []string
	}
	// RemoveRelation removes a relation with its edges.
	RemoveRelation struct{ Old *datamodel.Relation }
	// CreateRelation adds a relation.
	CreateRelation struct{ Relation *datamodel.Relation }
	// RenameRelation gives a relation another name.
	RenameRelation struct{ Relation, Old *datamodel.Relation }
)

func (CreateEnum) change()       {}
func (RemoveType) change()       {}
func (CreateType) change()       {}
func (RenameType) change()       {}
func (AddField) change()         {}
func (RemoveField) change()      {}
func (ShowField) change()        {}
func (HideField) change()        {}
func (RenameField) change()      {}
func (ChangeDefault) change()    {}
func (ChangeField) change()      {}
func (RemoveEnum) change()       {}
func (RenameEnum) change()       {}
func (AddEnumValues) change()    {}
func (RemoveEnumValues) change() {}
func (RemoveRelation) change()   {}
func (CreateRelation) change()   {}
func (RenameRelation) change()   {}

// Aspect is a part of a field's declaration.
type Aspect uint8

// The aspects.
const (
	ValueType Aspect = iota // another scalar or enum
	ListFlag                // single or list; of a relation: its cardinality
	RequiredFlag
	UniqueFlag
)

// Diff is what changed.
type Diff struct {
	Changes []Change
	// Notes are for the developer: directives that have no effect any more.
	Notes []string

	types     map[*datamodel.Type]*datamodel.Type
	fields    map[*datamodel.Field]*datamodel.Field
	relations map[*datamodel.Relation]*datamodel.Relation
	enums     map[*datamodel.Enum]*datamodel.Enum
}

// OldType is what a type was before; nil for a new one.
func (d *Diff) OldType(t *datamodel.Type) *datamodel.Type { return d.types[t] }

// OldField is what a field was before; nil for a new one.
func (d *Diff) OldField(f *datamodel.Field) *datamodel.Field { return d.fields[f] }

// OldRelation is what a relation was before; nil for a new one.
func (d *Diff) OldRelation(r *datamodel.Relation) *datamodel.Relation { return d.relations[r] }

// Destructive says that something is removed whose data goes with it (platform
// §3.6).
func (d *Diff) Destructive() bool {
	return slices.ContainsFunc(d.Changes, func(c Change) bool {
		switch c.(type) {
		case RemoveType, RemoveField, RemoveEnum, RemoveRelation:
			return true
		}
		return false
	})
}

// Compare finds the changes. prev is nil for a project's first release.
func Compare(prev, next *datamodel.DataModel, hints datamodel.Hints) *Diff {
	if prev == nil {
		prev = &datamodel.DataModel{}
	}
	c := &comparison{prev: prev, next: next, hints: hints, Diff: &Diff{
		types: map[*datamodel.Type]*datamodel.Type{}, fields: map[*datamodel.Field]*datamodel.Field{},
		relations: map[*datamodel.Relation]*datamodel.Relation{}, enums: map[*datamodel.Enum]*datamodel.Enum{},
	}}
	c.match()
	c.compare()
	return c.Diff
}

type comparison struct {
	*Diff
	prev, next *datamodel.DataModel
	hints      datamodel.Hints

	keptTypes     map[*datamodel.Type]bool
	keptFields    map[*datamodel.Field]bool
	keptRelations map[*datamodel.Relation]bool
	keptEnums     map[*datamodel.Enum]bool
}

// origin picks the old element: by the rename if there is one and the new name
// is new, else by the same name. A rename that is left over from an earlier
// deploy is noted and has no effect (LQ-50).
func origin[T any](c *comparison, what, name, renamed string, find func(string) *T) *T {
	if renamed == "" || renamed == name {
		return find(name)
	}
	old, same := find(renamed), find(name)
	switch {
	case same != nil:
		c.Notes = append(c.Notes, fmt.Sprintf("The %s `%s` exists already, so its old name `%s` has no effect. You can remove the directive.", what, name, renamed))
		return same
	default:
		return old
	}
}

func (c *comparison) match() {
	c.keptTypes, c.keptFields = map[*datamodel.Type]bool{}, map[*datamodel.Field]bool{}
	c.keptRelations, c.keptEnums = map[*datamodel.Relation]bool{}, map[*datamodel.Enum]bool{}
	for _, e := range c.next.Enums {
		if old := origin(c, "enum", e.Name, c.hints.EnumRenames[e.Name], c.prev.Enum); old != nil && !c.keptEnums[old] {
			c.enums[e], c.keptEnums[old] = old, true
		}
	}
	for _, t := range c.next.Types {
		if old := origin(c, "type", t.Name, c.hints.TypeRenames[t.Name], c.prev.Type); old != nil && !c.keptTypes[old] {
			c.types[t], c.keptTypes[old] = old, true
		}
	}
	for _, t := range c.next.Types {
		if old := c.types[t]; old != nil {
			c.matchFields(t, old)
		}
	}
	for _, r := range c.next.Relations {
		if old := c.oldRelation(r); old != nil && !c.keptRelations[old] {
			c.relations[r], c.keptRelations[old] = old, true
		}
	}
	// A relation field whose relation is another one is another field (LQ-53).
	for f, old := range c.fields {
		if f.IsRelation() && c.relations[f.Relation] != old.Relation {
			delete(c.fields, f)
			delete(c.keptFields, old)
		}
	}
}

func (c *comparison) matchFields(t, old *datamodel.Type) {
	for _, f := range t.Fields {
		was := origin(c, "field", t.Name+"."+f.Name, c.renamedField(t, f), func(name string) *datamodel.Field {
			return old.Field(name[len(t.Name)+1:])
		})
		// A value and a relation have nothing in common (LQ-54).
		if was != nil && !c.keptFields[was] && was.IsRelation() == f.IsRelation() {
			c.fields[f], c.keptFields[was] = was, true
		}
	}
}

func (c *comparison) renamedField(t *datamodel.Type, f *datamodel.Field) string {
	if old, ok := c.hints.FieldRenames[datamodel.FieldKey(t.Name, f.Name)]; ok {
		return t.Name + "." + old
	}
	return ""
}

func (c *comparison) oldRelation(r *datamodel.Relation) *datamodel.Relation {
	old := origin(c, "relation", r.Name, c.hints.RelationRenames[r.Name], c.prev.Relation)
	if old == nil { // the same two fields
		a, b := c.fields[r.A()], c.fields[r.B()]
		if a == nil || b == nil || a.Relation != b.Relation || c.next.Relation(a.Relation.Name) != nil {
			return nil
		}
		old = a.Relation
	}
	if old.SameField() != r.SameField() || c.types[r.A().Type] != old.A().Type || c.types[r.B().Type] != old.B().Type {
		return nil
	}
	return old
}

func (c *comparison) add(change Change) { c.Changes = append(c.Changes, change) }

// compare lists the changes in the order of platform §3.1 step 6.
func (c *comparison) compare() {
	for _, e := range c.next.Enums {
		if c.enums[e] == nil {
			c.add(CreateEnum{e})
		}
	}
	for _, t := range c.prev.Types {
		if !c.keptTypes[t] {
			c.add(RemoveType{t})
		}
	}
	for _, t := range c.next.Types {
		if c.types[t] == nil {
			c.add(CreateType{t})
		}
	}
	for _, t := range c.next.Types {
		if old := c.types[t]; old != nil {
			c.compareType(t, old)
		}
	}
	for _, e := range c.prev.Enums {
		if !c.keptEnums[e] {
			c.add(RemoveEnum{e})
		}
	}
	for _, e := range c.next.Enums {
		if old := c.enums[e]; old != nil {
			c.compareEnum(e, old)
		}
	}
	for _, r := range c.prev.Relations {
		if !c.keptRelations[r] {
			c.add(RemoveRelation{r})
		}
	}
	for _, r := range c.next.Relations {
		switch old := c.relations[r]; {
		case old == nil:
			c.add(CreateRelation{r})
		case old.Name != r.Name:
			c.add(RenameRelation{r, old})
		}
	}
}

func (c *comparison) compareType(t, old *datamodel.Type) {
	if t.Name != old.Name {
		c.add(RenameType{t, old})
	}
	for _, f := range t.Fields {
		switch {
		case c.fields[f] != nil:
		case f.IsSystem():
			c.add(ShowField{f})
		default:
			c.add(AddField{f})
		}
	}
	for _, f := range old.Fields {
		switch {
		case c.keptFields[f]:
		case f.IsSystem():
			c.add(HideField{t, f})
		default:
			c.add(RemoveField{t, f})
		}
	}
	for _, f := range t.Fields {
		if was := c.fields[f]; was != nil {
			c.compareField(f, was)
		}
	}
}

func (c *comparison) compareField(f, old *datamodel.Field) {
	if f.Name != old.Name {
		c.add(RenameField{f, old})
	}
	var aspects []Aspect
	differ := func(yes bool, a Aspect) {
		if yes {
			aspects = append(aspects, a)
		}
	}
	differ(f.Scalar != old.Scalar || (f.Enum == nil) != (old.Enum == nil) || f.Enum != nil && c.enums[f.Enum] != old.Enum, ValueType)
	differ(f.List != old.List, ListFlag)
	differ(f.Required != old.Required, RequiredFlag)
	differ(f.Unique != old.Unique, UniqueFlag)
	if len(aspects) > 0 {
		c.add(ChangeField{f, old, aspects})
		return
	}
	if !sameValue(f.Default, old.Default) {
		c.add(ChangeDefault{f, old})
	}
}

func sameValue(a, b *datamodel.Value) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Null == b.Null && a.JSON == b.JSON
}

func (c *comparison) compareEnum(e, old *datamodel.Enum) {
	if e.Name != old.Name {
		c.add(RenameEnum{e, old})
	}
	if values := missing(e.Values, old.Values); len(values) > 0 {
		c.add(AddEnumValues{e, old, values})
	}
	if values := missing(old.Values, e.Values); len(values) > 0 {
		c.add(RemoveEnumValues{e, old, values})
	}
}

// missing are the texts of list that others lacks.
func missing(list, others []string) []string {
	var out []string
	for _, v := range list {
		if !slices.Contains(others, v) {
			out = append(out, v)
		}
	}
	return out
}
