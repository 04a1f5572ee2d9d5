package datamodel

import "strings"

// Hints are the temporary directives of a text: they say how to get from the
// previous release to this one and are not part of the model (data-api §1.2).
// Keys are names of the new model; fields are "Type.field".
type Hints struct {
	TypeRenames     map[string]string // to the old name
	FieldRenames    map[string]string // "Type.field" to the old field name
	EnumRenames     map[string]string
	RelationRenames map[string]string

	MigrationValues     map[string]*Value // by "Type.field"
	EnumMigrationValues map[string]*Value // by enum; JSON is a text or a list of texts
}

// FieldKey is the key of a field in Hints.
func FieldKey(typ, field string) string { return typ + "." + field }

// oldField is what the field was called before the renames.
func (h Hints) oldField(f *Field) fieldName {
	name := nameOf(f)
	if old, ok := h.FieldRenames[FieldKey(name.typ, name.field)]; ok {
		name.field = old
	}
	if old, ok := h.TypeRenames[name.typ]; ok {
		name.typ = old
	}
	return name
}

func put[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[key] = value
}

// readHints collects the temporary directives and parses the migration values
// (data-api §1.9).
func (b *builder) readHints() {
	for _, t := range b.doc.types {
		if old, ok := oldName(t.directives); ok {
			put(&b.hints.TypeRenames, b.names.intern(t.name), b.names.intern(old))
		}
	}
	b.eachField(b.readFieldHints)
	b.readRelationHints()
	for _, e := range b.doc.enums {
		b.readEnumHints(e)
	}
}

// oldName is the first argument of @rename on a type or enum.
func oldName(all []directiveNode) (string, bool) {
	d := findDirective(all, "rename")
	if d == nil || len(d.arguments) == 0 {
		return "", false
	}
	old := d.arguments[0].value.text
	return old, old != ""
}

func (b *builder) readFieldHints(t *typeNode, node *fieldNode) {
	f := b.fields[node]
	if f.IsSystem() {
		return
	}
	key := FieldKey(t.name, node.name)
	if old, _ := stringArgument(node.directive("rename"), "oldName"); old != "" {
		put(&b.hints.FieldRenames, key, b.names.intern(old))
	}
	if f.IsRelation() {
		return
	}
	if text, d, ok := node.value("migrationValue"); ok {
		value, problem := b.values.migrationOf(f, text)
		if problem != nil {
			b.error(place{t.name, node.name, d.pos}, problem.code, "%s", problem.text)
			return
		}
		put(&b.hints.MigrationValues, key, value)
	}
}

// readRelationHints takes the old name of a relation, which must stand on both
// fields.
func (b *builder) readRelationHints() {
	old := map[string]string{}
	b.eachField(func(t *typeNode, node *fieldNode) {
		f := b.fields[node]
		if f.Relation == nil {
			return
		}
		d := node.directive("relation")
		name := f.Relation.Name
		before, _ := stringArgument(d, "oldName")
		first, known := old[name]
		if known && first != before {
			b.error(place{t.name, node.name, d.pos}, 4010,
				"The relation is invalid. Reason: both fields of the relation '%s' must specify the same oldName.", name)
		}
		if !known {
			old[name] = before
		}
		if before != "" {
			put(&b.hints.RelationRenames, name, b.names.intern(before))
		}
	})
}

func (b *builder) readEnumHints(e *enumNode) {
	if old, ok := oldName(e.directives); ok {
		put(&b.hints.EnumRenames, b.names.intern(e.name), b.names.intern(old))
	}
	text, d, ok := valueOf(e.directives, "migrationValue")
	if !ok {
		return
	}
	enum := b.enums[e.name]
	shape := Field{Enum: enum, List: strings.HasPrefix(strings.TrimSpace(text), "[")}
	value, problem := b.values.migrationOf(&shape, text)
	if problem != nil {
		b.error(place{typ: e.name, pos: d.pos}, problem.code, "%s", problem.text)
		return
	}
	put(&b.hints.EnumMigrationValues, enum.Name, value)
}
