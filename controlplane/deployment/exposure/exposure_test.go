package exposure_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"icehouse/controlplane/deployment/exposure"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
)

func TestLines(t *testing.T) {
	parsed, problems := datamodel.Parse(`type Post @model { id: ID! @isUnique title: String! secret: String author: User @relation(name: "Wrote") }
		type User @model { id: ID! @isUnique name: String posts: [Post!]! @relation(name: "Wrote") }`)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	of := func(p ...compiledschema.Permission) []exposure.Entry {
		return exposure.Of(parsed.Model, compiledschema.Permissions{Records: p})
	}
	query := "query { SomePostExists }"
	before := of(
		compiledschema.Permission{Target: "Post", Verb: compiledschema.Read, Fields: []string{"title"}},
		compiledschema.Permission{Target: "Post", Verb: compiledschema.Read, Query: query, Name: "Post.read (own.graphql)"},
		compiledschema.Permission{Target: "User", Verb: compiledschema.Read, Authenticated: true},
		compiledschema.Permission{Target: "Post", Verb: compiledschema.Delete, Fields: []string{"title"}},
	)
	if diff := cmp.Diff([]string{
		"read Post { title }",
		"read Post { id secret } where Post.read (own.graphql) holds",
		"delete Post",
	}, exposure.Lines(before)); diff != "" {
		t.Error(diff)
	}
	after := of(
		compiledschema.Permission{Target: "Post", Verb: compiledschema.Read, Fields: []string{"title", "id"}},
		compiledschema.Permission{Target: "Post", Verb: compiledschema.Create, Fields: []string{"title", "author"}},
		compiledschema.Permission{Target: "Wrote", Verb: compiledschema.Connect},
		compiledschema.Permission{Target: "User", Verb: compiledschema.Update},
	)
	added, removed := exposure.Diff(before, after)
	if diff := cmp.Diff([]string{"read Post { id }", "create Post { author title }", "update User", "connect Wrote"}, exposure.Lines(added)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"read Post { id secret } where Post.read (own.graphql) holds", "delete Post"}, exposure.Lines(removed)); diff != "" {
		t.Error(diff)
	}
	open := exposure.Of(parsed.Model, compiledschema.Permissions{Open: true, Records: []compiledschema.Permission{{Target: "Post", Verb: compiledschema.Read}}})
	if diff := cmp.Diff([]string{"everything"}, exposure.Lines(open)); diff != "" {
		t.Error(diff)
	}
}
