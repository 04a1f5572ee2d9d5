package yamldoc_test

import (
	"testing"

	"icehouse/cmd/icehouse/internal/yamldoc"
)

// FuzzEdit sets and removes an entry in any text that is YAML: what was set is
// there, what was removed is not, and the rest means what it meant.
func FuzzEdit(f *testing.F) {
	for _, text := range []string{
		"", "# c\n", "a:\n  b: c\n", "a: {b: c}\n", "a: &x\n  b: 1\nd: *x\n", "a:\n- b\n- c\n", "a: |\n  text\n\n# c\nb: 1",
		"a: \"x\n  y\"\nb:\n    c: 1 # d\n", "---\na: 1\n...\n", "? a\n: b\n", "a:\r\n  b: 1\r\n", "{a: 1,\n b: 2}\n", "a:\n    b:\n      c: 1\n    d: 2\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		before, err := yamldoc.Parse([]byte(text))
		if err != nil || before.Kind != yamldoc.Mapping {
			return
		}
		set, err := yamldoc.Set([]byte(text), yamldoc.String("v"), "a", "b")
		if err != nil {
			t.Fatal(err)
		}
		after, err := yamldoc.Parse(set)
		if err != nil {
			t.Fatalf("%q became %q: %v", text, set, err)
		}
		if got, _ := after.Lookup("a", "b").Text(); got != "v" {
			t.Fatalf("%q became %q", text, set)
		}
		for _, e := range before.Entries {
			if e.Key != "a" && !after.Get(e.Key).Equal(e.Value) {
				t.Fatalf("%q became %q: %s changed", text, set, e.Key)
			}
		}
		removed, err := yamldoc.Remove(set, "a", "b")
		if err != nil {
			t.Fatal(err)
		}
		rest, err := yamldoc.Parse(removed)
		if err != nil {
			t.Fatalf("%q became %q: %v", set, removed, err)
		}
		if rest.Lookup("a", "b") != nil {
			t.Fatalf("%q became %q", set, removed)
		}
	})
}
