// Package operation turns the text of a request into a document that is known
// to be valid for a release, once for all requests that send the same text or
// one that differs in literals only.
//
//	text, operationName --normalize--> key --cache | limits, parse, validate--> Document
//	variables --coercion--> values, and their shape
//
// In: a Request and the release's compiledschema.Schema. Out: a Prepared: the
// Document, the literals of this text, the coerced variables, and the shape
// that, with the document, identifies a plan. Or the errors of data-api §5.3.
// Callers: the data plane's pipeline; the planner reads Prepared.
package operation

import (
	"fmt"
	"sync/atomic"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/lexer"
	"github.com/vektah/gqlparser/v2/parser"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/compiledschema"
)

// Document is a valid operation of a release with the fragments it uses.
type Document struct {
	ID        uint64 // unique in this process
	Schema    *compiledschema.Schema
	Operation *ast.OperationDefinition
	Fragments ast.FragmentDefinitionList
	AsksUser  bool // a field user is among those selected, which may be the requester, or a resolver's, which is told

	literals map[*ast.Value]int // by position among the text's literals
	fields   map[*ast.Field]int // by position among the text's fields
	valued   map[string]bool    // variables whose values choose SQL: enums, and sizes of pages
}

var documentIDs atomic.Uint64

// LiteralOf returns the position of a string or number literal among the
// literals that a request's text gives. ok is false for literals that belong to
// the document itself.
func (d *Document) LiteralOf(v *ast.Value) (position int, ok bool) {
	position, ok = d.literals[v]
	return position, ok
}

// FieldOf returns the position of a field among the fields of the text, which
// Locate turns into a line and column.
func (d *Document) FieldOf(f *ast.Field) int { return d.fields[f] }

// Literal is a string or number literal of a request's text.
type Literal struct {
	Kind ast.ValueKind // ast.IntValue, ast.FloatValue or ast.StringValue
	Raw  string        // number text as written, or the string's content
}

// parse reads and validates a text. literals is how many of them normalize left
// out of the key; 0 keeps all of them in the document.
func parse(schema *compiledschema.Schema, limits Limits, text, operationName string, literals int) (*Document, error) {
	doc, err := parser.ParseQuery(&ast.Source{Input: text})
	if err != nil {
		return nil, &SyntaxError{gqlerror.WrapIfUnwrapped(err)}
	}
	if err := limits.checkDocument(doc); err != nil {
		return nil, refused(err)
	}
	if errs := schema.Validate(doc); len(errs) > 0 {
		if len(errs) > limits.Errors {
			errs = errs[:limits.Errors]
		}
		return nil, &Invalid{Errors: errs}
	}
	if errs := checkLiterals(schema, doc); len(errs) > 0 {
		return nil, &Invalid{Errors: errs[:min(len(errs), limits.Errors)]}
	}
	op, e := choose(doc, operationName)
	if e != nil {
		return nil, &Invalid{Errors: gqlerror.List{e}}
	}
	d := &Document{
		ID:        documentIDs.Add(1),
		Schema:    schema,
		Operation: op,
		Fragments: doc.Fragments,
		literals:  map[*ast.Value]int{},
		fields:    map[*ast.Field]int{},
		valued:    map[string]bool{},
	}
	for _, v := range op.VariableDefinitions {
		if t, ok := schema.InputType(v.Type.Name()); ok && t.Kind == coercion.KindEnum {
			d.valued[v.Variable] = true
		}
	}
	n := &numberer{asks: func(field string) bool { return field == "user" || schema.IsResolved(field) }}
	n.document(doc)
	d.fields, d.AsksUser = n.fields, n.asksUser
	for _, name := range n.pageSizes {
		d.valued[name] = true
	}
	if literals > 0 {
		if len(n.literals) != literals {
			return nil, fmt.Errorf("the text has %d literals, the document %d", literals, len(n.literals))
		}
		for i, v := range n.literals {
			d.literals[v] = i
		}
	}
	return d, nil
}

func choose(doc *ast.QueryDocument, name string) (*ast.OperationDefinition, *gqlerror.Error) {
	if name == "" {
		switch len(doc.Operations) {
		case 0:
			return nil, gqlerror.Errorf("Must provide an operation.")
		case 1:
			return doc.Operations[0], nil
		}
		return nil, gqlerror.Errorf("Must provide operation name if query contains multiple operations.")
	}
	if op := doc.Operations.ForName(name); op != nil && op.Name == name {
		return op, nil
	}
	return nil, gqlerror.Errorf("Unknown operation named %q.", name)
}

