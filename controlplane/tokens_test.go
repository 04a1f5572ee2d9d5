package controlplane_test

import (
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"icehouse/tenancy"
	"icehouse/tenancy/authn"
)

func TestNodeTokens(t *testing.T) {
	h := newHouse(t).login()
	id := h.add("a", "alias")
	h.add("b", "")
	h.ask(push, map[string]any{"projectId": id, "isDryRun": false, "config": config("types: ./t.graphql\nrootTokens: [ops]\n", map[string]string{"./t.graphql": ""}, nil)})
	root := dig(t, h.ask(`{ viewer { project(id: "alias") { permanentAuthTokens { edges { node { token } } } } } }`, nil), "data.viewer.project.permanentAuthTokens.edges.0.node.token").(string)
	sign := func(claims jwt.MapClaims) string {
		text, _ := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
		return text
	}
	temporary := sign(jwt.MapClaims{"clientId": "_", "projectId": id, "permanentAuthTokenId": "cx", "iat": 1, "exp": h.now.Add(time.Minute).Unix()})
	for _, good := range []string{root, temporary, h.token} {
		_, out := h.post("", query(`mutation ($t: String!) { generateNodeToken(input: {rootToken: $t, serviceId: "alias", nodeId: "cn", modelName: "User", expirationInSeconds: 60, clientMutationId: "m"}) { token clientMutationId } }`, map[string]any{"t": good}))
		claims := jwt.MapClaims{}
		text := dig(t, out, "data.generateNodeToken.token").(string)
		if _, _, err := jwt.NewParser().ParseUnverified(text, claims); err != nil {
			t.Fatal(err)
		}
		if read, ok := h.cp.Tokens().Read(text, tenancy.ProjectID(id)); !ok || !read.IsNode() {
			t.Fatal("the token is not one of this project", read)
		}
		if claims["projectId"] != id || claims["userId"] != "cn" || claims["modelName"] != "User" || claims["exp"].(float64)-claims["iat"].(float64) != 60 || len(claims) != 5 {
			t.Fatal(claims)
		}
	}
	_, out := h.post("", query(`mutation ($t: String!) { generateUserToken(input: {pat: $t, projectId: "alias", userId: "cn", modelName: "User"}) { token } }`, map[string]any{"t": root}))
	if dig(t, out, "data.generateUserToken.token") == nil {
		t.Fatal(out)
	}
	for _, bad := range []string{
		"", "x", root + "x",
		sign(jwt.MapClaims{"clientId": "c", "projectId": id, "permanentAuthTokenId": "cx", "iat": 1}), // a root token that is not stored (LQ-D59)
		sign(jwt.MapClaims{"clientId": "_", "projectId": "other", "permanentAuthTokenId": "cx", "iat": 1, "exp": h.now.Add(time.Minute).Unix()}),
		sign(jwt.MapClaims{"clientId": "_", "projectId": id, "permanentAuthTokenId": "cx", "iat": 1, "exp": h.now.Add(-time.Minute).Unix()}),
	} {
		_, out := h.post("", query(`mutation ($t: String!) { generateNodeToken(input: {rootToken: $t, serviceId: "alias", nodeId: "cn", modelName: "User"}) { token } }`, map[string]any{"t": bad}))
		wantError(t, out, 4028, "The provided pat is not valid for project 'alias'")
	}
	// Nobody learns whether there is a project.
	_, out = h.post("", query(`mutation ($t: String!) { generateNodeToken(input: {rootToken: $t, serviceId: "nobody", nodeId: "cn", modelName: "User"}) { token } }`, map[string]any{"t": root}))
	wantError(t, out, 4028, "The provided pat is not valid for project 'nobody'")
	// A root token is worth nothing on another project of its owner (LQ-D60).
	_, out = h.post("", query(`mutation ($t: String!) { generateNodeToken(input: {rootToken: $t, serviceId: "`+h.add("c", "")+`", nodeId: "cn", modelName: "User"}) { token } }`, map[string]any{"t": root}))
	if dig(t, out, "errors.0.code") != float64(4028) {
		t.Fatal(out)
	}
}

// isAdmin says whether a token may do everything in a project.
func (h *house) isAdmin(t *testing.T, project tenancy.ProjectID, text string) (bool, error) {
	t.Helper()
	judge := authn.Authenticator{Keys: h.cp.Tokens(), Grants: h.cp.Grants()}
	who, err := judge.Requester(t.Context(), project, text)
	return who.Admin, err
}

