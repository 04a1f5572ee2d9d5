package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"icehouse/tenancy"
	"icehouse/tenancy/token"
)

// TestTenantsSeeNothingOfEachOther walks over every operation of both APIs of a
// project and of the system API, with the tokens and ids of another project and of
// another account. What belongs to somebody else is as what is not there.
func TestTenantsSeeNothingOfEachOther(t *testing.T) {
	u := &user{t: t, dir: t.TempDir(), home: t.TempDir(), signals: make(chan os.Signal, 2)}
	server, err := startServer(u.dir, u.home, nil, systemAPI, "dev")
	if err != nil {
		t.Fatal(err)
	}
	defer server.stop()
	w := &tenants{t: t, api: server.api}
	w.keys = w.installation(filepath.Join(u.dir, ".icehouse"))
	a, b := w.tenant("customera", "a"), w.tenant("customerb", "b")

	data, system := 0, 0
	before := w.everything(b)
	for _, api := range []string{"simple", "relay"} {
		for _, operation := range w.operations(api+"/v1/"+b.project, b.root) {
			data += w.strangers(api, operation, a, b)
		}
	}
	if after := w.everything(b); after != before {
		t.Errorf("strangers changed the data of a project:\n%s\n%s", before, after)
	}
	for _, api := range []string{"simple", "relay"} {
		for _, operation := range w.operations(api+"/v1/"+b.project, b.root) {
			data += w.strangeIDs(api, operation, a, b)
		}
	}
	before, mine := w.everything(b), w.everything(a)
	for _, operation := range w.operations("system", a.account) {
		system += w.strangeAccount(operation, a, b)
	}
	if after := w.everything(b); after != before {
		t.Errorf("a strange account changed a project:\n%s\n%s", before, after)
	}
	if after := w.everything(a); after != mine {
		t.Errorf("walking over another's ids changed the own project:\n%s\n%s", mine, after)
	}
	w.rootTokensCountAtOnce(a, b)
	t.Logf("%d requests to the data APIs, %d to the system API", data, system)
	if data < 300 || system < 20 {
		t.Errorf("the walk is short: %d and %d requests", data, system)
	}
}

// tenants are two accounts with a project each, on one server.
type tenants struct {
	t    *testing.T
	api  string
	keys *token.Keys
	db   *sql.DB
}

// tenant is one of them.
type tenant struct {
	account, project, alias, root, temporary, nodeToken string
	rootID                                              string
	ids                                                 []string // of nodes
}

const tenantTypes = `type User @model { id: ID! @isUnique name: String role: Role posts: [Post!]! @relation(name: "Wrote") }
type Post @model { id: ID! @isUnique title: String! count: Int at: DateTime data: Json tags: [String!] author: User @relation(name: "Wrote") labels: [Label!]! @relation(name: "Labels") cover: Cover @relation(name: "Covers") }
type Label @model { id: ID! @isUnique text: String posts: [Post!]! @relation(name: "Labels") }
type Cover @model { id: ID! @isUnique text: String post: Post @relation(name: "Covers") }
enum Role { ADMIN MEMBER }`

const tenantPermissions = `types: ./types.graphql
rootTokens: [ops]
permissions:
- {operation: "User.*"}
- {operation: "Label.*"}
- {operation: "Cover.read", authenticated: true}
- {operation: "Post.read", authenticated: true, query: "./own.graphql"}
- {operation: "Post.create", authenticated: true}
- {operation: "Wrote.*"}
- {operation: "Labels.*"}
- {operation: "Covers.*"}
`

const tenantQuery = `query ($node_id: ID!, $user_id: ID!) { SomePostExists(filter: {id: $node_id, author: {id: $user_id}}) }`

// installation opens the server's own rows and secret.
func (w *tenants) installation(folder string) *token.Keys {
	secret, err := os.ReadFile(filepath.Join(folder, "jwt-secret"))
	if err != nil {
		w.t.Fatal(err)
	}
	keys, err := token.NewKeys(strings.TrimSpace(string(secret)), time.Now)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.db, err = sql.Open("sqlite", "file:"+filepath.Join(folder, "platform.db")+"?_pragma=busy_timeout(10000)"); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = w.db.Close() })
	return keys
}

