package planner_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/dialect/postgres"
	"icehouse/dataplane/dialect/sqlite"
	"icehouse/dataplane/internal/operation"
	"icehouse/dataplane/internal/planner"
	"icehouse/dataplane/relational"
)

const blog = `
type Author @model {
  id: ID! @isUnique
  email: String! @isUnique
  age: Int
  books: [Book!]! @relation(name: "AuthorBooks")
}
type Book @model {
  id: ID! @isUnique
  title: String!
  meta: Json
  published: DateTime
  tags: [String!]
  author: Author! @relation(name: "AuthorBooks")
}`

func schema(t testing.TB, sdl string) *compiledschema.Schema {
	t.Helper()
	p, problems := datamodel.Parse(sdl)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	s, err := compiledschema.Compile(compiledschema.Input{
		Model: p.Model, Layout: relational.Build(p.Model, nil), Permissions: compiledschema.Permissions{Open: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var dialects = map[string]dialect.Dialect{"postgres": postgres.Dialect{}, "sqlite": sqlite.Dialect{}}

func steps(p *planner.Plan) []*planner.Step {
	var out []*planner.Step
	if p.Read != nil && p.Read.Step != nil {
		out = append(out, p.Read.Step)
	}
	for _, w := range p.Writes {
		if w.Choose != nil {
			out = append(out, w.Choose)
		}
		for _, s := range []*planner.Sequence{w.Found, w.Missing} {
			if s != nil {
				out = append(out, s.Steps...)
			}
		}
	}
	return out
}

// Whatever text a client sends as a value, none of it is in a statement, and the
// statement is the same as for any other text.
func TestStatementsHoldNoValue(t *testing.T) {
	s := schema(t, blog)
	cache := operation.NewCache(operation.DefaultLimits(), 8<<20)
	documents := []string{
		`{ allBooks(filter: {title_contains: VALUE, author: {email_in: [VALUE, "x"]}}, after: VALUE) { id } Author(email: VALUE) { id } node(id: VALUE) { id } }`,
		`mutation { createBook(title: VALUE, tags: [VALUE], author: {email: VALUE}) { id } }`,
		`mutation { updateBook(id: "x", title: VALUE, authorId: VALUE) { id } }`,
		`query ($v: String, $f: BookFilter) { allBooks(filter: $f) { id } Author(email: $v) { id } }`,
	}
	rapid.Check(t, func(t *rapid.T) {
		value := "Zq" + rapid.StringMatching(`[a-zA-Z0-9'";\\$\-\pL]{1,20}`).Draw(t, "value")
		text := rapid.SampledFrom(documents).Draw(t, "document")
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
		request := operation.Request{Query: strings.ReplaceAll(text, "VALUE", quoted), Variables: sent(map[string]any{
			"v": value, "f": map[string]any{"title_starts_with": value, "OR": []any{map[string]any{"title": value}}},
		})}
		other := operation.Request{Query: strings.ReplaceAll(text, "VALUE", `"other"`), Variables: sent(map[string]any{
			"v": "o", "f": map[string]any{"title_starts_with": "o", "OR": []any{map[string]any{"title": "o"}}},
		})}
		for name, d := range dialects {
			target := planner.Target{Dialect: d, Namespace: "p"}
			a, b := plan(t, cache, s, request, target), plan(t, cache, s, other, target)
			if len(a) != len(b) {
				t.Fatalf("%s: %d statements for one value, %d for another", name, len(a), len(b))
			}
			for i := range a {
				if a[i].Statement.String() != b[i].Statement.String() {
					t.Fatalf("%s: the statement depends on the value:\n%s\n%s", name, a[i].Statement, b[i].Statement)
				}
				if strings.Contains(a[i].Statement.String(), value) {
					t.Fatalf("%s: the statement holds %q:\n%s", name, value, a[i].Statement)
				}
				if len(a[i].Params) != len(a[i].Statement.Args) {
					t.Fatalf("%s: %d parameters for %d arguments", name, len(a[i].Params), len(a[i].Statement.Args))
				}
			}
		}
	})
}

func plan(t interface{ Fatal(...any) }, cache *operation.Cache, s *compiledschema.Schema, r operation.Request, target planner.Target) []*planner.Step {
	prepared, err := cache.Prepare(s, r)
	if err != nil {
		t.Fatal(err)
	}
	p, err := planner.Make(prepared, target)
	if err != nil {
		t.Fatal(err)
	}
	b := &planner.Binding{Prepared: prepared}
	for _, step := range steps(p) {
		if _, err := b.Args(step.Params); err != nil && !strings.Contains(err.Error(), "The given id") {
			t.Fatal(err)
		}
	}
	return steps(p)
}

// sent is how variables look after they were sent.
func sent(variables map[string]any) *coercion.Given {
	text, err := json.Marshal(variables)
	if err != nil {
		panic(err)
	}
	given, err := coercion.ReadVariables(string(text))
	if err != nil {
		panic(err)
	}
	return given
}

// A variable's shape chooses the plan: what differs in structure must not share
// one, what differs in scalars must.
func TestShape(t *testing.T) {
	s := schema(t, blog)
	cache := operation.NewCache(operation.DefaultLimits(), 8<<20)
	shape := func(query string, variables map[string]any) string {
		p, err := cache.Prepare(s, operation.Request{Query: query, Variables: sent(variables)})
		if err != nil {
			t.Fatal(err)
		}
		return p.Shape
	}
	query := `query ($f: BookFilter, $i: [ID!], $o: BookOrderBy, $b: Boolean = true) { allBooks(filter: $f, orderBy: $o) { id @include(if: $b) } x: allBooks(filter: {id_in: $i}) { id } }`
	same := [][2]map[string]any{
		{{"f": map[string]any{"title": "a"}}, {"f": map[string]any{"title": "b"}}},
		{{"i": []any{"a"}}, {"i": []any{"a", "b", "c"}}},
		{{"i": []any{}}, {"i": "a"}},
	}
	for _, pair := range same {
		if a, b := shape(query, pair[0]), shape(query, pair[1]); a != b {
			t.Errorf("%v is %q, %v is %q", pair[0], a, pair[1], b)
		}
	}
	seen := map[string]map[string]any{}
	for _, variables := range []map[string]any{
		{}, {"f": nil}, {"f": map[string]any{}}, {"f": map[string]any{"title": "a"}}, {"f": map[string]any{"title": nil}},
		{"f": map[string]any{"title_not": "a"}}, {"f": map[string]any{"AND": []any{map[string]any{"title": "a"}}}},
		{"f": map[string]any{"AND": []any{map[string]any{"title": "a"}, map[string]any{"title": "a"}}}},
		{"f": map[string]any{"OR": []any{map[string]any{"title": "a"}}}}, {"f": map[string]any{"author": nil}},
		{"i": nil}, {"i": []any{"a"}}, {"o": "title_ASC"}, {"o": "title_DESC"}, {"o": nil}, {"b": false},
	} {
		got := shape(query, variables)
		if other, ok := seen[got]; ok {
			t.Errorf("%v and %v share the shape %q", variables, other, got)
		}
		seen[got] = variables
	}
}

func TestLiteralsThatAreNoValueAreReported(t *testing.T) {
	s := schema(t, blog)
	cache := operation.NewCache(operation.DefaultLimits(), 8<<20)
	text := func(date string) string { return `{ allBooks(filter: {published: "` + date + `"}) { id } }` }
	prepared, err := cache.Prepare(s, operation.Request{Query: text("2017-01-01")})
	if err != nil {
		t.Fatal(err)
	}
	p, err := planner.Make(prepared, planner.Target{Dialect: sqlite.Dialect{}, Namespace: "p"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := cache.Prepare(s, operation.Request{Query: text("never")})
	if err != nil {
		t.Fatal(err)
	}
	if again.Document != prepared.Document {
		t.Fatal("the texts do not share a document")
	}
	_, err = (&planner.Binding{Prepared: again}).Args(p.Read.Step.Params)
	var literal *planner.LiteralError
	if !errors.As(err, &literal) {
		t.Fatalf("got %v, want a LiteralError", err)
	}
	err = cache.Recheck(s, operation.Request{Query: text("never")}, literal.Literal, literal.Cause)
	var invalid *operation.Invalid
	if !errors.As(err, &invalid) || len(invalid.Errors) != 1 || invalid.Errors[0].Message != "Date value expected" ||
		len(invalid.Errors[0].Locations) != 1 || invalid.Errors[0].Locations[0].Column != 33 {
		t.Errorf("got %v", err)
	}
}
