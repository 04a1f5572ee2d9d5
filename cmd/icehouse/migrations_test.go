package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"icehouse/deploy/testbed"
)

// deploys is how many releases TestRequestsGoOnDuringDeploys goes through.
const deploys = 200

// itemForms are the forms that a type takes, one after the other and then from the
// start: each deploy changes rows that requests write at that moment.
var itemForms = []string{
	`type Item @model { id: ID! @isUnique n: Int owner: Steady @relation(name: "Owns") }`,
	`type Item @model { id: ID! @isUnique n: Int! @migrationValue(value: 7) owner: Steady @relation(name: "Owns") }`,
	`type Item @model { id: ID! @isUnique n: String! owner: Steady @relation(name: "Owns") }`,
	`type Item @model { id: ID! @isUnique n: String owner: [Steady!]! @relation(name: "Owns") state: State! @migrationValue(value: A) } enum State { A B }`,
	`type Item @model { id: ID! @isUnique m: String @rename(oldName: "n") owner: [Steady!]! @relation(name: "Owns") state: State } enum State { A B }`,
	`type Item @model { id: ID! @isUnique m: String owner: Steady @relation(name: "Owns") state: [State!] @migrationValue(value: "[B]") } enum State { B }`,
	`type Thing @model @rename(oldName: "Item") { id: ID! @isUnique m: [String!]! @migrationValue(value: "[\"x\"]") owner: Steady @relation(name: "Has", oldName: "Owns") }`,
	`type Item @model @rename(oldName: "Thing") { id: ID! @isUnique n: Int @rename(oldName: "m") @migrationValue(value: 1) owner: Steady @relation(name: "Owns", oldName: "Has") }`,
}

func steadyForm(form string) string {
	item, relation := "Item", "Owns"
	if strings.Contains(form, "type Thing") {
		item = "Thing"
	}
	name := fmt.Sprintf("name: %q", relation)
	if strings.Contains(form, `"Has"`) && item == "Thing" {
		name = `name: "Has", oldName: "Owns"`
	} else if strings.Contains(form, `oldName: "Has"`) {
		name = `name: "Owns", oldName: "Has"`
	}
	return fmt.Sprintf("type Steady @model { id: ID! @isUnique text: String! items: [%s!]! @relation(%s) }\n", item, name)
}

// TestRequestsGoOnDuringDeploys deploys again and again while requests go to all
// nodes: none fails that should not, none sees half a schema, and nothing that was
// written is lost.
func TestRequestsGoOnDuringDeploys(t *testing.T) {
	t.Run("embedded", func(t *testing.T) { goOn(t, "sqlite:rows", "all") })
	t.Run("two nodes", func(t *testing.T) { goOn(t, testbed.Database(t), "all", "data") })
}

type traffic struct {
	t       *testing.T
	nodes   []string
	system  string
	token   string
	project string

	mu       sync.Mutex
	texts    map[string]string // of Steady, by id
	owners   map[string]string // of items
	requests int
	refused  int // since the other form of the type served
}

