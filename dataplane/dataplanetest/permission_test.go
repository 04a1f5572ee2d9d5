package dataplanetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"icehouse/dataplane"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
)

const owned = `
type User @model { id: ID! @isUnique name: String editor: Boolean! posts: [Post!]! @relation(name: "Wrote") }
type Post @model { id: ID! @isUnique title: String! text: String author: User @relation(name: "Wrote") }`

// deployOwned deploys posts that belong to their authors; editors change them, too.
func deployOwned(t *testing.T, c Context, configure ...func(*dataplane.Config)) *Project {
	t.Helper()
	parsed, problems := datamodel.Parse(owned)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	own := `query ($node_id: ID!, $user_id: ID!) { SomePostExists(filter: {id: $node_id, author: {id: $user_id}}) }`
	editor := `query ($user_id: ID!) { SomeUserExists(filter: {id: $user_id, editor: true}) }`
	return DeployRelease(t, c, compiledschema.Release{Model: parsed.Model, Layout: relational.Build(parsed.Model, nil), Permissions: compiledschema.Permissions{
		Records: []compiledschema.Permission{
			{Target: "User", Verb: compiledschema.Read, Name: "User.read"},
			{Target: "Post", Verb: compiledschema.Read, Fields: []string{"text"}, Authenticated: true, Query: own, Name: "own"},
			{Target: "Post", Verb: compiledschema.Read, Fields: []string{"id", "title"}, Name: "Post.read"},
			{Target: "Post", Verb: compiledschema.Update, Query: own, Name: "own"},
			{Target: "Post", Verb: compiledschema.Update, Fields: []string{"text"}, Query: editor, Name: "editor"},
		},
	}}, configure...)
}

// admin sends a request as an admin and returns the id of what its alias x is.
func (p *Project) admin(t *testing.T, query string, variables map[string]any) string {
	t.Helper()
	text, err := json.Marshal(variables)
	if err != nil {
		t.Fatal(err)
	}
	_, answer := p.Do(t, Request{Query: query, Variables: text, Token: AdminToken})
	var made struct {
		Data struct{ X struct{ ID string } }
	}
	if err := json.Unmarshal([]byte(answer), &made); err != nil || strings.Contains(answer, `"errors"`) {
		t.Fatal(answer)
	}
	return made.Data.X.ID
}

// TestPermissionsAreOneStatement reads a thousand nodes under a rule by one statement,
// and writes under one by one batch.
func TestPermissionsAreOneStatement(t *testing.T) {
	for _, context := range contexts(t) {
		t.Run(context.Name, func(t *testing.T) {
			c := &counter{}
			p := deployOwned(t, Context{Name: context.Name, DB: context.DB.Wrap(func(d database.Driver) database.Driver {
				c.Driver = d
				return c
			})})
			posts := make([]map[string]any, 999)
			for i := range posts {
				posts[i] = map[string]any{"title": fmt.Sprint("Title ", i), "text": "mine"}
			}
			me := p.admin(t, `mutation ($p: [UserpostsPost!]) { x: createUser(editor: false, posts: $p) { id } }`, map[string]any{"p": posts})
			other := p.admin(t, `mutation { x: createUser(editor: false, posts: [{title: "Other", text: "theirs"}]) { id } }`, nil)
			mine, gone := p.NodeToken(t, "User", me), p.NodeToken(t, "User", stranger)
			for _, request := range []struct {
				query, token, want string
				errors             int
			}{
				{`{ allPosts { id title text } }`, mine, "1 queries, 0 batches, 0 transactions", 1},
				{`{ allPosts { id title text } }`, p.NodeToken(t, "User", other), "1 queries, 0 batches, 0 transactions", 999},
				{`{ allPosts { id title } }`, mine, "1 queries, 0 batches, 0 transactions", 0},
				{`{ allPosts { id title } }`, gone, "1 queries, 0 batches, 0 transactions", 0}, // nothing depends on who asks
				{`{ allPosts { id text } }`, gone, "2 queries, 0 batches, 0 transactions", 1000},
				{`mutation { updatePost(id: "x", text: "new") { id } }`, mine, "0 queries, 1 batches, 0 transactions", 1},
			} {
				c.take()
				_, answer := p.Do(t, Request{Query: request.query, Token: request.token})
				if got := c.take(); got != request.want {
					t.Errorf("%s: %s, want %s", request.query, got, request.want)
				}
				if got := strings.Count(answer, `"code":3008`); got != request.errors {
					t.Errorf("%s: %d fields are denied, not %d", request.query, got, request.errors)
				}
			}
		})
	}
}

