package datamodel

import (
	"fmt"
	"slices"
	"strings"
)

// kind is what a type name stands for in a document.
type kind uint8

const (
	unknownKind kind = iota
	scalarKind
	enumKind
	typeKind
)

// checker applies the rules of data-api §1 to a document.
type checker struct {
	report
	doc   *document
	kinds map[string]kind
}

func newChecker(doc *document) *checker {
	c := &checker{doc: doc, kinds: make(map[string]kind, len(scalarNames)+len(doc.types)+len(doc.enums))}
	for _, t := range doc.types {
		c.kinds[t.name] = typeKind
	}
	for _, e := range doc.enums {
		c.kinds[e.name] = enumKind
	}
	for s := range Scalars() {
		c.kinds[s.String()] = scalarKind
	}
	return c
}

// kindOf says what a field's type is. Only id, which is checked on its own, may
// be an ID (data-api §1.4).
func (c *checker) kindOf(f *fieldNode) kind {
	base := f.typ.base()
	if base == "ID" && f.name != "id" {
		return unknownKind
	}
	return c.kinds[base]
}

func (c *checker) eachField(visit func(*typeNode, *fieldNode)) {
	for _, t := range c.doc.types {
		for _, f := range t.fields {
			visit(t, f)
		}
	}
}

func isSystemName(name string) bool {
	return name == "id" || name == "createdAt" || name == "updatedAt"
}

// checkTypes applies V2 to V11 and V15 to V17, in the order of the document.
func (c *checker) checkTypes() {
	for _, t := range c.doc.types {
		c.checkMarkers(t)
		c.checkDirectives(place{typ: t.name}, onType, t.directives)
		hasID := false
		for _, f := range t.fields {
			hasID = hasID || f.name == "id"
			if f.arguments {
				c.warn(place{t.name, f.name, f.pos}, "The arguments of the field `%s` are ignored.", f.name)
			}
			if isSystemName(f.name) {
				c.checkSystemField(t, f)
			} else {
				c.checkField(t, f)
			}
		}
		if !hasID { // V3
			c.error(place{typ: t.name, pos: t.pos}, 0, "All models must specify the `id` field: `id: ID! @isUnique`")
		}
	}
}

// checkMarkers applies V4 and V5. `implements Node` is the marker of an older
// generation; it stands for @model (LQ-D03).
func (c *checker) checkMarkers(t *typeNode) {
	at := place{typ: t.name, pos: t.pos}
	if len(t.fields) > 0 {
		at.field = t.fields[0].name
	}
	if slices.Contains(t.interfaces, "Node") {
		c.warn(at, "The model `%s` has the implements Node annotation. This is deprecated, use `type %s @model` instead.", t.name, t.name)
		return
	}
	if findDirective(t.directives, "model") == nil { // V4
		c.error(at, 0, "The model `%s` is missing the @model directive. Please add it: `type %s @model`", t.name, t.name)
	}
}

// checkSystemField applies V2, LQ-D06 and 4050 (data-api §1.6). V8 to V17 do
// not apply to these fields.
func (c *checker) checkSystemField(t *typeNode, f *fieldNode) {
	at := place{t.name, f.name, f.pos}
	unique := f.directive("isUnique") != nil
	if f.name == "id" {
		if !unique { // V2
			c.error(at, 0, "All id fields must specify the `@isUnique` directive.")
		}
		if f.typ.String() != "ID!" {
			c.error(at, 0, "The field `id` has the type `%s`, but it must be declared as `id: ID! @isUnique`", f.typ)
		}
	} else if form := f.typ.String(); unique || form != "DateTime!" && form != "DateTime" {
		c.error(at, 4050, "The field %s is a predefined but hidden type and can only be declared as `%s: DateTime!`", f.name, f.name)
	} else if form == "DateTime" { // deployed projects have it; the value is there all the same
		c.warn(at, "The field `%s` has the type `DateTime`, but it is always set: it is read as `%s: DateTime!`.", f.name, f.name)
	}
	for _, d := range f.directives {
		if d.name != "isUnique" && d.name != "description" {
			c.warn(place{t.name, f.name, d.pos}, "The directive `@%s` has no effect on the field `%s`.", d.name, f.name)
		}
	}
}

