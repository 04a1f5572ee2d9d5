package dataplanetest

import (
	"strings"
	"testing"
	"time"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
)

// Documents of the Relay API as large and as deep as the limits admit are one
// statement that both databases run, and what is beyond is refused with a reason.
func TestLargeRelayDocuments(t *testing.T) {
	const page = "(first: 1) { pageInfo { hasNextPage endCursor } edges { cursor node { id"
	for _, c := range contexts(t) {
		t.Run(c.Name, func(t *testing.T) {
			p := Deploy(t, c, blog)
			send := func(query, want string) {
				t.Helper()
				began := time.Now()
				_, answer := p.Do(t, Request{Query: query, API: compiledschema.Relay})
				if !strings.Contains(answer, want) || strings.Contains(answer, "Whoops") || want == "" && strings.Contains(answer, `"errors"`) {
					t.Errorf("%.200s: got %.300s, want %q", query, answer, want)
				}
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("%.200s took %s", query, took)
				}
			}
			send(`mutation { createUser(input: {name: "a", email: "a", posts: [{title: "x", tags: [{name: "t"}]}, {title: "y"}], clientMutationId: "1"}) { user { id } } }`, "")
			send("{ viewer {"+numbered(" a%d: allPosts"+page+" } } }", 300)+" } }", "")
			send("{ viewer { allUsers { edges { node {"+numbered(" a%d: posts"+page+" } } }", 300)+" } } } } }", "")
			nested := "{ viewer { allPosts" + page + strings.Repeat(" tags"+page+" posts"+page, 2) + strings.Repeat(" } } }", 5) + " } }"
			send(nested, "")
			send("{ viewer { allPosts"+page+strings.Repeat(" tags"+page+" posts"+page, 4)+strings.Repeat(" } } }", 9)+" } }", "levels deep")
			send("{"+numbered(` n%d: node(id: "viewer-fixed") { id ... on Viewer { allPosts(last: 1) { pageInfo { hasPreviousPage } } } }`, 200)+" }", "")
			send("mutation {"+numbered(` d%d: deletePost(input: {id: "nothing", clientMutationId: "x"}) { a: viewer { id } deletedId b: viewer { id } }`, 50)+" }", "3002")
			if log := p.Log.String(); log != "" {
				t.Errorf("unexpected failures were logged:\n%s", log)
			}
		})
	}
}

// Functions stand below the Viewer and on Mutation as in the Simple API, without an
// input around their arguments (data-api §3.3).
func TestResolversOfTheRelayAPI(t *testing.T) {
	s := &scripted{does: map[string]func(string, string) (string, error){
		"hello": always(`{"data":{"text":"hi"}}`), "sum": always(`{"data":{"n":1}}`),
	}}
	p := deployFunctions(t, embedded(t), blog, s, nil, nil,
		compiledschema.ResolverSource{Function: "hello", SDL: `type Hello { text: String } extend type Query { hello(name: String!): Hello }`},
		compiledschema.ResolverSource{Function: "sum", SDL: `type CreatePostPayload { n: Int } extend type Mutation { sum(a: Int): CreatePostPayload! }`},
	)
	for query, want := range map[string]string{
		`{ viewer { id hello(name: "x") { text } } }`:                     `{"data":{"viewer":{"id":"viewer-fixed","hello":{"text":"hi"}}}}`,
		`mutation { sum(a: 1) { n } }`:                                    `{"data":{"sum":{"n":1}}}`,
		`mutation { sum(input: {a: 1}) { n } }`:                           `Unknown argument \"input\"`,
		`{ __type(name: "CreatePostPayload_") { name fields { name } } }`: `{"name":"CreatePostPayload_","fields":[{"name":"n"}]}`,
	} {
		if _, answer := p.Do(t, Request{Query: query, API: compiledschema.Relay}); !strings.Contains(answer, want) {
			t.Errorf("%s: %s", query, answer)
		}
	}
}

// TestDeniedFieldsOfTheViewer: who may read nothing still walks through viewers,
// connections and counts (data-api §6.3).
func TestDeniedFieldsOfTheViewer(t *testing.T) {
	parsed, problems := datamodel.Parse(blog)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	p := DeployRelease(t, embedded(t), compiledschema.Release{Model: parsed.Model, Layout: relational.Build(parsed.Model, nil)})
	create := `mutation { createPage(input: {path: "/", clientMutationId: "1"}) { viewer { id } } }`
	if _, answer := p.Do(t, Request{Query: create, API: compiledschema.Relay}); !strings.Contains(answer, `"code":3008`) {
		t.Error(answer)
	}
	if _, answer := p.Do(t, Request{Query: create, API: compiledschema.Relay, Token: AdminToken}); strings.Contains(answer, "error") {
		t.Fatal(answer)
	}
	for query, want := range map[string]string{
		`{ viewer { id } }`:                                 `{"data":{"viewer":{"id":"viewer-fixed"}}}`,
		`{ viewer { Page(path: "/") { id } id } }`:          `{"data":{"viewer":{"Page":null,"id":"viewer-fixed"}},"errors":[{"message":"Insufficient Permissions","code":3008`,
		`{ viewer { id allPages { count } } }`:              `{"data":{"viewer":{"id":"viewer-fixed","allPages":{"count":1}}}}`,
		`{ node(id: "viewer-fixed") { id } }`:               `{"data":{"node":{"id":"viewer-fixed"}}}`,
		`{ viewer { allPages { edges { node { id } } } } }`: `"path":["viewer","allPages","edges",0,"node","id"]`,
	} {
		if _, answer := p.Do(t, Request{Query: query, API: compiledschema.Relay}); !strings.Contains(answer, want) {
			t.Errorf("%s: %s", query, answer)
		}
	}
}
