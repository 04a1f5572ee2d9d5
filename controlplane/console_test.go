package controlplane_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/controlplane/managementapi"
	"icehouse/dataplane"
	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/database/postgresdb"
	"icehouse/dataplane/connector/database/sqlitedb"
	"icehouse/dataplane/connector/function"
	"icehouse/deploy/testbed"
	"icehouse/tenancy"
	"icehouse/tenancy/directory"
	"icehouse/tenancy/isolation"
)

// console is a control plane over a real database, asked as the web console did:
// each mutation with all that it can answer.
type console struct {
	*house
	schema *ast.Schema
	nodes  http.Handler // the projects' APIs
}

func newConsole(t *testing.T) *console {
	t.Helper()
	return newConsoleOn(t, embedded(t))
}

// onEach runs a test on each product.
func onEach(t *testing.T, test func(*testing.T, *console)) {
	for name, open := range map[string]func(*testing.T) *database.DB{"embedded": embedded, "server": served} {
		t.Run(name, func(t *testing.T) { test(t, newConsoleOn(t, open(t))) })
	}
}

func embedded(t *testing.T) *database.DB {
	t.Helper()
	db, err := sqlitedb.Open(sqlitedb.Config{Folder: t.TempDir()})
	return closing(t, db, err)
}

func served(t *testing.T) *database.DB {
	t.Helper()
	db, err := postgresdb.Open(t.Context(), postgresdb.Config{URL: testbed.Database(t)})
	return closing(t, db, err)
}