// checkField applies V8 to V11 and V15 to V17.
func (c *checker) checkField(t *typeNode, f *fieldNode) {
	at := place{t.name, f.name, f.pos}
	relation := f.directive("relation")
	switch base := f.typ.base(); c.kindOf(f) {
	case unknownKind: // V8
		c.error(at, 0, "The field `%s` has the type `%s` but there's no type or enum declaration with that name.", f.name, f.typ)
	case typeKind:
		if !f.typ.single() && !f.typ.requiredList() { // V9
			c.error(at, 0, "The relation field `%s` has the wrong format: `%s` Possible Formats: `%s`, `%s!`, `[%s!]!`", f.name, f.typ, base, base, base)
		}
		if relation == nil { // V11
			c.error(at, 0, "The relation field `%s` must specify a `@relation` directive: `@relation(name: \"MyRelation\")`", f.name)
		}
		for _, name := range []string{"isUnique", "defaultValue", "migrationValue"} { // data-api §1.7 rule 8
			if d := f.directive(name); d != nil {
				c.warn(place{t.name, f.name, d.pos}, "The directive `@%s` has no effect on the relation field `%s`.", name, f.name)
			}
		}
	default:
		if !f.typ.single() && !f.typ.scalarList() { // V10, for enums too (LQ-D11)
			c.error(at, 0, "The scalar field `%s` has the wrong format: `%s` Possible Formats: `%s`, `%s!`, `[%s!]` or `[%s!]!`", f.name, f.typ, base, base, base, base)
		}
		if relation != nil { // V15
			at.pos = relation.pos
			c.error(at, 0, "The field `%s` is a scalar field and cannot specify the `@relation` directive.", f.name)
		}
	}
	c.checkDirectives(place{t.name, f.name, f.pos}, onField, f.directives)
}

// single is T or T!.
func (t typeRef) single() bool { return t.item == nil }

// scalarList is [T!] or [T!]!.
func (t typeRef) scalarList() bool {
	return t.item != nil && t.item.item == nil && t.item.required
}

// requiredList is [T!]!.
func (t typeRef) requiredList() bool { return t.scalarList() && t.required }

// checkEnums applies V18, V19 and 2010.
func (c *checker) checkEnums() {
	for _, e := range c.doc.enums {
		c.checkDirectives(place{typ: e.name}, onEnum, e.directives)
		if len(e.values) == 0 {
			c.error(place{typ: e.name, pos: e.pos}, 2010, "The enum type `%s` has no values. Its enumValues must contain at least one value.", e.name)
		}
		var lower, invalid, repeated invalidValues
		seen := make(map[string]bool, len(e.values))
		for _, v := range e.values {
			switch {
			case v.name[0] >= 'a' && v.name[0] <= 'z':
				lower.add(v)
			case !isEnumName(v.name, maxEnumValue):
				invalid.add(v)
			case seen[v.name]:
				repeated.add(v)
			}
			seen[v.name] = true
		}
		lower.report(c, e, "The first character must be an upper-case letter. Those are invalid")
		invalid.report(c, e, "Those are invalid")
		repeated.report(c, e, "Those occur more than once")
	}
}

// invalidValues are the values of an enum that break one rule. All are listed,
// as long as a person might read the list.
type invalidValues struct {
	names []string
	left  int
	first position
}

const maxListed = 100

func (i *invalidValues) add(v enumValueNode) {
	if len(i.names) == 0 {
		i.first = v.pos
	}
	if len(i.names) == maxListed {
		i.left++
		return
	}
	i.names = append(i.names, "`"+v.name+"`")
}

func (i *invalidValues) report(c *checker, e *enumNode, rule string) {
	if i.left > 0 {
		i.names = append(i.names, fmt.Sprintf("and %d more", i.left))
	}
	if len(i.names) > 0 {
		c.error(place{typ: e.name, pos: i.first}, 0, "The enum type `%s` contains invalid enum values. %s: %s.",
			e.name, rule, strings.Join(i.names, ", "))
	}
}

// noteIgnored warns about definitions that have no meaning here (data-api §1.1).
func (c *checker) noteIgnored() {
	for _, i := range c.doc.ignored {
		c.warn(place{typ: Global, pos: i.pos}, "The definition `%s` is ignored: only `type` and `enum` belong to the data model.", i.what)
	}
}
