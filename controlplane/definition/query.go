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
