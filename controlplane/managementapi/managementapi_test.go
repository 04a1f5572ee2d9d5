package managementapi

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

var update = flag.Bool("update", false, "rewrite testdata/system.graphql")

// TestSchema shows changes of the API in a diff.
func TestSchema(t *testing.T) {
	api, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	const file = "testdata/system.graphql"
	if *update {
		if err := os.WriteFile(file, []byte(api.SDL()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), api.SDL()); diff != "" {
		t.Fatalf("(-want +got; rewrite with -update):\n%s", diff)
	}
}

func TestIntrospection(t *testing.T) {
	api, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	status, body := api.run(t.Context(), request{id: "r", query: `query { __schema { queryType { name } types { name fields { name args { name type { kind ofType { name } } } } inputFields { name } possibleTypes { name } } } __type(name: "PushInput") { inputFields { name } } }`})
	if status != 200 {
		t.Fatal(status, body)
	}
}

func TestOrder(t *testing.T) {
	doc, err := parser.ParseQuery(&ast.Source{Input: `{ z: a { ...F b c } list { y x } ...G a } fragment F on T { c d b } fragment G on Q { z { e } q }`})
	if err != nil {
		t.Fatal(err)
	}
	data := map[string]any{"a": "<&>", "z": map[string]any{"b": 1, "c": 2, "d": 3, "e": 4}, "list": []any{map[string]any{"x": 1, "y": nil}, nil}, "q": true}
	out, jsonErr := ordered(doc, doc.Operations[0].SelectionSet, data).(object).MarshalJSON()
	if jsonErr != nil {
		t.Fatal(jsonErr)
	}
	if want := `{"z":{"c":2,"d":3,"b":1,"e":4},"list":[{"y":null,"x":1},null],"q":true,"a":"<&>"}`; string(out) != want {
		t.Fatal(string(out))
	}
}

func TestPages(t *testing.T) {
	all := strings.Split("abcdef", "")
	for _, c := range []struct {
		args           map[string]any
		want           string
		next, previous bool
	}{
		{nil, "abcdef", false, false},
		{map[string]any{"first": 2}, "ab", true, false},
		{map[string]any{"first": 0}, "", true, false},
		{map[string]any{"last": 2}, "ef", false, true},
		{map[string]any{"first": 4, "last": 2}, "cd", true, true},
		{map[string]any{"after": "b", "before": "e"}, "cd", false, false},
		{map[string]any{"after": "e", "before": "b"}, "", false, false},
		{map[string]any{"after": "nobody"}, "abcdef", false, false},
		{map[string]any{"after": "f"}, "", false, false},
	} {
		page, err := pageOf(all, func(s string) string { return s }, c.args)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, e := range page["edges"].([]map[string]any) {
			got += e["node"].(string)
		}
		info := page["pageInfo"].(map[string]any)
		if got != c.want || info["hasNextPage"] != c.next || info["hasPreviousPage"] != c.previous {
			t.Errorf("%v: %s %v", c.args, got, info)
		}
	}
	for _, args := range []map[string]any{{"first": -1}, {"last": -1}} {
		if _, err := pageOf(all, func(s string) string { return s }, args); err == nil {
			t.Error(args)
		}
	}
}

func FuzzRun(f *testing.F) {
	api, err := New(Config{})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		"{viewer{...A}} fragment A on Viewer{id ...B} fragment B on Viewer{id ...A}",
		`query ($x: ID!) @skip(if: true) { node(id: $x) { __typename ... on Viewer @include(if: $x) { id } } }`,
		`mutation { authenticateCustomer(input: {auth0IdToken: """a"""}) { token } }`,
		`{ __schema { types { name } } __type(name: "X") { name } viewer { id @a } }`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "mutation") || strings.Contains(text, "node") || strings.Contains(text, "user") || strings.Contains(text, "project") {
			return // needs services
		}
		api.run(t.Context(), request{id: "r", query: text})
	})
}
