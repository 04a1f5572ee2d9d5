package definition

import (
	"strings"
	"testing"
)

const secretive = `# a service
types: ./t   # the types

functions:
  code:
    type: operationAfter
    operation: A.create

    handler:
      code:
        src: ./f.js
        environment: {KEY: planted-1, "QUOTED": 'planted ''2''' , OTHER: "planted\n3"}
  more:   # and more
    type: operationAfter
    operation: A.delete
    handler:
      code:
        environment:
          KEY: planted-4  # hush

          LINES: |
            planted-5
              planted-5

          FOLDED: >-
            planted-6
            planted-6
          PLAIN: planted-7
            planted-7
          EMPTY: ''
          NOT_SET: ${env:NOT_SET}
        src: ./f.js
  hook:
    type: operationBefore
    operation: A.update
    handler: {webhook: {headers: {X-Key: planted-8, X-Key-2: planted-9}, url: "https://example.org/"}}
# the end
permissions:
- operation: "*"
`

func load(t *testing.T, content string) *Definition {
	t.Helper()
	d, _, problems := Read(Source{Content: content, Files: map[string]string{"./t": "type A @model { id: ID! @isUnique }", "./f.js": "module.exports = e => e"}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return d
}

func TestShown(t *testing.T) {
	d := load(t, secretive)
	shown := d.Shown()
	const want = `# a service
types: ./t   # the types

functions:
  code:
    type: operationAfter
    operation: A.create

    handler:
      code:
        src: ./f.js
        environment: {KEY: '${env:KEY}', "QUOTED": '${env:QUOTED}' , OTHER: '${env:OTHER}'}
  more:   # and more
    type: operationAfter
    operation: A.delete
    handler:
      code:
        environment:
          KEY: '${env:more_KEY}'  # hush

          LINES: '${env:LINES}'
          FOLDED: '${env:FOLDED}'
          PLAIN: '${env:PLAIN}'
          EMPTY: '${env:EMPTY}'
          NOT_SET: '${env:NOT_SET}'
        src: ./f.js
  hook:
    type: operationBefore
    operation: A.update
    handler: {webhook: {headers: {X-Key: '${env:HOOK_X_KEY}', X-Key-2: '${env:HOOK_X_KEY_2}'}, url: "https://example.org/"}}
# the end
permissions:
- operation: "*"
`
	if shown.Source.Content != want {
		t.Errorf("got\n%s", shown.Source.Content)
	}
	if strings.Contains(shown.Render(), "planted") || !strings.Contains(d.Source.Content, "planted-1") || d.Functions[0].Code.Environment["KEY"] != "planted-1" {
		t.Error("something is shown, or the definition itself has changed")
	}
	// Who sends it back changes nothing.
	again := load(t, shown.Source.Content)
	notes := again.Keep(d)
	if len(notes) != 10 || strings.Contains(strings.Join(notes, ""), "planted") {
		t.Errorf("%d notes: %q", len(notes), notes)
	}
	if !sameSecrets(again.Functions, d.Functions) {
		t.Errorf("%+v", again.Functions)
	}
	// Values that come with a deploy count.
	given := load(t, strings.Replace(shown.Source.Content, "'${env:KEY}'", "new", 1))
	given.Keep(d)
	if env := given.Function("code").Code.Environment; env["KEY"] != "new" || env["OTHER"] != "planted\n3" {
		t.Error(env)
	}
	if fresh := load(t, shown.Source.Content); fresh.Keep(nil) != nil || fresh.Function("hook").Webhook.Headers["X-Key"] != "${env:HOOK_X_KEY}" {
		t.Error("a reference that nothing stands for has changed")
	}
	plain := load(t, "types: ./t # x\n")
	if plain.Shown() != plain {
		t.Error("a definition without values is shown otherwise")
	}
}

// TestShownElsewhere has values that are in the text a second time, and texts that
// can't be changed in place: nothing of them is shown.
func TestShownElsewhere(t *testing.T) {
	const functions = "types: ./t\nfunctions:\n  f:\n    type: operationAfter\n    operation: A.create\n    handler: {code: {src: ./f.js, environment: {A: planted-1}}}\n"
	for name, text := range map[string]string{
		"a comment":    functions + "# was planted-1\n",
		"carriage":     strings.ReplaceAll(functions, "\n", "\r\n"),
		"a null":       strings.Replace(functions, "{A: planted-1}", "{A: planted-1, \"\\u0042\": planted-2}", 1),
		"whole in one": `{types: ./t, functions: {f: {type: operationAfter, operation: A.create, handler: {code: {src: ./f.js, environment: {A: planted-1}}}}}}`,
	} {
		d := load(t, text)
		shown := d.Shown()
		if strings.Contains(shown.Render(), "planted") || !strings.Contains(shown.Source.Content, "${env:A}") {
			t.Errorf("%s: %s", name, shown.Source.Content)
		}
		again := load(t, shown.Source.Content)
		again.Keep(d)
		if !sameSecrets(again.Functions, d.Functions) {
			t.Errorf("%s: came back as %+v", name, again.Functions)
		}
	}
}
