package compiledschema

import (
	"math/rand/v2"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"icehouse/deploy/testbed/oracle"
)

// verdict is what is wrong with a document, first the parser's word.
func verdict(s *Schema, text string) []string {
	doc, err := parser.ParseQuery(&ast.Source{Input: text})
	if err != nil {
		return []string{err.Error()}
	}
	var messages []string
	for _, e := range s.Validate(doc) {
		messages = append(messages, e.Message)
	}
	return messages
}

// sameVerdicts holds our verdicts against those of graphql-js and returns how
// many documents were valid.
func sameVerdicts(t *testing.T, o *oracle.Oracle, s *Schema, name string, queries []string) (valid int) {
	t.Helper()
	theirs := o.Validate(t, name, queries)
	for i, query := range queries {
		ours := verdict(s, query)
		if len(theirs[i]) == 0 {
			valid++
		}
		if (len(ours) == 0) != (len(theirs[i]) == 0) {
			t.Errorf("%s:\n%s\ngraphql-js: %q\nours: %q", name, query, theirs[i], ours)
		}
	}
	return valid
}

func build(t *testing.T, o *oracle.Oracle, name string, s *Schema) {
	t.Helper()
	if errs := o.Build(t, name, s.SDL()); len(errs) > 0 {
		t.Fatalf("graphql-js does not accept the schema: %q", errs)
	}
}

func TestVerdicts(t *testing.T) {
	o := oracle.Start(t)
	var s *Schema
	for _, c := range cases(t) {
		s = c.schema // the last one has every form
	}
	build(t, o, "verdicts", s)
	if valid := sameVerdicts(t, o, s, "verdicts", documents); valid != len(documents) {
		t.Errorf("only %d of %d documents are valid: %q", valid, len(documents), o.Validate(t, "verdicts", documents))
	}
	r := rand.New(rand.NewPCG(1, 2))
	changed := make([]string, 6000)
	for i := range changed {
		changed[i] = mutate(r, documents[i%len(documents)], words)
	}
	t.Logf("%d of %d changed documents are valid", sameVerdicts(t, o, s, "verdicts", changed), len(changed))
}

func TestVerdictsOnCorpus(t *testing.T) {
	o := oracle.Start(t)
	r := rand.New(rand.NewPCG(3, 4))
	total, valid, refused, changed, stillValid := 0, 0, 0, 0, 0
	for _, s := range corpus(t) {
		var queries, mutants []string
		for _, op := range s.operations {
			if op.API != "simple" || op.Foreign {
				continue
			}
			queries = append(queries, op.text)
			for range 3 {
				mutants = append(mutants, mutate(r, op.text, words))
			}
			if op.PredictedValid {
				if errs := verdict(s.schema, op.text); len(errs) > 0 {
					refused++
					t.Logf("%s/%s is refused: %q", s.id, op.File, errs)
				}
			}
		}
		if len(queries) == 0 {
			continue
		}
		build(t, o, s.id, s.schema)
		total += len(queries)
		valid += sameVerdicts(t, o, s.schema, s.id, queries)
		changed += len(mutants)
		stillValid += sameVerdicts(t, o, s.schema, s.id, mutants)
	}
	t.Logf("%d of %d operations are valid, %d predicted valid are refused; %d of %d changed ones are valid", valid, total, refused, stillValid, changed)
}
