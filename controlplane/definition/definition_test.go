package definition

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"icehouse/dataplane/datamodel"
)

func loads(t *testing.T, modules ...Module) (*Definition, []string) {
	t.Helper()
	d, warnings, problems := Config{Modules: modules}.Load()
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return d, warnings
}

func refused(t *testing.T, modules ...Module) string {
	t.Helper()
	d, _, problems := Config{Modules: modules}.Load()
	if len(problems) == 0 || d != nil {
		t.Fatal("not refused")
	}
	return problems.Error()
}

func TestPlacesInComplaints(t *testing.T) {
	for content, want := range map[string]string{
		"types: ./t\nfunctions: []\n": "graphcool.yml:2:12: functions must be a map, not a list",
		"types: 1\n":                  "graphcool.yml:1:8: types must be a string, not a number",
		"types: ./t\npermissions:\n- operation: Post.fly\n":                                                                     "graphcool.yml:3:14: permissions[0].operation is 'Post.fly'",
		"types: ./t\npermissions:\n- authenticated: maybe\n  operation: Post.read\n":                                            "graphcool.yml:3:18: permissions[0].authenticated must be true or false, not a string",
		"types: ./t\nfunctions:\n  f: {type: resolver, schema: ./t, handler: ./x.js}\n":                                         "functions.f.handler must be a map, not a string",
		"types: ./t\nfunctions:\n  f: {type: resolver, schema: ./t, handler: {code: ./t, webhook: x}}":                          "functions.f.handler must have exactly one of the keys code and webhook",
		"types: ./t\nfunctions:\n  f: {type: fly, handler: {code: ./t}}":                                                        "unknown type 'fly'",
		"types: ./t\nfunctions:\n  f: {type: resolver, schema: ./t, handler: {webhook: {url: \"https://x\", headers: {a: 1}}}}": "The headers of the function 'f' must map names to strings",
		"types: ./t\nrootTokens: [\"a\\0b\"]\n":                                                                                 "none of them NUL",
		"types: ./t\nrootTokens: [a, a]\n":                                                                                      "There is already a RootToken with the name `a`.",
		"types: ./t\nx: !!binary aGk=\n":                                                                                        "graphcool.yml:2:4: tags and directives are not supported",
		"types: ./t\n---\ntypes: ./t\n":                                                                                         "more than one document",
		"types: ./t\n<<: {a: b}\n":                                                                                              "merge keys",
		"":                                                                                                                      "the definition is empty",
		"# only a comment\n":                                                                                                    "the definition is empty",
		"[]":                                                                                                                    "the definition must be a map, not a list",
	} {
		if got := refused(t, Module{Content: content, Files: map[string]string{"./t": ""}}); !strings.Contains(got, want) {
			t.Errorf("%q: %s", content, got)
		}
	}
}

func TestPermissionQueries(t *testing.T) {
	files := map[string]string{"./t": "", "./one.graphql": "query A { x }", "./two.graphql": "query A { x } query B { x }", "./bad.graphql": "query {", "./old.graphql": "{ SomeUserExists }"}
	with := func(query string) Module {
		return Module{Content: "types: ./t\npermissions:\n- operation: Post.read\n  query: " + query + "\n", Files: files}
	}
	for query, want := range map[string]string{
		"./two.graphql:C": "no operation named 'C'", "./two.graphql": "has 2 operations", "./two.graphql:A:B": "more than one colon",
		"./bad.graphql": "does not parse", "./none.graphql": "there is no file", "../one.graphql": "leads out",
	} {
		if got := refused(t, with(query)); !strings.Contains(got, "Query Permission Error for permission 'Post.read': ") || !strings.Contains(got, want) {
			t.Errorf("%s: %s", query, got)
		}
	}
	for _, query := range []string{"./one.graphql", "one.graphql", "./two.graphql:B", "./old.graphql"} {
		loads(t, with(query))
	}
}

func TestPermissionsThatCountForNothing(t *testing.T) {
	d, warnings := loads(t, Module{Files: map[string]string{"./t": ""}, Content: `types: ./t
permissions:
- operation: Post.read
  isEnabled: false
- operation: Post.update
  authentication: true
`})
	if len(d.Permissions) != 1 || d.Permissions[0].Operation != "Post.update" || len(warnings) != 1 || !strings.Contains(warnings[0], "graphcool.yml:6:3: the key 'authentication'") {
		t.Fatal(d.Permissions, warnings)
	}
}

