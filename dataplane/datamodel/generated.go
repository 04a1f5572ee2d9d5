package datamodel

// checkGeneratedNames refuses a model whose generated schema would have two
// types of one name (LQ-D08). Reserved names were refused before; what is left
// are names such as PostFilter beside Post, where the Simple API (data-api
// §2, §4.1) and the Relay API (§3) are looked at separately.
func (c *checker) checkGeneratedNames(m *DataModel) {
	places := c.declarations()
	for _, api := range []func(*schemaNames, *DataModel){(*schemaNames).addSimple, (*schemaNames).addRelay} {
		names := &schemaNames{owners: map[string]string{}}
		for _, t := range m.Types {
			names.add(t.Name, t.Name)
		}
		for _, e := range m.Enums {
			names.add(e.Name, e.Name)
		}
		api(names, m)
		for _, clash := range names.clashes {
			// The declared name has to change; between two generated ones, the
			// name of the later element.
			at, ok := places[clash.name]
			if !ok {
				at = places[clash.owner]
			}
			if at.done {
				continue
			}
			at.done = true
			c.error(at.place, 2008, "'%s' is not a valid name for %s. The generated schema has another type called '%s'.", at.name, at.what, clash.name)
		}
	}
}

// declaration is where a type, enum or relation is declared.
type declaration struct {
	name  string
	what  string
	place place
	done  bool // a clash has been reported; one is enough
}

func (c *checker) declarations() map[string]*declaration {
	all := map[string]*declaration{}
	c.eachField(func(t *typeNode, f *fieldNode) {
		if name, ok := f.relationName(); ok && all[relationOwner(name)] == nil {
			all[relationOwner(name)] = &declaration{name: name, what: "a relation", place: place{t.name, f.name, f.pos}}
		}
	})
	for _, t := range c.doc.types {
		all[t.name] = &declaration{name: t.name, what: "a model", place: place{typ: t.name, pos: t.pos}}
	}
	for _, e := range c.doc.enums {
		all[e.name] = &declaration{name: e.name, what: "an enum", place: place{typ: e.name, pos: e.pos}}
	}
	return all
}

// relationOwner keeps relations and types of the same name apart.
func relationOwner(name string) string { return "@" + name }

// schemaNames are the type names of one generated schema with the elements they
// come from.
type schemaNames struct {
	owners  map[string]string
	clashes []nameClash
}

type nameClash struct{ name, owner string }

func (s *schemaNames) add(name, owner string) {
	first, taken := s.owners[name]
	switch {
	case !taken:
		s.owners[name] = owner
	case first != owner:
		s.clashes = append(s.clashes, nameClash{name, owner})
	}
}

func (s *schemaNames) addSimple(m *DataModel) {
	for _, t := range m.Types {
		s.addCommon(t)
		for _, suffix := range []string{"PreviousValues", "SubscriptionPayload", "SubscriptionFilter", "SubscriptionFilterNode"} {
			s.add(t.Name+suffix, t.Name)
		}
	}
	for _, r := range m.Relations {
		for _, verb := range r.verbs() {
			s.add(verb+r.Name+"Payload", relationOwner(r.Name))
		}
	}
}

func (s *schemaNames) addRelay(m *DataModel) {
	for _, t := range m.Types {
		s.addCommon(t)
		s.add(t.Name+"Connection", t.Name)
		s.add(t.Name+"Edge", t.Name)
		for _, verb := range []string{"Create", "Update", "UpdateOrCreate", "Delete"} {
			input := verb + t.Name + "Input"
			if input == "CreateUserInput" {
				input = "SignupUserInput"
			}
			s.add(input, t.Name)
			s.add(verb+t.Name+"Payload", t.Name)
		}
	}
	for _, r := range m.Relations {
		for _, verb := range r.verbs() {
			s.add(verb+r.Name+"Payload", relationOwner(r.Name))
			if verb == "Set" { // LQ-D39
				verb = "AddTo"
			}
			s.add(verb+r.Name+r.A().Type.Name+"Input", relationOwner(r.Name))
		}
	}
}

// addCommon adds what both schemas have for a type.
func (s *schemaNames) addCommon(t *Type) {
	s.add(t.Name+"Filter", t.Name)
	s.add(t.Name+"OrderBy", t.Name)
	s.add("Update"+t.Name, t.Name)
	for _, f := range t.Fields {
		if !f.IsSystem() {
			s.add("Create"+t.Name, t.Name) // left out when nothing can be given
		}
		if f.IsRelation() && nestable(f) {
			s.add(nestedName(f), t.Name)
		}
	}
}

// nestedName is the input type of a nested create (data-api §2.7). Both ends of
// a self relation use the field of side B.
func nestedName(f *Field) string {
	name := f.Name
	if f.Target() == f.Type {
		name = f.Relation.B().Name
	}
	return f.Type.Name + name + f.Target().Name
}

// nestable says that the target has something to write besides the way back.
func nestable(f *Field) bool {
	for _, other := range f.Target().Fields {
		back := other == f.Reverse() && !other.List
		if !other.IsSystem() && !back {
			return true
		}
	}
	return false
}

// verbs are the relation mutations (data-api §2.9).
func (r *Relation) verbs() []string {
	required := r.A().Required || r.B().Required
	switch many := r.A().List || r.B().List; {
	case many && required:
		return []string{"AddTo"}
	case many:
		return []string{"AddTo", "RemoveFrom"}
	case required:
		return []string{"Set"}
	default:
		return []string{"Set", "Unset"}
	}
}
