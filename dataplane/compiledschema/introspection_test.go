package compiledschema

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"icehouse/deploy/testbed/oracle"
)

// fullIntrospection is what clients ask, with everything that 2017 knew.
const fullIntrospection = `query IntrospectionQuery {
  __schema {
    queryType { name } mutationType { name } subscriptionType { name }
    types { ...FullType }
    directives { name description isRepeatable locations args { ...InputValue } }
  }
}
fragment FullType on __Type {
  kind name description specifiedByURL isOneOf
  fields(includeDeprecated: true) { name description args { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason }
  inputFields { ...InputValue }
  interfaces { ...TypeRef }
  enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
  possibleTypes { ...TypeRef }
}
fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue }
fragment TypeRef on __Type {
  kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } }
}`

// selections are shapes that clients send beside the full one.
var selections = []string{
	`{ __schema { types { name } } }`,
	`{ __schema { description types { k: kind n: name __typename } __typename } }`,
	`{ s: __schema { queryType { fields { name args { name type { kind ofType { name kind } } defaultValue __typename } } } } }`,
	`{ __schema { queryType { name fields { name } } ...More } } fragment More on __Schema { queryType { kind fields { type { name kind } } } mutationType { name } }`,
	`{ __type(name: "Post") { name } a: __type(name: "Author") { ...T } b: __type(name: "DateTime") { kind name description fields { name } enumValues { name } inputFields { name } interfaces { name } possibleTypes { name } ofType { name } isOneOf specifiedByURL } } fragment T on __Type { fields(includeDeprecated: true) { name type { name ofType { name } } isDeprecated deprecationReason } interfaces { name fields { name } } }`,
	`query($yes: Boolean!, $no: Boolean = false, $name: String!) { __schema { types @include(if: $no) { name } queryType @skip(if: $yes) { name } directives @include(if: $yes) { name args(includeDeprecated: $no) { name defaultValue type { name kind } isDeprecated } } } __type(name: $name) { name ...F @skip(if: $no) ... @include(if: $no) { kind } ... on __Type { description } } } fragment F on __Type { possibleTypes { name } }`,
	`{ __type(name: "Node") { kind possibleTypes { name } fields { name } } __schema { mutationType { name } subscriptionType { name fields { name args { name } } } } }`,
	`{ __type(name: "__Type") { fields { name description type { kind name ofType { name } } args { name description defaultValue } } } e: __type(name: "__TypeKind") { enumValues { name description } } }`,
	`{ __type(name: "[Post]") { name } empty: __type(name: "") { name } }`,
}

func parseQuery(t testing.TB, text string) *ast.QueryDocument {
	t.Helper()
	doc, err := parser.ParseQuery(&ast.Source{Input: text})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return doc
}

// introspect answers a query that selects introspection fields only.
func introspect(t testing.TB, s *Schema, query string, vars map[string]any) []byte {
	t.Helper()
	doc := parseQuery(t, query)
	if errs := s.Validate(doc); len(errs) > 0 {
		t.Fatalf("%v\n%s", errs, query)
	}
	out := []byte{'{'}
	for i, selection := range doc.Operations[0].SelectionSet {
		f := selection.(*ast.Field)
		if i > 0 {
			out = append(out, ',')
		}
		out = fmt.Appendf(out, "%q:", f.Alias)
		var err error
		if out, err = s.WriteIntrospection(out, f, vars, doc.Fragments); err != nil {
			t.Fatal(err)
		}
	}
	return append(out, '}')
}

// unordered sorts the lists of types, whose order means nothing.
func unordered(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			value = unordered(value)
			if items, ok := value.([]any); ok && (key == "types" || key == "possibleTypes") {
				slices.SortFunc(items, func(a, b any) int { return cmp.Compare(anyName(a), anyName(b)) })
			}
			v[key] = value
		}
	case []any:
		for i := range v {
			v[i] = unordered(v[i])
		}
	}
	return v
}

// anyName is the name of a type in an answer, under whichever key it was asked for.
func anyName(v any) string {
	object, _ := v.(map[string]any)
	for _, key := range []string{"name", "n"} {
		if name, ok := object[key].(string); ok {
			return name
		}
	}
	return fmt.Sprint(v)
}

func decode(t testing.TB, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return v
}

// sameAnswers holds our answers against those that graphql-js gives on the printed
// schema.
func sameAnswers(t *testing.T, o *oracle.Oracle, s *Schema, name string, queries []string) {
	t.Helper()
	if errs := o.Build(t, name, s.SDL()); len(errs) > 0 {
		t.Errorf("%s: graphql-js does not accept the schema: %q", name, errs)
		return
	}
	for _, query := range queries {
		vars := map[string]any{"yes": true, "no": false, "name": "Node"}
		got := unordered(decode(t, introspect(t, s, query, vars)))
		answer := o.Execute(t, name, query, vars)
		if answer["errors"] != nil {
			t.Errorf("%s: graphql-js answers %v to\n%s", name, answer["errors"], query)
			continue
		}
		if want := unordered(withoutNew(answer["data"])); !reflect.DeepEqual(want, got) { // gocmp is slow on what is equal
			diff := gocmp.Diff(want, got)
			t.Errorf("%s: -graphql-js +ours\n%s\n%s", name, query, diff)
		}
	}
}

// withoutNew drops the place DIRECTIVE_DEFINITION from an answer: newer versions of
// graphql-js have it, and clients that do not know it can not read the schema.
func withoutNew(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, sub := range v {
			v[k] = withoutNew(sub)
		}
	case []any:
		v = slices.DeleteFunc(v, func(item any) bool {
			m, _ := item.(map[string]any)
			return item == "DIRECTIVE_DEFINITION" || m["name"] == "DIRECTIVE_DEFINITION"
		})
		for i, sub := range v {
			v[i] = withoutNew(sub)
		}
		return v
	}
	return v
}

// everyType asks for each type of a schema by name.
func everyType(s *Schema) []string {
	var queries []string
	for d := range s.allDefinitions() {
		queries = append(queries, fmt.Sprintf(`{ __type(name: %q) { kind name description isOneOf fields { name description args { name type { kind name ofType { name } } } type { kind name ofType { name ofType { name ofType { name } } } } } inputFields { name type { kind name ofType { kind name ofType { name } } } } interfaces { name } enumValues { name } possibleTypes { name } } }`, d.name))
	}
	return queries
}

func TestIntrospectionIsThatOfThePrintedSchema(t *testing.T) {
	o := oracle.Start(t)
	full := append([]string{fullIntrospection}, selections...)
	for _, c := range cases(t) {
		t.Run(c.name, func(t *testing.T) {
			sameAnswers(t, o, c.schema, c.name, append(full, everyType(c.schema)...))
			client := o.PrintClient(t, introspect(t, c.schema, fullIntrospection, nil))
			if diff := gocmp.Diff(o.PrintSDL(t, c.schema.SDL()), client); diff != "" {
				t.Errorf("-printed +seen by a client\n%s", diff)
			}
		})
	}
	for _, s := range corpus(t) {
		sameAnswers(t, o, s.schema, s.id, full)
		sameAnswers(t, o, s.schema.For(Relay), s.id+" relay", full[:1])
	}
}
