package datamodel

import "strings"

// relationEnd is a relation field with its @relation directive.
type relationEnd struct {
	typ   *typeNode
	field *fieldNode
}

func (e relationEnd) place() place { return place{e.typ.name, e.field.name, e.field.pos} }

// checkRelations applies V12 to V14 and the rules for relation names
// (data-api §1.7, §1.8).
func (c *checker) checkRelations() {
	ends := map[string][]relationEnd{}
	var names []string // in document order
	c.eachField(func(t *typeNode, f *fieldNode) {
		kind := c.kindOf(f)
		name, named := f.relationName()
		// A field of an unknown type counts as an end: one mistake, one error.
		if !named || isSystemName(f.name) || kind == scalarKind || kind == enumKind {
			return
		}
		if ends[name] == nil {
			names = append(names, name)
		}
		ends[name] = append(ends[name], relationEnd{t, f})
	})
	folded := make(map[string]bool, len(names))
	for _, name := range names {
		first := ends[name][0].place()
		if !isTypeName(name) {
			c.badName(first, shorten(name), "a relation")
		}
		if lower := strings.ToLower(name); folded[lower] {
			c.error(first, 2020, "A relation with that name already exists: %s.", shorten(name))
		} else {
			folded[lower] = true
		}
		c.checkEnds(shorten(name), ends[name])
	}
}

// checkEnds looks at one relation. A self relation with one field has one
// cardinality by nature, so 2016 cannot come from a text.
func (c *checker) checkEnds(name string, ends []relationEnd) {
	for i, end := range ends {
		target := end.field.typ.base()
		if c.kindOf(end.field) != typeKind {
			continue // V8 has been reported
		}
		self := target == end.typ.name
		switch {
		case self && len(ends) > 2: // V13
			c.error(end.place(), 0, "A relation directive for a self relation must appear either 1 or 2 times. Relation name: '%s'", name)
		case !self && len(ends) != 2: // V12
			c.error(end.place(), 0, "A relation directive with a name must appear exactly 2 times. Relation name: '%s'", name)
		case len(ends) == 2: // V14
			if other := ends[1-i].typ.name; other != target {
				c.error(end.place(), 0, "The relation field `%s` has the type `%s`. But the other directive for this relation appeared on the type `%s`", end.field.name, target, other)
			}
		}
	}
}

// KeepSides gives the relations that prev already has the sides they have there,
// whatever the order of the new file: sides never swap after a relation was
// created (data-api §1.7 rule 6). It follows the renames of hints. Call it once,
// on a freshly parsed model, before anything else sees that model.
func (m *DataModel) KeepSides(prev *DataModel, hints Hints) {
	if prev == nil {
		return
	}
	old := newSideIndex(prev)
	for _, r := range m.Relations {
		if r.SameField() {
			continue
		}
		a, b := hints.oldField(r.A()), hints.oldField(r.B())
		before := old.find(r, a, b, hints)
		if before == nil || before.SameField() {
			continue
		}
		if swapped(before, a, b) {
			r.swap()
		}
	}
}

func (r *Relation) swap() {
	r.Ends[SideA], r.Ends[SideB] = r.Ends[SideB], r.Ends[SideA]
	r.Ends[SideA].Side, r.Ends[SideB].Side = SideA, SideB
}

// fieldName names a field of the previous model.
type fieldName struct{ typ, field string }

func nameOf(f *Field) fieldName { return fieldName{f.Type.Name, f.Name} }

// sideIndex finds relations of the previous model by name or by end.
type sideIndex struct {
	byName map[string]*Relation
	byEnd  map[fieldName]*Relation
}

func newSideIndex(m *DataModel) sideIndex {
	index := sideIndex{make(map[string]*Relation, len(m.Relations)), make(map[fieldName]*Relation, 2*len(m.Relations))}
	for _, r := range m.Relations {
		index.byName[r.Name] = r
		index.byEnd[nameOf(r.A())] = r
		index.byEnd[nameOf(r.B())] = r
	}
	return index
}

// find looks for what r was called before, then for its own name (a rename that
// was left in the file points nowhere), then for the relation that joined the
// same two fields.
func (x sideIndex) find(r *Relation, a, b fieldName, hints Hints) *Relation {
	if before := x.byName[hints.RelationRenames[r.Name]]; before != nil {
		return before
	}
	if before := x.byName[r.Name]; before != nil {
		return before
	}
	if before := x.byEnd[a]; before != nil && before == x.byEnd[b] {
		return before
	}
	return nil
}

// swapped says that the end now called a was side B. Fields decide; when the
// file changed them, their types do.
func swapped(before *Relation, a, b fieldName) bool {
	oldA, oldB := nameOf(before.A()), nameOf(before.B())
	if a == oldA || b == oldB {
		return false
	}
	if a == oldB || b == oldA {
		return true
	}
	return oldA.typ != oldB.typ && a.typ == oldB.typ && b.typ == oldA.typ
}
