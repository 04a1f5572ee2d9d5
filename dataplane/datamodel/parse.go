package datamodel

import (
	"fmt"
	"strings"

	"icehouse/dataplane/coercion"
)

// Parsed is what a valid type definition says.
type Parsed struct {
	Model    *DataModel
	Hints    Hints
	Warnings Diagnostics // nothing here keeps a deploy from going on
}

// Parse reads the SDL text of a type definition (data-api §1). All errors are
// returned together, in the order of the text; Parsed is nil when there are
// any. Sides of relations follow the document; a deploy over an earlier release
// calls KeepSides next. The result does not hold on to sdl.
func Parse(sdl string) (*Parsed, Diagnostics) {
	doc, failure := read(sdl)
	if failure != nil {
		return nil, Diagnostics{{
			Type: Global,
			Description: fmt.Sprintf("There's a syntax error in the Schema Definition. Line %d, column %d: %s.",
				failure.pos.line, failure.pos.column, failure.text),
			Line: failure.pos.line, Column: failure.pos.column,
		}}
	}
	c := newChecker(doc)
	c.checkTypes()
	c.checkEnums()
	c.checkRelations()
	c.checkNames()
	c.noteIgnored()

	b := newBuilder(c)
	if len(c.errors) == 0 {
		b.build()
		b.readValues()
		b.readHints()
	}
	if len(c.errors) == 0 {
		c.checkGeneratedNames(b.model)
	}
	errors, warnings := c.sorted()
	if len(errors) > 0 {
		return nil, errors
	}
	return &Parsed{Model: b.model, Hints: b.hints, Warnings: warnings}, nil
}

// builder turns a checked document into the model. It may rely on every rule
// of the checker.
type builder struct {
	*checker
	model  *DataModel
	hints  Hints
	names  interner
	values valueReader
	fields map[*fieldNode]*Field
	enums  map[string]*Enum
}

func newBuilder(c *checker) *builder {
	return &builder{checker: c, model: &DataModel{}, names: interner{}, fields: map[*fieldNode]*Field{}, enums: map[string]*Enum{}}
}

func (b *builder) build() {
	for _, node := range b.doc.enums {
		e := &Enum{Name: b.names.intern(node.name)}
		e.Values = make([]string, len(node.values))
		for i, v := range node.values {
			e.Values[i] = b.names.intern(v.name)
		}
		b.enums[e.Name] = e
		b.model.Enums = append(b.model.Enums, e)
	}
	relations := map[string]*Relation{}
	for _, node := range b.doc.types {
		t := &Type{Name: b.names.intern(node.name), Index: len(b.model.Types)}
		slab := make([]Field, len(node.fields))
		t.Fields = make([]*Field, len(node.fields))
		for i, fieldNode := range node.fields {
			f := &slab[i]
			t.Fields[i] = f
			b.fields[fieldNode] = f
			f.Name, f.Type, f.Index = b.names.intern(fieldNode.name), t, i
			f.List = fieldNode.typ.item != nil
			f.Required = fieldNode.typ.required || isSystemName(f.Name)
			base := fieldNode.typ.base()
			switch b.kinds[base] {
			case scalarKind:
				f.Scalar = ScalarNamed(base)
				f.Unique = fieldNode.directive("isUnique") != nil
			case enumKind:
				f.Enum = b.enums[base]
				f.Unique = fieldNode.directive("isUnique") != nil
			case typeKind:
				f.Required = f.Required && !f.List // data-api §1.7 rule 7
				name, _ := fieldNode.relationName()
				r := relations[name]
				if r == nil { // the first field in the document is side A
					r = &Relation{Name: b.names.intern(name), Ends: [2]*Field{f, f}}
					relations[name] = r
					b.model.Relations = append(b.model.Relations, r)
				} else {
					r.Ends[SideB], f.Side = f, SideB
				}
				f.Relation = r
			}
		}
		b.model.Types = append(b.model.Types, t)
	}
}

// readValues reads the defaults of scalar and enum fields (data-api §1.9).
func (b *builder) readValues() {
	b.eachField(func(t *typeNode, node *fieldNode) {
		text, d, ok := node.value("defaultValue")
		f := b.fields[node]
		if !ok || f.IsSystem() || f.IsRelation() {
			return
		}
		at := place{t.name, node.name, d.pos}
		value, problem := b.values.defaultOf(f, text)
		if problem != nil {
			b.error(at, problem.code, "%s", problem.text)
			return
		}
		if f.Scalar == DateTime && !f.List && !value.Null {
			if _, ok := coercion.ParseDateTime(text); !ok {
				b.warn(at, "The default value '%s' is no ISO 8601 date: creating a node without this field will fail.", shorten(text))
			}
		}
		f.Default = value
	})
}

// interner keeps one copy of each name, cut loose from the text it came from.
type interner map[string]string

func (in interner) intern(s string) string {
	if kept, ok := in[s]; ok {
		return kept
	}
	kept := strings.Clone(s)
	in[kept] = kept
	return kept
}