// numberer counts fields and literals in the order of the text.
type numberer struct {
	asks      func(field string) bool // its answer may depend on who asks
	fields    map[*ast.Field]int
	literals  []*ast.Value
	places    []*ast.Position // of the fields
	pageSizes []string        // variables that are sizes of pages
	asksUser  bool
}

func (n *numberer) document(doc *ast.QueryDocument) {
	n.fields = map[*ast.Field]int{}
	ops, fragments := doc.Operations, doc.Fragments
	for len(ops) > 0 || len(fragments) > 0 {
		if len(fragments) == 0 || len(ops) > 0 && ops[0].Position.Start < fragments[0].Position.Start {
			n.set(ops[0].SelectionSet)
			ops = ops[1:]
		} else {
			n.set(fragments[0].SelectionSet)
			fragments = fragments[1:]
		}
	}
}

func (n *numberer) set(set ast.SelectionSet) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			n.asksUser = n.asksUser || n.asks != nil && n.asks(s.Name)
			n.fields[s] = len(n.places)
			n.places = append(n.places, s.Position)
			n.arguments(s.Arguments)
			n.directives(s.Directives)
			n.set(s.SelectionSet)
		case *ast.InlineFragment:
			n.directives(s.Directives)
			n.set(s.SelectionSet)
		case *ast.FragmentSpread:
			n.directives(s.Directives)
		}
	}
}

func (n *numberer) directives(list ast.DirectiveList) {
	for _, d := range list {
		n.arguments(d.Arguments)
	}
}

func (n *numberer) arguments(list ast.ArgumentList) {
	for _, a := range list {
		if a.Value.Kind == ast.Variable && isPageSize(a.Name) {
			n.pageSizes = append(n.pageSizes, a.Value.Raw)
		}
		n.named(a.Name, a.Value)
	}
}

// named counts the literals of a named value. The size of a page belongs to the
// document, see normalize.
func (n *numberer) named(name string, v *ast.Value) {
	if isPageSize(name) && v.Kind != ast.ListValue && v.Kind != ast.ObjectValue {
		return
	}
	n.value(v)
}

func (n *numberer) value(v *ast.Value) {
	switch v.Kind {
	case ast.IntValue, ast.FloatValue, ast.StringValue, ast.BlockValue:
		n.literals = append(n.literals, v)
	default:
		for _, child := range v.Children {
			n.named(child.Name, child.Value)
		}
	}
}

// Locate finds where the field with this position (Document.FieldOf) begins in
// a text that has the document's form. It parses again: only errors need it.
func Locate(text string, field int) (line, column int) {
	n := number(text)
	if n == nil || field < 0 || field >= len(n.places) || n.places[field] == nil {
		return 0, 0
	}
	return n.places[field].Line, n.places[field].Column
}

// LocateLiteral finds where a literal begins.
func LocateLiteral(text string, literal int) (line, column int) {
	n := number(text)
	if n == nil || literal < 0 || literal >= len(n.literals) || n.literals[literal].Position == nil {
		return 0, 0
	}
	return n.literals[literal].Position.Line, n.literals[literal].Position.Column
}

func number(text string) *numberer {
	doc, err := parser.ParseQuery(&ast.Source{Input: text})
	if err != nil {
		return nil
	}
	n := &numberer{}
	n.document(doc)
	return n
}

// read turns a literal token into its content.
func read(text string, t token) (Literal, error) {
	raw := text[t.start:t.end]
	switch t.kind {
	case tokenInt:
		return Literal{Kind: ast.IntValue, Raw: raw}, nil
	case tokenFloat:
		return Literal{Kind: ast.FloatValue, Raw: raw}, nil
	}
	if plain(raw) {
		return Literal{Kind: ast.StringValue, Raw: raw[1 : len(raw)-1]}, nil
	}
	l := lexer.New(&ast.Source{Input: raw})
	tok, err := l.ReadToken()
	if err != nil {
		return Literal{}, err
	}
	return Literal{Kind: ast.StringValue, Raw: tok.Value}, nil
}

// plain says that a string token has neither escapes nor block quotes.
func plain(raw string) bool {
	for i := 1; i < len(raw)-1; i++ {
		if raw[i] == '\\' || raw[i] == '"' {
			return false
		}
	}
	return len(raw) >= 2 && (len(raw) < 6 || raw[1] != '"')
}