func TestModules(t *testing.T) {
	root := Module{Content: "types: ./types.graphql\nmodules:\n  mail: ./modules/mail/graphcool.yml\nrootTokens: [ops]\n",
		Files:    map[string]string{"./types.graphql": "type A @model { id: ID! @isUnique } # that is all"},
		External: map[string]External{"./modules/mail/src/f.js": {URL: "http://x/1"}}}
	mail := Module{Name: "mail", Content: `types: types.graphql
functions:
  send: {type: resolver, schema: ./f.graphql, handler: {code: ./src/f.js}}
permissions:
- operation: B.read
  query: ./p.graphql:Q
rootTokens: [ops, mail]
`, Files: map[string]string{"./types.graphql": "type B @model { id: ID! @isUnique }", "./f.graphql": "type P { x: Int } extend type Query { f: P }", "./p.graphql": "query Q { x }"}}
	d, _ := loads(t, root, mail)
	if d.SDL != "type A @model { id: ID! @isUnique } # that is all\ntype B @model { id: ID! @isUnique }" {
		t.Fatal(d.SDL)
	}
	f := d.Functions[0]
	if f.SchemaPath != "./modules/mail/f.graphql" || f.Code.Path != "./modules/mail/src/f.js" || f.Code.Bundle == nil || f.Code.Bundle.URL != "http://x/1" {
		t.Fatalf("%+v %+v", f, f.Code)
	}
	if d.Permissions[0].QueryPath != "./modules/mail/p.graphql" || !cmp.Equal(d.RootTokens, []string{"ops", "mail"}) {
		t.Fatalf("%+v %v", d.Permissions, d.RootTokens)
	}
	// What is shown can be deployed again, and is the same.
	var shown Config
	if err := json.Unmarshal([]byte(d.Render()), &shown); err != nil {
		t.Fatal(err)
	}
	shown.Modules[0].Files["./modules/mail/src/f.js"] = "code"
	again, _ := loads(t, shown.Modules...)
	if again.SDL != d.SDL || again.Functions[0].Schema != f.Schema || again.Permissions[0].Query != "query Q { x }" || !cmp.Equal(again.RootTokens, d.RootTokens) {
		t.Fatalf("%s", d.Source.Content)
	}

	list := root
	list.Content = "types: ./types.graphql\nmodules:\n- ./modules/mail/graphcool.yml\n"
	loads(t, list, mail)

	clash := mail
	clash.Name = "other"
	both := root
	both.Content = "types: ./types.graphql\nmodules: {mail: ./modules/mail/graphcool.yml, other: ./modules/other/graphcool.yml}\n"
	both.External = map[string]External{"./modules/mail/src/f.js": {}, "./modules/other/src/f.js": {}}
	if got := refused(t, both, mail, clash); !strings.Contains(got, "module 'other': A function with the name 'send' already exists in another module") {
		t.Fatal(got)
	}
	if got := refused(t, root); !strings.Contains(got, "listed in graphcool.yml and not part of the upload") {
		t.Fatal(got)
	}
	unlisted := root
	unlisted.Content = "types: ./types.graphql\n"
	if got := refused(t, unlisted, mail); !strings.Contains(got, "the module 'mail' is not listed") {
		t.Fatal(got)
	}
	if got := refused(t, root, root); !strings.Contains(got, "two modules named ''") {
		t.Fatal(got)
	}
	nested := mail
	nested.Content += "modules: {deeper: ./d/graphcool.yml}\n"
	if _, warnings := loads(t, root, nested); len(warnings) != 1 || !strings.Contains(warnings[0], "not followed") {
		t.Fatal(warnings)
	}
}

func TestSeveralTypesFiles(t *testing.T) {
	d, _ := loads(t, Module{Content: "types: [./a, [./b]]\n", Files: map[string]string{"./a": "A", "./b": "B"}})
	if d.SDL != "A\nB" || d.TypesPath != "./a" {
		t.Fatal(d.SDL, d.TypesPath)
	}
}

