package managementapi

import (
	_ "embed"
	"strings"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/parser"
)

//go:embed system.graphql
var systemText string

// connected are the types that have a connection.
var connected = strings.Fields(`Action AlgoliaSyncQuery AuthProvider CrmInvoice CrmProject Enum FeatureToggle Field
	Function Integration Log Model ModelPermission PackageDefinition PermanentAuthToken
	Project Relation RelationFieldMirror RelationPermission Seat AuditEntry`)

// loadSchema reads system.graphql and adds what follows by rule: see there.
func loadSchema() (schema *ast.Schema, sdl string, err error) {
	doc, err := parser.ParseSchema(&ast.Source{Name: "system.graphql", Input: systemText})
	if err != nil {
		return nil, "", err
	}
	pages := ast.ArgumentDefinitionList{
		{Name: "after", Type: ast.NamedType("String", nil)}, {Name: "before", Type: ast.NamedType("String", nil)},
		{Name: "first", Type: ast.NamedType("Int", nil)}, {Name: "last", Type: ast.NamedType("Int", nil)},
	}
	mutation := newObject("Mutation")
	for _, d := range doc.Definitions {
		for _, f := range d.Fields {
			if strings.HasSuffix(f.Type.Name(), "Connection") {
				f.Arguments = pages
			}
		}
		stem, isPayload := strings.CutSuffix(d.Name, "Payload")
		if isPayload {
			mutation.Fields = append(mutation.Fields, mutationField(stem, d.Name))
		}
		if isPayload || strings.HasSuffix(d.Name, "Input") && !strings.HasSuffix(d.Name, "MetaInput") {
			d.Fields = append(d.Fields, newField("clientMutationId", ast.NamedType("String", nil)))
		}
	}
	doc.Definitions = append(doc.Definitions, mutation, newObject("PageInfo",
		newField("hasNextPage", must("Boolean")), newField("hasPreviousPage", must("Boolean")),
		newField("startCursor", ast.NamedType("String", nil)), newField("endCursor", ast.NamedType("String", nil))))
	for _, name := range connected {
		doc.Definitions = append(doc.Definitions, newEdge(name+"Edge", name), newObject(name+"Connection",
			newField("pageInfo", must("PageInfo")), newField("edges", ast.ListType(ast.NamedType(name+"Edge", nil), nil))))
	}
	doc.Definitions = append(doc.Definitions, newEdge("ClientEdge", "Customer"))
	var text strings.Builder
	formatter.NewFormatter(&text, formatter.WithIndent("  ")).FormatSchemaDocument(doc)
	schema, err = gqlparser.LoadSchema(&ast.Source{Name: "system.graphql", Input: text.String()})
	return schema, text.String(), err
}

// mutationField is the mutation that answers a payload (platform §15). Those of the
// CRM follow a rule of their own.
func mutationField(stem, payload string) *ast.FieldDefinition {
	f := newField(lowerFirst(stem), ast.NamedType(payload, nil))
	input := stem + "Input"
	if crm, ok := strings.CutPrefix(stem, "UpdateCrm"); ok {
		input, f.Type = "Crm"+crm+"Input", must(payload)
	}
	f.Arguments = ast.ArgumentDefinitionList{{Name: "input", Type: must(input)}}
	return f
}

func must(name string) *ast.Type { return ast.NonNullNamedType(name, nil) }

func newField(name string, t *ast.Type) *ast.FieldDefinition {
	return &ast.FieldDefinition{Name: name, Type: t}
}

func newObject(name string, fields ...*ast.FieldDefinition) *ast.Definition {
	return &ast.Definition{Kind: ast.Object, Name: name, Fields: fields}
}

func newEdge(name, node string) *ast.Definition {
	return newObject(name, newField("node", must(node)), newField("cursor", must("String")))
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
