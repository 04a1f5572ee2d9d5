package yamldoc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"icehouse/cmd/icehouse/internal/yamldoc"
)

func TestParseKeepsPositions(t *testing.T) {
	root, err := yamldoc.Parse([]byte("types: a.graphql\nfunctions:\n  greet:\n    type: resolver\npermissions:\n- operation: \"*\"\n  fields: [a, b]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if n := root.Lookup("functions", "greet", "type"); n == nil || n.Value != "resolver" || n.At != (yamldoc.Position{Line: 4, Column: 11}) {
		t.Errorf("got %+v", n)
	}
	list := root.Get("permissions")
	if len(list.Items) != 1 || list.Items[0].Entries[1].At != (yamldoc.Position{Line: 7, Column: 3}) {
		t.Errorf("got %+v", list.Items[0])
	}
}

func TestParseBlocks(t *testing.T) {
	n, err := yamldoc.Parse([]byte("a: |\n  one\n    two\nb: >\n  three\n  four\n"))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"a": "one\n  two\n", "b": "three four\n"} {
		if got, _ := n.Get(key).Text(); got != want {
			t.Errorf("%s is %q", key, got)
		}
	}
}

func TestParseMergesAliases(t *testing.T) {
	root, err := yamldoc.Parse([]byte("base: &b {x: 1, y: 2}\none:\n  <<: *b\n  y: 3\ntwo: *b\n"))
	if err != nil {
		t.Fatal(err)
	}
	if y := root.Lookup("one", "y"); fmt.Sprint(y.Value) != "3" {
		t.Errorf("y = %v", y.Value)
	}
	if x := root.Lookup("one", "x"); x == nil || fmt.Sprint(x.Value) != "1" {
		t.Errorf("x = %+v", x)
	}
	if !root.Get("base").Equal(root.Get("two")) {
		t.Error("alias differs from its anchor")
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"a: 1\na: 2\n":      "2:1: mapping key \"a\" already defined at [1:1]",
		"a: *nobody\n":      "1:4: no anchor &nobody",
		"a: 1\n---\nb: 2\n": "3:",
		"a: [1, 2\n":        "1:4: ",
		"a: b: c\n":         "1:",
	} {
		if _, err := yamldoc.Parse([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestEdit(t *testing.T) {
	local := &yamldoc.Node{Kind: yamldoc.Mapping, Entries: []yamldoc.Entry{
		{Key: "host", Value: yamldoc.String("http://localhost:60000")},
		{Key: "clusterSecret", Value: yamldoc.String("s3")},
	}}
	for name, c := range map[string]struct {
		before, after string
		value         *yamldoc.Node // nil removes
		path          []string
	}{
		"into nothing": {
			"", "targets:\n  dev: local/c1\n", yamldoc.String("local/c1"), []string{"targets", "dev"},
		},
		"comments only": {
			"# mine\n", "# mine\ntargets:\n  dev: local/c1\n", yamldoc.String("local/c1"), []string{"targets", "dev"},
		},
		"behind siblings, other tools' keys stay": {
			"graphcool-1.0:\n    clusters: {a: b}   # theirs\ngraphcool-framework:\n    platformToken:  'x'\n    clusters:\n        # the shared one\n        default: shared\n\n# end\nother: 1",
			"graphcool-1.0:\n    clusters: {a: b}   # theirs\ngraphcool-framework:\n    platformToken:  'x'\n    clusters:\n        # the shared one\n        default: shared\n        local:\n          host: http://localhost:60000\n          clusterSecret: s3\n\n# end\nother: 1\n",
			local, []string{"graphcool-framework", "clusters", "local"},
		},
		"in place of the old one": {
			"clusters:\n  local:\n    host: old\n    # note\n    faasHost: old\n  # about mine\n  mine:\n    host: x\n",
			"clusters:\n  local:\n    host: http://localhost:60000\n    clusterSecret: s3\n  # about mine\n  mine:\n    host: x\n",
			local, []string{"clusters", "local"},
		},
		"under an empty key": {
			"targets:\nx: 1\n", "targets:\n  dev: a/b\nx: 1\n", yamldoc.String("a/b"), []string{"targets", "dev"},
		},
		"into brackets": {
			"# top\ntargets: {prod: a/b}\nx: 1\n", "# top\ntargets:\n  prod: a/b\n  dev: c/d\nx: 1\n", yamldoc.String("c/d"), []string{"targets", "dev"},
		},
		"Windows line ends": {
			"targets:\r\n  a: b\r\n", "targets:\r\n  a: b\r\n  c: d\r\n", yamldoc.String("d"), []string{"targets", "c"},
		},
		"a list at its key's indent": {
			"list:\n- a\n- b\ntargets:\n  a: b\n", "list:\n- a\n- b\ntargets:\n  a: c\n", yamldoc.String("c"), []string{"targets", "a"},
		},
		"remove one": {
			"targets:\n  a: b # was mine\n  c: d\n", "targets:\n  c: d\n", nil, []string{"targets", "a"},
		},
		"remove the last": {
			"targets:\n  a: b\nx: 1\n", "targets: {}\nx: 1\n", nil, []string{"targets", "a"},
		},
		"remove what is not there": {
			"targets:\n  a: b", "targets:\n  a: b", nil, []string{"targets", "z"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []byte
			var err error
			if c.value != nil {
				got, err = yamldoc.Set([]byte(c.before), c.value, c.path...)
			} else {
				got, err = yamldoc.Remove([]byte(c.before), c.path...)
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.after, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestRenderRoundTrip writes trees whose texts look like other things and
// reads them back.
func TestRenderRoundTrip(t *testing.T) {
	text := rapid.OneOf(
		rapid.SampledFrom([]string{"", "*", "true", "No", "null", "~", "12", ".5", "...", "1e3", "- a", "a: b", "a:", "#", "a #b", "${env:X}", "a\nb\n", "'", `"`, "&x", "!t", "yes", "2017-01-01", "12:30", " lead", "trail ", "0x1F", "%", "@", "`", "<<", "Ä", "\u2028"}),
		rapid.StringMatching(`[ -~]{0,12}`),
		rapid.String(),
	)
	scalar := rapid.OneOf(
		rapid.Map(text, func(s string) any { return s }),
		rapid.Map(rapid.Bool(), func(v bool) any { return v }),
		rapid.Map(rapid.Float64(), func(v float64) any { return v }),
		rapid.Just[any](nil),
	)
	var tree func(depth int) *rapid.Generator[*yamldoc.Node]
	tree = func(depth int) *rapid.Generator[*yamldoc.Node] {
		return rapid.Custom(func(t *rapid.T) *yamldoc.Node {
			kind := yamldoc.Scalar
			if depth > 0 {
				kind = yamldoc.Kind(rapid.IntRange(0, 2).Draw(t, "kind"))
			}
			n := &yamldoc.Node{Kind: kind}
			switch kind {
			case yamldoc.Mapping:
				for _, key := range rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z*.]{1,4}`), 0, 3, rapid.ID).Draw(t, "keys") {
					n.Entries = append(n.Entries, yamldoc.Entry{Key: key, Value: tree(depth-1).Draw(t, key)})
				}
			case yamldoc.Sequence:
				n.Items = rapid.SliceOfN(tree(depth-1), 0, 3).Draw(t, "items")
			default:
				n.Value = scalar.Draw(t, "value")
			}
			return n
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		n := &yamldoc.Node{Kind: yamldoc.Mapping, Entries: []yamldoc.Entry{{Key: "top", Value: tree(3).Draw(t, "tree")}}}
		out := yamldoc.Render(n)
		back, err := yamldoc.Parse(out)
		if err != nil {
			t.Fatalf("%v in\n%s", err, out)
		}
		if !n.Equal(back) {
			t.Fatalf("changed by\n%s\nto\n%s", out, yamldoc.Render(back))
		}
	})
}
