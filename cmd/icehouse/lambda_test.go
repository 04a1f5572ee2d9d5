package main

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"icehouse/deploy/testbed"
	"icehouse/deploy/testbed/lambdaserver"
)

const lambdaService = `types: ./types.graphql
functions:
  sum:
    type: resolver
    schema: ./sum.graphql
    handler: {code: {src: ./sum.js, environment: {BONUS: "100"}}}
  loud:
    type: operationBefore
    operation: Note.create
    handler: {code: ./loud.js}
  tell:
    type: subscription
    query: ./tell.graphql
    handler: {code: ./tell.js}
permissions:
- operation: "*"
`

// lambdaConfig is a service with a function of each kind, and what sum adds.
func lambdaConfig(t *testing.T, plus string) string {
	config, err := json.Marshal(map[string]any{"modules": []any{map[string]any{"name": "", "content": lambdaService, "files": map[string]string{
		"./types.graphql": "type Note @model { id: ID! @isUnique text: String }",
		"./sum.graphql":   "type Sum { total: Int! } extend type Query { sum(a: Int!, b: Int!): Sum! }",
		"./sum.js":        "module.exports = e => ({ data: { total: e.data.a + e.data.b + Number(process.env.BONUS) + " + plus + " } })",
		"./loud.js":       "module.exports = e => ({ data: { text: e.data.text.toUpperCase() } })",
		"./tell.graphql":  "subscription { Note(filter: {mutation_in: [CREATED]}) { node { text } } }",
		"./tell.js":       "module.exports = e => { console.log('told of ' + e.data.Note.node.text); return {} }",
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(config)
}

// TestRolesShareFunctions: what the role control deploys to AWS Lambda, the roles data and
// worker call; a version that no release has any more goes.
func TestRolesShareFunctions(t *testing.T) {
	cloud := lambdaserver.Start(t)
	broker := testbed.RabbitMQ(t)
	env := map[string]string{"MASTER_TOKEN": "a master token for tests", "JWT_SECRET": "a signing secret for tests",
		"DATABASE_URL": testbed.Database(t), "QUEUE_URL": broker.URL, "ICEHOUSE_FUNCTIONS": "lambda", "ICEHOUSE_LAMBDA_PREFIX": "ice-test"}
	maps.Copy(env, cloud.Environment())
	n := &nodes{T: t, traffic: &traffic{t: t}}
	deploying := maps.Clone(env)
	deploying["ICEHOUSE_LAMBDA_ROLE"] = lambdaserver.Role
	n.control = startProcess(t, t.TempDir(), deploying, "control")
	data, worker := startProcess(t, t.TempDir(), env, "data"), startProcess(t, t.TempDir(), env, "worker")
	login := n.must(n.control.system, `mutation { authenticateCustomer(input: {auth0IdToken: "a master token for tests"}) { token } }`, nil)
	n.token = login["authenticateCustomer"].(map[string]any)["token"].(string)
	n.project = n.add("shared", "shared", "text")
	push := func(plus string) {
		t.Helper()
		out := n.must(n.control.system, `mutation ($p: String!, $c: String!) { push(input: {projectId: $p, version: 1, config: $c, isDryRun: false, force: true}) { errors { description } } }`,
			map[string]any{"p": n.project, "c": lambdaConfig(t, plus)})
		if errs := out["push"].(map[string]any)["errors"].([]any); len(errs) > 0 {
			t.Fatal(errs)
		}
	}
	sum := func(want string) {
		t.Helper()
		var got string
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if got = n.answer(data, n.project, "", `{ sum(a: 1, b: 2) { total } }`); strings.Contains(got, want) {
				return
			}
		}
		t.Fatalf("got %s, want %s", got, want)
	}
	for i, plus := range []string{"0", "1000", "2000", "3000"} {
		push(plus)
		sum([]string{`"total":103`, `"total":1103`, `"total":2103`, `"total":3103`}[i])
	}
	// Two of sum: the release before may still be served. One of each of the others.
	if names := cloud.Names(); len(names) != 4 || !strings.HasPrefix(names[0], "ice-test-"+n.project+"-") {
		t.Errorf("in Lambda are %q", names)
	}
	if got := n.answer(data, n.project, "", `mutation { createNote(text: "hush") { text } }`); !strings.Contains(got, `"text":"HUSH"`) {
		t.Error(got)
	}
	var logs string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end) && !strings.Contains(logs, "told of HUSH"); time.Sleep(50 * time.Millisecond) {
		text, err := json.Marshal(n.must(n.control.system, `query ($p: ID!) { viewer { project(id: $p) { functions { edges { node { name logs(first: 10) { edges { node { status message } } } } } } } } }`, map[string]any{"p": n.project}))
		if err != nil {
			t.Fatal(err)
		}
		logs = string(text)
	}
	if !strings.Contains(logs, "told of HUSH") || strings.Contains(logs, "FAILURE") {
		t.Errorf("the logs are %s", logs)
	}
	n.must(n.control.system, `mutation ($p: String!) { deleteProject(input: {projectId: $p, clientMutationId: ""}) { deletedId } }`, map[string]any{"p": n.project})
	for end := time.Now().Add(20 * time.Second); len(cloud.Names()) > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("of a deleted project are left %q", cloud.Names())
		}
	}
	for _, p := range []*process{n.control, data, worker} {
		p.stop(t)
	}
}
