package operation

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

func check(t *testing.T, limits Limits, text string) error {
	t.Helper()
	n, ok := normalize(text)
	if !ok {
		t.Fatalf("not read: %.80s", text)
	}
	if err := limits.checkText(n); err != nil {
		return err
	}
	doc, err := parser.ParseQuery(&ast.Source{Input: text})
	if err != nil {
		t.Fatal(err)
	}
	if err := limits.checkDocument(doc); err != nil {
		return err
	}
	return nil
}

func TestHostileDocumentsAreRefusedFast(t *testing.T) {
	bomb := "{ ...f0 }"
	for i := range 60 {
		bomb += fmt.Sprintf(" fragment f%d on T { ...f%d ...f%d ...f%d }", i, i+1, i+1, i+1)
	}
	bomb += " fragment f60 on T { a }"
	cases := map[string]struct{ text, want string }{
		"cycle of one":    {"{ ...a } fragment a on T { ...a }", "within itself"},
		"cycle of three":  {"{ ...a } fragment a on T { b { ...b } } fragment b on T { ...c } fragment c on T { ... { ...a } }", "within itself"},
		"cycle not used":  {"{ a } fragment a on T { ...a }", "within itself"},
		"fragment bomb":   {bomb, "more than"},
		"deep selections": {strings.Repeat("{a", 60) + strings.Repeat("}", 60), "levels deep"},
		"deep values":     {"{a(b:" + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + ")}", "nests"},
		"deep braces":     {strings.Repeat("{a", 10_000) + strings.Repeat("}", 10_000), "nests"},
		"many aliases":    {"{" + strings.Repeat("a ", 11_000) + "}", "more than"},
		"many tokens":     {"{a(b:[" + strings.Repeat("1 ", 30_000) + "])}", "tokens"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			done := make(chan error, 1)
			go func() { done <- check(t, DefaultLimits(), c.text) }()
			select {
			case err := <-done:
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want %q", err, c.want)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("not refused within 10 s")
			}
		})
	}
}

func TestRealDocumentsPass(t *testing.T) {
	var seed strings.Builder
	seed.WriteString("mutation {")
	for i := range 431 { // the largest seed script that was seen
		fmt.Fprintf(&seed, ` c%d: createCity(name: "City %d", country: "C", population: %d, location: {lat: 1.5, lon: 2.5}) { id }`, i, i, i)
	}
	seed.WriteString("}")
	if err := check(t, DefaultLimits(), seed.String()); err != nil {
		t.Error(err)
	}
	introspection := `{ __schema { types { fields { type { ofType { ofType { ofType { ofType { ofType { ofType { ofType { name } } } } } } } } } } } }`
	if err := check(t, DefaultLimits(), introspection); err != nil {
		t.Error(err)
	}
}
