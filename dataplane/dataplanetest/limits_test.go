package dataplanetest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"icehouse/dataplane"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/database"
	"icehouse/tenancy/directory"
	"icehouse/tenancy/isolation"
	"icehouse/tenancy/quota"
)

// changing is a project's entry with what was set since.
type changing struct {
	before *directory.Directory
	set    func(*directory.Entry)
}

func (c *changing) FindProject(ctx context.Context, idOrAlias string) (directory.Entry, error) {
	e, err := c.before.Lookup(ctx, idOrAlias)
	if c.set != nil {
		c.set(&e)
	}
	return e, err
}

const tagged = `
type Post @model {
  id: ID! @isUnique
  title: String
  tags: [Tag!]! @relation(name: "PostTags")
}

type Tag @model {
  id: ID! @isUnique
  name: String
  posts: [Post!]! @relation(name: "PostTags")
}
`

// deployChanging deploys tagged posts. set says what its entry is from then on.
func deployChanging(t *testing.T, c Context) (p *Project, set func(func(*directory.Entry))) {
	t.Helper()
	source := &changing{}
	var projects *directory.Directory
	p = deployBulk(t, c, tagged, 0, func(c *dataplane.Config) {
		source.before = c.Directory
		projects = directory.New(source, directory.Options{TTL: time.Hour})
		t.Cleanup(projects.Close)
		c.Directory = projects
	})
	return p, func(change func(*directory.Entry)) {
		source.set = change
		projects.Invalidate(p.ID)
	}
}

// TestLocksAndPlans refuses what the operator switched off, or the plan does not allow
// any more (platform §4.9, data-api §10.1).
func TestLocksAndPlans(t *testing.T) {
	const (
		query       = `{ allTags { name } }`
		create      = `mutation { createTag(name: "new") { id } }`
		update      = `mutation { updateTag(id: "TAG", name: "changed") { id } }`
		either      = `mutation { updateOrCreateTag(update: {id: "TAG", name: "changed"}, create: {name: "new"}) { id } }`
		disconnect  = `mutation { removeFromPostTags(postsPostId: "POST", tagsTagId: "TAG") { tagsTag { id } } }`
		remove      = `mutation { deleteTag(id: "TAG") { id } }`
		removeAlias = `mutation { __typename x: deleteTag(id: "TAG") { posts { id } } ...more } fragment more on Mutation { deletePost(id: "POST") { id } }`
		removeToo   = `mutation { deleteTag(id: "TAG") { id } createTag(name: "new") { id } }`
		never       = `mutation { deleteTag(id: "TAG") { id } createTag(name: "new") @include(if: false) { id } }`
		relay       = `mutation { deleteTag(input: {id: "TAG", clientMutationId: "m"}) { deletedId } }`
		relayCreate = `mutation { createTag(input: {name: "new", clientMutationId: "m"}) { tag { id } } }`
		imports     = "import"
		exports     = "export"
	)
	everything := []string{query, create, update, either, disconnect, remove, removeAlias, removeToo, never, relay, relayCreate, imports, exports}
	for _, c := range contexts(t) {
		p, set := deployChanging(t, c)
		for _, test := range []struct {
			name    string
			set     func(*directory.Entry)
			refused map[string]int // and all else is answered
		}{
			{"nothing", func(*directory.Entry) {}, nil},
			{"queries locked", func(e *directory.Entry) { e.QueriesLocked = true }, map[string]int{query: 1002, exports: 1002}},
			{"mutations locked", func(e *directory.Entry) { e.MutationsLocked = true }, map[string]int{create: 1003, update: 1003, either: 1003, disconnect: 1003,
				remove: 1003, removeAlias: 1003, removeToo: 1003, never: 1003, relay: 1003, relayCreate: 1003, imports: 1003}},
			{"request limit", func(e *directory.Entry) { e.Exceeded.Requests = true }, map[string]int{query: 1002, create: 1002, update: 1002, either: 1002, disconnect: 1002,
				remove: 1002, removeAlias: 1002, removeToo: 1002, never: 1002, relay: 1002, relayCreate: 1002, imports: 1002, exports: 1002}},
			{"database limit", func(e *directory.Entry) { e.Exceeded.Database = true }, map[string]int{create: 1003, update: 1003, either: 1003, disconnect: 1003,
				removeToo: 1003, relayCreate: 1003, imports: 1003}},
			{"invocation limit", func(e *directory.Entry) { e.Exceeded.Invocations = true }, nil}, // no function is invoked yet
		} {
			t.Run(c.Name+"/"+test.name, func(t *testing.T) {
				for _, text := range everything {
					set(func(*directory.Entry) {})
					_, seeded := p.Do(t, Request{Query: `mutation { createPost(title: "p", tags: [{name: "t"}]) { id tags { id } } }`})
					var post, tag string
					if _, err := fmt.Sscanf(seeded, `{"data":{"createPost":{"id":"%25s","tags":[{"id":"%25s"`, &post, &tag); err != nil {
						t.Fatal(seeded, err)
					}
					set(test.set)
					var status int
					var answer string
					ids := strings.NewReplacer("TAG", tag, "POST", post)
					switch text {
					case imports:
						status, answer = p.bulk(t.Context(), "import", `{"valueType":"nodes","values":[]}`, AdminToken)
					case exports:
						status, answer = p.bulk(t.Context(), "export", `{"fileType":"nodes","cursor":{"table":0,"row":0,"field":0,"array":0}}`, AdminToken)
					case relay, relayCreate:
						status, answer = p.Do(t, Request{API: compiledschema.Relay, Query: ids.Replace(text)})
					default:
						status, answer = p.Do(t, Request{Query: ids.Replace(text)})
					}
					prefix := map[int]string{
						1002: fmt.Sprintf(`"error":"Queries are not allowed for the project with id '%s'`, p.ID),
						1003: fmt.Sprintf(`"error":"The project '%s' is currently in read-only mode`, p.ID),
					}[test.refused[text]]
					begins := fmt.Sprintf(`{"code":%d,"requestId":"`, test.refused[text])
					if want := test.refused[text]; status != http.StatusOK ||
						want != 0 && (!strings.HasPrefix(answer, begins) || !strings.Contains(answer, prefix)) ||
						want == 0 && strings.Contains(answer, "error") {
						t.Errorf("%s: %d %s, want %d", text, status, answer, want)
					}
				}
			})
		}
	}
}

