// Package introspection asks an API for its schema and writes it down as SDL.
//
// In: what a server answers to Query. Out: SDL, types by name. Caller: the get-schema
// command of the cli package.
package introspection

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/parser"
)

// Query asks for all that a client's tools need.
const Query = `query IntrospectionQuery {
  __schema {
    queryType { name } mutationType { name } subscriptionType { name }
    types {
      kind name description
      fields(includeDeprecated: true) { name description args { ...Value } type { ...Type } isDeprecated deprecationReason }
      inputFields { ...Value }
      interfaces { ...Type }
      enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
      possibleTypes { ...Type }
    }
    directives { name description locations args { ...Value } }
  }
}
fragment Value on __InputValue { name description type { ...Type } defaultValue }
fragment Type on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }`

type answer struct {
	Schema *struct {
		QueryType, MutationType, SubscriptionType *struct{ Name string }
		Types                                     []definition
		Directives                                []directive
	} `json:"__schema"`
}

type definition struct {
	Kind, Name, Description string
	Fields                  []field
	InputFields             []value
	Interfaces              []typeRef
	EnumValues              []enumValue
	PossibleTypes           []typeRef
}

type field struct {
	Name, Description string
	Args              []value
	Type              typeRef
	IsDeprecated      bool
	DeprecationReason string
}

type enumValue struct {
	Name, Description string
	IsDeprecated      bool
	DeprecationReason string
}

type value struct {
	Name, Description string
	Type              typeRef
	DefaultValue      *string
}

type directive struct {
	Name, Description string
	Locations         []string
	Args              []value
}

type typeRef struct {
	Kind, Name string
	OfType     *typeRef
}

var (
	builtIn    = []string{"Int", "Float", "String", "Boolean", "ID"}
	directives = []string{"skip", "include", "deprecated", "specifiedBy", "defer"}
)

// SDL writes the answer's data down. What every GraphQL has is left out.
func SDL(data []byte) (string, error) {
	var a answer
	if err := json.Unmarshal(data, &a); err != nil || a.Schema == nil {
		return "", fmt.Errorf("the answer is no introspection result: %w", cmp.Or(err, fmt.Errorf("it has no __schema")))
	}
	doc := &ast.SchemaDocument{}
	root := &ast.SchemaDefinition{}
	for _, r := range []struct {
		operation ast.Operation
		named     *struct{ Name string }
	}{{ast.Query, a.Schema.QueryType}, {ast.Mutation, a.Schema.MutationType}, {ast.Subscription, a.Schema.SubscriptionType}} {
		if r.named != nil {
			root.OperationTypes = append(root.OperationTypes, &ast.OperationTypeDefinition{Operation: r.operation, Type: r.named.Name})
		}
	}
	doc.Schema = ast.SchemaDefinitionList{root}
	for _, d := range a.Schema.Directives {
		if slices.Contains(directives, d.Name) {
			continue
		}
		args, err := arguments(d.Args)
		if err != nil {
			return "", err
		}
		out := &ast.DirectiveDefinition{Name: d.Name, Description: d.Description, Arguments: args, Position: &ast.Position{Src: &ast.Source{}}}
		for _, l := range d.Locations {
			out.Locations = append(out.Locations, ast.DirectiveLocation(l))
		}
		doc.Directives = append(doc.Directives, out)
	}
	slices.SortFunc(a.Schema.Types, func(a, b definition) int { return strings.Compare(a.Name, b.Name) })
	for _, d := range a.Schema.Types {
		if strings.HasPrefix(d.Name, "__") || slices.Contains(builtIn, d.Name) {
			continue
		}
		out, err := d.definition()
		if err != nil {
			return "", err
		}
		doc.Definitions = append(doc.Definitions, out)
	}
	var b strings.Builder
	formatter.NewFormatter(&b, formatter.WithIndent("  ")).FormatSchemaDocument(doc)
	return b.String(), nil
}

func (d definition) definition() (*ast.Definition, error) {
	out := &ast.Definition{Kind: ast.DefinitionKind(d.Kind), Name: d.Name, Description: d.Description, Position: &ast.Position{Src: &ast.Source{}}}
	for _, i := range d.Interfaces {
		out.Interfaces = append(out.Interfaces, i.Name)
	}
	if out.Kind == ast.Union {
		for _, t := range d.PossibleTypes {
			out.Types = append(out.Types, t.Name)
		}
	}
	for _, f := range d.Fields {
		args, err := arguments(f.Args)
		if err != nil {
			return nil, err
		}
		out.Fields = append(out.Fields, &ast.FieldDefinition{Name: f.Name, Description: f.Description, Arguments: args,
			Type: f.Type.ast(), Directives: deprecated(f.IsDeprecated, f.DeprecationReason)})
	}
	for _, v := range d.InputFields {
		preset, err := v.preset()
		if err != nil {
			return nil, err
		}
		out.Fields = append(out.Fields, &ast.FieldDefinition{Name: v.Name, Description: v.Description, Type: v.Type.ast(), DefaultValue: preset})
	}
	for _, v := range d.EnumValues {
		out.EnumValues = append(out.EnumValues, &ast.EnumValueDefinition{Name: v.Name, Description: v.Description,
			Directives: deprecated(v.IsDeprecated, v.DeprecationReason)})
	}
	return out, nil
}

func arguments(all []value) (ast.ArgumentDefinitionList, error) {
	var out ast.ArgumentDefinitionList
	for _, v := range all {
		preset, err := v.preset()
		if err != nil {
			return nil, err
		}
		out = append(out, &ast.ArgumentDefinition{Name: v.Name, Description: v.Description, Type: v.Type.ast(), DefaultValue: preset})
	}
	return out, nil
}

// preset reads the default value, which is a GraphQL literal in a text.
func (v value) preset() (*ast.Value, error) {
	if v.DefaultValue == nil {
		return nil, nil
	}
	doc, err := parser.ParseQuery(&ast.Source{Input: "{f(a:" + *v.DefaultValue + ")}"})
	if err != nil {
		return nil, fmt.Errorf("the default value of %s is no literal: %s", v.Name, *v.DefaultValue)
	}
	return doc.Operations[0].SelectionSet[0].(*ast.Field).Arguments[0].Value, nil
}

func (t typeRef) ast() *ast.Type {
	switch {
	case t.Kind == "NON_NULL" && t.OfType != nil:
		inner := *t.OfType.ast()
		inner.NonNull = true
		return &inner
	case t.Kind == "LIST" && t.OfType != nil:
		return ast.ListType(t.OfType.ast(), nil)
	default:
		return ast.NamedType(t.Name, nil)
	}
}

func deprecated(yes bool, reason string) ast.DirectiveList {
	if !yes {
		return nil
	}
	return ast.DirectiveList{{Name: "deprecated", Arguments: ast.ArgumentList{{Name: "reason", Value: &ast.Value{Raw: reason, Kind: ast.StringValue}}}}}
}
