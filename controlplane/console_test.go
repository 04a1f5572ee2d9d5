package controlplane_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/controlplane"
	"icehouse/controlplane/managementapi"
	"icehouse/dataplane"
	"icehouse/dataplane/connector/database/sqlitedb"
	"icehouse/tenancy"
	"icehouse/tenancy/directory"
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
	db, err := sqlitedb.Open(sqlitedb.Config{Folder: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	c := &console{house: newHouseOn(t, db).login()}
	projects := directory.New(c.cp.Registry(), directory.Options{TTL: time.Nanosecond})
	t.Cleanup(projects.Close)
	c.nodes = dataplane.New(dataplane.Config{
		Directory: projects, Releases: c.cp.Registry(), Database: controlplane.OneDatabase(db),
		Tokens: c.cp.Tokens(), Grants: c.cp.Grants(), Log: slog.New(slog.DiscardHandler),
	}).Handler()
	c.schema, err = gqlparser.LoadSchema(&ast.Source{Input: c.cp.SystemHandler().(*managementapi.API).SDL()})
	if err != nil {
		t.Fatal(err)
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
	return &console{&house{t: c.t, cp: c.cp, rows: c.rows, server: c.server, client: c.client, log: c.log, token: token}, c.schema, c.nodes}
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
	ids["permission"] = c.id(c.do("addModelPermission", in{"modelId": ids["model"], "operation": "UPDATE", "userType": "AUTHENTICATED", "rule": "GRAPH",
		"ruleName": "own posts", "ruleGraphQuery": "query ($node_id: ID!, $user_id: ID!) { SomePostExists(filter: {id: $node_id, author: {id: $user_id}}) }",
		"fieldIds": []string{ids["field"]}, "applyToWholeModel": false, "isActive": true, "description": "authors"}), "modelPermission.id")
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

// typeNames are the types of the elements of a shop.
var typeNames = map[string]string{
	"project": "Project", "model": "Model", "enum": "Enum", "field": "Field", "enumField": "Field", "user": "Model", "relation": "Relation",
	"relationField": "Field", "permission": "ModelPermission", "relationPermission": "RelationPermission", "hook": "RequestPipelineMutationFunction",
	"subscription": "ServerSideSubscriptionFunction", "resolver": "SchemaExtensionFunction", "rootToken": "PermanentAuthToken",
	"database": "ProjectDatabase", "authProvider": "AuthProvider", "searchProvider": "SearchProviderAlgolia",
}

// node finds a node and its type by id; nil when it is not there.
func (c *console) node(id string) any {
	c.t.Helper()
	return dig(c.t, c.ask(`query ($id: ID!) { node(id: $id) { id __typename } }`, in{"id": id}), "data.node")
}

// TestNodes finds each kind of element by its id, and nothing of it for another
// account.
func TestNodes(t *testing.T) {
	c := newConsole(t)
	other := c.other()
	c.shop("first")
	shop, theirs := c.shop("second"), other.shop("second")
	seen := map[string]string{}
	for name, typ := range typeNames {
		id := shop[name]
		if seen[id] != "" {
			t.Errorf("%s and %s have one id", name, seen[id])
		}
		seen[id] = name
		if len(id) != 25 || id[0] != 'c' {
			t.Errorf("%s: %q is no cuid", name, id)
		}
		if got := c.node(id); !reflect.DeepEqual(got, map[string]any{"id": id, "__typename": typ}) {
			t.Errorf("%s: %v", name, got)
		}
		if got := other.node(id); got != nil {
			t.Errorf("another account finds %s: %v", name, got)
		}
		if id == theirs[name] {
			t.Errorf("two projects have one id for %s", name)
		}
	}
	for _, id := range []string{"", "c", "nobody", tenancy.NewID(), shop["model"][:10] + strings.Repeat("0", 15), "second", strings.Repeat("x", 500)} {
		if got := c.node(id); got != nil {
			t.Errorf("%q: %v", id, got)
		}
	}
	for _, look := range []struct {
		field, name string
		code        int
	}{
		{`project(id: "%s")`, "project", 4000}, {`model(id: "%s")`, "model", 4001}, {`field(id: "%s")`, "field", 4003}, {`relation(id: "%s")`, "relation", 4022},
	} {
		text := fmt.Sprintf(`{ viewer { found: `+look.field+` { id } } }`, shop[look.name])
		if got := dig(t, c.ask(text, nil), "data.viewer.found.id"); got != shop[look.name] {
			t.Errorf("%s: %v", text, got)
		}
		_, out := other.post(other.token, query(text, nil))
		if dig(t, out, "errors.0.code") != float64(look.code) || dig(t, out, "data.viewer.found") != nil {
			t.Errorf("%s: %v", text, out)
		}
	}
	byName := `query ($p: String!, $m: String!, $f: String!, $r: String!) { viewer { projectByName(projectName: $p) { id } modelByName(projectName: $p, modelName: $m) { id }
		fieldByName(projectName: $p, modelName: $m, fieldName: $f) { id } relationByName(projectName: $p, relationName: $r) { id } } }`
	out := dig(t, c.ask(byName, in{"p": "second", "m": "Post", "f": "title", "r": "Wrote"}), "data.viewer")
	for field, name := range map[string]string{"projectByName": "project", "modelByName": "model", "fieldByName": "field", "relationByName": "relation"} {
		if got := c.id(out, field+".id"); got != shop[name] {
			t.Errorf("%s: %s", field, got)
		}
	}
	for _, c2 := range []struct {
		who  *console
		vars in
		want []float64
	}{
		{c, in{"p": "third", "m": "Post", "f": "title", "r": "Wrote"}, []float64{4033, 4033, 4033, 4033}},
		{c, in{"p": "second", "m": "Pos", "f": "titl", "r": "Wrot"}, []float64{4001, 4001, 4022}},
		{other, in{"p": "first", "m": "Post", "f": "title", "r": "Wrote"}, []float64{4033, 4033, 4033, 4033}},
	} {
		_, out := c2.who.post(c2.who.token, query(byName, c2.vars))
		var codes []float64
		for _, e := range out["errors"].([]any) {
			codes = append(codes, dig(t, e, "code").(float64))
		}
		slices.Sort(codes)
		slices.Sort(c2.want)
		if !slices.Equal(codes, c2.want) {
			t.Errorf("%v: %v", c2.vars, out)
		}
	}
}

// strange are mutations with the id of somebody else's element, and how they fail.
var strange = []struct {
	mutation, key, name string
	code                int
	more                in
}{
	{"addModel", "projectId", "project", 4000, in{"modelName": "A"}},
	{"updateModel", "id", "model", 4001, in{"name": "B"}},
	{"deleteModel", "modelId", "model", 4001, nil},
	{"addField", "modelId", "model", 4001, in{"name": "a", "typeIdentifier": "Int", "isRequired": false, "isList": false, "isUnique": false}},
	{"updateField", "id", "field", 4003, in{"name": "b"}},
	{"deleteField", "fieldId", "field", 4003, nil},
	{"addRelation", "projectId", "project", 4000, in{"name": "R", "leftModelId": "c", "rightModelId": "c", "fieldOnLeftModelName": "a", "fieldOnRightModelName": "b", "fieldOnLeftModelIsList": true, "fieldOnRightModelIsList": true}},
	{"updateRelation", "id", "relation", 4022, in{"name": "S"}},
	{"deleteRelation", "relationId", "relation", 4022, nil},
	{"addEnum", "projectId", "project", 4000, in{"name": "E", "values": []string{"A"}}},
	{"updateEnum", "enumId", "enum", 4037, in{"name": "F"}},
	{"deleteEnum", "enumId", "enum", 4037, nil},
	{"addModelPermission", "modelId", "model", 4001, in{"operation": "READ", "userType": "EVERYONE", "rule": "NONE", "fieldIds": []string{}, "applyToWholeModel": true, "isActive": true}},
	{"updateModelPermission", "id", "permission", 4005, in{"isActive": false}},
	{"deleteModelPermission", "modelPermissionId", "permission", 4005, nil},
	{"addRelationPermission", "relationId", "relation", 4022, in{"connect": true, "disconnect": true, "userType": "EVERYONE", "rule": "NONE", "isActive": true}},
	{"updateRelationPermission", "id", "relationPermission", 4034, in{"isActive": true}},
	{"deleteRelationPermission", "relationPermissionId", "relationPermission", 4034, nil},
	{"addRequestPipelineMutationFunction", "projectId", "project", 4000, in{"name": "f", "isActive": true, "binding": "PRE_WRITE", "modelId": "c", "operation": "CREATE", "type": "WEBHOOK"}},
	{"updateRequestPipelineMutationFunction", "functionId", "hook", 4038, in{"isActive": false}},
	{"addServerSideSubscriptionFunction", "projectId", "project", 4000, in{"name": "f", "isActive": true, "query": "q", "type": "WEBHOOK"}},
	{"updateServerSideSubscriptionFunction", "functionId", "subscription", 4038, in{"isActive": false}},
	{"addSchemaExtensionFunction", "projectId", "project", 4000, in{"name": "f", "isActive": true, "schema": "s", "type": "WEBHOOK"}},
	{"updateSchemaExtensionFunction", "functionId", "resolver", 4038, in{"isActive": false}},
	{"deleteFunction", "functionId", "hook", 4038, nil},
	{"addAction", "projectId", "project", 4000, in{"isActive": true, "triggerType": "MUTATION_MODEL", "handlerType": "WEBHOOK"}},
	{"addFieldConstraint", "fieldId", "field", 4003, in{"constraintType": "STRING"}},
	{"addRelationFieldMirror", "fieldId", "field", 4003, in{"relationId": "c"}},
	{"updateAuthProvider", "id", "authProvider", 4002, in{"isEnabled": true}},
	{"updateSearchProviderAlgolia", "projectId", "project", 4000, in{"applicationId": "a", "apiKey": "k", "isEnabled": true}},
	{"addAlgoliaSyncQuery", "modelId", "model", 4001, in{"indexName": "i", "fragment": "f"}},
	{"installPackage", "projectId", "project", 4000, in{"definition": "d"}},
	{"uninstallPackage", "projectId", "project", 4000, in{"name": "d"}},
	{"setPlan", "projectId", "project", 4000, in{"plan": "enterprise"}},
	{"setCreditCard", "projectId", "project", 4000, in{"token": "t"}},
	{"deleteCreditCard", "projectId", "project", 4000, nil},
	{"deleteProject", "projectId", "project", 4000, nil},
	{"deletePermanentAuthToken", "permanentAuthTokenId", "rootToken", 2000, nil},
	{"addPermanentAuthToken", "projectId", "project", 4000, in{"name": "n"}},
	{"cloneProject", "projectId", "project", 4000, in{"name": "n", "includeData": false, "includeMutationCallbacks": false}},
	{"ejectProject", "projectId", "project", 4000, nil},
	{"exportData", "projectId", "project", 4000, nil},
	{"resetProjectSchema", "projectId", "project", 4000, nil},
	{"signinClientUser", "projectId", "project", 4000, in{"clientUserId": "c"}},
	{"getTemporaryDeployUrl", "projectId", "project", 4000, nil},
	{"push", "projectId", "project", 4000, in{"version": 1, "config": "", "isDryRun": true}},
}

// TestStrangers tries each mutation with the ids of another account's project:
// nothing is there, and nothing changes.
func TestStrangers(t *testing.T) {
	c := newConsole(t)
	shop, other := c.shop("shop"), c.other()
	everything := `query ($p: ID!) { viewer { project(id: $p) ` + c.selection("Project", 4) + ` } }`
	before := c.ask(everything, in{"p": shop["project"]})
	tried := map[string]bool{}
	for _, s := range strange {
		tried[s.mutation] = true
		with := in{s.key: shop[s.name]}
		maps.Copy(with, s.more)
		other.fails(s.mutation, with, s.code, "")
		with[s.key] = "nobody"
		_, nobody := other.try(s.mutation, with)
		with[s.key] = shop[s.name]
		_, stranger := other.try(s.mutation, with)
		if strings.ReplaceAll(fmt.Sprint(nobody["code"], nobody["message"]), "nobody", shop[s.name]) != fmt.Sprint(stranger["code"], stranger["message"]) {
			t.Errorf("%s tells what is there: %v, and what is not: %v", s.mutation, stranger, nobody)
		}
	}
	other.fails("migrateProject", in{"newSchema": "# project: " + shop["project"] + "\n# version: 1\n", "isDryRun": false}, 4000, "No service with id")
	if diff := cmp.Diff(before, c.ask(everything, in{"p": shop["project"]})); diff != "" {
		t.Errorf("strangers changed a project:\n%s", diff)
	}
	// Not tried are those that name no element of a project, or only what no project has.
	rest := []string{"authenticateCustomer", "addProject", "migrateProject", "generateNodeToken", "generateUserToken", "updateAction", "deleteAction",
		"updateFieldConstraint", "deleteFieldConstraint", "deleteRelationFieldMirror", "updateAlgoliaSyncQuery", "deleteAlgoliaSyncQuery",
		"updateCrmCustomerInformation", "updateCrmOnboardingStatus", "updateCrmGuideStatus", "trustedSetFeatureToggle", "trustedSetProjectDatabase"}
	for _, f := range c.schema.Mutation.Fields {
		if tried[f.Name] == slices.Contains(rest, f.Name) {
			t.Errorf("%s is neither tried nor left out with a reason", f.Name)
		}
	}
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
		{"cloneProject", in{"projectId": p, "name": "n", "includeData": true, "includeMutationCallbacks": false}, 0, "without their data"},
	} {
		c.fails(s.mutation, s.in, s.code, s.text)
		c.token, s.in = "", maps.Clone(s.in)
		c.fails(s.mutation, s.in, 2001, "No valid session")
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

// TestCodes are refusals that come from the deploy.
func TestCodes(t *testing.T) {
	c := newConsole(t)
	shop := c.shop("shop")
	p, m := shop["project"], shop["model"]
	plain := in{"typeIdentifier": "Int", "isRequired": false, "isList": false, "isUnique": false, "modelId": m}
	field := func(more in) in {
		out := maps.Clone(plain)
		maps.Copy(out, more)
		return out
	}
	hook := in{"projectId": p, "name": "again", "isActive": true, "binding": "TRANSFORM_ARGUMENT", "modelId": m, "operation": "CREATE", "type": "WEBHOOK", "webhookUrl": "https://example.org"}
	function := func(more in) in {
		out := maps.Clone(hook)
		maps.Copy(out, more)
		return out
	}
	for _, s := range []struct {
		mutation string
		in       in
		code     int
	}{
		{"addModel", in{"projectId": p, "modelName": "Post"}, 2002},
		{"addModel", in{"projectId": p, "modelName": "POST"}, 2002},
		{"addModel", in{"projectId": p, "modelName": "2x"}, 2008},
		{"addModel", in{"projectId": p, "modelName": "query"}, 2008},
		{"addEnum", in{"projectId": p, "name": "Post", "values": []string{"A"}}, 2046},
		{"addEnum", in{"projectId": p, "name": "STATE", "values": []string{"A"}}, 4040},
		{"addField", field(in{"name": "Title"}), 2008},
		{"addField", field(in{"name": "title"}), 2009},
		{"addField", field(in{"name": "tItle"}), 2009},
		{"addField", field(in{"name": "n", "defaultValue": "x"}), 2011},
		{"addField", field(in{"name": "n", "typeIdentifier": "Enum", "enumId": shop["enum"], "defaultValue": "GONE"}), 2025},
		{"addField", field(in{"name": "n", "typeIdentifier": "Enum", "enumId": shop["enum"], "migrationValue": "GONE"}), 2042},
		{"addEnum", in{"projectId": p, "name": "State", "values": []string{"A"}}, 4040},
		{"addEnum", in{"projectId": p, "name": "E", "values": []string{"a"}}, 2008},
		{"addRelation", in{"projectId": p, "name": "Wrote", "leftModelId": m, "rightModelId": m, "fieldOnLeftModelName": "a", "fieldOnRightModelName": "b",
			"fieldOnLeftModelIsList": false, "fieldOnRightModelIsList": false}, 2020},
		{"addRelation", in{"projectId": p, "name": "WROTE", "leftModelId": m, "rightModelId": m, "fieldOnLeftModelName": "a", "fieldOnRightModelName": "b",
			"fieldOnLeftModelIsList": false, "fieldOnRightModelIsList": false}, 2020},
		{"addRequestPipelineMutationFunction", hook, 2055},
		{"addRequestPipelineMutationFunction", function(in{"operation": "UPDATE", "name": "Mail"}), 2054},
		{"addRequestPipelineMutationFunction", function(in{"operation": "UPDATE", "webhookUrl": "ftp://x"}), 2056},
		{"addServerSideSubscriptionFunction", in{"projectId": p, "name": "s", "isActive": true, "query": "{ a }", "type": "AUTH0", "inlineCode": "x"}, 2048},
		{"addSchemaExtensionFunction", in{"projectId": p, "name": "s", "isActive": true, "schema": "extend type Query { a: Nothing }", "type": "AUTH0", "inlineCode": "x"}, 2053},
	} {
		_, failure := c.try(s.mutation, s.in)
		got, _ := failure["code"].(float64)
		if failure == nil || int(got) != s.code && s.code != 0 {
			t.Errorf("%s %v: %v, want %d", s.mutation, s.in, failure, s.code)
		}
	}
}

// TestFunctionsOfTheConsole adds, changes and removes functions and permissions, whose
// ids stay.
func TestFunctionsOfTheConsole(t *testing.T) {
	c := newConsole(t)
	shop := c.shop("shop")
	hook := c.do("updateRequestPipelineMutationFunction", in{"functionId": shop["hook"], "name": "verify", "isActive": false, "operation": "UPDATE", "binding": "TRANSFORM_PAYLOAD"})
	if c.id(hook, "function.id") != shop["hook"] || c.id(hook, "function.name") != "verify" || dig(t, hook, "function.isActive") != false ||
		c.id(hook, "function.operation") != "UPDATE" || c.id(hook, "function.binding") != "TRANSFORM_PAYLOAD" || c.id(hook, "function.webhookHeaders") != `{"a":"b"}` {
		t.Error(hook)
	}
	code := c.do("updateSchemaExtensionFunction", in{"functionId": shop["resolver"], "type": "AUTH0", "inlineCode": "module.exports = 1"})
	if c.id(code, "function.inlineCode") != "module.exports = 1" || dig(t, code, "function.webhookUrl") != nil || c.id(code, "functionEdge.node.type") != "AUTH0" {
		t.Error(code)
	}
	if got := c.do("updateServerSideSubscriptionFunction", in{"functionId": shop["subscription"], "query": "subscription { User { node { id } } }"}); !strings.Contains(c.id(got, "function.query"), "User") {
		t.Error(got)
	}
	if got := c.do("deleteFunction", in{"functionId": shop["hook"]}); c.id(got, "deletedId") != shop["hook"] || c.node(shop["hook"]) != nil {
		t.Error(got)
	}
	changed := c.do("updateModelPermission", in{"id": shop["permission"], "operation": "READ", "rule": "NONE", "applyToWholeModel": true, "userType": "EVERYONE", "isActive": false})
	if c.id(changed, "modelPermission.id") != shop["permission"] || c.id(changed, "modelPermission.operation") != "READ" || dig(t, changed, "modelPermission.isActive") != false ||
		dig(t, changed, "modelPermission.ruleGraphQuery") != nil || c.id(changed, "modelPermission.description") != "authors" {
		t.Error(changed)
	}
	if got := c.do("deleteModelPermission", in{"modelPermissionId": shop["permission"]}); c.id(got, "model.id") != shop["model"] || c.node(shop["permission"]) != nil {
		t.Error(got)
	}
	opened := c.do("updateRelationPermission", in{"id": shop["relationPermission"], "disconnect": true, "isActive": true})
	if dig(t, opened, "relationPermission.disconnect") != true || dig(t, opened, "relationPermission.isActive") != true {
		t.Error(opened)
	}
	if got := c.do("deleteRelationPermission", in{"relationPermissionId": shop["relationPermission"]}); c.id(got, "relation.id") != shop["relation"] {
		t.Error(got)
	}
}

// TestEditsAtTheSameTime loses none of many changes.
func TestEditsAtTheSameTime(t *testing.T) {
	c := newConsole(t)
	p := c.id(c.do("addProject", in{"name": "shop"}), "project.id")
	const many = 6
	var wait sync.WaitGroup
	for i := range many {
		wait.Go(func() {
			name := fmt.Sprintf("Type%d", i)
			_, out := c.post(c.token, query(`mutation ($in: AddModelInput!) { addModel(input: $in) { model { name } } }`, in{"in": in{"projectId": p, "modelName": name}}))
			if out["errors"] != nil {
				t.Errorf("%s: %v", name, out)
			}
		})
	}
	wait.Wait()
	models := dig(t, c.ask(`query ($p: ID!) { viewer { project(id: $p) { version models { edges { node { name } } } } } }`, in{"p": p}), "data.viewer.project")
	if got := dig(t, models, "models.edges").([]any); len(got) != many+2 || dig(t, models, "version") != float64(many) {
		t.Errorf("%v", models)
	}
}

// TestMigrateProject deploys a file of the command line before 0.4.
func TestMigrateProject(t *testing.T) {
	c := newConsole(t)
	made := c.do("addProject", in{"name": "beta", "alias": "beta", "schema": "type Tweet implements Node { id: ID! @isUnique text: String! }"})
	p := c.id(made, "project.id")
	file := func(version string, more string) string {
		return "# project: beta\n# version: " + version + "\n\n" + c.id(made, "project.schema") + more
	}
	migrate := func(text string, dry bool) map[string]any {
		return c.do("migrateProject", in{"newSchema": text, "isDryRun": dry, "force": false})
	}
	problem := func(out map[string]any, text string) {
		t.Helper()
		if !strings.Contains(c.id(out, "errors.0.description"), text) || len(out["migrationMessages"].([]any)) > 0 {
			t.Errorf("%v", out)
		}
	}
	tag := "\ntype Tag implements Node { id: ID! @isUnique }\n"
	none := migrate("type A { id: ID! }", false)
	if problem(none, "must begin with comment lines"); none["project"] != nil {
		t.Error(none)
	}
	problem(migrate(file("7", ""), false), "# version: 0")
	problem(migrate(file("0", "type"), false), "syntax error")
	problem(migrate("# projectId: "+p+"\n# version: 0\ntype User @model { id: ID! @isUnique }", false), "system type")
	for _, dry := range []bool{true, false} {
		out := migrate(file("0", tag), dry)
		if c.id(out, "migrationMessages.0.description") != "A new type with the name `Tag` is created." || (dig(t, out, "project.version") == float64(0)) != dry {
			t.Errorf("dry run %v: %v", dry, out)
		}
	}
	problem(migrate(file("0", tag), false), "# version: 1")
	if got := migrate(file("1", tag), false); len(got["migrationMessages"].([]any)) != 0 || len(got["errors"].([]any)) != 0 {
		t.Error(got)
	}
	open := c.ask(`{ viewer { modelByName(projectName: "beta", modelName: "Tag") { permissions { edges { node { operation userType } } } } } }`, nil)
	if got := dig(t, open, "data.viewer.modelByName.permissions.edges").([]any); len(got) != 4 {
		t.Errorf("a new type is not open: %v", open)
	}
}

func TestEject(t *testing.T) {
	c := newConsole(t)
	shop := c.shop("shop")
	p := shop["project"]
	upload := dig(t, c.ask(`query ($p: ID!) { viewer { project(id: $p) { projectDefinitionWithFileContent } } }`, in{"p": p}), "data.viewer.project.projectDefinitionWithFileContent")
	c.do("updateRequestPipelineMutationFunction", in{"functionId": shop["hook"], "binding": "PRE_WRITE"})
	c.fails("ejectProject", in{"projectId": p}, 2061, "check")
	c.do("deleteFunction", in{"functionId": shop["hook"]})
	for range 2 {
		if out := c.do("ejectProject", in{"projectId": p}); dig(t, out, "project.isEjected") != true {
			t.Error(out)
		}
	}
	for _, s := range strange {
		if s.name == "hook" || !slices.Contains([]string{"add", "upd", "del"}, s.mutation[:3]) {
			continue
		}
		if with := (in{s.key: shop[s.name]}); c.isEdit(s.mutation) {
			maps.Copy(with, s.more)
			c.fails(s.mutation, with, 0, "is ejected")
		}
	}
	c.fails("resetProjectSchema", in{"projectId": p}, 0, "is ejected")
	out := c.do("migrateProject", in{"newSchema": "# project: " + p + "\n# version: 0\n", "isDryRun": false})
	if !strings.Contains(c.id(out, "errors.0.description"), "is ejected") {
		t.Error(out)
	}
	// What was shown can be deployed as it is.
	pushed := c.ask(push, in{"projectId": p, "isDryRun": false, "config": upload})
	if errs := dig(t, pushed, "data.push.errors").([]any); len(errs) > 0 {
		t.Error(errs)
	}
	if c.node(shop["model"]) == nil || c.node(shop["authProvider"]) != nil {
		t.Error("ids have changed")
	}
}

// isEdit says that a mutation is about a definition.
func (c *console) isEdit(name string) bool {
	return regexp.MustCompile("Model|Relation$|RelationPermission|Enum|[a-z]Field$|Function").MatchString(name)
}

func TestClone(t *testing.T) {
	c := newConsole(t)
	shop := c.shop("shop")
	out := c.do("cloneProject", in{"projectId": shop["project"], "name": "copy", "includeData": false, "includeMutationCallbacks": true})
	clone := dig(t, c.ask(`query ($p: ID!) { viewer { project(id: $p) `+c.selection("Project", 4)+` } }`, in{"p": c.id(out, "projectEdge.node.id")}), "data.viewer.project").(map[string]any)
	for field, want := range map[string]int{"models": 3, "enums": 1, "relations": 1, "functions": 0, "permanentAuthTokens": 0} {
		if got := dig(t, clone, field+".edges").([]any); len(got) != want {
			t.Errorf("%s: %v", field, got)
		}
	}
	text := fmt.Sprint(clone)
	for name, id := range shop {
		if strings.Contains(text, id) {
			t.Errorf("the clone has the id of the original's %s", name)
		}
	}
	model := c.ask(`{ viewer { modelByName(projectName: "copy", modelName: "Post") { description permissions { edges { node { id ruleGraphQuery } } } } } }`, nil)
	if c.id(model, "data.viewer.modelByName.description") != "what people write" || len(dig(t, model, "data.viewer.modelByName.permissions.edges").([]any)) != 5 {
		t.Error(model)
	}
	c.fails("cloneProject", in{"projectId": shop["project"], "name": "copy", "includeData": false, "includeMutationCallbacks": true}, 2003, "already exists")
	token := c.do("signinClientUser", in{"projectId": shop["project"], "clientUserId": "cuser"})["token"].(string)
	if claims, ok := c.cp.Tokens().Read(token, tenancy.ProjectID(shop["project"])); !ok || !claims.IsNode() {
		t.Error(claims)
	}
}

// TestChangesKeepData changes all that a project is made of while it has nodes: what
// can stay stays, under its id, and what can't is refused with its number.
func TestChangesKeepData(t *testing.T) {
	c := newConsole(t)
	shop := c.shop("shop")
	p, m := shop["project"], shop["model"]
	same := func(name string, got any) {
		t.Helper()
		if got != shop[name] {
			t.Errorf("%s has another id: %v", name, got)
		}
	}
	shows := func(text, want string) {
		t.Helper()
		got, err := json.Marshal(c.data(p, text))
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	c.data(p, `mutation { createUser(posts: [{title: "1", states: [DRAFT]}, {title: "2", states: [PUBLIC]}]) { id } }`)

	renamed := c.do("updateModel", in{"id": m, "name": "Article", "description": "long"})
	same("model", c.id(renamed, "modelEdge.node.id"))
	if c.id(renamed, "model.namePlural") != "Articles" || c.id(renamed, "model.description") != "long" || dig(t, renamed, "model.itemCount") != float64(2) {
		t.Error(renamed)
	}
	same("field", c.id(c.do("updateField", in{"id": shop["field"], "name": "headline"}), "field.id"))
	shows(`{ allArticles(orderBy: headline_ASC) { headline author { id } } }`, `{"allArticles":[{"author":{"id":"`+c.user(p)+`"},"headline":"1"},{"author":{"id":"`+c.user(p)+`"},"headline":"2"}]}`)

	c.fails("updateField", in{"id": shop["field"], "typeIdentifier": "Int"}, 2051, "")
	c.fails("updateField", in{"id": shop["field"], "typeIdentifier": "Int", "migrationValue": "7"}, 3010, "")
	same("field", c.id(c.do("updateField", in{"id": shop["field"], "typeIdentifier": "Int", "isUnique": false, "migrationValue": "7"}), "field.id"))
	shows(`{ allArticles { headline } }`, `{"allArticles":[{"headline":7},{"headline":7}]}`)
	c.fails("updateField", in{"id": shop["field"], "isUnique": true}, 2024, "")

	note := in{"modelId": m, "name": "note", "typeIdentifier": "String", "isRequired": true, "isList": false, "isUnique": false}
	c.fails("addField", note, 2007, "")
	note["migrationValue"] = "none"
	added := c.id(c.do("addField", note), "field.id")
	shows(`{ allArticles { note } }`, `{"allArticles":[{"note":"none"},{"note":"none"}]}`)

	c.fails("updateEnum", in{"enumId": shop["enum"], "values": []string{"PUBLIC"}}, 2022, "")
	same("enum", c.id(c.do("updateEnum", in{"enumId": shop["enum"], "name": "Mode", "values": []string{"PUBLIC", "DRAFT", "GONE"}}), "enumEdge.node.id"))
	shows(`{ allArticles(orderBy: id_ASC) { states } }`, `{"allArticles":[{"states":["DRAFT"]},{"states":["PUBLIC"]}]}`)
	c.fails("deleteEnum", in{"enumId": shop["enum"]}, 2044, "states")

	c.fails("updateRelation", in{"id": shop["relation"], "leftModelId": m}, 2014, "")
	many := c.do("updateRelation", in{"id": shop["relation"], "name": "Authors", "fieldOnRightModelName": "authors", "fieldOnRightModelIsList": true})
	same("relation", c.id(many, "relationEdge.node.id"))
	same("relationField", c.id(many, "fieldOnRightModelEdge.node.id"))
	shows(`{ allArticles { authors { id } } }`, `{"allArticles":[{"authors":[{"id":"`+c.user(p)+`"}]},{"authors":[{"id":"`+c.user(p)+`"}]}]}`)
	c.fails("addRelation", in{"projectId": p, "name": "Owns", "leftModelId": shop["user"], "rightModelId": m, "fieldOnLeftModelName": "owned", "fieldOnRightModelName": "owner",
		"fieldOnLeftModelIsList": true, "fieldOnRightModelIsList": false, "fieldOnRightModelIsRequired": true}, 2052, "")

	if got := c.do("deleteField", in{"fieldId": shop["enumField"]}); c.id(got, "deletedId") != shop["enumField"] || c.id(got, "model.id") != m {
		t.Error(got)
	}
	if got := c.do("deleteEnum", in{"enumId": shop["enum"]}); c.id(got, "deletedId") != shop["enum"] || c.id(got, "enum.name") != "Mode" {
		t.Error(got)
	}
	for _, name := range []string{"model", "field", "relation", "relationField", "permission", "relationPermission", "hook", "subscription"} {
		if c.node(shop[name]) == nil {
			t.Errorf("%s is not found any more", name)
		}
	}
	gone := c.do("deleteModel", in{"modelId": m})
	if left := dig(t, gone, "deletedRelationFieldIds").([]any); len(left) != 1 || len(dig(t, gone, "modelConnection.edges").([]any)) != 2 {
		t.Error(gone)
	}
	for _, id := range []string{m, shop["field"], added, shop["relation"], shop["permission"], shop["relationPermission"], shop["hook"], shop["subscription"]} {
		if got := c.node(id); got != nil {
			t.Errorf("%v is still there", got)
		}
	}
	if c.node(shop["resolver"]) == nil {
		t.Error("a function of no type is gone")
	}
	c.data(p, `mutation { createUser { id } }`)
	reset := c.do("resetProjectSchema", in{"projectId": p})
	if c.id(reset, "project.schema") != c.id(c.do("addProject", in{"name": "fresh"}), "project.schema") {
		t.Error(reset)
	}
}

// user is the id of a project's only user.
func (c *console) user(project string) string {
	return c.id(c.data(project, `{ allUsers { id } }`), "allUsers.0.id")
}

// TestRelationsOfTheConsole removes and moves relations.
func TestRelationsOfTheConsole(t *testing.T) {
	c := newConsole(t)
	shop := c.shop("shop")
	files := c.id(c.ask(`{ viewer { modelByName(projectName: "shop", modelName: "File") { id } } }`, nil), "data.viewer.modelByName.id")
	moved := c.do("updateRelation", in{"id": shop["relation"], "leftModelId": files, "fieldOnLeftModelName": "pages"})
	if got := []string{c.id(moved, "relation.id"), c.id(moved, "leftModel.name"), c.id(moved, "fieldOnLeftModelEdge.node.name")}; !slices.Equal(got, []string{shop["relation"], "File", "pages"}) {
		t.Error(moved)
	}
	if got := c.do("deleteRelation", in{"relationId": shop["relation"]}); c.id(got, "deletedId") != shop["relation"] || len(dig(t, got, "relationConnection.edges").([]any)) != 0 {
		t.Error(got)
	}
	c.fails("deleteField", in{"fieldId": shop["relationField"]}, 4003, "")
}