// held keeps queries until it is told to let them go.
type held struct {
	database.Driver
	came, leave chan struct{}
}

func (h *held) Query(ctx context.Context, scope isolation.Scope, s database.Statement) ([]byte, error) {
	h.came <- struct{}{}
	<-h.leave
	return h.Driver.Query(ctx, scope, s)
}

// TestQuota refuses a project's requests beyond what it may take of a node, and nobody
// else's (data-api §5.4).
func TestQuota(t *testing.T) {
	c := embedded(t)
	h := &held{came: make(chan struct{}), leave: make(chan struct{})}
	c.DB = c.DB.Wrap(func(d database.Driver) database.Driver { h.Driver = d; return h })
	p := deployBulk(t, c, tagged, 0, func(c *dataplane.Config) { c.Quota = quota.Limits{Concurrent: 2} })
	answers := make(chan int, 2)
	for range 2 {
		go func() {
			status, _ := p.Do(t, Request{Query: `{ allTags { name } }`})
			answers <- status
		}()
		<-h.came
	}
	status, answer := p.Do(t, Request{Query: `{ allTags { name } }`})
	if status != http.StatusTooManyRequests || !strings.HasPrefix(answer, `{"code":1004,"requestId":"`) {
		t.Errorf("%d %s", status, answer)
	}
	for range 2 {
		h.leave <- struct{}{}
		if got := <-answers; got != http.StatusOK {
			t.Error(got)
		}
	}
	if status, answer := p.Do(t, Request{Query: `{ __typename }`}); status != http.StatusOK {
		t.Errorf("after the others have ended: %d %s", status, answer)
	}

	// The clock of tests stands still.
	p = deployBulk(t, embedded(t), tagged, 0, func(c *dataplane.Config) { c.Quota = quota.Limits{Rate: 1, Burst: 3} })
	for i, want := range []int{http.StatusOK, http.StatusOK, http.StatusTooManyRequests} {
		body := `{"query":"{ __typename }"}`
		if i == 1 {
			body = `[` + body + `,` + body + `,` + body + `]` // each of a batch counts
		}
		if status, answer := p.Post(t, "", body); status != want {
			t.Errorf("request %d: %d %s", i, status, answer)
		}
	}
}

// lasting lets each query last for a time, by the clock of the test.
type lasting struct {
	database.Driver
	now  time.Time
	time time.Duration
}

func (l *lasting) Query(ctx context.Context, scope isolation.Scope, s database.Statement) ([]byte, error) {
	l.now = l.now.Add(l.time)
	return l.Driver.Query(ctx, scope, s)
}

// TestSlowRequests are told to operators, without what was asked (platform §10).
func TestSlowRequests(t *testing.T) {
	c := embedded(t)
	l := &lasting{now: Clock}
	c.DB = c.DB.Wrap(func(d database.Driver) database.Driver { l.Driver = d; return l })
	p := deployBulk(t, c, tagged, 0, func(c *dataplane.Config) { c.Clock = func() time.Time { return l.now } })
	ask := func(d time.Duration) string {
		l.time = d
		if status, answer := p.Do(t, Request{Query: `query Named { allTags(filter: {name: "hush"}) { name } }`, OperationName: "Named"}); status != http.StatusOK {
			t.Fatal(status, answer)
		}
		return p.Log.String()
	}
	if got := ask(2*time.Second - 1); got != "" {
		t.Errorf("logged: %s", got)
	}
	got := ask(2 * time.Second)
	for _, want := range []string{"a request was slow", "took=2s", "project=" + string(p.ID), "operation=Named", "requestId=local:simple:c"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
	if strings.Contains(got, "hush") {
		t.Errorf("logged what was asked: %s", got)
	}
}