func TestEncodedFormKeepsAll(t *testing.T) {
	d, _ := loads(t, Module{Content: "types: ./t\npermissions:\n- {operation: Post.read, fields: []}\n- operation: Post.update\n", Files: map[string]string{"./t": "x"}})
	data, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(data)
	if err != nil || !Same(d, again) || again.SDL != "x" {
		t.Fatal(again, err)
	}
	if again.Permissions[0].Fields == nil || again.Permissions[1].Fields != nil {
		t.Fatal("no fields and all fields are not the same")
	}
}

func TestEmptyDefinition(t *testing.T) {
	want := "{\n  \"modules\": [\n    {\n      \"name\": \"\",\n      \"content\": \"types: ./types.graphql\\n\",\n      \"files\": {\n        \"./types.graphql\": \"\"\n      }\n    }\n  ]\n}"
	if got := Empty().Render(); got != want {
		t.Fatal(got)
	}
	d, _, problems := Load(Empty().Render())
	if len(problems) > 0 || !Same(d, Empty()) {
		t.Fatal(problems)
	}
}

func TestConfigOfAnotherForm(t *testing.T) {
	for config, want := range map[string]string{
		`[]`:                            "found an array",
		`{"modules": "x"}`:              "found a string at 'modules'",
		`{"modules": [{"content": 1}]}`: "found a number at 'modules.content'",
		"{\n\n":                         "ends too early",
		"{\n]":                          "in line 2",
	} {
		_, _, problems := Load(config)
		if text := fmt.Sprint(problems); !strings.Contains(text, want) {
			t.Errorf("%s: %s, want %s", config, text, want)
		}
	}
}

func TestTypesOnly(t *testing.T) {
	sdl := "# project: cj7abc\n# version: 12\n\ntype A implements Node { id: ID! @isUnique }\n"
	d, _, problems := Load(FromSDL(sdl).Render())
	if len(problems) > 0 || !d.Open() || d.SDL != sdl {
		t.Fatal(problems)
	}
}

func TestRules(t *testing.T) {
	parsed, errs := datamodel.Parse(`type Post @model { id: ID! @isUnique a: User @relation(name: "Own") } type User @model { id: ID! @isUnique p: Post @relation(name: "Own") }`)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	d := &Definition{Permissions: []Permission{{Operation: "*"}, {Operation: "post.read"}, {Operation: "User.*"}, {Operation: "own.*"}, {Operation: "Own.connect"}}}
	if problems := d.Check(parsed.Model); len(problems) > 0 {
		t.Fatal(problems)
	}
	var names []string
	for _, r := range d.Rules(parsed.Model) {
		names = append(names, r.Name())
	}
	if diff := cmp.Diff([]string{"Post.read", "User.read", "User.create", "User.update", "User.delete", "Own.*", "Own.connect"}, names); diff != "" {
		t.Fatal(diff)
	}
}

// TestHostileYAML holds texts that are small and meant to be slow or deep.
func TestHostileYAML(t *testing.T) {
	n := maxYAML - 100
	for name, text := range map[string]string{
		"flow lists":      strings.Repeat("[", n),
		"flow maps":       strings.Repeat("{a: ", n/4),
		"block lists":     strings.Repeat("- ", n/2),
		"complex keys":    strings.Repeat("? ", n/2),
		"indentation":     indented(700),
		"many keys":       manyKeys(4_900),
		"one long line":   "types: " + strings.Repeat("x", n),
		"quotes":          strings.Repeat(`"`, n),
		"colons":          strings.Repeat(":", n),
		"tabs":            strings.Repeat("\t", n),
		"newlines":        strings.Repeat("\n", n),
		"block scalar":    "types: |\n" + strings.Repeat(" x\n", n/3),
		"comments":        strings.Repeat("#\n", n/2),
		"tags":            strings.Repeat("!a ", n/3),
		"anchors":         strings.Repeat("&a ", n/3),
		"documents":       strings.Repeat("---\n", n/4),
		"flow and commas": "[" + strings.Repeat(",", n),
		"too long":        strings.Repeat("x", maxYAML+1),
	} {
		started := time.Now()
		refused(t, Module{Content: text, Files: map[string]string{"./t": ""}})
		if took := time.Since(started); took > 5*time.Second {
			t.Errorf("%s took %v", name, took)
		} else if took > 500*time.Millisecond {
			t.Logf("%s took %v", name, took)
		}
	}
}

