package compiledschema

import (
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// SDL prints the whole API schema in the order of data-api §2.1 and §11.2.
func (s *Schema) SDL() string {
	p := printer{schema: s}
	p.roots()
	for d := range s.definitions() {
		p.definition(d)
	}
	return string(p.out)
}

type printer struct {
	schema *Schema
	out    []byte
}

func (p *printer) text(parts ...string) {
	for _, part := range parts {
		p.out = append(p.out, part...)
	}
}

func (p *printer) roots() {
	p.text("schema {\n")
	for _, root := range []struct{ operation, name string }{{"query", queryName}, {"mutation", mutationName}, {"subscription", subscriptionName}} {
		if _, ok := p.schema.fixed(root.name); ok {
			p.text("  ", root.operation, ": ", root.name, "\n")
		}
	}
	p.text("}\n")
}

// keywords begin the definitions of SDL.
var keywords = map[ast.DefinitionKind]string{
	ast.Scalar: "scalar ", ast.Object: "type ", ast.Interface: "interface ", ast.Enum: "enum ", ast.InputObject: "input ",
}

func (p *printer) definition(d definition) {
	p.text("\n", keywords[d.kind], d.name)
	if d.isNode() {
		p.text(" implements ", nodeName)
	}
	switch d.kind {
	case ast.Scalar:
		p.text("\n")
		return
	case ast.Enum:
		p.text(" {\n")
		for v := range p.schema.values(d) {
			p.text("  ", v.name, "\n")
		}
	case ast.InputObject:
		p.text(" {\n")
		for in := range p.schema.inputs(p.schema.inputsOf(d)) {
			p.text("  ")
			p.input(in)
			p.text("\n")
		}
	default:
		p.text(" {\n")
		for f := range p.schema.fields(d) {
			p.field(f)
		}
	}
	p.text("}\n")
}

func (p *printer) field(f field) {
	if f.description != "" {
		p.text("  \"\"\"", strings.ReplaceAll(f.description, `"""`, `\"""`), "\"\"\"\n")
	}
	p.text("  ", f.name)
	open := "("
	for in := range p.schema.inputs(f.args) {
		p.text(open)
		p.input(in)
		open = ", "
	}
	if open != "(" {
		p.text(")")
	}
	p.text(": ")
	p.out = f.typ.Append(p.out)
	p.text("\n")
}

func (p *printer) input(in input) {
	p.text(in.name, ": ")
	p.out = in.typ.Append(p.out)
	if in.def != nil {
		p.out = appendLiteral(append(p.out, " = "...), in.def)
	}
}

// appendLiteral prints a constant value with blanks behind its commas and colons.
func appendLiteral(dst []byte, v *ast.Value) []byte {
	switch v.Kind {
	case ast.ListValue:
		dst = append(dst, '[')
		for i, child := range v.Children {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = appendLiteral(dst, child.Value)
		}
		return append(dst, ']')
	case ast.ObjectValue:
		dst = append(dst, '{')
		for i, child := range v.Children {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = appendLiteral(append(append(dst, child.Name...), ": "...), child.Value)
		}
		return append(dst, '}')
	default:
		return append(dst, v.String()...)
	}
}
