package deployment_test

import (
	"slices"
	"testing"

	"icehouse/dataplane/compiledschema"
)

// TestHandlersOfRenamedTypes: what happened before a type had another name is still told to
// the function that hung on it then, and on nothing else since.
func TestHandlersOfRenamedTypes(t *testing.T) {
	h := newHouse(t)
	p := h.project("p")
	const other = " type Other @model { id: ID! @isUnique }"
	for i, deploy := range []struct {
		sdl, on string
		hears   []string
		not     []string
	}{
		{"type Post @model { id: ID! @isUnique }" + other, "Post", []string{"Post"}, []string{"Other"}},
		{`type Article @model @rename(oldName: "Post") { id: ID! @isUnique }` + other, "Article", []string{"Article", "Post"}, []string{"Other"}},
		{"type Article @model { id: ID! @isUnique title: String }" + other, "Article", []string{"Article", "Post"}, []string{"Other"}},
		{`type Text @model @rename(oldName: "Article") { id: ID! @isUnique title: String }` + other, "Text", []string{"Text", "Article", "Post"}, []string{"Other"}},
		{"type Text @model { id: ID! @isUnique title: String }" + other, "Other", []string{"Other"}, []string{"Text", "Article", "Post"}},
		{"type Text @model { id: ID! @isUnique title: String }" + other, "Text", []string{"Text"}, []string{"Other", "Article", "Post"}},
	} {
		result := h.push(h.current(p), configOf(map[string]string{
			"graphcool.yml": "types: ./types.graphql\nfunctions:\n  tell: {type: subscription, query: ./tell.graphql, handler: {webhook: \"https://example.org\"}}\n",
			"types.graphql": deploy.sdl,
			"tell.graphql":  "subscription { " + deploy.on + " { mutation } }",
		}), nil)
		if len(result.Errors) > 0 {
			t.Fatal(i, result.Errors)
		}
		stored, err := h.store.Release(t.Context(), p.ID, result.Release)
		if err != nil {
			t.Fatal(err)
		}
		release, err := compiledschema.DecodeRelease(stored.Payload)
		if err != nil {
			t.Fatal(err)
		}
		f := &release.Functions[0]
		if !slices.ContainsFunc(deploy.not, f.Hears) && !slices.ContainsFunc(deploy.hears, func(name string) bool { return !f.Hears(name) }) {
			continue
		}
		t.Errorf("deploy %d: the function hangs on %s, formerly %v", i, f.Type, f.Formerly)
	}
}
