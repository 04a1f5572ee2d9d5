package compiledschema

import (
	"fmt"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/datamodel"
)

// Resolver is what one resolver function adds to the API (platform §2.9): a field
// of Query or Mutation and the type of its result.
type Resolver struct {
	Function string
	Mutation bool // the field is one of Mutation, not of Query
	Field    ResolverField
	Payload  ResolverPayload
	SDL      string // as written
}

// ResolverField is the field that a resolver function adds.
type ResolverField struct {
	Name string
	Args []ResolverValue
	Type coercion.Ref // the payload type, single or a list
}

// ResolverPayload is the object type that a resolver function returns.
type ResolverPayload struct {
	Name   string
	Fields []ResolverValue
}

// ResolverValue is an argument or a payload field: a scalar or a list of scalars.
type ResolverValue struct {
	Name    string
	Type    coercion.Ref
	Default *ast.Value // arguments only; nil: none
}

// ResolverRule names the rule of platform §2.9 that a schema extension breaks.
type ResolverRule uint8

// The rules.
const (
	RuleSyntax       ResolverRule = iota + 1 // the SDL parses
	RuleNoExtension                          // there is an extension
	RuleOneExtension                         // there is only one
	RuleExtendedType                         // it extends Query or Mutation
	RuleOneField                             // it has one field
	RuleFieldType                            // the field is P, P!, [P!] or [P!]!
	RulePayload                              // one object type with fields, and the field returns it
	RuleValueType                            // arguments and payload fields are scalars or lists of them
	RuleIDType                               // a payload field id is an ID or a String
	RuleNames                                // no name is repeated or begins with two underscores
	RuleDefault                              // the default of an argument fits its type
)

// ResolverError says which rule a schema extension breaks, and where.
type ResolverError struct {
	Function string
	Rule     ResolverRule
	Detail   string
}

// Error names the function and says what is wrong.
func (e *ResolverError) Error() string {
	return fmt.Sprintf("the schema extension of the resolver function %q is not valid: %s", e.Function, e.Detail)
}

