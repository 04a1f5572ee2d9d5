package coercion

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

func schema(t testing.TB) *ast.Schema {
	t.Helper()
	text, err := os.ReadFile("testdata/schema.graphql")
	if err != nil {
		t.Fatal(err)
	}
	// scalars of Icehouse, which graphql-js knows nothing of
	sdl := string(text) + "\nscalar Json scalar Password"
	return gqlparser.MustLoadSchema(&ast.Source{Input: sdl})
}

func operation(t testing.TB, query string) *ast.OperationDefinition {
	t.Helper()
	doc, err := parser.ParseQuery(&ast.Source{Input: query})
	if err != nil {
		t.Fatalf("%v\n%s", err, query)
	}
	return doc.Operations[0]
}

func raw(t testing.TB, text string) *Given {
	t.Helper()
	vars := tryRaw(text)
	if vars == nil {
		t.Fatalf("not a JSON object: %s", text)
	}
	return vars
}

func tryRaw(text string) (vars *Given) {
	vars, _ = ReadVariables(text)
	return vars
}

// plain turns a value into what JSON can say.
func plain(v Value) any {
	switch v := v.(type) {
	case *Object:
		object := map[string]any{}
		for _, m := range v.Fields {
			object[m.Name] = plain(m.Value)
		}
		return object
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(v[i])
		}
		return list
	case map[string]Value:
		object := map[string]any{}
		for key, value := range v {
			object[key] = plain(value)
		}
		return object
	case time.Time:
		return v.Format("2006-01-02T15:04:05.000Z07:00")
	default:
		return v
	}
}

// sameJSON compares by the numbers' values, not by how they are written.
func sameJSON(t testing.TB, a, b string) bool {
	t.Helper()
	var va, vb any
	if json.Unmarshal([]byte(a), &va) != nil || json.Unmarshal([]byte(b), &vb) != nil {
		t.Fatalf("not JSON: %s, %s", a, b)
	}
	return reflect.DeepEqual(va, vb)
}

func printed(t testing.TB, v Value) string {
	t.Helper()
	text, err := json.Marshal(plain(v))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// own are the cases where we differ from graphql-js on purpose.
var own = map[string]string{
	`(DateTime) {"v":5}`:                      "refused", // it does not know what a DateTime is
	`(DateTime) {"v":{}}`:                     "refused",
	`(DateTime) {"v":"2020-01-01T00:00:00Z"}`: `{"v":"2020-01-01T00:00:00.000Z"}`,
	`(ID) {"v":9007199254740993}`:             `{"v":"9007199254740993"}`, // JavaScript loses the last digit
}

func TestVariablesAsTheReferenceImplementation(t *testing.T) {
	text, err := os.ReadFile("testdata/variables.tsv")
	if err != nil {
		t.Fatal(err)
	}
	types := FromSchema(schema(t))
	count := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		count++
		parts := strings.Split(line, "\t")
		query, vars, want := "query "+parts[0], parts[1], parts[2]
		op := operation(t, query)
		if differs, ok := own[fmt.Sprintf("(%s) %s", op.VariableDefinitions[0].Type, vars)]; ok {
			want = differs
		}
		values, errs := Variables(types, op, raw(t, vars))
		got := "refused"
		if len(errs) == 0 {
			got = printed(t, values)
		}
		if got != want && (got == "refused" || want == "refused" || !sameJSON(t, got, want)) {
			t.Errorf("%s %s\n got %s %v\nwant %s", query, vars, got, errs, want)
		}
		// The same value as a literal must come to the same end.
		if literalText, ok := literalOf(raw(t, vars)); ok {
			literalCase(t, types, op.VariableDefinitions[0], literalText, vars, got)
		}
	}
	if count != 108 {
		t.Errorf("%d cases", count)
	}
}

// literalOf writes decoded JSON as a GraphQL literal; false for what has no
// literal of the same meaning.
func literalOf(vars *Given) (string, bool) {
	v, sent := vars.Get("v")
	if !sent {
		return "", false
	}
	var b bytes.Buffer
	var write func(v any)
	write = func(v any) {
		switch v := v.(type) {
		case *Given:
			b.WriteByte('{')
			for key, value := range v.All() {
				b.WriteString(key + ": ")
				write(value)
				b.WriteByte(' ')
			}
			b.WriteByte('}')
		case []any:
			b.WriteByte('[')
			for _, item := range v {
				write(item)
				b.WriteByte(' ')
			}
			b.WriteByte(']')
		default:
			text, _ := json.Marshal(v)
			b.Write(text)
		}
	}
	write(v)
	return b.String(), true
}

