package operation

import (
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

func key(t *testing.T, text string) string {
	t.Helper()
	n, ok := normalize(text)
	if !ok {
		t.Fatalf("not read: %s", text)
	}
	return n.key
}

func TestTextsThatDifferInLiteralsShareAKey(t *testing.T) {
	same := []string{
		`{ Post(id: "a") { title } }`,
		`{ Post(id: "b\"c") { title } }`,
		"{\n  Post(id: \"\"\"block\"\"\") # comment\n  { title, } }",
	}
	for _, text := range same[1:] {
		if key(t, text) != key(t, same[0]) {
			t.Errorf("%q has another key than %q", text, same[0])
		}
	}
}

func TestTextsThatDifferInMeaningDoNot(t *testing.T) {
	texts := []string{
		`{ Post(id: "a") { title } }`,
		`{ Post(id: 1) { title } }`,
		`{ Post(id: 1.5) { title } }`,
		`{ Post(id: null) { title } }`,
		`{ Post(id: $a) { title } }`,
		`{ Post(id: a) { title } }`,
		`{ Post(id: ["a"]) { title } }`,
		`{ Post(id: ["a", "b"]) { title } }`,
		`{ Post(slug: "a") { title } }`,
		`{ p: Post(id: "a") { title } }`,
		`query a { Post(id: "a") { title } }`,
		`query ($a: Int = 1) { Post(id: "a") { title } }`,
		`query ($a: Int = 2) { Post(id: "a") { title } }`,
		`query ($a: In = {b: 2}) { Post(id: "a") { title } }`,
		`query ($a: In = {b: 3}) { Post(id: "a") { title } }`,
		`{ __type(name: "a") { name } }`,
		`{ __type(name: "b") { name } }`,
		`{ a b }`,
		`{ ab }`,
	}
	seen := map[string]string{}
	for _, text := range texts {
		k := key(t, text)
		if other, ok := seen[k]; ok {
			t.Errorf("%q and %q share the key %q", text, other, k)
		}
		seen[k] = text
	}
}

func TestLiteralsAreReadInOrder(t *testing.T) {
	text := `query ($d: Int = 7) { a(x: 1, y: "two \u0041", z: """
    block
      text
  """) @include(if: true) { b(l: [-3, 4.5e1], o: {k: "v"}) } }`
	n, ok := normalize(text)
	if !ok {
		t.Fatal("not read")
	}
	want := []Literal{
		{ast.IntValue, "1"}, {ast.StringValue, "two A"}, {ast.StringValue, "block\n  text"},
		{ast.IntValue, "-3"}, {ast.FloatValue, "4.5e1"}, {ast.StringValue, "v"},
	}
	if len(n.literals) != len(want) {
		t.Fatalf("%d literals", len(n.literals))
	}
	for i, token := range n.literals {
		got, err := read(text, token)
		if err != nil || got != want[i] {
			t.Errorf("literal %d: %v %v, want %v", i, got, err, want[i])
		}
	}
}

// What the scanner reads is what the parser reads: as many literals, with the
// same content, for any text that the parser accepts.
func FuzzNormalize(f *testing.F) {
	for _, seed := range []string{
		`{ a }`, `query q($a: Int = 1, $b: In = {c: "d"}) @x(y: 1) { a(b: $a, c: [1, "x", {d: 2.0}]) @skip(if: true) { ...f } } fragment f on T { g(h: """i""") }`,
		`mutation { a(b: "\\") b(c: "\"") }`, "{ a(b: \"\uFEFF\") }", `{a(b:-1)b(c:1)}`, `subscription{a(b:""){c}}`, `{a(b:"")c(d:"""""")}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, ok := normalize(text)
		doc, err := parser.ParseQuery(&ast.Source{Input: text})
		if err != nil || strings.Contains(text, "__type") {
			return
		}
		if !ok {
			if strings.Contains(text, `"""""""`) {
				return // seven quotes: the parser sees a block string where the grammar has none
			}
			t.Fatalf("the parser reads %q, normalize does not", text)
		}
		counted := &numberer{}
		counted.document(doc)
		if len(counted.literals) != len(n.literals) {
			t.Fatalf("%q: %d literals by the parser, %d by normalize", text, len(counted.literals), len(n.literals))
		}
		for i, v := range counted.literals {
			got, err := read(text, n.literals[i])
			if err != nil || got.Raw != v.Raw {
				t.Fatalf("%q: literal %d is %q (%v), the parser says %q", text, i, got.Raw, err, v.Raw)
			}
		}
	})
}