func goOn(t *testing.T, database string, roles ...string) {
	dir, home := t.TempDir(), t.TempDir()
	env := map[string]string{"MASTER_TOKEN": "a master token for tests", "JWT_SECRET": "a signing secret for tests", "DATABASE_URL": database}
	tr := &traffic{t: t, texts: map[string]string{}, owners: map[string]string{}}
	for _, role := range roles {
		s, err := startServer(dir, home, env, serveAPI, "serve", "--host", "127.0.0.1", "--role", role)
		if err != nil {
			t.Fatal(err)
		}
		defer s.stop()
		tr.nodes = append(tr.nodes, s.api)
	}
	tr.system = tr.nodes[0] + "/system"
	login := tr.must(tr.system, `mutation { authenticateCustomer(input: {auth0IdToken: "a master token for tests"}) { token } }`, nil)
	tr.token = login["authenticateCustomer"].(map[string]any)["token"].(string)
	made := tr.must(tr.system, `mutation ($c: String) { addProject(input: {name: "moving", config: $c}) { project { id } } }`, map[string]any{"c": movingConfig(itemForms[0])})
	tr.project = made["addProject"].(map[string]any)["project"].(map[string]any)["id"].(string)

	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for i := range 4 {
		load.Go(func() { tr.load(ctx, rand.New(rand.NewPCG(uint64(i), 7))) }) //nolint:gosec // no secret
	}
	for i := range deploys {
		form := itemForms[(i+1)%len(itemForms)]
		out := tr.must(tr.system, `mutation ($p: String!, $c: String!) { push(input: {projectId: $p, version: 1, config: $c, isDryRun: false, force: true}) { errors { type field description } migrationMessages { name } } }`,
			map[string]any{"p": tr.project, "c": movingConfig(form)})
		push := out["push"].(map[string]any)
		if errs := push["errors"].([]any); len(errs) > 0 {
			t.Errorf("deploy %d was refused: %v\n%s", i, errs, form)
			break
		}
		if t.Failed() {
			break
		}
	}
	stop()
	load.Wait()
	tr.nothingLost()
	t.Logf("%d deploys, %d requests, %d of them for the form before or behind; %d nodes", deploys, tr.requests, tr.refused, len(tr.texts)+len(tr.owners))
}

func movingConfig(form string) string {
	config, err := json.Marshal(map[string]any{"modules": []any{map[string]any{"name": "", "content": "types: ./types.graphql\npermissions:\n- operation: \"*\"\n",
		"files": map[string]string{"./types.graphql": steadyForm(form) + form}}}})
	if err != nil {
		panic(err)
	}
	return string(config)
}

// ask sends a request. What only something broken answers fails the test.
func (tr *traffic) ask(url, query string, variables map[string]any) (data map[string]any, errs []any) {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tr.t.Context()), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if tr.token != "" {
		request.Header.Set("Authorization", "Bearer "+tr.token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		tr.t.Error(err)
		return nil, nil
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	var out struct {
		Data   map[string]any `json:"data"`
		Errors []any          `json:"errors"`
	}
	if err != nil || response.StatusCode != http.StatusOK || json.Unmarshal(text, &out) != nil || bytes.Contains(text, []byte("Whoops")) || bytes.Contains(text, []byte(`"error":`)) {
		tr.t.Errorf("%s\n-> %d %s %v", query, response.StatusCode, text, err)
		return nil, nil
	}
	return out.Data, out.Errors
}

func (tr *traffic) must(url, query string, variables map[string]any) map[string]any {
	tr.t.Helper()
	data, errs := tr.ask(url, query, variables)
	if data == nil || len(errs) > 0 {
		tr.t.Fatalf("%s: %v", query, errs)
	}
	return data
}

// load sends requests until ctx ends.
func (tr *traffic) load(ctx context.Context, dice *rand.Rand) {
	var mine []string // ids of Steady that nobody else changes
	for n := 0; ctx.Err() == nil && !tr.t.Failed(); n++ {
		url := tr.nodes[dice.IntN(len(tr.nodes))] + "/simple/v1/" + tr.project
		tr.mu.Lock()
		tr.requests++
		tr.mu.Unlock()
		switch kind := dice.IntN(5); {
		case kind == 0 || len(mine) == 0:
			text := fmt.Sprintf("text %d", dice.IntN(1000))
			data, errs := tr.ask(url, `mutation ($t: String!) { createSteady(text: $t) { id } }`, map[string]any{"t": text})
			id := idIn(data, "createSteady")
			if id == "" {
				tr.t.Errorf("a node of a type that stays was not made: %v", errs)
				return
			}
			mine = append(mine, id)
			tr.note(func() { tr.texts[id] = text })
		case kind == 1:
			id, text := mine[dice.IntN(len(mine))], fmt.Sprintf("changed %d", n)
			if data, errs := tr.ask(url, `mutation ($i: ID!, $t: String!) { updateSteady(id: $i, text: $t) { id } }`, map[string]any{"i": id, "t": text}); idIn(data, "updateSteady") == "" {
				tr.t.Errorf("a node of a type that stays was not changed: %v", errs)
				return
			}
			tr.note(func() { tr.texts[id] = text })
		case kind == 2:
			id := mine[dice.IntN(len(mine))]
			data, errs := tr.ask(url, `query ($i: ID!) { Steady(id: $i) { text items { id } } }`, map[string]any{"i": id})
			if node, ok := data["Steady"].(map[string]any); !ok || node["text"] != tr.texts2(id) {
				tr.t.Errorf("read %v %v, written was %q", data, errs, tr.texts2(id))
				return
			}
		default:
			tr.item(url, dice, mine[dice.IntN(len(mine))])
		}
	}
}

func (tr *traffic) note(do func()) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	do()
}

