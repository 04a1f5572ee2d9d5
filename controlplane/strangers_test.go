package controlplane_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"icehouse/tenancy"
)

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
	{"resetProjectData", "projectId", "project", 4000, nil},
	{"replayEvents", "projectId", "project", 4000, nil},
	{"resetProjectSchema", "projectId", "project", 4000, nil},
	{"signinClientUser", "projectId", "project", 4000, in{"clientUserId": "c"}},
	{"getTemporaryDeployUrl", "projectId", "project", 4000, nil},
	{"push", "projectId", "project", 4000, in{"version": 1, "config": "", "isDryRun": true}},
	{"inviteCollaborator", "projectId", "project", 4000, in{"email": "eve@example.org"}},
	{"removeCollaborator", "projectId", "project", 4000, in{"email": "admin@localhost"}},
	{"transferOwnership", "projectId", "project", 4000, in{"email": "eve@example.org"}},
	{"updateProject", "id", "project", 4000, in{"name": "theirs"}},
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
		"updateCrmCustomerInformation", "updateCrmOnboardingStatus", "updateCrmGuideStatus", "trustedSetFeatureToggle", "trustedSetProjectDatabase",
		"signup", "signin", "signout", "verifyEmail", "requestPasswordReset", "resetPassword", "updatePassword", "updateCustomer", "deleteCustomer",
		"createPlatformToken", "deletePlatformToken", "trustedSignupCustomer", "trustedSigninCustomer", "trustedUpdateProject"}
	for _, f := range c.schema.Mutation.Fields {
		if tried[f.Name] == slices.Contains(rest, f.Name) {
			t.Errorf("%s is neither tried nor left out with a reason", f.Name)
		}
	}
}
