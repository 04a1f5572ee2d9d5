package compiledschema

import (
	_ "embed"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"icehouse/dataplane/coercion"
)

// builtinSDL holds what GraphQL itself defines: scalars, introspection types and
// the directives @include, @skip and @deprecated. Texts are those of the
// specification, as the reference implementation answers them.
//
//go:embed builtin.graphql
var builtinSDL string

var (
	// introspectionTypes are the types of introspection by name.
	introspectionTypes = map[string]*ast.Definition{}
	// scalarTypes are the scalars that an API can use, by name.
	scalarTypes = map[string]*ast.Definition{}
	// directives are those that a document can use, and @deprecated, in the order
	// that introspection lists them.
	directives []*ast.DirectiveDefinition
	// directivesByName are the same for validation.
	directivesByName = map[string]*ast.DirectiveDefinition{}
	// introspectionOrder are the introspection types as introspection lists them.
	introspectionOrder []*ast.Definition
)

func init() {
	doc, err := parser.ParseSchema(&ast.Source{Name: "builtin.graphql", Input: builtinSDL, BuiltIn: true})
	if err != nil {
		panic("compiledschema: builtin.graphql does not parse: " + err.Error())
	}
	for _, d := range doc.Definitions {
		if d.Kind == ast.Scalar {
			scalarTypes[d.Name] = d
			continue
		}
		introspectionTypes[d.Name] = d
		introspectionOrder = append(introspectionOrder, d)
	}
	for _, d := range doc.Directives {
		directives = append(directives, d)
		directivesByName[d.Name] = d
	}
}

// metaFields are the fields that Query has for introspection; no list of its
// fields shows them.
var metaFields = map[string]field{
	"__schema": {name: "__schema", typ: coercion.Ref{Name: "__Schema", Wrap: coercion.Required}},
	"__type": {name: "__type", typ: coercion.Ref{Name: "__Type"}, args: inputs{form: inputsStatic, static: ast.ArgumentDefinitionList{
		{Name: "name", Type: ast.NonNullNamedType("String", nil)},
	}}},
}

func staticField(f *ast.FieldDefinition) field {
	return field{
		name: f.Name, typ: coercion.RefOf(f.Type), description: f.Description,
		args: inputs{form: inputsStatic, static: f.Arguments},
	}
}
