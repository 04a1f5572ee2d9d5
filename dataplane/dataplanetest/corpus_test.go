package dataplanetest

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"icehouse/dataplane/datamodel"
	"icehouse/deploy/testbed/corpus"
)

// The conditions of the operations that people wrote use their indexes, too, and
// each of their queries is one statement.
func TestCorpusUsesIndexes(t *testing.T) {
	services, err := corpus.Load(corpus.Dir(2))
	if os.IsNotExist(err) {
		t.Log("there is no corpus beside the project: nothing to explain")
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	x, c := newExplainer(t)
	for _, s := range services {
		text, err := s.TypesText()
		if s.Expect != "deploy" || err != nil {
			continue
		}
		if _, problems := datamodel.Parse(text); len(problems) > 0 {
			continue // refused; the corpus test of the whole system says why
		}
		operations, err := s.Operations()
		if err != nil {
			t.Fatal(err)
		}
		p := Deploy(t, c, text)
		x.learn(t, p)
		schema, err := gqlparser.LoadSchema(&ast.Source{Input: p.Schema.SDL()})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range operations {
			doc, err := parser.ParseQuery(&ast.Source{Input: o.Text})
			if o.API != "simple" || !o.PredictedValid || err != nil {
				continue
			}
			op := doc.Operations[0]
			variables, err := json.Marshal(corpus.Variables(schema, op))
			if err != nil {
				t.Fatal(err)
			}
			plan, err := p.planFor(c, Request{Query: o.Text, OperationName: op.Name, Variables: variables}, p.Scope.Namespace())
			if err != nil {
				continue // it calls resolvers, which this deploy has not
			}
			for _, step := range allSteps(plan) {
				x.check(t, s.ID+" "+o.File, step.Statement.SQL, len(step.Statement.Args))
			}
		}
	}
	t.Logf("%d statements explained, %d scans looked at", x.statements, x.scans)
}