func indented(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("k" + strconv.Itoa(i) + ": v\n")
	}
	return b.String()
}

// TestAnyText: whatever is sent, there is an answer and no panic.
func TestAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SampledFrom([]string{"types", "functions", "permissions", ":", ": ", "- ", "\n", "  ", "[", "]", "{", "}", ",", "'", "\"", "|", ">", "#", "*", "&", "!", "?", "./t", "a", "true", "null", "1", "%", "@", "\t", "é", "<<"})
		text := strings.Join(rapid.SliceOfN(word, 0, 40).Draw(t, "words"), "")
		d, _, problems := Config{Modules: []Module{{Content: text, Files: map[string]string{"./t": ""}}}}.Load()
		if (d == nil) != (len(problems) > 0) {
			t.Fatalf("%q: %v %v", text, d, problems)
		}
	})
}

// shownWell says that what is shown of a definition is one, and comes back as it is.
func shownWell(t interface {
	Helper()
	Fatalf(string, ...any)
}, d *Definition) {
	t.Helper()
	for _, f := range d.Functions {
		for name := range f.secrets() {
			if !regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`).MatchString(name) {
				return // not every text that YAML reads as a key is written as one
			}
		}
	}
	again, _, problems := Load(d.Shown().Render())
	for _, p := range problems { // code in a bundle is not shown
		if !strings.Contains(p.Description, "is neither among the uploaded files nor in a bundle") {
			t.Fatalf("%q is shown as %q: %v", d.Source.Content, d.Shown().Source.Content, problems)
		}
	}
	if again == nil {
		return
	}
	again.Keep(d)
	if !sameSecrets(again.Functions, d.Functions) {
		t.Fatalf("%q is shown as %q, and comes back with %v", d.Source.Content, d.Shown().Source.Content, again.Functions)
	}
}

// TestShownIsADefinition shows environments that are written in every way.
func TestShownIsADefinition(t *testing.T) {
	words := []string{"a", "b", "long value", "${env:A}", ": ", ":", "\n", "\n              ", "\n                ", "  ", "[", "]", "{", "}", ",", "'", "\"", "|", "|-", ">", "#", " # c", "?", "- ", "1", "true", "null", "é", "\t", "\\", "%", "@"}
	shown := 0
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 1, 12).Draw(t, "words"), "")
		begin := rapid.SampledFrom([]string{"\n              K: ", "\n              K: |\n                ", "\n              K: >-\n                ", " {K: ", "\n              'K': \"", "\n              K: '"}).Draw(t, "begin")
		end := rapid.SampledFrom([]string{"", "}", "'", "\"", "\n              L: x", "}\n            src: ./t", "\n            src: ./t", "'\n            src: ./t", "\"\n            src: ./t"}).Draw(t, "end")
		content := "types: ./t\nfunctions:\n    f:\n        type: operationAfter\n        operation: A.create\n        handler:\n          code:\n            src: ./t\n            environment:" + begin + text + end
		if strings.Contains(end, "src") {
			content = strings.Replace(content, "            src: ./t\n            environment", "            environment", 1)
		}
		d, _, problems := Read(Source{Content: content + "\npermissions:\n- operation: A.read\n", Files: map[string]string{"./t": ""}})
		if len(problems) == 0 && len(d.Functions) == 1 {
			shown++
			shownWell(t, d)
		}
	})
	if shown < 10 {
		t.Errorf("only %d texts were definitions", shown)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(Empty().Render())
	f.Add(`{"modules":[{"content":"types: ./t\nfunctions:\n  f:\n    type: operationAfter\n    operation: A.create\n    handler: {code: {src: ./t, environment: {A: b}}}\n","files":{"./t":""}}]}`)
	f.Add(`{"modules":[{"name":"","content":"types: ./t\nfunctions:\n  f:\n    type: resolver\n","files":{"./t":""}}]}`)
	f.Fuzz(func(t *testing.T, config string) {
		d, _, problems := Load(config)
		if (d == nil) != (len(problems) > 0) {
			t.Fatalf("%v %v", d, problems)
		}
		if d != nil {
			shownWell(t, d)
		}
	})
}
