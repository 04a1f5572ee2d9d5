package compiledschema

import (
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator"
)

// MaxErrors is how many errors Validate reports.
const MaxErrors = 20

// Validate checks a document against the API with the rules of the specification
// and reports at most MaxErrors errors. As the rules do, it notes in the document
// which definition each of its parts has.
func (s *Schema) Validate(doc *ast.QueryDocument) gqlerror.List {
	return s.ValidateUpTo(doc, MaxErrors)
}

// ValidateUpTo is Validate with another number of errors.
func (s *Schema) ValidateUpTo(doc *ast.QueryDocument, maxErrors int) gqlerror.List {
	if len(doc.Operations) == 0 && len(doc.Fragments) == 0 {
		return gqlerror.List{{Message: "The document has no operation."}}
	}
	if len(apply(s.materialize(doc, false), doc, 1)) == 0 {
		return nil
	}
	// Once more, with all names at hand for the messages.
	return apply(s.materialize(doc, true), doc, maxErrors)
}

// enough ends a walk that has found as many errors as are reported.
type enough struct{}

// apply runs the rules until they have found so many errors.
func apply(schema *ast.Schema, doc *ast.QueryDocument, maxErrors int) (errs gqlerror.List) {
	defer func() {
		if r := recover(); r != nil && r != (enough{}) {
			panic(r)
		}
	}()
	type place struct {
		message  string
		location gqlerror.Location
	}
	seen := map[place]bool{} // a fragment is walked by itself and where it is spread
	observers := &validator.Events{}
	for _, rule := range rules {
		rule.RuleFunc(observers, func(options ...validator.ErrorOption) {
			err := &gqlerror.Error{Rule: rule.Name}
			for _, option := range options {
				option(err)
			}
			p := place{message: err.Message}
			if len(err.Locations) > 0 {
				p.location = err.Locations[0]
			}
			if seen[p] {
				return
			}
			seen[p] = true
			errs = append(errs, err)
			if len(errs) >= maxErrors {
				panic(enough{})
			}
		})
	}
	validator.Walk(schema, doc, observers)
	return errs
}