func (w *tenants) tenant(account, name string) tenant {
	id := "c" + account
	if _, err := w.db.ExecContext(w.t.Context(), `INSERT INTO customer (id, name, email, source, created_at, updated_at) VALUES (?1, ?1, ?1 || '@example.org', 'DOCS', 0, 0)`, id); err != nil {
		w.t.Fatal(err)
	}
	var out tenant
	out.account, out.alias = w.must(w.keys.Platform(id)), "alias-"+name
	config, err := json.Marshal(map[string]any{"modules": []any{map[string]any{"name": "", "content": tenantPermissions,
		"files": map[string]string{"./types.graphql": tenantTypes, "./own.graphql": tenantQuery}}}})
	if err != nil {
		w.t.Fatal(err)
	}
	answer := w.ask("system", out.account, `mutation ($c: String, $a: String) { addProject(input: {name: "p", alias: $a, config: $c}) { project { id permanentAuthTokens { edges { node { id token } } } } } }`,
		map[string]any{"c": string(config), "a": out.alias})
	var made struct {
		Data struct {
			AddProject struct {
				Project struct {
					ID                  string
					PermanentAuthTokens struct {
						Edges []struct{ Node struct{ ID, Token string } }
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(answer), &made); err != nil || len(made.Data.AddProject.Project.PermanentAuthTokens.Edges) != 1 {
		w.t.Fatal(answer)
	}
	p := made.Data.AddProject.Project
	out.project, out.rootID, out.root = p.ID, p.PermanentAuthTokens.Edges[0].Node.ID, p.PermanentAuthTokens.Edges[0].Node.Token
	out.temporary = w.must(w.keys.TemporaryRoot(tenancy.ProjectID(out.project)))
	answer = w.ask("simple/v1/"+out.project, out.root, `mutation { u: createUser(name: "secret `+name+`", posts: [{title: "secret `+name+`", labels: [{text: "secret"}], cover: {text: "secret"}}]) { id posts { id labels { id } cover { id } } } }`, nil)
	out.ids = cuids.FindAllString(answer, -1)
	if len(out.ids) != 4 {
		w.t.Fatal(answer)
	}
	out.nodeToken = w.must(w.keys.Node(tenancy.ProjectID(out.project), out.ids[0], "User", time.Hour))
	return out
}

var cuids = regexp.MustCompile(`\bc[a-z0-9]{24}\b`)

func (w *tenants) must(text string, err error) string {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

// ask sends a request.
func (w *tenants) ask(path, bearer, query string, variables map[string]any) string {
	w.t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		w.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.api+"/"+path, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Icehouse-Explain", "1")
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return requestID.ReplaceAllString(string(text), "<request>")
}

var requestID = regexp.MustCompile(`[a-z0-9-]+:(simple|relay|system|permissions):c[a-z0-9]{24}`)

// everything is all that a tenant has, as an admin sees it.
func (w *tenants) everything(of tenant) string {
	return w.ask("simple/v1/"+of.project+"/export", of.root, "", nil) + w.ask("simple/v1/"+of.project, of.root,
		`{ allUsers { id name role updatedAt: id posts { id } } allPosts { id title count author { id } labels { id } cover { id } } allLabels { id text } allCovers { id text post { id } } }`, nil) +
		w.ask("system", of.account, `query ($p: ID!) { viewer { project(id: $p) { id name version schema projectDefinition permanentAuthTokens { edges { node { id name token } } } } } }`, map[string]any{"p": of.project})
}

// Types of introspection, as far as the walk needs them.
type (
	walkType struct {
		Kind, Name string
		OfType     *walkType
	}
	walkValue struct {
		Name string
		Type walkType
	}
	walkDefinition struct {
		Kind, Name  string
		Fields      []walkField
		InputFields []walkValue
		EnumValues  []struct{ Name string }
	}
	walkField struct {
		Name string
		Args []walkValue
		Type walkType
	}
)

// walkOperation is one root field, written for any id.
type walkOperation struct {
	name string
	text func(id string) string
}

// operations writes every root field of an API: with all its arguments that are
// required or take an id, and all that its value has at its surface.
func (w *tenants) operations(path, bearer string) []walkOperation {
	const question = `{ __schema { queryType { name } mutationType { name } types { kind name enumValues { name }
		inputFields { name type { ...T } } fields { name args { name type { ...T } } type { ...T } } } } }
		fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }`
	var answer struct {
		Data struct {
			Schema struct {
				QueryType, MutationType struct{ Name string }
				Types                   []walkDefinition
			} `json:"__schema"`
		}
	}
	if err := json.Unmarshal([]byte(w.ask(path, bearer, question, nil)), &answer); err != nil {
		w.t.Fatal(err)
	}
	g := &generator{types: map[string]walkDefinition{}}
	for _, d := range answer.Data.Schema.Types {
		g.types[d.Name] = d
	}
	var out []walkOperation
	add := func(keyword, of string, around func(string) string) {
		for _, f := range g.types[of].Fields {
			out = append(out, walkOperation{of + "." + f.Name, func(id string) string {
				return keyword + " { " + around(g.field(f, id, 3)) + " }"
			}})
		}
	}
	plain := func(field string) string { return field }
	add("query", answer.Data.Schema.QueryType.Name, plain)
	add("mutation", answer.Data.Schema.MutationType.Name, plain)
	if _, ok := g.types["Viewer"]; ok {
		add("query", "Viewer", func(field string) string { return "viewer { " + field + " }" })
	}
	return out
}

// generator writes operations from a schema.
type generator struct{ types map[string]walkDefinition }

func (g *generator) field(f walkField, id string, depth int) string {
	var args []string
	for _, a := range f.Args {
		if v, ok := g.value(a.Type, a.Name, id, 3); ok {
			args = append(args, a.Name+": "+v)
		}
	}
	text := f.Name
	if len(args) > 0 {
		text += "(" + strings.Join(args, ", ") + ")"
	}
	named := f.Type
	for named.OfType != nil {
		named = *named.OfType
	}
	switch g.types[named.Name].Kind {
	case "OBJECT":
		inner := []string{"__typename"}
		for _, child := range g.types[named.Name].Fields {
			if child.Name == "auditLog" { // which grows with each request
				continue
			}
			of := child.Type
			for of.OfType != nil {
				of = *of.OfType
			}
			if g.types[of.Name].Kind != "OBJECT" && g.types[of.Name].Kind != "INTERFACE" && len(child.Args) == 0 || depth > 1 && len(inner) < 12 {
				inner = append(inner, g.field(child, id, depth-1))
			}
		}
		text += " { " + strings.Join(inner, " ") + " }"
	case "INTERFACE":
		text += " { __typename id }"
	}
	return text
}

// value writes a value of a type: when it is required, or an id, or may hold one.
func (g *generator) value(t walkType, name, id string, depth int) (string, bool) {
	if t.Kind == "NON_NULL" {
		v, _ := g.value(*t.OfType, name, id, depth)
		if v == "" {
			v = g.plain(*t.OfType, name, id, depth)
		}
		return v, true
	}
	named := t
	for named.OfType != nil {
		named = *named.OfType
	}
	isID := named.Name == "ID" || named.Name == "String" && (name == "after" || name == "before" || strings.HasSuffix(strings.ToLower(name), "id"))
	if !isID && (g.types[named.Name].Kind != "INPUT_OBJECT" || depth == 0) {
		return "", false
	}
	v := g.plain(named, name, id, depth)
	if t.Kind == "LIST" {
		v = "[" + v + "]"
	}
	return v, v != "{}" && v != "[{}]"
}

func (g *generator) plain(t walkType, name, id string, depth int) string {
	switch t.Kind {
	case "LIST":
		return "[" + g.plain(*t.OfType, name, id, depth) + "]"
	case "NON_NULL":
		return g.plain(*t.OfType, name, id, depth)
	case "ENUM":
		return g.types[t.Name].EnumValues[0].Name
	case "INPUT_OBJECT":
		var parts []string
		for _, f := range g.types[t.Name].InputFields {
			if strings.Contains(f.Name, "_") || f.Name == "AND" || f.Name == "OR" { // of filters one condition is enough
				continue
			}
			if v, ok := g.value(f.Type, f.Name, id, depth-1); ok {
				parts = append(parts, f.Name+": "+v)
			}
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	switch t.Name {
	case "Int", "Float":
		return "1"
	case "Boolean":
		return "true"
	case "DateTime":
		return `"2017-11-30"`
	case "Json":
		return `"{}"`
	case "ID":
		return fmt.Sprintf("%q", id)
	}
	if strings.HasSuffix(strings.ToLower(name), "id") || name == "after" || name == "before" {
		return fmt.Sprintf("%q", id)
	}
	return `"x"`
}

// rootTokensCountAtOnce adds and deletes root tokens of A's, while others ask: each
// counts from the answer on and not after, and never on B's project.
func (w *tenants) rootTokensCountAtOnce(a, b tenant) {
	isAdmin := func(of tenant, bearer string) bool {
		return !strings.Contains(w.ask("simple/v1/"+of.project+"/export", bearer, "", nil), "Insufficient permissions")
	}
	for _, name := range []string{"one", "two", "three"} {
		if isAdmin(a, "garbage") || !isAdmin(a, a.root) {
			w.t.Fatal("a right is wrong")
		}
		answer := w.ask("system", a.account, `mutation ($p: ID!, $n: String!) { addPermanentAuthToken(input: {projectId: $p, name: $n}) { permanentAuthToken { id token } } }`,
			map[string]any{"p": a.project, "n": name})
		var added struct {
			Data struct {
				AddPermanentAuthToken struct{ PermanentAuthToken struct{ ID, Token string } }
			}
		}
		if err := json.Unmarshal([]byte(answer), &added); err != nil {
			w.t.Fatal(answer)
		}
		made := added.Data.AddPermanentAuthToken.PermanentAuthToken
		if !isAdmin(a, made.Token) {
			w.t.Error("a new root token does not count yet")
		}
		if isAdmin(b, made.Token) {
			w.t.Error("a root token counts on another project")
		}
		w.ask("system", a.account, `mutation ($t: String!) { deletePermanentAuthToken(input: {permanentAuthTokenId: $t}) { deletedId } }`, map[string]any{"t": made.ID})
		if isAdmin(a, made.Token) {
			w.t.Error("a deleted root token still counts")
		}
	}
}

// nobodys is an id that nothing has.
const nobodys = "cnobodynobodynobodynobody"

// strangers sends an operation on B's project with A's tokens: all answers are those
// that nobody gets.
func (w *tenants) strangers(api string, operation walkOperation, a, b tenant) (sent int) {
	text, path := operation.text(nobodys), api+"/v1/"+b.project
	want := shape(w.ask(path, "", text, nil))
	for name, bearer := range map[string]string{
		"root": a.root, "temporary root": a.temporary, "node": a.nodeToken, "account": a.account,
		"root of the project in another's name": w.must(w.keys.Root(tenancy.ProjectID(b.project), "ct", "ccustomera")),
		"a node that this project never had":    w.must(w.keys.Node(tenancy.ProjectID(b.project), a.ids[0], "User", time.Hour)),
	} {
		sent++
		if got := shape(w.ask(path, bearer, text, nil)); got != want {
			w.t.Errorf("%s %s with the token of a stranger (%s):\n%s\nnobody gets\n%s", api, operation.name, name, got, want)
		}
	}
	return sent
}

// shape leaves out what differs from one create to the next.
func shape(answer string) string { return cuids.ReplaceAllString(answer, "<id>") }

// strangeIDs sends an operation on B's project with ids of A's nodes and project: the
// answers are those for ids that nothing has.
func (w *tenants) strangeIDs(api string, operation walkOperation, a, b tenant) (sent int) {
	path := api + "/v1/" + b.project
	for name, bearer := range map[string]string{"root": b.root, "node": b.nodeToken, "nobody": ""} {
		want := shape(w.ask(path, bearer, operation.text(nobodys), nil))
		for _, id := range append(slices.Clone(a.ids), a.project, a.rootID) {
			sent++
			got := shape(w.ask(path, bearer, operation.text(id), nil))
			if strings.Contains(got, "secret a") {
				w.t.Errorf("%s %s shows data of another project: %s", api, operation.name, got)
			}
			if isAboutIDs(operation.name) && got != want {
				w.t.Errorf("%s %s as %s, with the id %s of another project:\n%s\nwith nobody's\n%s", api, operation.name, name, id, got, want)
			}
		}
	}
	return sent
}

// isAboutIDs leaves out lists, which grow while the walk creates nodes.
func isAboutIDs(name string) bool {
	return !strings.Contains(name, ".all") && !strings.Contains(name, "._all") && !strings.HasSuffix(name, ".viewer")
}

// strangeAccount sends an operation of the system API as A with ids of B: the answers
// are those for ids that nothing has.
func (w *tenants) strangeAccount(operation walkOperation, a, b tenant) (sent int) {
	switch operation.name {
	case "Mutation.addProject", "Mutation.authenticateCustomer", "Mutation.signin": // take no id
		return 0
	case "Mutation.createPlatformToken": // takes no id, and never answers the same
		return 0
	}
	for name, bearer := range map[string]string{"account": a.account, "root": a.root, "another's root": b.root, "node": b.nodeToken, "nobody": ""} {
		hidden := func(id string) string {
			return sortedErrors(strings.ReplaceAll(w.ask("system", bearer, operation.text(id), nil), id, "<the id>"))
		}
		// Wrong secrets are among what is sent, which are slowed down.
		if _, err := w.db.ExecContext(w.t.Context(), "DELETE FROM attempt"); err != nil {
			w.t.Fatal(err)
		}
		want := hidden(nobodys)
		for _, id := range append(slices.Clone(b.ids), b.project, b.alias, b.rootID, "ccustomerb") {
			sent++
			got := hidden(id)
			if got != want || strings.Contains(got, "Too many attempts") {
				w.t.Errorf("system %s as %s, with %s of another account:\n%s\nwith nobody's\n%s", operation.name, name, id, got, want)
			}
		}
	}
	return sent
}

var location = regexp.MustCompile(`"locations":\[[^\]]*\],`)

// sortedErrors leaves out places, which depend on how long an id is, and the order of
// errors, which nobody promises.
func sortedErrors(answer string) string {
	answer = location.ReplaceAllString(answer, "")
	head, rest, ok := strings.Cut(answer, `"errors":[`)
	if !ok {
		return answer
	}
	entries := strings.Split(strings.TrimSuffix(rest, "]}"), "},{")
	for i, e := range entries {
		entries[i] = strings.Trim(e, "{}\n")
	}
	slices.Sort(entries)
	return head + strings.Join(entries, "\n")
}
