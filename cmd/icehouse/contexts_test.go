package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"icehouse/deploy/testbed"
)

// TestSubscriptionsByWhoAsks subscribes with the same text on two data nodes for whoever
// there is: each is told what they may read and no more, be it live, behind a cursor that
// another was given on the other node, or while others write (data-api §4.3, LQ-D45). A
// cursor is of one type of one project.
func TestSubscriptionsByWhoAsks(t *testing.T) {
	t.Parallel()
	broker := testbed.RabbitMQ(t)
	env := map[string]string{"MASTER_TOKEN": "a master token for tests", "JWT_SECRET": "a signing secret for tests",
		"DATABASE_URL": testbed.Database(t), "QUEUE_URL": broker.URL}
	n := &nodes{T: t, traffic: &traffic{t: t}}
	n.control = startProcess(t, t.TempDir(), env, "control")
	for _, role := range []string{"data", "data", "worker"} {
		n.serving = append(n.serving, startProcess(t, t.TempDir(), env, role))
	}
	data := n.serving[:2]
	login := n.must(n.control.system, `mutation { authenticateCustomer(input: {auth0IdToken: "a master token for tests"}) { token } }`, nil)
	n.token = login["authenticateCustomer"].(map[string]any)["token"].(string)
	p, other := n.addPosts("first"), n.addPosts("second")
	tokens := map[string]string{"nobody": "", "admin": n.token}
	ids := map[string]string{}
	for _, of := range []struct{ name, project string }{{"ada", p}, {"bob", p}, {"stranger", other}} {
		ids[of.name] = n.created(data[0], of.project, "User", `name: "`+of.name+`"`)
		made := n.must(n.control.system, `mutation ($r: String!, $p: ID!, $n: ID!) { generateNodeToken(input: {rootToken: $r, serviceId: $p, nodeId: $n, modelName: "User", clientMutationId: ""}) { token } }`,
			map[string]any{"r": n.token, "p": of.project, "n": ids[of.name]})
		tokens[of.name] = made["generateNodeToken"].(map[string]any)["token"].(string)
	}
	const query = `subscription { Post { mutation node { title secret known } previousValues { title secret known } } }`
	live := map[string][]*hearer{}
	for name, token := range tokens {
		for _, at := range data {
			live[name] = append(live[name], hearAs(t, at, p, token, query, ""))
		}
	}

	const denied = "nobody may know"
	tells := func(secret, known string) []string {
		values := func(title, s, k, secret string) string {
			post := map[string]any{"title": title, "secret": s, "known": k}
			if secret == denied {
				post["secret"] = nil
			}
			if known == denied {
				post["known"] = nil
			}
			return fmt.Sprintf(`{"title":%s,"secret":%s,"known":%s}`, asJSON(post["title"]), asJSON(post["secret"]), asJSON(post["known"]))
		}
		return []string{
			`{"mutation":"CREATED","node":` + values("one", "s", "k", secret) + `,"previousValues":null}`,
			`{"mutation":"UPDATED","node":` + values("two", "t", "k", secret) + `,"previousValues":` + values("one", "s", "k", secret) + `}`,
			`{"mutation":"DELETED","node":null,"previousValues":` + values("two", "t", "k", denied) + `}`,
		}
	}
	want := map[string][]string{"nobody": tells(denied, denied), "stranger": tells(denied, denied), "bob": tells(denied, ""), "ada": tells("", ""), "admin": tells("", "")}
	want["admin"][2] = strings.Replace(want["admin"][2], `"secret":null`, `"secret":"t"`, 1)
	var cursors []string // behind each event
	post := ""
	for i := range 3 {
		switch i {
		case 0:
			post = n.created(data[0], p, "Post", `title: "one", secret: "s", known: "k", ownerId: "`+ids["ada"]+`"`)
		case 1:
			n.answer(data[1], p, n.token, `mutation { updatePost(id: "`+post+`", title: "two", secret: "t") { id } }`)
		case 2:
			n.answer(data[0], p, n.token, `mutation { deletePost(id: "`+post+`") { id } }`)
		}
		for name, both := range live {
			for node, h := range both {
				got, cursor := h.event()
				if got != want[name][i] {
					t.Errorf("%s is told %s on node %d, want %s", name, got, node, want[name][i])
				}
				if len(cursors) == i {
					cursors = append(cursors, cursor)
				}
				if cursor != cursors[i] {
					t.Errorf("%s has cursor %s on node %d, and others %s", name, cursor, node, cursors[i])
				}
			}
		}
	}

	// Others write now: to the type, to another, and to another project.
	stop := make(chan struct{})
	var writing sync.WaitGroup
	for w, write := range []struct{ project, kind, fields string }{{p, "Post", `title: "of %d"`}, {p, "User", `name: "%d"`}, {other, "Post", `title: "%d"`}} {
		writing.Go(func() {
			for i := range 1000 {
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
					n.created(data[(i+w)%2], write.project, write.kind, fmt.Sprintf(write.fields, i))
				}
			}
		})
	}
	const behind = 40 // events of which each is to be told as the live ones are
	for name, both := range live {
		for i, node := range []int{1, 0} {
			h := hearAs(t, data[node], p, tokens[name], query, cursors[1])
			got, _ := h.event()
			if got != want[name][2] { // and not what nobody may read
				t.Errorf("%s resumes with %s, want %s", name, got, want[name][2])
			}
			for range behind {
				got, cursor := h.event()
				if want, at := both[i].event(); got != want || cursor != at {
					t.Fatalf("%s resumes on node %d with %s at %s, want %s at %s", name, node, got, cursor, want, at)
				}
			}
		}
	}
	close(stop)
	writing.Wait()
	for _, at := range data {
		for _, h := range []*hearer{hearAs(t, at, other, "", query, cursors[1]), hearAs(t, at, p, "", `subscription { User { node { name } } }`, cursors[1])} {
			if got := h.next(); !strings.HasPrefix(got, "error ") || !strings.Contains(got, `"code":1005`) {
				t.Errorf("a cursor of another project, or type: %s", got)
			}
		}
	}
	pushed := n.must(n.control.system, `mutation ($p: String!, $c: String!) { push(input: {projectId: $p, version: 1, config: $c, isDryRun: false, force: true}) { errors { description } } }`,
		map[string]any{"p": p, "c": n.posts("[title, known]")})
	if errs := pushed["push"].(map[string]any)["errors"].([]any); len(errs) > 0 {
		t.Fatal(errs)
	}
	for name, both := range live {
		for _, h := range both {
			got := h.next()
			for strings.HasPrefix(got, "next ") {
				got = h.next()
			}
			if !strings.Contains(got, "Schema changed") {
				t.Errorf("%s is told %s of a deploy", name, got)
			}
		}
	}
	for _, at := range data { // tables have not changed: the cursor holds, and who may read what has
		got, _ := hearAs(t, at, p, "", query, cursors[1]).event()
		if want := tells(denied, "")[2]; got != want {
			t.Errorf("after the deploy nobody resumes with %s, want %s", got, want)
		}
	}
	for _, one := range n.processes() {
		one.stop(t)
	}
}

