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
	p := resolverParser{function}
	doc, err := parser.ParseSchemas(&ast.Source{Input: sdl})
	if err != nil {
		return nil, p.refuse(RuleSyntax, "%s", strings.TrimPrefix(err.Error(), "input:"))
	}
	root, f, err := p.field(doc.Extensions)
	if err != nil {
		return nil, err
	}
	payload, err := p.payload(doc.Definitions, f)
	if err != nil {
		return nil, err
	}
	r := &Resolver{
		Function: function,
		Mutation: root == mutationName,
		Field:    ResolverField{Name: strings.Clone(f.Name), Type: coercion.RefOf(f.Type)},
		Payload:  ResolverPayload{Name: strings.Clone(payload.Name)},
		SDL:      sdl,
	}
	r.Field.Type.Name = r.Payload.Name
	switch r.Field.Type.Wrap {
	case coercion.Nullable, coercion.Required, coercion.ListOf, coercion.RequiredListOf:
	default:
		return nil, p.refuse(RuleFieldType, "the field %s has the type %s; possible are %[3]s, %[3]s!, [%[3]s!] and [%[3]s!]!", f.Name, f.Type, payload.Name)
	}
	if r.Field.Args, err = p.arguments(f); err != nil {
		return nil, err
	}
	r.Payload.Fields, err = p.payloadFields(payload)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// resolverParser knows whose schema file it is.
type resolverParser struct{ function string }

func (p resolverParser) refuse(rule ResolverRule, format string, args ...any) error {
	return &ResolverError{Function: p.function, Rule: rule, Detail: fmt.Sprintf(format, args...)}
}

// field finds the one field that is added, and the type that it is added to.
func (p resolverParser) field(extensions ast.DefinitionList) (root string, f *ast.FieldDefinition, err error) {
	switch len(extensions) {
	case 0:
		return "", nil, p.refuse(RuleNoExtension, "it has no `extend type Query { ... }` or `extend type Mutation { ... }`")
	case 1:
	default:
		return "", nil, p.refuse(RuleOneExtension, "it has %d extensions, but one function extends the schema once", len(extensions))
	}
	extension := extensions[0]
	if extension.Kind != ast.Object || extension.Name != queryName && extension.Name != mutationName {
		return "", nil, p.refuse(RuleExtendedType, "it extends %s, but only Query and Mutation can be extended", extension.Name)
	}
	if len(extension.Fields) != 1 {
		return "", nil, p.refuse(RuleOneField, "it adds %d fields to %s, but one function adds one field", len(extension.Fields), extension.Name)
	}
	return extension.Name, extension.Fields[0], nil
}

// payload finds the one type that is defined, which the field returns.
func (p resolverParser) payload(definitions ast.DefinitionList, f *ast.FieldDefinition) (payload *ast.Definition, err error) {
	for _, d := range definitions {
		switch {
		case d.Kind != ast.Object:
			return nil, p.refuse(RulePayload, "it defines %s, but only one object type, the payload, can be defined", d.Name)
		case payload != nil:
			return nil, p.refuse(RulePayload, "it defines the types %s and %s, but only one object type, the payload, can be defined", payload.Name, d.Name)
		}
		payload = d
	}
	switch {
	case payload == nil:
		return nil, p.refuse(RulePayload, "it does not define the payload type %s of the field %s", f.Type.Name(), f.Name)
	case payload.Name != f.Type.Name():
		return nil, p.refuse(RulePayload, "the field %s returns %s, but the type that is defined is %s", f.Name, f.Type.Name(), payload.Name)
	case len(payload.Fields) == 0:
		return nil, p.refuse(RulePayload, "the type %s has no fields", payload.Name)
	case isReserved(f.Name):
		return nil, p.refuse(RuleNames, "the name %s begins with two underscores", f.Name)
	case isReserved(payload.Name):
		return nil, p.refuse(RuleNames, "the name %s begins with two underscores", payload.Name)
	}
	return payload, nil
}

func (p resolverParser) arguments(f *ast.FieldDefinition) (args []ResolverValue, err error) {
	seen := names{}
	for _, arg := range f.Arguments {
		value, ok := resolverValue(arg.Name, arg.Type)
		if !ok {
			return nil, p.refuse(RuleValueType, "the argument %s of the field %s has the type %s; relations, enums and unknown types are not supported", arg.Name, f.Name, arg.Type)
		}
		if isReserved(arg.Name) || !seen.add(arg.Name) {
			return nil, p.refuse(RuleNames, "the argument %s of the field %s is there twice or begins with two underscores", arg.Name, f.Name)
		}
		if value.Default = arg.DefaultValue; value.Default != nil {
			if _, err := coercion.Literal(anyScalar{}, arg.Type, value.Default, nil); err != nil {
				return nil, p.refuse(RuleDefault, "the default of the argument %s of the field %s does not fit the type %s", arg.Name, f.Name, arg.Type)
			}
		}
		args = append(args, value)
	}
	return args, nil
}

func (p resolverParser) payloadFields(payload *ast.Definition) (fields []ResolverValue, err error) {
	seen := names{}
	for _, f := range payload.Fields {
		value, ok := resolverValue(f.Name, f.Type)
		switch {
		case !ok:
			return nil, p.refuse(RuleValueType, "the field %s of the type %s has the type %s; relations, enums and unknown types are not supported", f.Name, payload.Name, f.Type)
		case f.Name == "id" && (value.Type.IsList() || value.Type.Name != "ID" && value.Type.Name != "String"):
			return nil, p.refuse(RuleIDType, "the field id of the type %s has the type %s; possible are ID and String", payload.Name, f.Type)
		case isReserved(f.Name) || !seen.add(f.Name):
			return nil, p.refuse(RuleNames, "the field %s of the type %s is there twice or begins with two underscores", f.Name, payload.Name)
		}
		fields = append(fields, value)
	}
	return fields, nil
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