// TestNothingSlipsBetweenCheckAndWrite takes rights away while they are used: once
// that is answered, no write under the right comes after it.
func TestNothingSlipsBetweenCheckAndWrite(t *testing.T) {
	for _, c := range contexts(t) {
		t.Run(c.Name, func(t *testing.T) {
			p := deployOwned(t, c)
			me := p.admin(t, `mutation { x: createUser(editor: false) { id } }`, nil)
			post := p.admin(t, `mutation { x: createPost(title: "t", text: "0") { id } }`, nil)
			token := p.NodeToken(t, "User", me)
			text := func() string {
				_, answer := p.Do(t, Request{Query: fmt.Sprintf(`{ Post(id: %q) { text } }`, post), Token: AdminToken})
				return answer
			}
			for name, right := range map[string][2]string{
				"owner":  {fmt.Sprintf(`mutation { x: updatePost(id: %q, authorId: %q) { id } }`, post, me), fmt.Sprintf(`mutation { x: updatePost(id: %q, authorId: null) { id } }`, post)},
				"editor": {fmt.Sprintf(`mutation { x: updateUser(id: %q, editor: true) { id } }`, me), fmt.Sprintf(`mutation { x: updateUser(id: %q, editor: false) { id } }`, me)},
			} {
				written, refused := 0, 0
				for round := range 30 {
					p.admin(t, right[0], nil)
					stop := make(chan struct{})
					var writers sync.WaitGroup
					var mu sync.Mutex
					for n := range 4 {
						writers.Go(func() {
							for i := 0; ; i++ {
								select {
								case <-stop:
									return
								default:
								}
								_, answer := p.Do(t, Request{Query: fmt.Sprintf(`mutation { updatePost(id: %q, text: "%d %d %d") { id } }`, post, round, n, i), Token: token})
								mu.Lock()
								switch {
								case strings.Contains(answer, `"code":3008`):
									refused++
								case strings.Contains(answer, "errors"):
									t.Error(answer)
								default:
									written++
								}
								mu.Unlock()
							}
						})
					}
					for mu.Lock(); written <= round; mu.Lock() {
						mu.Unlock()
					}
					mu.Unlock()
					p.admin(t, right[1], nil)
					before := text()
					for range 5 {
						if after := text(); after != before {
							t.Errorf("%s: %s became %s after the right was gone", name, before, after)
						}
					}
					close(stop)
					writers.Wait()
					if after := text(); after != before {
						t.Errorf("%s: %s became %s in the end", name, before, after)
					}
				}
				if written == 0 || refused == 0 {
					t.Errorf("%s: %d writes, %d were refused: nothing was tried", name, written, refused)
				}
			}
		})
	}
}

// TestExplain: an admin learns why, nobody else does.
func TestExplain(t *testing.T) {
	for _, c := range contexts(t) {
		t.Run(c.Name, func(t *testing.T) {
			p := deployOwned(t, c)
			me := p.admin(t, `mutation { x: createUser(editor: false, posts: [{title: "t", text: "x"}]) { id } }`, nil)
			query := `{ allPosts { title text author { name } } }`
			for _, r := range []Request{
				{Query: query, Explain: true}, {Query: query, Explain: true, As: "anonymous", Token: p.NodeToken(t, "User", me)},
				{Query: query, Token: AdminToken}, {Query: `{`, Explain: true, Token: AdminToken},
			} {
				if _, answer := p.Do(t, r); strings.Contains(answer, "explain") || strings.Contains(answer, "SELECT") {
					t.Errorf("%+v gets an explanation: %s", r, answer)
				}
			}
			for as, want := range map[string][]string{
				"":              {`"requester":"an admin, who may do everything"`, `"text":"x"`},
				"anonymous":     {`"requester":"anonymous"`, `{"target":"Post","verb":"read","field":"text","outcome":"denied","rules":[]}`, `"text":null`},
				me:              {`"requester":"node ` + me + ` of type User"`, `"field":"text","outcome":"decided for each node","rules":["own"]`, `"field":"title","outcome":"allowed","rules":["Post.read"]`, `"text":"x"`},
				"User/" + me:    {`"requester":"node ` + me},
				"Post/" + me:    {`"requester":"anonymous"`, `"text":null`},
				"Nothing/" + me: {`"text":null`},
				stranger:        {`"requester":"anonymous"`, `"text":null`},
				"\x00":          {`"text":null`},
			} {
				_, answer := p.Do(t, Request{Query: query, Explain: true, ExplainAs: as, Token: AdminToken})
				for _, text := range append(want, `"extensions":{"explain":{`, `"statements":["`) {
					if !strings.Contains(answer, text) {
						t.Errorf("as %q: no %s in %s", as, text, answer)
					}
				}
			}
			_, answer := p.Do(t, Request{Query: `mutation { updatePost(id: "x", title: "y") { title } }`, Explain: true, ExplainAs: me, Token: AdminToken})
			for _, text := range []string{`"verb":"update","field":"title","outcome":"decided when it runs","rules":["own"]`, `"a mutation may read what it was given"`} {
				if !strings.Contains(answer, text) {
					t.Errorf("no %s in %s", text, answer)
				}
			}
		})
	}
}

