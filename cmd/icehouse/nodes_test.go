package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"icehouse/deploy/testbed"
)

// TestNodes changes projects while processes of all roles serve them: with a broker,
// without it, and with it again. From the answer on every node follows within a
// second, and the one that answered at once (platform §6.3, §13 item 13).
func TestNodes(t *testing.T) {
	broker := testbed.RabbitMQ(t)
	env := map[string]string{"MASTER_TOKEN": "a master token for tests", "JWT_SECRET": "a signing secret for tests",
		"DATABASE_URL": testbed.Database(t), "QUEUE_URL": broker.URL}
	n := &nodes{T: t, traffic: &traffic{t: t}}
	n.control = startProcess(t, t.TempDir(), env, "control")
	n.all = startProcess(t, t.TempDir(), env, "all")
	n.serving = []*process{n.all, startProcess(t, t.TempDir(), env, "data"), startProcess(t, t.TempDir(), env, "data")}
	login := n.must(n.control.system, `mutation { authenticateCustomer(input: {auth0IdToken: "a master token for tests"}) { token } }`, nil)
	n.token = login["authenticateCustomer"].(map[string]any)["token"].(string)
	n.project = n.add("steady", "steady", "f0")

	n.said("the queue is connected", 1)
	n.changes("connected", 1)
	broker.Stop()
	n.said("the queue is disconnected", 1)
	n.serving = append(n.serving, startProcess(t, t.TempDir(), env, "data")) // a start needs no broker
	n.said("the queue is disconnected", 1)
	n.changes("disconnected", 2)
	broker.Start(t)
	for i, p := range n.processes() {
		n.saidBy(p, "the queue is connected", []int{2, 2, 2, 2, 1}[i])
	}
	n.changes("connected again", 3)
	for _, p := range n.processes() {
		p.stop(t)
	}
}

// nodes are processes on one database and one broker.
type nodes struct {
	*testing.T
	*traffic
	control *process
	all     *process
	serving []*process // those with a data plane
	slowest time.Duration
}

func (n *nodes) processes() []*process { return append([]*process{n.control}, n.serving...) }

// said waits until every process has logged a line so many times.
func (n *nodes) said(line string, times int) {
	n.Helper()
	for _, p := range n.processes() {
		n.saidBy(p, line, times)
	}
}

func (n *nodes) saidBy(p *process, line string, times int) {
	n.Helper()
	for end := time.Now().Add(30 * time.Second); strings.Count(p.stderr.String(), line) < times; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			n.Fatalf("not %d times %q in %s", times, line, p.stderr)
		}
	}
}

// definition has one type with one field.
func (n *nodes) definition(field string) string {
	config, err := json.Marshal(map[string]any{"modules": []any{map[string]any{"name": "", "content": "types: ./types.graphql\npermissions:\n- operation: \"*\"\n",
		"files": map[string]string{"./types.graphql": "type Note @model { id: ID! @isUnique " + field + ": String }\n"}}}})
	if err != nil {
		n.Fatal(err)
	}
	return string(config)
}

func (n *nodes) add(name, alias, field string) (id string) {
	n.Helper()
	made := n.must(n.control.system, `mutation ($n: String!, $a: String, $c: String) { addProject(input: {name: $n, alias: $a, config: $c}) { project { id } } }`,
		map[string]any{"n": name, "a": alias, "c": n.definition(field)})
	return made["addProject"].(map[string]any)["project"].(map[string]any)["id"].(string)
}

func (n *nodes) push(at *process, field string) {
	n.Helper()
	out := n.must(at.system, `mutation ($p: String!, $c: String!) { push(input: {projectId: $p, version: 1, config: $c, isDryRun: false, force: true}) { errors { description } } }`,
		map[string]any{"p": n.project, "c": n.definition(field)})
	if errs := out["push"].(map[string]any)["errors"].([]any); len(errs) > 0 {
		n.Fatal(errs)
	}
}

