package dataplanetest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"icehouse/dataplane/compiledschema"
	"icehouse/deploy/testbed/oracle"
	"icehouse/deploy/testbed/relaycompiler"
)

// reader is a model whose input types do not contain themselves: no version of the
// compiler is in trouble with it.
const reader = `
enum Mood { GOOD BAD }
type User @model {
  id: ID! @isUnique
  email: String! @isUnique
  mood: Mood
  posts: [Post!]! @relation(name: "Written")
}
type Post @model {
  id: ID! @isUnique
  title: String!
  author: User! @relation(name: "Written")
  cover: Cover @relation(name: "PostCover")
}
type Cover @model {
  id: ID! @isUnique
  url: String
  post: Post @relation(name: "PostCover")
}`

// recursive has input types that contain themselves.
const recursive = reader + `
type Tag @model {
  id: ID! @isUnique
  name: String!
  parent: Tag @relation(name: "Tree")
  children: [Tag!]! @relation(name: "Tree")
  related: [Tag!]! @relation(name: "Related")
}`

// sources are documents as clients write them.
var sources = map[string]string{
	"App.js": "const { graphql } = require('react-relay');\n" + `
const query = graphql` + "`" + `
  query AppQuery($first: Int!, $filter: PostFilter, $id: ID!) {
    viewer {
      id
      allPosts(first: $first, filter: $filter, orderBy: title_ASC) {
        count
        pageInfo { hasNextPage endCursor }
        edges { cursor node { id ...App_post } }
      }
      ...App_viewer
    }
    node(id: $id) { __typename id ... on User { email } ... on Viewer { User(email: "x") { id } } }
  }` + "`" + `;
const viewer = graphql` + "`" + `
  fragment App_viewer on Viewer {
    allUsers(last: 2) @connection(key: "App_allUsers", filters: []) {
      edges { node { id email mood posts(first: 1) { edges { node { id } } } } }
    }
    user { id }
  }` + "`" + `;
const post = graphql` + "`" + `
  fragment App_post on Post { id title author { id email } cover { url post { title } } }` + "`" + `;
`,
	"Mutations.js": "const { graphql } = require('react-relay');\n" + `
const create = graphql` + "`" + `
  mutation MutationsCreateMutation($input: CreatePostInput!) {
    createPost(input: $input) { clientMutationId post { id title } edge { cursor node { id } } viewer { id allPosts { count } } author { id } }
  }` + "`" + `;
const signup = graphql` + "`" + `
  mutation MutationsSignupMutation($input: SignupUserInput!) {
    createUser(input: $input) { clientMutationId user { id email } viewer { id } }
  }` + "`" + `;
const remove = graphql` + "`" + `
  mutation MutationsDeleteMutation($input: DeletePostInput!) {
    deletePost(input: $input) { clientMutationId deletedId viewer { allPosts { count } } }
  }` + "`" + `;
const cover = graphql` + "`" + `
  mutation MutationsCoverMutation($input: AddToPostCoverPostInput!) {
    setPostCover(input: $input) { coverCover { url } postPostEdge { cursor node { title } } }
  }` + "`" + `;
`,
}

const tags = "const { graphql } = require('react-relay');\n" + `
const create = graphql` + "`" + `
  mutation TagsMutation($input: CreateTagInput!) {
    createTag(input: $input) { tag { name children(first: 5) { edges { node { name parent { name } } } pageInfo { hasNextPage } } } parent { id } }
  }` + "`" + `;
`

var operationText = regexp.MustCompile(`"text": ("(?:[^"\\]|\\.)*")`)

// TestRelayCompiler compiles documents against the schema that a client tool sees,
// with the compiler of today and with that of 2017, and sends what was compiled.
func TestRelayCompiler(t *testing.T) {
	for _, c := range []struct {
		version relaycompiler.Version
		sdl     string
		more    map[string]string
	}{
		{relaycompiler.Current, recursive, map[string]string{"Tags.js": tags}},
		{relaycompiler.Classic, reader, nil},
	} {
		t.Run(string(c.version), func(t *testing.T) {
			project := Deploy(t, embedded(t), c.sdl)
			files := map[string]string{}
			for _, some := range []map[string]string{sources, c.more} {
				for name, text := range some {
					files[name] = text
				}
			}
			artifacts := relaycompiler.Compile(t, c.version, clientSchema(t, project, c.version), files)
			operations := map[string]string{}
			for name, artifact := range artifacts {
				if m := operationText.FindStringSubmatch(artifact); m != nil {
					var text string
					if err := json.Unmarshal([]byte(m[1]), &text); err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					operations[strings.TrimSuffix(name, ".graphql.js")] = text
				}
			}
			n := &names{byID: map[string]string{}, ids: map[string]string{}}
			send := func(operation, variables string) {
				t.Helper()
				text, ok := operations[operation]
				if !ok {
					t.Fatalf("no operation %s among the artifacts", operation)
				}
				delete(operations, operation)
				_, answer := project.Do(t, Request{Query: text, Variables: []byte(n.show(variables)), API: compiledschema.Relay})
				if strings.Contains(answer, `"errors"`) || strings.Contains(answer, `"error"`) {
					t.Errorf("%s\n%s\n%s", operation, text, answer)
				}
				n.hide(answer)
			}
			send("MutationsSignupMutation", `{"input": {"email": "a@x.y", "posts": [{"title": "One"}], "clientMutationId": "1"}}`)
			send("MutationsCreateMutation", `{"input": {"title": "Two", "authorId": "<id1>", "cover": {"url": "u"}, "clientMutationId": "2"}}`)
			send("AppQuery", `{"first": 1, "filter": {"AND": [{"title_not": null}]}, "id": "viewer-fixed"}`)
			if c.more != nil {
				send("TagsMutation", `{"input": {"name": "t", "children": [{"name": "u", "children": [{"name": "v"}]}], "clientMutationId": "3"}}`)
			}
			send("MutationsDeleteMutation", `{"input": {"id": "<id2>", "clientMutationId": "4"}}`)
			delete(operations, "MutationsCoverMutation") // compiled; the cases send such
			if len(operations) > 0 {
				t.Errorf("not sent: %v", operations)
			}
		})
	}
}

// clientSchema is the schema as a client's tools fetch it, in the form that a
// version of the compiler reads.
func clientSchema(t *testing.T, p *Project, v relaycompiler.Version) []byte {
	t.Helper()
	w := httptest.NewRecorder()
	p.Handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/relay/v1/"+string(p.ID)+"/schema.json", nil))
	if v == relaycompiler.Classic {
		return w.Body.Bytes()
	}
	var answer struct{ Data json.RawMessage }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	return []byte(oracle.Start(t).PrintClient(t, answer.Data))
}
