package introspection

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

func TestSDL(t *testing.T) {
	got, err := SDL([]byte(`{"__schema": {"queryType": {"name": "Query"}, "mutationType": null, "types": [
  {"kind": "OBJECT", "name": "Query", "fields": [
    {"name": "all", "description": "All of them.", "type": {"kind": "NON_NULL", "ofType": {"kind": "LIST", "ofType": {"kind": "NON_NULL", "ofType": {"kind": "OBJECT", "name": "Post"}}}},
     "args": [{"name": "first", "type": {"kind": "SCALAR", "name": "Int"}, "defaultValue": "10"}, {"name": "where", "type": {"kind": "INPUT_OBJECT", "name": "Where"}, "defaultValue": "{of: [A], text: \"x\"}"}]},
    {"name": "old", "type": {"kind": "SCALAR", "name": "Int"}, "args": [], "isDeprecated": true, "deprecationReason": "Ask \"all\"."}]},
  {"kind": "OBJECT", "name": "Post", "interfaces": [{"kind": "INTERFACE", "name": "Node"}], "fields": [{"name": "id", "type": {"kind": "NON_NULL", "ofType": {"kind": "SCALAR", "name": "ID"}}, "args": []}]},
  {"kind": "INTERFACE", "name": "Node", "possibleTypes": [{"name": "Post"}], "fields": [{"name": "id", "type": {"kind": "NON_NULL", "ofType": {"kind": "SCALAR", "name": "ID"}}, "args": []}]},
  {"kind": "UNION", "name": "Any", "possibleTypes": [{"name": "Post"}]},
  {"kind": "ENUM", "name": "Kind", "enumValues": [{"name": "A"}, {"name": "B"}]},
  {"kind": "INPUT_OBJECT", "name": "Where", "inputFields": [{"name": "of", "type": {"kind": "LIST", "ofType": {"kind": "ENUM", "name": "Kind"}}}, {"name": "text", "type": {"kind": "SCALAR", "name": "String"}}]},
  {"kind": "SCALAR", "name": "DateTime"}, {"kind": "SCALAR", "name": "Int"}, {"kind": "OBJECT", "name": "__Type"}],
  "directives": [{"name": "skip", "locations": ["FIELD"], "args": []}, {"name": "live", "locations": ["QUERY", "FIELD"], "args": []}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := `schema {
  query: Query
}
directive @live on QUERY | FIELD
union Any = Post
scalar DateTime
enum Kind {
  A
  B
}
interface Node {
  id: ID!
}
type Post implements Node {
  id: ID!
}
type Query {
  """
  All of them.
  """
  all(first: Int = 10, where: Where = {of:[A],text:"x"}): [Post!]!
  old: Int @deprecated(reason: "Ask \"all\".")
}
input Where {
  of: [Kind]
  text: String
}
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := gqlparser.LoadSchema(&ast.Source{Input: got}); err != nil {
		t.Error(err)
	}
}

func TestNoSchema(t *testing.T) {
	for _, data := range []string{``, `null`, `{}`, `[]`, `{"__schema": {"types": [{"kind": "INPUT_OBJECT", "name": "I", "inputFields": [{"name": "a", "type": {"name": "Int"}, "defaultValue": ")"}]}]}}`} {
		if out, err := SDL([]byte(data)); err == nil {
			t.Errorf("%s: %s", data, out)
		}
	}
}