// ParseResolver reads the schema file of a resolver function and checks it by
// itself; Compile checks it against the rest of the project. The error is a
// *ResolverError.
func ParseResolver(function, sdl string) (*Resolver, error) {
	refuse := func(rule ResolverRule, format string, args ...any) (*Resolver, error) {
		return nil, &ResolverError{Function: function, Rule: rule, Detail: fmt.Sprintf(format, args...)}
	}
	doc, err := parser.ParseSchemas(&ast.Source{Input: sdl})
	if err != nil {
		return refuse(RuleSyntax, "%s", strings.TrimPrefix(err.Error(), "input:"))
	}
	switch len(doc.Extensions) {
	case 0:
		return refuse(RuleNoExtension, "it has no `extend type Query { ... }` or `extend type Mutation { ... }`")
	case 1:
	default:
		return refuse(RuleOneExtension, "it has %d extensions, but one function extends the schema once", len(doc.Extensions))
	}
	extension := doc.Extensions[0]
	if extension.Kind != ast.Object || extension.Name != queryName && extension.Name != mutationName {
		return refuse(RuleExtendedType, "it extends %s, but only Query and Mutation can be extended", extension.Name)
	}
	if len(extension.Fields) != 1 {
		return refuse(RuleOneField, "it adds %d fields to %s, but one function adds one field", len(extension.Fields), extension.Name)
	}
	var payload *ast.Definition
	for _, d := range doc.Definitions {
		switch {
		case d.Kind != ast.Object:
			return refuse(RulePayload, "it defines %s, but only one object type, the payload, can be defined", d.Name)
		case payload != nil:
			return refuse(RulePayload, "it defines the types %s and %s, but only one object type, the payload, can be defined", payload.Name, d.Name)
		}
		payload = d
	}
	f := extension.Fields[0]
	switch {
	case payload == nil:
		return refuse(RulePayload, "it does not define the payload type %s of the field %s", f.Type.Name(), f.Name)
	case payload.Name != f.Type.Name():
		return refuse(RulePayload, "the field %s returns %s, but the type that is defined is %s", f.Name, f.Type.Name(), payload.Name)
	case len(payload.Fields) == 0:
		return refuse(RulePayload, "the type %s has no fields", payload.Name)
	case isReserved(f.Name):
		return refuse(RuleNames, "the name %s begins with two underscores", f.Name)
	case isReserved(payload.Name):
		return refuse(RuleNames, "the name %s begins with two underscores", payload.Name)
	}
	r := &Resolver{
		Function: function,
		Mutation: extension.Name == mutationName,
		Field:    ResolverField{Name: strings.Clone(f.Name), Type: coercion.RefOf(f.Type)},
		Payload:  ResolverPayload{Name: strings.Clone(payload.Name)},
		SDL:      sdl,
	}
	r.Field.Type.Name = r.Payload.Name
	switch r.Field.Type.Wrap {
	case coercion.Nullable, coercion.Required, coercion.ListOf, coercion.RequiredListOf:
	default:
		return refuse(RuleFieldType, "the field %s has the type %s; possible are %[3]s, %[3]s!, [%[3]s!] and [%[3]s!]!", f.Name, f.Type, payload.Name)
	}
	seen := names{}
	for _, arg := range f.Arguments {
		value, ok := resolverValue(arg.Name, arg.Type)
		if !ok {
			return refuse(RuleValueType, "the argument %s of the field %s has the type %s; relations, enums and unknown types are not supported", arg.Name, f.Name, arg.Type)
		}
		if isReserved(arg.Name) || !seen.add(arg.Name) {
			return refuse(RuleNames, "the argument %s of the field %s is there twice or begins with two underscores", arg.Name, f.Name)
		}
		if value.Default = arg.DefaultValue; value.Default != nil {
			if _, err := coercion.Literal(anyScalar{}, arg.Type, value.Default, nil); err != nil {
				return refuse(RuleDefault, "the default of the argument %s of the field %s does not fit the type %s", arg.Name, f.Name, arg.Type)
			}
		}
		r.Field.Args = append(r.Field.Args, value)
	}
	clear(seen)
	for _, pf := range payload.Fields {
		value, ok := resolverValue(pf.Name, pf.Type)
		switch {
		case !ok:
			return refuse(RuleValueType, "the field %s of the type %s has the type %s; relations, enums and unknown types are not supported", pf.Name, payload.Name, pf.Type)
		case pf.Name == "id" && (value.Type.IsList() || value.Type.Name != "ID" && value.Type.Name != "String"):
			return refuse(RuleIDType, "the field id of the type %s has the type %s; possible are ID and String", payload.Name, pf.Type)
		case isReserved(pf.Name) || !seen.add(pf.Name):
			return refuse(RuleNames, "the field %s of the type %s is there twice or begins with two underscores", pf.Name, payload.Name)
		}
		r.Payload.Fields = append(r.Payload.Fields, value)
	}
	return r, nil
}

// resolverValue takes scalars and lists of scalars. The result holds on to
// nothing of the parsed document.
func resolverValue(name string, t *ast.Type) (ResolverValue, bool) {
	scalar := datamodel.ScalarNamed(t.Name())
	if scalar == datamodel.NotScalar || t.Elem != nil && t.Elem.Elem != nil {
		return ResolverValue{}, false
	}
	ref := coercion.RefOf(t)
	ref.Name = scalar.String()
	return ResolverValue{Name: strings.Clone(name), Type: ref}, true
}

// isReserved: such names belong to introspection.
func isReserved(name string) bool { return strings.HasPrefix(name, "__") }

// anyScalar takes every name for a scalar's; the caller has checked the name.
type anyScalar struct{}

func (anyScalar) InputType(name string) (coercion.InputType, bool) {
	return coercion.InputType{Kind: coercion.KindScalar, Name: name}, true
}
