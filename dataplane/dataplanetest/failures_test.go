package dataplanetest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"icehouse/dataplane"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/relational"
	"icehouse/tenancy/isolation"
)

// breaker lets the statement with this number of each batch fail.
type breaker struct {
	database.Driver
	at      int // -1: none
	longest int // the most statements that a batch had
}

func (b *breaker) Batch(ctx context.Context, scope isolation.Scope, s []database.Statement) ([][]byte, error) {
	b.longest = max(b.longest, len(s))
	if b.at >= 0 && b.at < len(s) {
		s = append([]database.Statement{}, s...)
		s[b.at] = database.Statement{Statement: dialect.Statement{SQL: "this is no statement", Writes: true}}
	}
	return b.Driver.Batch(ctx, scope, s)
}

// A mutation that fails at any of its steps leaves nothing behind (LQ-D22), and
// says nothing of how it failed inside.
func TestEachStepFailsInTurn(t *testing.T) {
	mutations := map[string]string{
		"nested create": `mutation { m: createPost(title: "t", author: {name: "n", email: "new"}, tags: [{name: "x", posts: [{title: "u", authorId: "ID"}]}], comments: [{text: "1", authorId: "ID"}, {text: "2", author: {name: "deep", email: "deep"}}]) { id author { posts { id } } } }`,
		"update":        `mutation { m: updateUser(id: "ID", name: "changed", posts: [{title: "replaced"}], commentsIds: []) { id posts { title } } }`,
		"delete":        `mutation { m: deleteTag(id: "TAG") { id posts { id } } }`,
		"connect":       `mutation { m: addToPostTags(postsPostId: "POST", tagsTagId: "TAG") { postsPost { id } } }`,
	}
	const state = `{ allUsers(orderBy: email_ASC) { name email updatedAt posts { title } _commentsMeta { count } } allPosts { title tags { name } } allTags { name } allComments { text } }`
	for _, c := range contexts(t) {
		t.Run(c.Name, func(t *testing.T) {
			b := &breaker{at: -1}
			c := Context{Name: c.Name, DB: c.DB.Wrap(func(d database.Driver) database.Driver { b.Driver = d; return b })}
			p := Deploy(t, c, blog)
			_, seeded := p.Do(t, Request{Query: `mutation { createUser(name: "Ada", email: "a") { id } createTag(name: "t") { id } createPost(title: "alone", author: {name: "Bob", email: "b"}) { id } }`})
			var ids struct {
				Data struct{ CreateUser, CreateTag, CreatePost struct{ ID string } }
			}
			if err := json.Unmarshal([]byte(seeded), &ids); err != nil {
				t.Fatal(err)
			}
			_, before := p.Do(t, Request{Query: state})
			for name, mutation := range mutations {
				mutation = strings.NewReplacer(`"ID"`, `"`+ids.Data.CreateUser.ID+`"`, `"TAG"`, `"`+ids.Data.CreateTag.ID+`"`, `"POST"`, `"`+ids.Data.CreatePost.ID+`"`).Replace(mutation)
				b.longest = 1
				for b.at = 0; b.at < b.longest; b.at++ {
					_, answer := p.Do(t, Request{Query: mutation})
					if !strings.Contains(answer, `{"data":{"m":null},"errors":[{"message":"Whoops`) || strings.Contains(answer, "no statement") {
						t.Errorf("%s, step %d: %s", name, b.at, answer)
					}
					at := b.at
					b.at = -1
					if _, after := p.Do(t, Request{Query: state}); after != before {
						t.Errorf("%s, step %d left something behind:\n%s\n%s", name, at, before, after)
					}
					b.at = at
				}
				b.at = -1
				t.Logf("%s: each of %d steps", name, b.longest)
			}
		})
	}
}

// stuck never answers a query by itself.
type stuck struct {
	database.Driver
	ended chan struct{} // gets something when a query's context ended
}

func (s stuck) Query(ctx context.Context, _ isolation.Scope, _ database.Statement) ([]byte, error) {
	<-ctx.Done()
	s.ended <- struct{}{}
	return nil, ctx.Err()
}

// A request that takes too long is answered with 1000, and one whose client went
// away ends (data-api §5.3, §5.4).
func TestRequestsThatDoNotEnd(t *testing.T) {
	c := embedded(t)
	s := stuck{ended: make(chan struct{}, 1)}
	c.DB = c.DB.Wrap(func(d database.Driver) database.Driver { s.Driver = d; return s })
	p := deployTimed(t, c, 50*time.Millisecond)
	status, answer := p.Do(t, Request{Query: `{ allPosts { id } }`})
	if status != http.StatusOK || !strings.HasPrefix(answer, `{"code":1000,"requestId":"`) {
		t.Errorf("%d %s", status, answer)
	}
	<-s.ended

	p = deployTimed(t, c, time.Hour)
	ctx, leave := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/simple/v1/"+string(p.ID), strings.NewReader(`{"query":"{ allPosts { id } }"}`))
	r.Header.Set("Content-Type", "application/json")
	time.AfterFunc(50*time.Millisecond, leave)
	p.Handler.ServeHTTP(httptest.NewRecorder(), r)
	<-s.ended
	if log := p.Log.String(); log != "" {
		t.Errorf("logged: %s", log)
	}
}

func deployTimed(t *testing.T, c Context, timeout time.Duration) *Project {
	t.Helper()
	parsed, problems := datamodel.Parse(blog)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	release := compiledschema.Release{Model: parsed.Model, Layout: relational.Build(parsed.Model, nil), Permissions: compiledschema.Permissions{Open: true}}
	return DeployRelease(t, c, release, func(c *dataplane.Config) { c.Timeout = timeout })
}