func literalCase(t *testing.T, types Types, def *ast.VariableDefinition, literal, vars, want string) {
	t.Helper()
	base := def.Type.Name()
	text := fmt.Sprint(vars)
	switch {
	case base == "Color" || strings.Contains(text, `"e":`):
		return // enum values are names in a literal, strings in a variable
	case strings.ContainsAny(text, ".e") && base == "Int", strings.Contains(text, "1.0"):
		return // a literal 1.0 is a Float, a variable 1.0 is the number 1
	case strings.Contains(text, "__typename"):
		return
	}
	op := operation(t, fmt.Sprintf("{ f(v: %s) }", literal))
	v := op.SelectionSet[0].(*ast.Field).Arguments[0].Value
	value, err := Literal(types, def.Type, v, nil)
	got := "refused"
	if err == nil {
		got = printed(t, map[string]Value{"v": value})
	}
	if got != want && (got == "refused" || want == "refused" || !sameJSON(t, got, want)) {
		t.Errorf("literal %s of type %s: got %s (%v), as a variable %s", literal, def.Type, got, err, want)
	}
}

func TestAbsentAndNullDiffer(t *testing.T) {
	types := FromSchema(schema(t))
	op := operation(t, `query($s: String, $n: Int!) { inp(v: {req: $n, s: $s, l: null}) }`)
	arg := op.SelectionSet[0].(*ast.Field).Arguments[0]
	in := &ast.Type{NamedType: "In"}
	for _, c := range []struct{ vars, want string }{
		{`{"n": 1}`, `{"def":5,"l":null,"nnDef":7,"req":1}`},
		{`{"n": 1, "s": null}`, `{"def":5,"l":null,"nnDef":7,"req":1,"s":null}`},
		{`{"n": 1, "s": "x"}`, `{"def":5,"l":null,"nnDef":7,"req":1,"s":"x"}`},
	} {
		vars, errs := Variables(types, op, raw(t, c.vars))
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		value, err := Literal(types, in, arg.Value, vars)
		if err != nil {
			t.Fatal(err)
		}
		if got := printed(t, value); got != c.want {
			t.Errorf("%s: got %s, want %s", c.vars, got, c.want)
		}
	}
	variable := &ast.Value{Kind: ast.Variable, Raw: "gone"}
	if v, err := Literal(types, &ast.Type{NamedType: "Int"}, variable, nil); err != nil || v != (Absent{}) {
		t.Errorf("a variable that was not sent is %v, %v", v, err)
	}
	if _, err := Literal(types, &ast.Type{NamedType: "Int", NonNull: true}, variable, map[string]Value{"gone": nil}); err == nil {
		t.Error("a null variable stands where null is refused")
	}
}

