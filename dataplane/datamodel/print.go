package datamodel

import (
	"fmt"
	"strings"
)

// Print writes the model as SDL in its own order: types, then enums. Parsing the
// text gives an equal model, except that sides follow the document again.
func Print(m *DataModel) string {
	var b strings.Builder
	for _, t := range m.Types {
		separate(&b)
		fmt.Fprintf(&b, "type %s @model {\n", t.Name)
		for _, f := range t.Fields {
			fmt.Fprintf(&b, "  %s: %s%s\n", f.Name, f.Form(), f.printDirectives())
		}
		b.WriteString("}\n")
	}
	for _, e := range m.Enums {
		separate(&b)
		fmt.Fprintf(&b, "enum %s {\n  %s\n}\n", e.Name, strings.Join(e.Values, "\n  "))
	}
	return b.String()
}

func separate(b *strings.Builder) {
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
}

// Form is the type of the field as written in SDL (data-api §1.3).
func (f *Field) Form() string {
	return Form(f.TypeName(), f.List, f.Required || f.List && f.IsRelation())
}

// Form is a type as written in SDL: T, T!, [T!] or [T!]!.
func Form(name string, list, required bool) string {
	if list {
		name = "[" + name + "!]"
	}
	if required {
		name += "!"
	}
	return name
}

func (f *Field) printDirectives() string {
	var b strings.Builder
	if f.Unique {
		b.WriteString(" @isUnique")
	}
	if f.Default != nil {
		b.WriteString(" @defaultValue(value: " + f.printDefault() + ")")
	}
	if f.Relation != nil {
		b.WriteString(" @relation(name: " + quote(f.Relation.Name) + ")")
	}
	return b.String()
}

// printDefault prefers the bare literal where it reads back as the same text.
func (f *Field) printDefault() string {
	bare := false
	if v := f.Default; !v.Null && !f.List {
		switch {
		case f.Enum != nil:
			bare = true
		case f.Scalar == Int, f.Scalar == Float, f.Scalar == Boolean:
			bare = true
		}
	}
	if bare {
		return f.Default.Text
	}
	return quote(f.Default.Text)
}