func closing(t *testing.T, db *database.DB, err error) *database.DB {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func newConsoleOn(t *testing.T, db *database.DB) *console {
	t.Helper()
	var plane *dataplane.DataPlane
	c := &console{house: newHouseOn(t, db, func(ctx context.Context, from, to tenancy.ProjectID) error { return plane.Copy(ctx, from, to) }).login()}
	projects := directory.New(c.cp.Registry(), directory.Options{TTL: time.Nanosecond})
	t.Cleanup(projects.Close)
	plane = dataplane.New(dataplane.Config{
		Functions: idle{},
		Directory: projects, Releases: c.cp.Registry(), Database: oneDatabase(db),
		Tokens: c.cp.Tokens(), Grants: c.cp.Grants(), Log: slog.New(slog.DiscardHandler), Timeout: time.Minute,
	})
	c.nodes = plane.Handler()
	return c.read()
}

// read reads what mutations there are, and what they answer.
func (c *console) read() *console {
	c.t.Helper()
	var err error
	c.schema, err = gqlparser.LoadSchema(&ast.Source{Input: c.cp.SystemHandler().(*managementapi.API).SDL()})
	if err != nil {
		c.t.Fatal(err)
	}
	return c
}

// other is another account on the same installation.
func (c *console) other() *console {
	c.t.Helper()
	db, err := sql.Open("sqlite", c.rows)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	id := tenancy.NewID()
	if _, err := db.ExecContext(c.t.Context(), `INSERT INTO customer (id, name, email, source, created_at, updated_at) VALUES (?1, 'Other', ?1 || '@example.org', 'DOCS', 0, 0)`, id); err != nil {
		c.t.Fatal(err)
	}
	token, err := c.cp.Tokens().Platform(id)
	if err != nil {
		c.t.Fatal(err)
	}
	return &console{&house{t: c.t, cp: c.cp, rows: c.rows, store: c.store, server: c.server, client: c.client, log: c.log, token: token}, c.schema, c.nodes}
}

// selection selects everything of a type, and of what is inside to a depth. What
// needs arguments or is said to fail is left out.
func (c *console) selection(typ string, depth int) string {
	d := c.schema.Types[typ]
	if d.Kind == ast.Scalar || d.Kind == ast.Enum {
		return " "
	}
	if depth == 0 {
		return ""
	}
	var out []string
	for _, f := range d.Fields {
		if f.Name == "auditLog" { // which grows with each call
			continue
		}
		needs := slices.ContainsFunc(f.Arguments, func(a *ast.ArgumentDefinition) bool { return a.Type.NonNull })
		if strings.HasPrefix(f.Name, "__") || needs || f.Name == "permissionSchema" { // which is long
			continue
		}
		if inside := c.selection(f.Type.Name(), depth-1); inside != "" {
			out = append(out, f.Name+inside)
		}
	}
	if d.Kind == ast.Interface {
		out = append(out, "__typename")
		for _, o := range c.schema.PossibleTypes[typ] {
			out = append(out, "... on "+o.Name+c.selection(o.Name, depth))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return " { " + strings.Join(out, " ") + " }"
}

// try sends a mutation and returns its payload or its error.
func (c *console) try(name string, in map[string]any) (payload map[string]any, failure map[string]any) {
	c.t.Helper()
	f := c.schema.Mutation.Fields.ForName(name)
	if f == nil {
		c.t.Fatalf("there is no mutation %s", name)
	}
	text := fmt.Sprintf("mutation ($in: %s) { out: %s(input: $in) %s }", f.Arguments[0].Type, name, c.selection(f.Type.Name(), 3))
	status, out := c.post(c.token, query(text, map[string]any{"in": in}))
	if status != http.StatusOK {
		c.t.Fatalf("%s: %d %v", name, status, out)
	}
	if errs, ok := out["errors"].([]any); ok {
		return nil, errs[0].(map[string]any)
	}
	return dig(c.t, out, "data.out").(map[string]any), nil
}

// data asks a project's Simple API, as an admin.
func (c *console) data(project, text string) any {
	c.t.Helper()
	body, err := json.Marshal(query(text, nil))
	if err != nil {
		c.t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(c.t.Context(), http.MethodPost, "/simple/v1/"+project, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+c.token)
	w := httptest.NewRecorder()
	c.nodes.ServeHTTP(w, r)
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || out["data"] == nil {
		c.t.Fatalf("%s: %v %s", text, err, w.Body)
	}
	return out["data"]
}

func (c *console) do(name string, in map[string]any) map[string]any {
	c.t.Helper()
	out, failure := c.try(name, in)
	if failure != nil {
		c.t.Fatalf("%s %v: %v\n%s", name, in, failure, c.log)
	}
	return out
}

// fails wants an error with this code and text.
func (c *console) fails(name string, in map[string]any, code int, text string) {
	c.t.Helper()
	_, failure := c.try(name, in)
	if failure == nil {
		c.t.Errorf("%s %v: no error", name, in)
		return
	}
	got, _ := failure["code"].(float64)
	if int(got) != code || !strings.Contains(failure["message"].(string), text) {
		c.t.Errorf("%s %v: %v, want %d %q", name, in, failure, code, text)
	}
}

func (c *console) id(v any, path string) string {
	c.t.Helper()
	return dig(c.t, v, path).(string)
}

type in = map[string]any

// shop is a project of the console with all kinds of elements, by the name of what
// they are.
func (c *console) shop(name string) map[string]string {
	c.t.Helper()
	ids := map[string]string{}
	p := c.id(c.do("addProject", in{"name": name}), "project.id")
	ids["project"] = p
	post := c.do("addModel", in{"projectId": p, "modelName": "Post", "description": "what people write", "clientMutationId": "m"})
	ids["model"] = c.id(post, "model.id")
	if post["clientMutationId"] != "m" || c.id(post, "modelEdge.cursor") != ids["model"] || c.id(post, "model.description") != "what people write" {
		c.t.Fatal(post)
	}
	ids["enum"] = c.id(c.do("addEnum", in{"projectId": p, "name": "State", "values": []string{"DRAFT", "PUBLIC"}}), "enum.id")
	ids["field"] = c.id(c.do("addField", in{"modelId": ids["model"], "name": "title", "typeIdentifier": "String", "isRequired": true, "isList": false,
		"isUnique": true, "defaultValue": `a "new" one`, "description": "its headline"}), "field.id")
	ids["enumField"] = c.id(c.do("addField", in{"modelId": ids["model"], "name": "states", "typeIdentifier": "Enum", "enumId": ids["enum"], "isRequired": false,
		"isList": true, "isUnique": false}), "fieldEdge.node.id")
	user := c.id(c.ask(`query ($n: String!) { viewer { modelByName(projectName: $n, modelName: "User") { id } } }`, in{"n": name}), "data.viewer.modelByName.id")
	ids["user"] = user
	relation := c.do("addRelation", in{"projectId": p, "name": "Wrote", "leftModelId": user, "rightModelId": ids["model"], "fieldOnLeftModelName": "posts",
		"fieldOnRightModelName": "author", "fieldOnLeftModelIsList": true, "fieldOnRightModelIsList": false, "description": "who wrote what"})
	ids["relation"] = c.id(relation, "relation.id")
	ids["relationField"] = c.id(relation, "fieldOnRightModelEdge.node.id")
	if c.id(relation, "leftModel.name") != "User" || c.id(relation, "rightModelEdge.node.id") != ids["model"] || c.id(relation, "relation.description") != "who wrote what" {
		c.t.Fatal(relation)
	}
	permission := c.do("addModelPermission", in{"modelId": ids["model"], "operation": "UPDATE", "userType": "AUTHENTICATED", "rule": "GRAPH",
		"ruleName": "own posts", "ruleGraphQuery": "query ($node_id: ID!, $user_id: ID!) { SomePostExists(filter: {id: $node_id, author: {id: $user_id}}) }",
		"fieldIds": []string{ids["field"]}, "applyToWholeModel": false, "isActive": true, "description": "authors"})
	ids["permission"] = c.id(permission, "modelPermission.id")
	if c.id(permission, "modelPermission.ruleName") != "own posts" || c.id(permission, "modelPermission.rule") != "GRAPH" || dig(c.t, permission, "modelPermission.fieldIds.0") != ids["field"] {
		c.t.Fatal(permission)
	}
	ids["relationPermission"] = c.id(c.do("addRelationPermission", in{"relationId": ids["relation"], "connect": true, "disconnect": false,
		"userType": "AUTHENTICATED", "rule": "NONE", "isActive": false}), "relationPermissionEdge.node.id")
	ids["hook"] = c.id(c.do("addRequestPipelineMutationFunction", in{"projectId": p, "name": "check", "isActive": true, "binding": "TRANSFORM_ARGUMENT",
		"modelId": ids["model"], "operation": "CREATE", "type": "WEBHOOK", "webhookUrl": "https://example.org/check", "webhookHeaders": `{"a":"b"}`}), "function.id")
	ids["subscription"] = c.id(c.do("addServerSideSubscriptionFunction", in{"projectId": p, "name": "mail", "isActive": true,
		"query": "subscription { Post(filter: {mutation_in: [CREATED]}) { node { id } } }", "type": "AUTH0", "inlineCode": "module.exports = e => e"}), "function.id")
	ids["resolver"] = c.id(c.do("addSchemaExtensionFunction", in{"projectId": p, "name": "greet", "isActive": true,
		"schema": "type Greeting { text: String! } extend type Query { greet(n: String): Greeting! }", "type": "WEBHOOK", "webhookUrl": "https://example.org/greet"}), "functionEdge.node.id")
	ids["rootToken"] = c.id(c.do("addPermanentAuthToken", in{"projectId": p, "name": "ops"}), "permanentAuthToken.id")
	all := c.ask(`query ($p: ID!) { viewer { project(id: $p) { projectDatabase { id } authProviders { edges { node { id } } } integrations { edges { node { id } } } } } }`, in{"p": p})
	ids["database"] = c.id(all, "data.viewer.project.projectDatabase.id")
	ids["authProvider"] = c.id(all, "data.viewer.project.authProviders.edges.2.node.id")
	ids["searchProvider"] = c.id(all, "data.viewer.project.integrations.edges.0.node.id")
	return ids
}

var (
	update = flag.Bool("update", false, "rewrite testdata")
	anyID  = regexp.MustCompile(`\bc[a-z0-9]{24}\b`)
	anyDay = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`)
)

// stable writes a value as JSON in which ids that are known have their names.
func stable(t *testing.T, v any, ids map[string]string) string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	out := string(text)
	for name, id := range ids {
		out = strings.ReplaceAll(out, id, "<"+name+">")
	}
	out = regexp.MustCompile(`(\n\s+0,?){180}`).ReplaceAllString(out, " 180 times 0")
	out = regexp.MustCompile(`eyJ[^"]+`).ReplaceAllString(out, "<token>")
	out = regexp.MustCompile(`whsec_[^"]+`).ReplaceAllString(out, "<secret>")
	return anyDay.ReplaceAllString(anyID.ReplaceAllString(out, "<id>"), "<time>") + "\n"
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; rewrite with -update):\n%s", file, diff)
	}
}

// TestConsole builds a project step by step and shows all that can be read of it.
func TestConsole(t *testing.T) {
	c := newConsole(t)
	shop := c.shop("shop")
	out := c.ask(`query ($p: ID!) { viewer { user `+c.selection("Customer", 4)+` project(id: $p) `+c.selection("Project", 4)+` } }`, in{"p": shop["project"]})
	golden(t, "testdata/console.json", stable(t, dig(t, out, "data.viewer"), shop))
}

// TestLegacy says what this version does not have, for what belongs to the caller.
func TestLegacy(t *testing.T) {
	c := newConsole(t)
	shop := c.shop("shop")
	p := shop["project"]
	for _, s := range []struct {
		mutation string
		in       in
		code     int
		text     string
	}{
		{"addAction", in{"projectId": p, "isActive": true, "triggerType": "MUTATION_MODEL", "handlerType": "WEBHOOK"}, 2023, "Mutation callbacks"},
		{"updateAction", in{"actionId": "c1"}, 4009, "No action with id 'c1'"},
		{"deleteAction", in{"actionId": "c1"}, 4009, "No action with id 'c1'"},
		{"addFieldConstraint", in{"fieldId": shop["field"], "constraintType": "STRING", "minLength": 3}, 4043, "Constraints of fields"},
		{"updateFieldConstraint", in{"constraintId": "c1"}, 4041, "c1"},
		{"deleteFieldConstraint", in{"constraintId": "c1"}, 4041, "c1"},
		{"addRelationFieldMirror", in{"fieldId": shop["field"], "relationId": shop["relation"]}, 2015, "Field mirrors"},
		{"addRelationFieldMirror", in{"fieldId": shop["field"], "relationId": "c1"}, 4022, "c1"},
		{"deleteRelationFieldMirror", in{"relationFieldMirrorId": "c1"}, 2015, "c1"},
		{"updateAuthProvider", in{"id": shop["authProvider"], "isEnabled": true, "digits": in{"consumerKey": "k", "consumerSecret": "s"}}, 2018, "Digits"},
		{"updateSearchProviderAlgolia", in{"projectId": p, "applicationId": "a", "apiKey": "k", "isEnabled": true}, 2018, "Algolia"},
		{"addAlgoliaSyncQuery", in{"modelId": shop["model"], "indexName": "i", "fragment": "f"}, 2027, "Algolia"},
		{"updateAlgoliaSyncQuery", in{"algoliaSyncQueryId": "c1", "indexName": "i", "fragment": "f", "isEnabled": true}, 4007, "c1"},
		{"deleteAlgoliaSyncQuery", in{"algoliaSyncQueryId": "c1"}, 4007, "c1"},
		{"installPackage", in{"projectId": p, "definition": "name: x"}, 2015, "Packages"},
		{"uninstallPackage", in{"projectId": p, "name": "x"}, 4039, "No package with name 'x'"},
		{"setPlan", in{"projectId": p, "plan": "enterprise"}, 2038, "no plans"},
		{"setCreditCard", in{"projectId": p, "token": "t"}, 2038, "no plans"},
		{"deleteCreditCard", in{"projectId": p}, 2038, "no plans"},
		{"updateCrmCustomerInformation", in{"name": "Ada"}, 0, "marketing data"},
		{"updateCrmOnboardingStatus", in{"gettingStartedSkipped": true}, 0, "tutorials"},
		{"updateCrmGuideStatus", in{"guide1": true}, 0, "tutorials"},
		{"trustedSetFeatureToggle", in{"projectId": p, "name": "n", "isEnabled": true, "secret": "s"}, 4021, "no secret"},
		{"trustedSetProjectDatabase", in{"projectId": p, "projectDatabaseId": shop["database"], "secret": "s"}, 4021, "no secret"},
		{"exportData", in{"projectId": p}, 0, "bulk export"},
	} {
		c.fails(s.mutation, s.in, s.code, s.text)
		if c.token = ""; !strings.HasPrefix(s.mutation, "trusted") { // there the secret counts
			c.fails(s.mutation, s.in, 2001, "No valid session")
		}
		c.login()
	}
	for _, text := range []string{
		`{ viewer { project(id: "` + p + `") { actionSchema(modelId: "` + shop["model"] + `", modelMutationType: CREATE) } } }`,
		`{ node(id: "` + shop["searchProvider"] + `") { ... on SearchProviderAlgolia { algoliaSchema(modelId: "` + shop["model"] + `") } } }`,
	} {
		if _, out := c.post(c.token, query(text, nil)); !strings.Contains(fmt.Sprint(out["errors"]), "not part of this version") {
			t.Errorf("%v", out)
		}
	}
}

// TestBills shows the plans of the projects that somebody owns.
func TestBills(t *testing.T) {
	c := newConsole(t)
	p := c.id(c.do("addProject", in{"name": "shop"}), "project.id")
	out := c.ask(`{ viewer { user { crm { customer { projects { edges { node { systemProjectId name projectBillingInformation { plan invoices { edges { node { id } } } creditCard { id } } } } } } } } } }`, nil)
	want := map[string]any{"systemProjectId": p, "name": "shop", "projectBillingInformation": map[string]any{"plan": "2017-02-free", "invoices": map[string]any{"edges": []any{}}, "creditCard": nil}}
	if diff := cmp.Diff(want, dig(t, out, "data.viewer.user.crm.customer.projects.edges.0.node")); diff != "" {
		t.Error(diff)
	}
}

// TestModelDetails are the fields of types and relations that take arguments.
func TestModelDetails(t *testing.T) {
	c := newConsole(t)
	shop := c.shop("shop")
	out := c.ask(`query ($m: ID!, $r: ID!) { viewer { model(id: $m) { create: permissionQueryArguments(operation: CREATE) { name typeName group } delete: permissionQueryArguments(operation: DELETE) { name }
		before: requestPipelineFunctionSchema(operation: CREATE, binding: TRANSFORM_ARGUMENT) change: requestPipelineFunctionSchema(operation: UPDATE, binding: PRE_WRITE)
		after: requestPipelineFunctionSchema(operation: DELETE, binding: TRANSFORM_PAYLOAD) gone: requestPipelineFunctionSchema(operation: DELETE, binding: TRANSFORM_ARGUMENT) permissionSchema(operation: READ) }
		relation(id: $r) { permissionQueryArguments { name typeName group } } } }`, in{"m": shop["model"], "r": shop["relation"]})
	model := dig(t, out, "data.viewer.model").(map[string]any)
	if schema := model["permissionSchema"].(string); !strings.Contains(schema, "  SomePostExists(filter: PostFilter") || !strings.Contains(schema, "author: UserFilter") {
		t.Error(schema)
	}
	delete(model, "permissionSchema")
	golden(t, "testdata/details.json", stable(t, dig(t, out, "data.viewer"), shop))
}

// idle are functions that leave everything as it is.
type idle struct{}

func (idle) Invoke(context.Context, isolation.Scope, function.Call) (function.Output, error) {
	return function.Output{}, nil
}
