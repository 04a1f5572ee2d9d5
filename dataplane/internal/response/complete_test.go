package response

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/internal/planner"
)

func root(children ...*planner.Node) *planner.Node {
	return &planner.Node{NonNull: true, Children: children}
}

func leaf(key string) *planner.Node     { return &planner.Node{Key: key} }
func required(key string) *planner.Node { return &planner.Node{Key: key, NonNull: true} }

func TestComplete(t *testing.T) {
	denied := fault.New(fault.NotAllowed, "Insufficient Permissions")
	check := &planner.PageCheck{}
	cases := map[string]struct {
		shape      *planner.Node
		in, want   string
		wantErrors string
	}{
		"values are copied": {
			root(leaf("a"), leaf("b"), leaf("c"), leaf("d")),
			`{"a" : "x \"},{\\" , "b" : [1, {"k" : null}], "c" : -1.5e3, "d" : null}`,
			`{"a":"x \"},{\\","b":[1, {"k" : null}],"c":-1.5e3,"d":null}`, "",
		},
		"a null rises from a non-null field to the nullable object": {
			root(&planner.Node{Key: "post", Children: []*planner.Node{leaf("id"), {Key: "author", NonNull: true, Children: []*planner.Node{leaf("id")}}}}),
			`{"post" : {"id" : 1, "author" : null}}`,
			`{"post":null}`, "[post author] Cannot return null for non-nullable field 'author'.",
		},
		"through everything": {
			root(&planner.Node{Key: "posts", NonNull: true, List: true, Item: true, Children: []*planner.Node{required("id")}}),
			`{"posts":[{"id":1},{"id":null},{"id":null}]}`,
			`null`, "[posts 1 id] Cannot return null for non-nullable field 'id'.",
		},
		"only the first failing item of a list counts": {
			root(&planner.Node{Key: "posts", List: true, Item: true, Children: []*planner.Node{required("id")}}, leaf("z")),
			`{"posts":[{"id":null},{"id":null}],"z":1}`,
			`{"posts":null,"z":1}`, "[posts 0 id] Cannot return null for non-nullable field 'id'.",
		},
		"a fault stands for each place": {
			root(&planner.Node{Key: "users", NonNull: true, List: true, Item: true, Children: []*planner.Node{leaf("id"), {Key: "posts", Fault: denied}}}),
			`{"users":[{"id":1,"posts":null},{"id":2,"posts":null}]}`,
			`{"users":[{"id":1,"posts":null},{"id":2,"posts":null}]}`, "[users 0 posts] Insufficient Permissions; [users 1 posts] Insufficient Permissions",
		},
		"no fault without a place": {
			root(&planner.Node{Key: "users", NonNull: true, List: true, Item: true, Children: []*planner.Node{{Key: "posts", Fault: denied}}}),
			`{"users":[]}`, `{"users":[]}`, "",
		},
		"a bad page": {
			root(&planner.Node{Key: "posts", NonNull: true, List: true, Item: true, Check: check, Children: []*planner.Node{leaf("id")}}),
			`{"posts":[]}`, `null`, "[posts] bad page",
		},
		"introspection is filled in": {
			root(&planner.Node{Key: "s", Inspect: &ast.Field{Name: "__schema"}}, leaf("a")),
			`{"s":null,"a":1}`, `{"s":{"of":"__schema"},"a":1}`, "",
		},
		"an interface has the shape of what it holds": {
			root(&planner.Node{Key: "node", Options: [][]*planner.Node{{leaf("a")}, {leaf("b"), {Key: "c", NonNull: true}}}}),
			`{"node":{"__type" : 1, "b" : 2, "c" : 3}}`, `{"node":{"b":2,"c":3}}`, "",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			completer := &Completer{
				Failed: func(*planner.PageCheck) *fault.Fault { return fault.New(fault.TooManyNodes, "bad page") },
				Inspect: func(out []byte, f *ast.Field) ([]byte, error) {
					return append(out, `{"of":"`+f.Name+`"}`...), nil
				},
			}
			got, errs, err := completer.Complete([]byte(c.in), c.shape)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			var texts []string
			for _, e := range errs {
				texts = append(texts, fmt.Sprint(e.Path, " ", e.Fault.Message))
			}
			if strings.Join(texts, "; ") != c.wantErrors {
				t.Errorf("errors %q, want %q", texts, c.wantErrors)
			}
		})
	}
}

// JSON that does not have the plan's shape is an error, never a panic or an
// answer.
func TestCompleteRefusesOtherShapes(t *testing.T) {
	shape := root(&planner.Node{Key: "a", List: true, Children: []*planner.Node{leaf("b")}})
	for _, in := range []string{``, `[`, `{`, `{"a"`, `{"a":`, `{"a":[`, `{"a":[{`, `{"a":[{"b":1}`, `{"a":[{"b":1}]`, `{"a":{}}`, `{"a":"`, `{"a":[{"b":"\`} {
		if _, _, err := (&Completer{}).Complete([]byte(in), shape); err == nil {
			t.Errorf("%q was accepted", in)
		}
	}
}

func TestAnyNull(t *testing.T) {
	for in, want := range map[string]bool{
		`{"a":1,"b":null}`:            false,
		`{"a":null}`:                  true,
		`[{"a" : {}},{"a" : null}]`:   true,
		`{"x":"\"a\":null"}`:          false,
		`{"aa":null,"b":"a","a":"n"}`: false,
	} {
		if got := AnyNull([]byte(in), []string{"z", "a"}); got != want {
			t.Errorf("%s: %v", in, got)
		}
	}
}