// TestPermissionEndpoint tries permission queries (data-api §6.6): admins alone.
func TestPermissionEndpoint(t *testing.T) {
	for _, c := range contexts(t) {
		t.Run(c.Name, func(t *testing.T) {
			p := deployOwned(t, c)
			me := p.admin(t, `mutation { x: createUser(editor: true, posts: [{title: "t"}, {title: "u"}]) { id } }`, nil)
			ask := func(query, token string) string {
				body, err := json.Marshal(map[string]string{"query": query})
				if err != nil {
					t.Fatal(err)
				}
				_, answer := p.post(t, compiledschema.Simple, "/permissions", string(body), Request{Token: token})
				return answer
			}
			query := fmt.Sprintf(`{ me: SomeUserExists(filter: {id: %q, editor: true}) SomePostExists(filter: {title: "x"}) second: SomePostExists(skip: 1) third: SomePostExists(skip: 2) none: SomePostExists(first: 0) }`, me)
			if got, want := ask(query, AdminToken), `{"data":{"me":true,"SomePostExists":false,"second":true,"third":false,"none":false}}`; got != want {
				t.Errorf("%s, not %s", got, want)
			}
			for _, token := range []string{"", p.NodeToken(t, "User", me)} {
				if got := ask(query, token); !strings.Contains(got, `"code":3008`) || strings.Contains(got, "true") {
					t.Errorf("who is no admin gets %s", got)
				}
			}
			if got := ask(`{ __schema { mutationType { name } queryType { fields { name type { kind ofType { name } } } } } }`, AdminToken); !strings.Contains(got,
				`{"mutationType":null,"queryType":{"fields":[{"name":"SomePostExists","type":{"kind":"NON_NULL","ofType":{"name":"Boolean"}}},{"name":"SomeUserExists"`) {
				t.Error(got)
			}
			if got := ask(`{ allPosts { id } }`, AdminToken); !strings.Contains(got, `Cannot query field \"allPosts\" on type \"Query\".`) {
				t.Error(got)
			}
		})
	}
}

// TestUserIsTheTokensNode: user is the node of the token, which must be there, whatever
// type the token names (data-api §2.5, §7.2).
func TestUserIsTheTokensNode(t *testing.T) {
	for _, c := range contexts(t) {
		t.Run(c.Name, func(t *testing.T) {
			p := deployOwned(t, c)
			open := Deploy(t, c, owned)
			for _, p := range []*Project{p, open} {
				me := p.admin(t, `mutation { x: createUser(editor: false, name: "me") { id } }`, nil)
				for token, want := range map[string]string{
					p.NodeToken(t, "User", me): `{"data":{"user":{"name":"me"}}}`, p.NodeToken(t, "Post", me): `{"data":{"user":null}}`,
					p.NodeToken(t, "Nothing", me): `{"data":{"user":null}}`, p.NodeToken(t, "User", stranger): `{"data":{"user":null}}`, AdminToken: `{"data":{"user":null}}`, "": `{"data":{"user":null}}`,
				} {
					if _, got := p.Do(t, Request{Query: `{ user { name } }`, Token: token}); got != want {
						t.Errorf("%s, not %s", got, want)
					}
				}
			}
		})
	}
}

// TestIntsWhereFloatsStand: a variable declared as Float takes an Int's values.
func TestIntsWhereFloatsStand(t *testing.T) {
	parsed, problems := datamodel.Parse(`type Post @model { id: ID! @isUnique n: Int x: Float }`)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, c := range contexts(t) {
		t.Run(c.Name, func(t *testing.T) {
			p := DeployRelease(t, c, compiledschema.Release{Model: parsed.Model, Layout: relational.Build(parsed.Model, nil), Permissions: compiledschema.Permissions{Records: []compiledschema.Permission{
				{Target: "Post", Verb: compiledschema.Create, Name: "c", Query: `query ($input_n: Float!) { SomePostExists(filter: {x_in: [$input_n]}) one: SomePostExists(filter: {x: $input_n}) }`},
				{Target: "Post", Verb: compiledschema.Read, Name: "r", Query: `query ($node_n: Float!) { SomePostExists(filter: {x_in: [$node_n, 7]}) }`},
			}}})
			p.admin(t, `mutation { x: createPost(n: 1, x: 2) { id } }`, nil)
			for query, want := range map[string]string{
				`mutation { createPost(n: 2) { n } }`: `{"data":{"createPost":{"n":2}}}`,
				`mutation { createPost(n: 3) { n } }`: `"code":3008`,
			} {
				if _, got := p.Do(t, Request{Query: query}); !strings.Contains(got, want) {
					t.Errorf("%s: %s", query, got)
				}
			}
			for query, want := range map[string]string{`{ allPosts(filter: {n: 2}) { n } }`: `{"data":{"allPosts":[{"n":2}]}}`, `{ allPosts(filter: {n: 1}) { n } }`: `"code":3008`} {
				if _, got := p.Do(t, Request{Query: query}); !strings.Contains(got, want) {
					t.Errorf("%s: %s", query, got)
				}
			}
		})
	}
}
