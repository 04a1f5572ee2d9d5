package compiledschema

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
)

// compile makes the schema of a type definition.
func compile(t testing.TB, types string, resolvers ...*Resolver) *Schema {
	t.Helper()
	parsed, diagnostics := datamodel.Parse(types)
	if len(diagnostics) > 0 {
		t.Fatalf("the type definition is refused: %v", diagnostics)
	}
	s, err := Compile(Input{Model: parsed.Model, Layout: relational.Build(parsed.Model, nil), Resolvers: resolvers})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func sample(t testing.TB) *Schema {
	return compile(t, readFile(t, "testdata/sample.types.graphql"))
}

// The sample of data-api §11.2 comes out exactly: every type, in order, with its
// fields and arguments in order. The contract prints one of the three filter
// nodes only.
func TestSampleIsTheContracts(t *testing.T) {
	s := sample(t)
	got := outline(t, s.SDL())
	want := outline(t, readFile(t, "testdata/sample.api.graphql"))
	for _, name := range []string{"AuthorSubscriptionFilterNode", "BookSubscriptionFilterNode"} {
		if _, ok := s.InputType(name); !ok {
			t.Errorf("no type %s", name)
		}
	}
	shown := got[:0]
	for _, d := range got {
		if d.Name != "AuthorSubscriptionFilterNode" && d.Name != "BookSubscriptionFilterNode" {
			shown = append(shown, d)
		}
	}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("-contract +SDL\n%s", diff)
	}
}

// outlined is a definition without positions.
type outlined struct {
	Kind, Name string
	Interfaces []string
	Members    []string
}

func outline(t testing.TB, sdl string) []outlined {
	t.Helper()
	doc, err := parser.ParseSchema(&ast.Source{Input: sdl})
	if err != nil {
		t.Fatal(err)
	}
	var all []outlined
	for _, d := range doc.Definitions {
		o := outlined{Kind: string(d.Kind), Name: d.Name, Interfaces: d.Interfaces}
		for _, f := range d.Fields {
			o.Members = append(o.Members, fieldLine(f))
		}
		for _, v := range d.EnumValues {
			o.Members = append(o.Members, v.Name)
		}
		all = append(all, o)
	}
	return all
}

func fieldLine(f *ast.FieldDefinition) string {
	line := f.Name
	for i, arg := range f.Arguments {
		if i == 0 {
			line += "("
		} else {
			line += ", "
		}
		line += arg.Name + ": " + arg.Type.String()
		if i == len(f.Arguments)-1 {
			line += ")"
		}
	}
	return line + ": " + f.Type.String()
}
