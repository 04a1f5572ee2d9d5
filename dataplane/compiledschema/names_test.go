package compiledschema

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"pgregory.net/rapid"

	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
)

// failer is what a test and a property have in common.
type failer interface {
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// checkNames: what is enumerated is found by its name, with the same meaning, and
// the printed schema is one that the parser's own checks accept.
func checkNames(t failer, s *Schema) {
	seen := map[string]bool{}
	for d := range s.allDefinitions() {
		if seen[d.name] {
			t.Errorf("the type %s is there twice", d.name)
		}
		seen[d.name] = true
		if found, ok := s.definition(d.name); !ok || !reflect.DeepEqual(found, d) {
			t.Errorf("the type %s is found as %+v, %v", d.name, found, ok)
			continue
		}
		for f := range s.fields(d) {
			if found, ok := s.field(d, f.name); !ok || !reflect.DeepEqual(found, f) {
				t.Errorf("the field %s.%s is found as %+v, %v", d.name, f.name, found, ok)
			}
			checkInputs(t, s, d.name+"."+f.name, f.args)
		}
		checkInputs(t, s, d.name, s.inputsOf(d))
		for v := range s.values(d) {
			if !s.hasValue(d, v.name) {
				t.Errorf("the value %s of %s is not found", v.name, d.name)
			}
		}
	}
	if _, err := gqlparser.LoadSchema(&ast.Source{Input: s.SDL()}); err != nil {
		t.Fatalf("the printed schema is not valid: %v", err)
	}
}

func checkInputs(t failer, s *Schema, where string, in inputs) {
	seen := map[string]bool{}
	expected := map[string]bool{}
	for one := range s.inputs(in) {
		if seen[one.name] {
			t.Errorf("%s has %s twice", where, one.name)
		}
		seen[one.name] = true
		if found, ok := s.input(in, one.name); !ok || !reflect.DeepEqual(found, one) {
			t.Errorf("%s: %s is found as %+v, %v", where, one.name, found, ok)
		}
		if one.typ.NonNull() || one.def != nil {
			expected[one.name] = true
		}
	}
	for one := range s.expected(in) {
		if !expected[one.name] {
			t.Errorf("%s: %s is said to be expected", where, one.name)
		}
		delete(expected, one.name)
	}
	for name := range expected {
		t.Errorf("%s: %s is not said to be expected", where, name)
	}
	for _, no := range []string{"", "_", "nope", "id_", "_Meta", "Id", "Ids"} {
		if _, ok := s.input(in, no); ok {
			t.Errorf("%s has %q", where, no)
		}
	}
}

func TestNamesAreFound(t *testing.T) {
	for _, c := range cases(t) {
		checkNames(t, c.schema)
		for _, no := range []string{"", "Filter", "Create", "Payload", "AddToPayload", "OrderBy", "__Nothing", "UserfriendsUserX", "CreateNothing", "Unused", "GraphQLID", "NotScalar", "all", "_allMeta"} {
			if d, ok := c.schema.definition(no); ok {
				t.Errorf("%s: %q is %+v", c.name, no, d)
			}
			for _, lookup := range []func(string) (Root, bool){c.schema.QueryRoot, c.schema.MutationRoot, c.schema.SubscriptionRoot, c.schema.ViewerRoot} {
				if root, ok := lookup(no); ok {
					t.Errorf("%s: %q is %+v", c.name, no, root)
				}
			}
		}
	}
}

// randomTypes draws a type definition whose names like to begin and end like
// generated ones.
func randomTypes(t *rapid.T) string {
	pool := []string{"Post", "User", "Filter", "Create", "CreatePost", "PostFilter", "Posts", "OrCreatePost", "SetUser", "Payload", "A", "AB", "ABooks", "Subscriptions", "OrderBy", "Data", "Datum"}
	names := rapid.SliceOfNDistinct(rapid.SampledFrom(pool), 1, 5, rapid.ID).Draw(t, "types")
	fields := make([][]string, len(names))
	field := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "not", "inIn", "books", "user", "userId", "postIds", "every", "createdAt", "f"}), 0, 6, rapid.ID)
	for i := range names {
		for _, f := range field.Draw(t, "fields") {
			typ := rapid.SampledFrom([]string{"String", "Int!", "Float", "Boolean", "DateTime", "Json!", "Password", "[String!]", "[Int!]!", "Kind", "[Kind!]!", "String! @isUnique", "Int @isUnique", `Int! @defaultValue(value: 1)`, `[Kind!]! @defaultValue(value: "[X]")`}).Draw(t, "type")
			if f == "createdAt" {
				typ = "DateTime!"
			}
			fields[i] = append(fields[i], f+": "+typ)
		}
	}
	form := rapid.SampledFrom([]string{"%s", "%s!", "[%s!]!"})
	for r := range rapid.IntRange(0, 6).Draw(t, "relations") {
		a, b := rapid.IntRange(0, len(names)-1).Draw(t, "a"), rapid.IntRange(0, len(names)-1).Draw(t, "b")
		directive := fmt.Sprintf(` @relation(name: "R%d")`, r)
		if a == b && rapid.Bool().Draw(t, "same field") {
			fields[a] = append(fields[a], fmt.Sprintf("r%d: ", r)+fmt.Sprintf(form.Draw(t, "form"), names[a])+directive)
			continue
		}
		fields[a] = append(fields[a], fmt.Sprintf("r%da: ", r)+fmt.Sprintf(form.Draw(t, "form"), names[b])+directive)
		fields[b] = append(fields[b], fmt.Sprintf("r%db: ", r)+fmt.Sprintf(form.Draw(t, "form"), names[a])+directive)
	}
	var sdl strings.Builder
	sdl.WriteString("enum Kind { X Y }\n")
	for i, name := range names {
		fmt.Fprintf(&sdl, "type %s @model {\n  id: ID! @isUnique\n  %s\n}\n", name, strings.Join(fields[i], "\n  "))
	}
	return sdl.String()
}

// For any model: either a name collision is reported, or all names are found and
// the schema is valid.
func TestNamesOfRandomModels(t *testing.T) {
	compiled, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		sdl := randomTypes(t)
		parsed, _ := datamodel.Parse(sdl)
		if parsed == nil {
			refused++
			return
		}
		s, err := Compile(Input{Model: parsed.Model, Layout: relational.Build(parsed.Model, nil)})
		if err != nil {
			refused++
			return
		}
		compiled++
		checkNames(t, s)
		checkNames(t, s.For(Relay))
	})
	t.Logf("%d compiled, %d refused", compiled, refused)
}