// TestRootTokens adds and deletes a root token through the system API: it counts at
// once, and no longer.
func TestRootTokens(t *testing.T) {
	h := newHouse(t).login()
	id := tenancy.ProjectID(h.add("a", "alias"))
	h.add("b", "")
	refused := func(text string, variables map[string]any) map[string]any {
		_, out := h.post(h.token, query(text, variables))
		return out
	}
	const add = `mutation ($p: ID!, $n: String!) { addPermanentAuthToken(input: {projectId: $p, name: $n, description: "x", clientMutationId: "m"}) {
  permanentAuthToken { id name token } permanentAuthTokenEdge { node { id } } permanentAuthTokenConnection(first: 1) { edges { node { name } } }
  project { id } user { id } viewer { id } clientMutationId } }`
	told := func() string { // of the last change
		h.mu.Lock()
		defer h.mu.Unlock()
		last := strings.Join(h.told, " ")
		h.told = nil
		return last
	}
	told()
	out := h.ask(add, map[string]any{"p": "alias", "n": "ops"})
	if got := told(); got != string(id) {
		t.Fatalf("of a new token was told %q", got)
	}
	added := dig(t, out, "data.addPermanentAuthToken.permanentAuthToken").(map[string]any)
	text, tokenID := added["token"].(string), added["id"].(string)
	if added["name"] != "ops" || dig(t, out, "data.addPermanentAuthToken.permanentAuthTokenEdge.node.id") != tokenID ||
		dig(t, out, "data.addPermanentAuthToken.permanentAuthTokenConnection.edges.0.node.name") != "ops" || dig(t, out, "data.addPermanentAuthToken.project.id") != string(id) {
		t.Fatal(out)
	}
	if ok, err := h.isAdmin(t, id, text); !ok || err != nil {
		t.Fatal("the token gives no right", err)
	}
	wantError(t, refused(add, map[string]any{"p": "alias", "n": "ops"}), 2059, "There is already a RootToken with the name `ops`.")
	wantError(t, refused(add, map[string]any{"p": "nowhere", "n": "ops"}), 4000, "No service with id 'nowhere'")

	// A deploy that names the same token keeps it.
	h.ask(push, map[string]any{"projectId": id, "isDryRun": false, "config": config("types: ./t.graphql\nrootTokens: [ops]\n", map[string]string{"./t.graphql": ""}, nil)})
	if ok, err := h.isAdmin(t, id, text); !ok || err != nil {
		t.Fatal("a deploy took the token away", err)
	}

	const remove = `mutation ($t: String!) { deletePermanentAuthToken(input: {permanentAuthTokenId: $t}) { deletedId project { id } permanentAuthTokenConnection { edges { node { id } } } } }`
	wantError(t, refused(remove, map[string]any{"t": "cnothere"}), 2000, "No RootToken with id 'cnothere'")
	told()
	out = h.ask(remove, map[string]any{"t": tokenID})
	if got := told(); got != string(id) {
		t.Fatalf("of a token that went was told %q", got)
	}
	if dig(t, out, "data.deletePermanentAuthToken.deletedId") != tokenID || dig(t, out, "data.deletePermanentAuthToken.project.id") != string(id) {
		t.Fatal(out)
	}
	if ok, err := h.isAdmin(t, id, text); ok || err != nil {
		t.Fatal("a deleted token still counts", err)
	}
	wantError(t, refused(remove, map[string]any{"t": tokenID}), 2000, "No RootToken with id '"+tokenID+"'")
}

// TestRemovedByDeploy: a root token that the definition names no longer counts no
// longer, and the data plane is told.
func TestRemovedByDeploy(t *testing.T) {
	h := newHouse(t).login()
	id := tenancy.ProjectID(h.add("a", "alias"))
	deploy := func(names string) {
		h.ask(push, map[string]any{"projectId": id, "isDryRun": false, "config": config("types: ./t.graphql\nrootTokens: ["+names+"]\n", map[string]string{"./t.graphql": ""}, nil)})
	}
	deploy("ops, night")
	texts := map[string]string{}
	edges := dig(t, h.ask(`{ viewer { project(id: "alias") { permanentAuthTokens { edges { node { name token } } } } } }`, nil), "data.viewer.project.permanentAuthTokens.edges").([]any)
	for _, e := range edges {
		texts[dig(t, e, "node.name").(string)] = dig(t, e, "node.token").(string)
	}
	want := func(name string, counts bool) {
		t.Helper()
		if ok, err := h.isAdmin(t, id, texts[name]); ok != counts || err != nil {
			t.Errorf("%s counts: %v %v", name, ok, err)
		}
	}
	want("ops", true)
	want("night", true)
	h.mu.Lock()
	h.told = nil
	h.mu.Unlock()
	deploy("night")
	want("ops", false)
	want("night", true)
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.told) != 1 || h.told[0] != string(id) {
		t.Errorf("of the deploy was told %q", h.told)
	}
}