func TestScalarsOfIcehouse(t *testing.T) {
	types := FromSchema(schema(t))
	long := strings.Repeat("9", 400)
	for _, c := range []struct{ typ, json, want string }{
		{"Json", `{"a":[1.50,"<x>",null]}`, `"{\"a\":[1.50,\"\u003cx\u003e\",null]}"`},
		{"Json", `"{\"a\": 1}"`, `"{\"a\": 1}"`},
		{"Json", `"hello"`, `"\"hello\""`}, // the planner refuses it where it would be stored
		{"Json", `12345678901234567890123`, `"12345678901234567890123"`},
		{"Json", `null`, `null`},
		{"DateTime", `"2017-08-01T10:20:30.1239+02:00"`, `"2017-08-01T08:20:30.123Z"`},
		{"DateTime", `"2017-08-01 10:20"`, "Date value expected"},
		{"DateTime", `1501582830`, "Date value expected"},
		{"Password", `"secret"`, `"secret"`},
		{"Password", `1`, "Password cannot represent a non string value"},
		{"String", `"a\u0000b"`, "NUL"},
		{"ID", `"a\u0000"`, "NUL"},
		{"ID", `12345678901234567890123`, `"12345678901234567890123"`},
		{"ID", `-0`, `"0"`},
		{"ID", `1e3`, `"1000"`},
		{"Int", `-2147483648`, `-2147483648`},
		{"Int", long, "32-bit"},
		{"Int", `-0.0`, `0`},
		{"Float", long, "as a double"},
		{"Float", `1e-400`, `0`},
		{"Float", `-0.0`, `0`},
		{"Float", `12345678901234567890`, `12345678901234567000`},
		{"[[Json]]", `[[{"a":1}],null]`, `[["{\"a\":1}"],null]`},
	} {
		op := operation(t, fmt.Sprintf("query($v: %s) { a }", c.typ))
		values, errs := Variables(types, op, raw(t, `{"v":`+c.json+`}`))
		if len(errs) > 0 {
			if len(errs[0].Message) > 400 || !strings.Contains(errs[0].Message, c.want) {
				t.Errorf("%s %.40s: refused with %q, want %s", c.typ, c.json, errs[0].Message, c.want)
			}
			continue
		}
		if got := printed(t, values["v"]); got != c.want {
			t.Errorf("%s %s: got %s, want %s", c.typ, c.json, got, c.want)
		}
	}
	for _, c := range []struct{ typ, literal, want string }{
		{"Json", `"{\"a\":1}"`, `"{\"a\":1}"`},
		{"Json", `{a: 1}`, "Not valid JSON"},
		{"Json", `[1]`, "Not valid JSON"},
		{"Json", `"a"`, "Not valid JSON"},
		{"DateTime", `"2017"`, `"2017-01-01T00:00:00.000Z"`},
		{"DateTime", `2017`, "Date value expected"},
		{"Password", `"""x"""`, `"x"`},
		{"ID", `99999999999999999999`, `"99999999999999999999"`},
		{"ID", `1.5`, "ID cannot"},
		{"Int", `1.0`, "non-integer"},
		{"Float", `1e400`, "as a double"},
		{"Color", `"RED"`, "non-enum"},
		{"Color", `RED`, `"RED"`},
		{"[Color!]", `RED`, `["RED"]`},
		{"[Color!]", `[RED null]`, "found null"},
		{"In", `{req: 1 nope: 2}`, "not defined"},
		{"In", `{}`, "was not provided"},
		{"One", `{a: 1 b: "x"}`, "Exactly one"},
		{"One", `{a: null}`, "must be non-null"},
	} {
		op := operation(t, fmt.Sprintf("query($v: %s) { f(v: %s) }", c.typ, c.literal))
		value, err := Literal(types, op.VariableDefinitions[0].Type, op.SelectionSet[0].(*ast.Field).Arguments[0].Value, nil)
		if err != nil {
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s %s: refused with %q, want %s", c.typ, c.literal, err, c.want)
			}
			continue
		}
		if got := printed(t, value); got != c.want {
			t.Errorf("%s %s: got %s, want %s", c.typ, c.literal, got, c.want)
		}
	}
}

func TestErrorsNameTheirPlaceAndAreFew(t *testing.T) {
	types := FromSchema(schema(t))
	op := operation(t, "query Q(\n  $v: [In!]) { a }")
	_, errs := Variables(types, op, raw(t, `{"v":[{"req":1},{"req":2,"kid":{"req":"x"}}]}`))
	if len(errs) != 1 || !strings.Contains(errs[0].Message, `"$v" got invalid value "x" at "v[1].kid.req"`) || errs[0].Locations[0].Line != 2 {
		t.Errorf("got %v", errs)
	}
	many := `{"v":[` + strings.TrimSuffix(strings.Repeat(`{"req":"x"},`, 5000), ",") + `]}`
	if _, errs = Variables(types, op, raw(t, many)); len(errs) != maxErrors {
		t.Errorf("%d errors", len(errs))
	}
	op = operation(t, "query($v: Nothing) { a }")
	if _, errs = Variables(types, op, nil); len(errs) != 1 {
		t.Errorf("an unknown type is accepted: %v", errs)
	}
}

func TestRef(t *testing.T) {
	for _, text := range []string{"Int", "Int!", "[Int]", "[Int!]", "[Int]!", "[Int!]!", "[[Int!]]!", "[[[Int]!]!]"} {
		typ := operation(t, "query($v: "+text+") { a }").VariableDefinitions[0].Type
		ref := RefOf(typ)
		if ref.String() != text || ref.Type().String() != text {
			t.Errorf("%s became %s and %s", text, ref, ref.Type())
		}
	}
	deep := operation(t, "query($v: "+strings.Repeat("[", 300)+"Int"+strings.Repeat("]", 300)+") { a }").VariableDefinitions[0].Type
	if RefOf(deep).Name != "Int" {
		t.Error("a deep type has lost its name")
	}
	if n := testing.AllocsPerRun(100, func() { _ = RefOf(deep).Elem().NonNull() }); n > 0 {
		t.Errorf("a Ref costs %v allocations", n)
	}
}

func BenchmarkVariables(b *testing.B) {
	types := FromSchema(schema(b))
	op := operation(b, "query($v: In, $i: Int!, $s: String) { a }")
	vars := raw(b, `{"v":{"req":1,"s":"x","l":[1,2,3],"kid":{"req":2}},"i":3,"s":"text"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, errs := Variables(types, op, vars); len(errs) > 0 {
			b.Fatal(errs)
		}
	}
}
