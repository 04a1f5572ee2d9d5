package coercion

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"icehouse/deploy/testbed/oracle"
)

// randomJSON writes a value that has some chance to fit some type of the test
// schema. Numbers stay where JavaScript is exact.
func randomJSON(r *rand.Rand, depth int) string {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	switch n := r.IntN(10); {
	case n < 3 || depth == 0:
		return pick("1", "-1", "0", "1.0", "1.5", "1e2", "2147483647", "2147483648", "-2147483648", "-2147483649", "1e400", "123456789012", "null", "true", "false")
	case n < 5:
		return pick(`"RED"`, `"GREEN"`, `"red"`, `""`, `"1"`, `"x"`, `"é\n\""`)
	case n < 7:
		items := make([]string, r.IntN(3))
		for i := range items {
			items[i] = randomJSON(r, depth-1)
		}
		return "[" + strings.Join(items, ",") + "]"
	default:
		var members []string
		for _, key := range []string{"req", "def", "nnDef", "s", "l", "e", "kid", "o", "a", "b", "nope"} {
			chance := 6
			if key == "req" {
				chance = 2 // of 3
			}
			if key == "req" && r.IntN(3) < chance || key != "req" && r.IntN(chance) == 0 {
				members = append(members, fmt.Sprintf("%q:%s", key, randomJSON(r, depth-1)))
			}
		}
		return "{" + strings.Join(members, ",") + "}"
	}
}

func TestRandomVariablesAgainstGraphQLJS(t *testing.T) {
	o := oracle.Start(t)
	text, err := os.ReadFile("testdata/schema.graphql")
	if err != nil {
		t.Fatal(err)
	}
	if errs := o.Build(t, "coercion", string(text)); len(errs) > 0 {
		t.Fatal(errs)
	}
	types := FromSchema(schema(t))
	r := rand.New(rand.NewPCG(5, 6))
	var cases []oracle.Case
	for i := range 6000 {
		typ := []string{"Int", "Float", "String", "Boolean", "ID", "Color", "[Int]", "[Int!]", "[[Int]]", "In", "[In!]", "One", "In!", "[Color!]!"}[i%14]
		def := []string{"", "", " = null"}[r.IntN(3)]
		if strings.HasSuffix(typ, "!") {
			def = ""
		}
		json := `{"v":` + randomJSON(r, 4) + `}`
		if r.IntN(20) == 0 {
			json = "{}"
		}
		cases = append(cases, oracle.Case{Query: fmt.Sprintf("query Q($v: %s%s) { int }", typ, def), JSON: json})
	}
	accepted := 0
	for i, theirs := range o.Variables(t, "coercion", cases) {
		c := cases[i]
		values, errs := Variables(types, operation(t, c.Query), raw(t, c.JSON))
		if (len(errs) == 0) != (len(theirs.Errors) == 0) {
			t.Errorf("%s %s\ngraphql-js: %q\nours: %v", c.Query, c.JSON, theirs.Errors, errs)
			continue
		}
		if len(errs) > 0 {
			continue
		}
		accepted++
		if got := printed(t, values); got == "null" || !sameJSON(t, got, theirs.JSON) {
			t.Errorf("%s %s\ngraphql-js: %s\nours: %s", c.Query, c.JSON, theirs.JSON, got)
		}
	}
	t.Logf("%d of %d accepted", accepted, len(cases))
}

// FuzzVariables looks for values that break the walk; whatever comes in, what is
// accepted comes out whole.
func FuzzVariables(f *testing.F) {
	f.Add(`{"v":[{"req":1,"kid":{"req":2},"o":{"a":1}}]}`)
	f.Add(`{"v":{"req":1e400}}`)
	types := FromSchema(schema(f))
	op := operation(f, "query($v: [In!]) { a }")
	f.Fuzz(func(t *testing.T, text string) {
		if !strings.HasPrefix(text, "{") {
			return
		}
		vars := tryRaw(text)
		if vars == nil {
			return
		}
		values, errs := Variables(types, op, vars)
		if _, sent := vars.Get("v"); len(errs) == 0 && sent {
			if _, ok := values["v"]; !ok {
				t.Errorf("%s is lost", text)
			}
		}
	})
}
