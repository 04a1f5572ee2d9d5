package controlplane_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"icehouse/tenancy"
)

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
		c.id(hook, "function.operation") != "UPDATE" || c.id(hook, "function.binding") != "TRANSFORM_PAYLOAD" || c.id(hook, "function.webhookHeaders") != `{"a":"${env:VERIFY_A}"}` {
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
	c.do("updateSchemaExtensionFunction", in{"functionId": shop["resolver"], "name": "hello"})
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
	// What is renamed keeps its id, also when its name goes to something new.
	deploy := func(changes ...string) {
		t.Helper()
		upload = strings.NewReplacer(changes...).Replace(upload.(string))
		pushed := c.ask(push, in{"projectId": p, "isDryRun": false, "config": upload})
		if errs := dig(t, pushed, "data.push.errors").([]any); len(errs) > 0 {
			t.Fatal(errs, upload)
		}
	}
	called := func(name, want string) {
		t.Helper()
		got := c.ask(`query ($id: ID!) { node(id: $id) { ... on Enum { name } ... on Model { name } ... on Relation { name } ... on Function { name } } }`, in{"id": shop[name]})
		if dig(t, got, "data.node.name") != want {
			t.Errorf("%s: %v, want %s", name, dig(t, got, "data.node"), want)
		}
	}
	deploy(`enum State {`, `enum Phase @rename(oldName: \"State\") {`, `[State!]`, `[Phase!]`)
	for range 2 {
		called("enum", "Phase")
		called("model", "Post")
		called("relation", "Wrote")
		called("resolver", "hello")
		deploy(` @rename(oldName: \"State\")`, ``)
	}
	deploy(`enum Phase {`, `enum State {\n  NEW\n}\n\nenum Phase {`)
	called("enum", "Phase")
	enums := dig(t, c.ask(`query ($p: ID!) { viewer { project(id: $p) { enums { edges { node { id name } } } } } }`, in{"p": p}), "data.viewer.project.enums.edges").([]any)
	if len(enums) != 2 || dig(t, enums[0], "node.id") == dig(t, enums[1], "node.id") {
		t.Error(enums)
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
func TestChangesKeepData(t *testing.T) { onEach(t, changesKeepData) }

func changesKeepData(t *testing.T, c *console) {
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
	c.data(p, `mutation { createUser { id } createFile(name: "f", secret: "s", size: 1, url: "u", contentType: "c") { id } }`)
	reset := c.do("resetProjectSchema", in{"projectId": p})
	shows(`{ allUsers { id } allFiles { id } }`, `{"allFiles":[],"allUsers":[]}`)
	if c.id(reset, "project.schema") != c.id(c.do("addProject", in{"name": "fresh"}), "project.schema") {
		t.Error(reset)
	}
}

// user is the id of a project's only user.
func (c *console) user(project string) string {
	return c.id(c.data(project, `{ allUsers { id } }`), "allUsers.0.id")
}

// TestRelationsOfTheConsole removes and moves relations.
func TestRelationsOfTheConsole(t *testing.T) { onEach(t, relationsOfTheConsole) }

func relationsOfTheConsole(t *testing.T, c *console) {
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

// TestCloneWithData copies nodes, lists and edges, on each product.
func TestCloneWithData(t *testing.T) { onEach(t, cloneWithData) }

func cloneWithData(t *testing.T, c *console) {
	shop := c.shop("shop")
	p := shop["project"]
	c.do("addField", in{"modelId": shop["user"], "name": "password", "typeIdentifier": "Password", "isRequired": false, "isList": false, "isUnique": false})
	var posts []string
	for i := range 30 {
		posts = append(posts, fmt.Sprintf(`{title: "%d", states: [DRAFT, PUBLIC]}`, i))
	}
	c.data(p, `mutation { createUser(password: "secret", posts: [`+strings.Join(posts, ", ")+`]) { id } }`)
	clone := c.id(c.do("cloneProject", in{"projectId": p, "name": "copy", "includeData": true, "includeMutationCallbacks": false}), "project.id")
	const all = `{ allUsers { id createdAt updatedAt password posts(orderBy: id_ASC) { id title states createdAt author { id } } } }`
	want := c.data(p, all)
	if diff := cmp.Diff(want, c.data(clone, all)); diff != "" {
		t.Error(diff)
	}
	c.data(clone, `mutation { updateUser(id: "`+c.user(p)+`", postsIds: []) { id } }`)
	if diff := cmp.Diff(want, c.data(p, all)); diff != "" {
		t.Errorf("the original follows the clone:\n%s", diff)
	}
}

// TestCloneThatFails leaves no project behind.
func TestCloneThatFails(t *testing.T) {
	for name, fail := range map[string]func(context.Context, tenancy.ProjectID, tenancy.ProjectID) error{
		"could not be copied": func(context.Context, tenancy.ProjectID, tenancy.ProjectID) error {
			return errors.New("nodes came meanwhile")
		},
		"without their data": nil,
	} {
		c := newConsole(t)
		c.house = newHouseOn(t, embedded(t), fail).login()
		p := c.id(c.do("addProject", in{"name": "shop"}), "project.id")
		c.fails("cloneProject", in{"projectId": p, "name": "copy", "includeData": true, "includeMutationCallbacks": false}, 0, name)
		if got := dig(t, c.ask(`{ viewer { user { projects { edges { node { name } } } } } }`, nil), "data.viewer.user.projects.edges").([]any); len(got) != 1 {
			t.Errorf("%v", got)
		}
	}
}