// answer is what a node says, whatever it is.
func (n *nodes) answer(p *process, path, token, query string) string {
	body, err := json.Marshal(map[string]any{"query": query})
	if err != nil {
		panic(err)
	}
	request, err := http.NewRequestWithContext(n.Context(), http.MethodPost, p.api+"/simple/v1/"+path, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return fmt.Sprint(string(text), err)
}

// serves reports whether a node serves a project with this field; "" is no project.
func (n *nodes) serves(p *process, idOrAlias, field string) bool {
	if field == "" {
		return strings.Contains(n.answer(p, idOrAlias, "", `{ __typename }`), "Project not found")
	}
	return strings.HasPrefix(n.answer(p, idOrAlias, "", "{ allNotes { "+field+" } }"), `{"data":{"allNotes":[]}}`)
}

// follow waits until every node does what it should, from now on for a second.
func (n *nodes) follow(what string, follows func(*process) bool) {
	n.Helper()
	began := time.Now()
	var all sync.WaitGroup
	for i, p := range n.serving {
		all.Go(func() {
			for !follows(p) {
				if time.Since(began) > time.Second {
					n.Errorf("%s: node %d does not follow: %s", what, i, p.stderr)
					return
				}
				time.Sleep(2 * time.Millisecond)
			}
			took := time.Since(began)
			n.note(func() { n.slowest = max(n.slowest, took) })
		})
	}
	all.Wait()
}

// changes makes each kind of change. Before it, every node has looked at what it
// changes just now.
func (n *nodes) changes(phase string, round int) {
	n.Helper()
	n.slowest = 0
	name := func(s string) string { return fmt.Sprintf("%s%d", s, round) }
	expect := func(what, idOrAlias, field string) {
		n.Helper()
		n.follow(phase+": "+what, func(p *process) bool { return n.serves(p, idOrAlias, field) })
	}
	atOnce := func(idOrAlias, field string) {
		n.Helper()
		if !n.serves(n.all, idOrAlias, field) {
			n.Errorf("%s: the node that answered serves something else", phase)
		}
	}
	before := fmt.Sprintf("f%d", round-1)
	if round > 1 {
		before = fmt.Sprintf("b%d", round-1)
	}
	for _, id := range []string{n.project, "steady"} {
		expect("warm", id, before)
	}
	n.push(n.control, name("a"))
	expect("push", n.project, name("a"))
	expect("push, by alias", "steady", name("a"))
	n.push(n.all, name("b"))
	atOnce("steady", name("b"))
	expect("push to a node of all roles", n.project, name("b"))

	alias := name("moving-")
	expect("no project yet", alias, "")
	first := n.add("first", alias, "first")
	expect("a new alias", alias, "first")
	expect("a new id", first, "first")
	n.must(n.control.system, `mutation ($p: String!) { deleteProject(input: {projectId: $p}) { deletedId } }`, map[string]any{"p": first})
	expect("deleted, by alias", alias, "")
	expect("deleted", first, "")
	second := n.add("first", alias, "second")
	expect("an alias that moved", alias, "second")
	expect("no alias yet", name("renamed-"), "")
	n.must(n.control.system, `mutation ($p: String!, $a: String) { updateProject(input: {id: $p, alias: $a}) { project { id } } }`, map[string]any{"p": second, "a": name("renamed-")})
	expect("a changed alias", name("renamed-"), "second")
	expect("the alias before", alias, "")
	n.must(n.all.system, `mutation ($p: String!) { deleteProject(input: {projectId: $p}) { deletedId } }`, map[string]any{"p": second})
	atOnce(name("renamed-"), "")

	added := n.must(n.control.system, `mutation ($p: ID!, $n: String!) { addPermanentAuthToken(input: {projectId: $p, name: $n}) { permanentAuthToken { id token } } }`,
		map[string]any{"p": n.project, "n": name("token")})
	made := added["addPermanentAuthToken"].(map[string]any)["permanentAuthToken"].(map[string]any)
	isAdmin := func(p *process) bool {
		return strings.HasPrefix(n.answer(p, n.project+"/permissions", made["token"].(string), `{ __typename }`), `{"data":`)
	}
	n.follow(phase+": a new root token", isAdmin)
	n.must(n.control.system, `mutation ($t: String!) { deletePermanentAuthToken(input: {permanentAuthTokenId: $t}) { deletedId } }`, map[string]any{"t": made["id"]})
	n.follow(phase+": a deleted root token", func(p *process) bool { return !isAdmin(p) })

	// What the billing side says (platform §4.9, §13 item 16).
	const plan = `mutation ($p: String!, $s: String!, $r: Boolean, $d: Boolean) { trustedUpdateProject(input: {id: $p, secret: $s, requestLimitExceeded: $r, databaseLimitExceeded: $d}) { project { id } } }`
	says := func(query, answer string) func(*process) bool {
		return func(p *process) bool { return strings.HasPrefix(n.answer(p, n.project, "", query), answer) }
	}
	create, remove := fmt.Sprintf(`mutation { createNote(%s: "x") { id } }`, name("b")), `mutation { deleteNote(id: "cnothing") { id } }`
	set := func(r, d any) {
		n.Helper()
		n.must(n.control.system, plan, map[string]any{"p": n.project, "s": "a master token for tests", "r": r, "d": d})
	}
	set(true, nil)
	n.follow(phase+": a request limit", says(`{ __typename }`, `{"code":1002,`))
	set(false, true)
	n.follow(phase+": a database limit", says(create, `{"code":1003,`))
	n.follow(phase+": and no request limit", says(remove, `{"data":{"deleteNote":null},"errors":[{"message":"'Note' has no item`))
	set(nil, false)
	n.follow(phase+": no limit", says(`{ __typename }`, `{"data":`))
	n.follow(phase+": no limit of the database", says(remove, `{"data":{"deleteNote":null}`))
	n.Logf("%s: the slowest node followed after %v", phase, n.slowest)
}