func (tr *traffic) texts2(id string) string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.texts[id]
}

// item makes, reads or deletes a node of the type that changes, in one of its forms:
// if another serves, the request is not valid, and says so.
func (tr *traffic) item(url string, dice *rand.Rand, owner string) {
	typ := []string{"Item", "Item", "Item", "Thing"}[dice.IntN(4)]
	value := []string{"", "n: 1, ", `n: "x", `, `m: "x", `, `m: ["x"], `, `n: "x", state: B, `, `m: "x", state: [B], `}[dice.IntN(7)]
	owners := []string{"ownerId: $o", "ownersIds: [$o]", "ownerIds: [$o]"}[dice.IntN(3)]
	var query, field string
	switch dice.IntN(4) {
	case 0:
		field = "all" + typ + "s"
		query = "query ($o: ID!) { " + field + "(first: 20) { id owner { id } " + []string{"n", "m", "state"}[dice.IntN(3)] + " } Steady(id: $o) { id } }"
	default:
		field = "create" + typ
		query = "mutation ($o: ID!) { " + field + "(" + value + owners + ") { id } }"
	}
	data, errs := tr.ask(url, query, map[string]any{"o": owner})
	for _, e := range errs {
		code, coded := e.(map[string]any)["code"]
		if message := fmt.Sprint(e); coded && code != float64(3000) && code != float64(3020) && code != float64(3036) || strings.Contains(message, "Cannot return null") {
			tr.t.Errorf("%s -> %v", query, e)
		}
	}
	switch id := idIn(data, field); {
	case id != "":
		tr.note(func() { tr.owners[id] = owner })
	case len(errs) > 0:
		tr.note(func() { tr.refused++ })
	}
}

func idIn(data map[string]any, field string) string {
	node, _ := data[field].(map[string]any)
	id, _ := node["id"].(string)
	return id
}

// nothingLost looks for all that was answered with an id.
func (tr *traffic) nothingLost() {
	tr.t.Helper()
	last := itemForms[deploys%len(itemForms)]
	list := "Items"
	if strings.Contains(last, "type Thing") {
		list = "Things"
	}
	texts, owners := map[string]string{}, map[string]string{}
	for skip := 0; ; skip += 1000 {
		data := tr.must(tr.nodes[0]+"/simple/v1/"+tr.project, fmt.Sprintf(`{ a: allSteadies(skip: %d, first: 1000) { id text } b: all%s(skip: %d, first: 1000) { id owner { id } } }`, skip, list, skip), nil)
		a, b := data["a"].([]any), data["b"].([]any)
		for _, n := range a {
			node := n.(map[string]any)
			texts[node["id"].(string)] = node["text"].(string)
		}
		for _, n := range b {
			node := n.(map[string]any)
			switch o := node["owner"].(type) {
			case map[string]any:
				owners[node["id"].(string)] = o["id"].(string)
			case []any:
				owners[node["id"].(string)] = o[0].(map[string]any)["id"].(string)
			}
		}
		if len(a) < 1000 && len(b) < 1000 {
			break
		}
	}
	lost := 0
	for id, text := range tr.texts {
		if texts[id] != text {
			lost++
		}
	}
	for id, owner := range tr.owners {
		if owners[id] != owner {
			lost++
		}
	}
	if lost > 0 || len(tr.owners) < 20 {
		tr.t.Errorf("%d of %d and %d nodes are lost or changed", lost, len(tr.texts), len(tr.owners))
	}
}
