package compiledschema

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

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
	s := everyFormSchema(t)
	build(t, o, "verdicts", s)
	if valid := sameVerdicts(t, o, s, "verdicts", documents); valid != len(documents) {
		t.Errorf("only %d of %d documents are valid: %q", valid, len(documents), o.Validate(t, "verdicts", documents))
	}
	sameVerdicts(t, o, s, "verdicts", edges)
	for _, text := range lenient {
		if errs := verdict(s, text); len(errs) > 0 {
			t.Errorf("%s: %q", text, errs)
		}
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
					if !explained(s.id, errs) {
						t.Errorf("%s/%s is refused: %q", s.id, op.File, errs)
					}
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

// explained says why an operation that the index predicts to be valid is not:
// the built-in login of console projects, which is optional (data-api §7.6), or a
// service whose types moved on.
func explained(service string, errs []string) bool {
	for _, e := range errs {
		login := strings.Contains(e, "authProvider") || strings.Contains(e, "signinUser")
		if !login && (service != "stevenfitzpatrick--mybettingslips" || !strings.Contains(e, `"type" on type "Bet"`)) {
			return false
		}
	}
	return true
}

// The small schema of a document leads to the verdict of the whole one.
func TestSmallAndFullSchemaAgree(t *testing.T) {
	s := everyFormSchema(t)
	r := rand.New(rand.NewPCG(7, 8))
	for i := range 3000 {
		text := mutate(r, documents[i%len(documents)], words)
		doc, err := parser.ParseQuery(&ast.Source{Input: text})
		if err != nil {
			continue
		}
		small, full := apply(s.materialize(doc, false), doc, 1), apply(s.materialize(doc, true), doc, 1)
		if (len(small) == 0) != (len(full) == 0) {
			t.Errorf("%s\nsmall: %v\nfull: %v", text, small, full)
		}
	}
}

func TestMessagesSuggestAndAreFew(t *testing.T) {
	s := everyFormSchema(t)
	for text, want := range map[string]string{
		`{ allUser { id } }`:                                   `Cannot query field "allUser" on type "Query". Did you mean "allUsers"`,
		`{ allUsers(fitler: {}) { id } }`:                      `Did you mean "filter"`,
		`{ allUsers(filter: {emial: "x"}) { id } }`:            `Did you mean "email"`,
		`{ allUsers(orderBy: email_AS) { id } }`:               `Did you mean the enum value "email_ASC"`,
		`{ node(id: 1) { email } }`:                            `Cannot query field "email" on type "Node".`,
		`{ a: allUsers { id } a: allPosts { id } }`:            `Fields "a" conflict because "allUsers" and "allPosts" are different fields.`,
		`subscription { Post { mutation } User { mutation } }`: `must select only one top level field`,
		`mutation { deletePost { id } }`:                       `argument "id" of type "ID!" is required`,
	} {
		if errs := verdict(s, text); len(errs) != 1 || !strings.Contains(errs[0], want) {
			t.Errorf("%s: got %q, want %s", text, errs, want)
		}
	}
	doc := parseQuery(t, "{ "+strings.Repeat("nope ", 3000)+"}")
	if errs := s.Validate(doc); len(errs) != MaxErrors || errs[0].Locations[0].Line != 1 || errs[0].Rule == "" {
		t.Errorf("%d errors, the first is %+v", len(errs), errs[0])
	}
	if errs := s.ValidateUpTo(doc, 3); len(errs) != 3 {
		t.Errorf("%d errors", len(errs))
	}
}

// Documents made to be expensive cost about as much as they are long. The
// operation stage refuses most of them before.
func TestHostileDocuments(t *testing.T) {
	s := everyFormSchema(t)
	var b strings.Builder
	for i := range 60 {
		fmt.Fprintf(&b, "fragment F%d on User { friends { a: spouse { ...F%d } b: spouse { ...F%d } } } ", i, i+1, i+1)
	}
	doubling := "{ allUsers { ...F0 } } " + b.String() + "fragment F60 on User { id }"
	b.Reset()
	for i := range 60 {
		fmt.Fprintf(&b, "fragment I%d on __Type { ofType { ...I%d } a: ofType { ...I%d } } ", i, i+1, i+1)
	}
	introspective := `{ __type(name: "User") { ...I0 } } ` + b.String() + "fragment I60 on __Type { name }"
	all := make([]string, 64)
	for i := range all {
		spreads := ""
		for j := range all {
			spreads += fmt.Sprintf("...C%d ", j)
		}
		all[i] = fmt.Sprintf("fragment C%d on User { friends { %s } }", i, spreads)
	}
	for name, text := range map[string]string{
		"cycle":                  "{ allUsers { ...A } } fragment A on User { id ...A }",
		"deep cycle":             "{ allUsers { ...A } } fragment A on User { friends { ...B } } fragment B on User { written { author { ...A } } }",
		"repeats":                "{ allUsers { " + strings.Repeat("id ", 5000) + "} }",
		"repeats with arguments": "{ " + strings.Repeat(`allUsers(filter: {id: "1"}, first: 1) { id } `, 1500) + "}",
		"aliases":                "{ " + aliases(3000) + "}",
		"many fragments":         "{ allUsers { ...C0 } } " + strings.Join(all, " "),
		"doubling":               doubling,
		"introspective":          introspective,
		"deep":                   "{ allUsers " + strings.Repeat("{ friends ", 900) + "{ id }" + strings.Repeat("}", 900) + "}",
		"deep filter":            "{ allUsers(filter: " + strings.Repeat("{AND: ", 900) + "{}" + strings.Repeat("}", 900) + ") { id } }",
		"introspection cycle":    `{ __type(name: "User") { ...A } } fragment A on __Type { fields { type { ...A } } }`,
	} {
		doc := parseQuery(t, text)
		start := time.Now()
		errs := s.Validate(doc)
		if took := time.Since(start); took > 20*time.Second { // it would hang, no measurement
			t.Errorf("%s took %v", name, took)
		}
		if len(errs) > MaxErrors {
			t.Errorf("%s: %d errors", name, len(errs))
		}
		for _, selection := range doc.Operations[0].SelectionSet { // must not be called after errors, but must not hang
			if f, ok := selection.(*ast.Field); ok && strings.HasPrefix(f.Name, "__") {
				_, err := s.WriteIntrospection(nil, f, nil, doc.Fragments)
				t.Logf("%s: introspection ends with %v", name, err)
			}
		}
	}
}

func aliases(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a%d: allUsers { id } ", i)
	}
	return b.String()
}

// FuzzValidate looks for documents that break a stage. Documents that are valid
// and ask for introspection must get an answer.
func FuzzValidate(f *testing.F) {
	for _, list := range [][]string{documents, edges} {
		for _, text := range list {
			f.Add(text)
		}
	}
	s := everyFormSchema(f)
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := parser.ParseQuery(&ast.Source{Input: text})
		if err != nil || len(s.Validate(doc)) > 0 {
			return
		}
		for _, op := range doc.Operations {
			for _, selection := range op.SelectionSet {
				field, ok := selection.(*ast.Field)
				if !ok || field.Name != "__schema" && field.Name != "__type" {
					continue
				}
				out, err := s.WriteIntrospection(nil, field, nil, doc.Fragments)
				if err == nil && !json.Valid(out) {
					t.Errorf("%s: the answer is no JSON: %s", text, out)
				}
			}
		}
	})
}