// posts is a service whose posts have fields that everyone may read, one that is only
// for users, and one that is for the post's owner.
func (n *nodes) posts(everyone string) string {
	config, err := json.Marshal(map[string]any{"modules": []any{map[string]any{"name": "", "content": `types: ./types.graphql
permissions:
- {operation: User.create}
- {operation: User.read}
- {operation: Post.create}
- {operation: Owner.connect}
- {operation: Post.read, fields: ` + everyone + `}
- {operation: Post.read, fields: [known], authenticated: true}
- {operation: Post.read, fields: [secret], query: ./owner.graphql}
`, "files": map[string]string{
		"./types.graphql": `type User @model { id: ID! @isUnique name: String posts: [Post!]! @relation(name: "Owner") }
type Post @model { id: ID! @isUnique title: String secret: String known: String owner: User @relation(name: "Owner") }
`,
		"./owner.graphql": `query ($node_id: ID!, $user_id: ID!) { SomePostExists(filter: {id: $node_id, owner: {id: $user_id}}) }`,
	}}}})
	if err != nil {
		n.Fatal(err)
	}
	return string(config)
}

func (n *nodes) addPosts(name string) (id string) {
	n.Helper()
	made := n.must(n.control.system, `mutation ($n: String!, $c: String) { addProject(input: {name: $n, config: $c}) { project { id } } }`,
		map[string]any{"n": name, "c": n.posts("[title]")})
	return made["addProject"].(map[string]any)["project"].(map[string]any)["id"].(string)
}

func asJSON(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

// created makes a node, and returns its id.
func (n *nodes) created(at *process, project, kind, fields string) string {
	n.Helper()
	got := n.answer(at, project, n.token, `mutation { made: create`+kind+`(`+fields+`) { id } }`)
	var out struct {
		Data struct{ Made struct{ ID string } }
	}
	if err := json.NewDecoder(strings.NewReader(got)).Decode(&out); err != nil || out.Data.Made.ID == "" {
		n.Errorf("%v: %s", err, got)
	}
	return out.Data.Made.ID
}

// event waits for an event of a post: the payload, and the cursor behind it. What may not
// be read has an error, and nothing else has.
func (h *hearer) event() (payload, cursor string) {
	h.t.Helper()
	text := h.next()
	var in struct {
		Data   struct{ Post json.RawMessage }
		Errors []struct {
			Code int
			Path []string
		}
		Extensions struct{ Cursor string }
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(text, "next ")), &in); err != nil {
		h.t.Fatalf("%v: %s", err, text)
	}
	for _, e := range in.Errors {
		if e.Code != 3008 {
			h.t.Errorf("told %s", text)
		}
	}
	return string(in.Data.Post), in.Extensions.Cursor
}
