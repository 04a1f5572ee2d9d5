package definition

import (
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// maxQueryTokens bounds a permission or subscription query.
const maxQueryTokens = 5000

// parseQuery reads a GraphQL document; problem is "" when it parses.
func parseQuery(text string) (doc *ast.QueryDocument, problem string) {
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, maxQueryTokens)
	if err != nil {
		return nil, "the query does not parse: " + err.Error()
	}
	return doc, ""
}

// pickQuery finds the operation that a permission means: the one with the name,
// or the only one (platform §1.9).
func pickQuery(text, name string) (op *ast.OperationDefinition, problem string) {
	doc, problem := parseQuery(text)
	if problem != "" {
		return nil, problem
	}
	if name == "" {
		if len(doc.Operations) != 1 {
			return nil, fmt.Sprintf("the file has %d operations; name one of them after a colon", len(doc.Operations))
		}
		return doc.Operations[0], ""
	}
	for _, candidate := range doc.Operations {
		if candidate.Name != name {
			continue
		}
		if op != nil {
			return nil, fmt.Sprintf("the file has more than one operation named %s", quote(name))
		}
		op = candidate
	}
	if op == nil {
		return nil, fmt.Sprintf("the file has no operation named %s", quote(name))
	}
	return op, ""
}

// QueryProblem says why the text has not the one query that the permission means, or
// is "".
func (p *Permission) QueryProblem() string {
	_, problem := pickQuery(p.Query, p.QueryName)
	return problem
}

// Listens is the type that a subscription listens to, or "".
func (f *Function) Listens() string {
	if f.Kind != Subscription {
		return ""
	}
	doc, _ := parseQuery(f.Query)
	if field := rootField(doc); field != nil {
		return field.Name
	}
	return ""
}

// rootField is the only field of a document's only operation, or nil.
func rootField(doc *ast.QueryDocument) *ast.Field {
	if doc == nil || len(doc.Operations) != 1 || len(doc.Operations[0].SelectionSet) != 1 {
		return nil
	}
	field, _ := doc.Operations[0].SelectionSet[0].(*ast.Field)
	return field
}

// Retarget lets a subscription follow a type to its new name. Nothing else of its
// query is looked at.
func (f *Function) Retarget(old, name string) {
	if f.Kind != Subscription {
		return
	}
	doc, _ := parseQuery(f.Query)
	if field := rootField(doc); field != nil && field.Name == old {
		if field.Alias == field.Name {
			field.Alias = name
		}
		field.Name = name
		f.Query = printQuery(doc)
	}
}
