package controlplane_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"icehouse/controlplane"
	"icehouse/controlplane/internal/memdb"
	"icehouse/controlplane/store"
	"icehouse/controlplane/store/sqlitestore"
	"icehouse/controlplane/store/storetest"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/database"
	"icehouse/deploy/testbed"
	"icehouse/tenancy"
)

func TestMain(m *testing.M) {
	code := testbed.Main(m)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

const (
	secret = "a secret of sixteen bytes"
	master = "open sesame"
)

// house is a control plane behind HTTP.
type house struct {
	t      *testing.T
	cp     *controlplane.ControlPlane
	rows   string // the file of the platform's rows
	store  store.Store
	db     *memdb.DB
	server *httptest.Server
	client *http.Client
	token  string
	now    time.Time
	log    *lockedBuffer
	mu     sync.Mutex
	told   []string
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newHouse(t *testing.T) *house {
	t.Helper()
	return newHouseWith(t, func(*controlplane.Config) {})
}

// newHouseWith lets a test change the set-up.
func newHouseWith(t *testing.T, change func(*controlplane.Config)) *house {
	t.Helper()
	db := &memdb.DB{}
	h := houseOn(t, database.Open(db), change)
	h.db = db
	return h
}

func newHouseOn(t *testing.T, db *database.DB, copyNodes func(context.Context, tenancy.ProjectID, tenancy.ProjectID) error) *house {
	t.Helper()
	return houseOn(t, db, func(c *controlplane.Config) { c.CopyNodes = copyNodes })
}

func houseOn(t *testing.T, db *database.DB, change func(*controlplane.Config)) *house {
	t.Helper()
	rows := filepath.Join(t.TempDir(), "platform.db")
	s, err := sqlitestore.Open(t.Context(), rows, storetest.Keys)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	h := &house{t: t, rows: rows, store: s, now: time.Now(), log: &lockedBuffer{}}
	mux := http.NewServeMux()
	h.server = httptest.NewServer(mux)
	t.Cleanup(h.server.Close)
	h.client = h.server.Client()
	c := controlplane.Config{
		Store: s, Databases: oneDatabase(db), JWTSecret: secret, MasterToken: master,
		FunctionsURL: h.server.URL, DataDir: t.TempDir(), UploadLimit: 1 << 20,
		Logger: slog.New(slog.NewTextHandler(h.log, nil)), Clock: func() time.Time { h.mu.Lock(); defer h.mu.Unlock(); return h.now },
		OnRelease: func(p tenancy.ProjectID) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.told = append(h.told, string(p))
		},
	}
	change(&c)
	if h.cp, err = controlplane.New(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.cp.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := h.cp.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	mux.Handle("/system", h.cp.SystemHandler())
	mux.Handle("/functions/", h.cp.FunctionsHandler())
	return h
}

func (h *house) login() *house {
	h.t.Helper()
	_, out := h.post("", query(`mutation ($token: String!) { authenticateCustomer(input: {auth0IdToken: $token}) { token user { id } } }`, map[string]any{"token": master}))
	h.token = dig(h.t, out, "data.authenticateCustomer.token").(string)
	return h
}

func query(text string, variables any) map[string]any {
	return map[string]any{"query": text, "variables": variables}
}

// post sends a body: text as it is, anything else as JSON.
func (h *house) post(token string, body any) (status int, out map[string]any) {
	h.t.Helper()
	raw, ok := body.(string)
	if !ok {
		encoded, err := json.Marshal(body)
		if err != nil {
			h.t.Fatal(err)
		}
		raw = string(encoded)
	}
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.server.URL+"/system", strings.NewReader(raw))
	if err != nil {
		h.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := h.client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.Header.Get("Request-Id") == "" || res.Header.Get("Access-Control-Allow-Origin") != "*" {
		h.t.Fatalf("headers: %v", res.Header)
	}
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		h.t.Fatalf("status %d, no JSON: %v", res.StatusCode, err)
	}
	return res.StatusCode, out
}

// ask sends as the logged-in customer and wants no errors.
func (h *house) ask(text string, variables any) map[string]any {
	h.t.Helper()
	status, out := h.post(h.token, query(text, variables))
	if status != http.StatusOK || out["errors"] != nil {
		h.t.Fatalf("status %d: %v", status, out)
	}
	return out
}

// dig finds a value by a path of keys and indexes.
func dig(t *testing.T, v any, path string) any {
	t.Helper()
	whole := v
	for _, step := range strings.Split(path, ".") {
		switch c := v.(type) {
		case map[string]any:
			v = c[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(c) {
				t.Fatalf("%s in %v", path, whole)
			}
			v = c[i]
		default:
			t.Fatalf("%s in %v", path, whole)
		}
	}
	return v
}

const (
	addProject = `mutation addProject($name: String!, $alias: String, $region: Region, $config: String) {
  addProject(input: {name: $name, alias: $alias, region: $region, config: $config, clientMutationId: "static"}) { project { ...RemoteProject } clientMutationId }
}
fragment RemoteProject on Project { id name schema alias region isEjected projectDefinitionWithFileContent }`
	emptyConfig = `{"modules":[{"name":"","content":"types: ./types.graphql\n","files":{"./types.graphql":""}}]}`
	push        = `mutation($projectId: String!, $force: Boolean, $isDryRun: Boolean!, $config: String!) {
  push(input: {projectId: $projectId, force: $force, isDryRun: $isDryRun, config: $config, version: 1}) {
    migrationMessages { type action name description subDescriptions { type action name description } }
    errors { description type field }
    project { id name alias projectDefinitionWithFileContent }
    warnings
  }
}`
)

func (h *house) add(name, alias string) string {
	h.t.Helper()
	variables := map[string]any{"name": name, "region": "EU_WEST_1", "config": emptyConfig}
	if alias != "" {
		variables["alias"] = alias
	}
	return dig(h.t, h.ask(addProject, variables), "data.addProject.project.id").(string)
}

func config(content string, files map[string]string, external map[string]any) string {
	module := map[string]any{"name": "", "content": content, "files": files}
	if external != nil {
		module["externalFiles"] = external
	}
	out, err := json.Marshal(map[string]any{"modules": []any{module}})
	if err != nil {
		panic(err)
	}
	return string(out)
}

func bundle(t *testing.T, files ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, name := range files {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, "content of "+name); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func (h *house) upload(method, url string, body []byte) (int, map[string]any) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/zip")
	res, err := h.client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	out := map[string]any{}
	_ = json.NewDecoder(res.Body).Decode(&out)
	return res.StatusCode, out
}

// TestWorkedExample is platform §14, call by call.
func TestWorkedExample(t *testing.T) {
	h := newHouse(t)
	if out := h.ask(`{ viewer { id } }`, nil); dig(t, out, "data.viewer.id") != "static-viewer-id" {
		t.Fatal(out)
	}
	h.login()
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(h.token, claims); err != nil {
		t.Fatal(err)
	}
	if _, ok := claims["iat"].(float64); !ok || claims["clientId"] == nil || len(claims) != 2 {
		t.Fatalf("claims of the platform token: %v", claims)
	}

	added := dig(t, h.ask(addProject, map[string]any{"name": "notes", "region": "EU_WEST_1", "config": emptyConfig}), "data.addProject.project").(map[string]any)
	id := added["id"].(string)
	if added["isEjected"] != true || added["alias"] != nil || added["schema"] != "" || added["region"] != "EU_WEST_1" {
		t.Fatalf("%v", added)
	}

	url := dig(t, h.ask(`mutation getUrl($projectId: String!) { getTemporaryDeployUrl(input: {projectId: $projectId}) { url } }`, map[string]any{"projectId": id}), "data.getTemporaryDeployUrl.url").(string)
	if !strings.HasPrefix(url, h.server.URL+"/functions/files/"+id+"/") {
		t.Fatal(url)
	}
	if status, out := h.upload(http.MethodPut, url, bundle(t, "src/stamp.js", "src/stamp-dev.js")); status != 200 || out["success"] != true {
		t.Fatal(status, out)
	}

	yml := "types: ./types.graphql\nfunctions:\n  stamp:\n    type: operationBefore\n    operation: Note.create\n    handler:\n      code: ./src/stamp.js\npermissions:\n- operation: \"*\"\nrootTokens: [ops]\n"
	files := map[string]string{"./types.graphql": "type Note @model {\n  id: ID! @isUnique\n  text: String!\n  by: String\n}\n"}
	external := map[string]any{"./src/stamp.js": map[string]any{"url": url, "lambdaHandler": "src/stamp-lambda.handle", "devHandler": "src/stamp-dev.js"}}
	variables := map[string]any{"projectId": id, "force": false, "isDryRun": false, "config": config(yml, files, external)}
	pushed := dig(t, h.ask(push, variables), "data.push").(map[string]any)
	var told []string
	for _, m := range pushed["migrationMessages"].([]any) {
		told = append(told, fmt.Sprint(dig(t, m, "type"), " ", dig(t, m, "action"), " ", dig(t, m, "name"), " ", len(dig(t, m, "subDescriptions").([]any))))
	}
	if diff := cmp.Diff([]string{"Type Create Note 2", "operation function Create stamp 0", "rootToken Create ops 0", "permission Create Wildcard Permission 0"}, told); diff != "" {
		t.Fatal(diff)
	}
	if len(pushed["errors"].([]any)) != 0 || len(pushed["warnings"].([]any)) != 0 {
		t.Fatalf("%v", pushed)
	}
	var shown struct {
		Modules []struct {
			Name, Content string
			Files         map[string]string
			ExternalFiles any
		}
	}
	if err := json.Unmarshal([]byte(dig(t, pushed, "project.projectDefinitionWithFileContent").(string)), &shown); err != nil {
		t.Fatal(err)
	}
	if m := shown.Modules[0]; m.Content != yml || m.Files["./types.graphql"] != files["./types.graphql"] || m.ExternalFiles != nil {
		t.Fatalf("%+v", m)
	}

	entry, err := h.cp.Registry().FindProject(t.Context(), id)
	if err != nil || entry.Release != 2 {
		t.Fatal(entry, err)
	}
	payload, err := h.cp.Registry().Release(t.Context(), entry.Project, entry.Release)
	if err != nil {
		t.Fatal(err)
	}
	release, err := compiledschema.DecodeRelease(payload)
	if err != nil || !release.Open || release.Model.Type("Note").Field("by") == nil {
		t.Fatal(release, err)
	}
	if h.told[len(h.told)-1] != id {
		t.Fatal(h.told)
	}

	again := dig(t, h.ask(push, variables), "data.push").(map[string]any)
	if len(again["migrationMessages"].([]any)) != 0 || len(again["errors"].([]any)) != 0 {
		t.Fatalf("second push: %v", again)
	}

	variables["config"] = config(yml, map[string]string{"./types.graphql": "type Note @model { id: ID! @isUnique text: String! }"}, external)
	out := dig(t, h.ask(push, variables), "data.push").(map[string]any)
	first := dig(t, out, "errors.0").(map[string]any)
	if first["type"] != "Global" || first["field"] != nil || !strings.Contains(first["description"].(string), "destructive changes") || out["project"] == nil {
		t.Fatalf("%v", out)
	}

	info := dig(t, h.ask(`query ($projectId: ID!) { viewer { project(id: $projectId) {
  version schema typeSchema enumSchema projectDefinition
  permanentAuthTokens { edges { node { id name token } } }
  functions { edges { node { name id type stats { requestCount errorCount } __typename ... on RequestPipelineMutationFunction { binding operation } } } pageInfo { hasNextPage endCursor } }
} } }`, map[string]any{"projectId": id}), "data.viewer.project").(map[string]any)
	root := dig(t, info, "permanentAuthTokens.edges.0.node").(map[string]any)
	if root["name"] != "ops" || info["version"] != float64(1) || info["projectDefinition"] != yml || dig(t, info, "functions.edges.0.node.type") != "AUTH0" ||
		dig(t, info, "functions.edges.0.node.binding") != "TRANSFORM_ARGUMENT" || !strings.Contains(info["typeSchema"].(string), "type Note @model") {
		t.Fatalf("%v", info)
	}
	if node := h.ask(`query ($id: ID!) { node(id: $id) { id __typename } }`, map[string]any{"id": dig(t, info, "functions.edges.0.node.id")}); dig(t, node, "data.node.__typename") != "RequestPipelineMutationFunction" {
		t.Fatal(node)
	}
	for token, want := range map[string]bool{root["token"].(string): true, h.token: true, root["token"].(string) + "x": false, "": false} {
		if ok, err := h.isAdmin(t, entry.Project, token); ok != want || err != nil {
			t.Fatal(token, ok, err)
		}
	}

	deleted := h.ask(`mutation ($projectId0: String!) { `+id+`: deleteProject(input: {projectId: $projectId0, clientMutationId: "asd"}) { deletedId clientMutationId } }`, map[string]any{"projectId0": id})
	if dig(t, deleted, "data."+id+".deletedId") != id || h.db.Exists(tenancy.ProjectID(id)) {
		t.Fatal(deleted)
	}
	if _, err := h.cp.Registry().FindProject(t.Context(), id); !errors.Is(err, tenancy.ErrUnknownProject) {
		t.Fatal(err)
	}
}

// wantError checks the first error of an answer.
func wantError(t *testing.T, out map[string]any, code int, message string) {
	t.Helper()
	first := dig(t, out, "errors.0").(map[string]any)
	if first["requestId"] == nil || first["path"] == nil || first["locations"] == nil {
		t.Fatalf("incomplete error: %v", first)
	}
	got, _ := first["code"].(float64)
	if int(got) != code || first["message"] != message {
		t.Fatalf("error %v", first)
	}
}

func TestSessions(t *testing.T) {
	h := newHouse(t)
	_, out := h.post("", query(`mutation { authenticateCustomer(input: {auth0IdToken: "wrong"}) { token } }`, nil))
	wantError(t, out, 0, "invalid token for local env")
	h.login()
	id := h.add("a", "")
	sign := func(method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
		text, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	claims := jwt.MapClaims{}
	_, _, _ = jwt.NewParser().ParseUnverified(h.token, claims)
	customer := claims["clientId"]
	for name, token := range map[string]string{
		"none": "", "garbage": "x.y.z", "other secret": sign(jwt.SigningMethodHS256, []byte("another secret of ours"), jwt.MapClaims{"clientId": customer, "iat": 1}),
		"no signature": sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, jwt.MapClaims{"clientId": customer, "iat": 1}),
		"HS512":        sign(jwt.SigningMethodHS512, []byte(secret), jwt.MapClaims{"clientId": customer, "iat": 1}),
		"expired":      sign(jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"clientId": customer, "iat": 1, "exp": 2}),
		"root token":   sign(jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"clientId": customer, "iat": 1, "permanentAuthTokenId": "c1", "projectId": id}),
		"nobody":       sign(jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"clientId": "cnobody", "iat": 1}),
	} {
		for _, text := range []string{
			`{ viewer { user { id } } }`, `{ viewer { project(id: "` + id + `") { id } } }`, `{ node(id: "` + id + `") { id } }`,
			`mutation { addProject(input: {name: "x"}) { project { id } } }`, `mutation { deleteProject(input: {projectId: "` + id + `"}) { deletedId } }`,
			`mutation { push(input: {projectId: "` + id + `", version: 1, isDryRun: true, config: ""}) { errors { type } } }`,
			`mutation { getTemporaryDeployUrl(input: {projectId: "` + id + `"}) { url } }`,
		} {
			status, out := h.post(token, query(text, nil))
			if status != 200 {
				t.Fatal(name, status, out)
			}
			wantError(t, out, 2001, "No valid session")
			if data := fmt.Sprint(out["data"]); !strings.Contains(data, "<nil>") || strings.Contains(data, "ID:") {
				t.Fatalf("%s with %s: data is %s beside the error", text, name, data)
			}
		}
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, h.server.URL+"/system", strings.NewReader(`{"query":"{viewer{user{email}}}","variables":""}`))
	req.AddCookie(&http.Cookie{Name: "session", Value: h.token})
	res, err := h.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if res.StatusCode != 200 || !strings.Contains(string(body), "admin@localhost") {
		t.Fatal(string(body))
	}
}

func TestNames(t *testing.T) {
	h := newHouse(t).login()
	id := h.add("first", "one")
	if got := dig(t, h.ask(`{ viewer { project(id: "one") { id } } }`, nil), "data.viewer.project.id"); got != id {
		t.Fatal(got)
	}
	for _, c := range []struct {
		input   string
		code    int
		message string
	}{
		{`name: "first"`, 2003, "A project with the name 'first' already exists in your account"},
		{`name: "1st"`, 2008, "'1st' is not a valid name for a project."},
		{`name: "` + strings.Repeat("a", 65) + `"`, 2008, "'" + strings.Repeat("a", 65) + "' is not a valid name for a project."},
		{`name: "b", alias: "a b"`, 2033, "'a b' is not a valid project alias"},
		{`name: "b", alias: "one"`, 2034, "The project alias 'one' is already in use"},
		{`name: "b", alias: "` + id + `"`, 2035, "The project alias '" + id + "' is the id of a project"},
		{`name: "b", config: "{}"`, 2040, `The schema is invalid: the config needs a root module named ""`},
		{`name: "b", schema: "type X {"`, 2040, "The schema is invalid: There's a syntax error in the Schema Definition. Line 1, column 9: expected the name of a field, found the end of the text."},
	} {
		_, out := h.post(h.token, query(`mutation { addProject(input: {`+c.input+`}) { project { id } } }`, nil))
		wantError(t, out, c.code, c.message)
	}
	for _, text := range []string{`{ viewer { project(id: "nope") { id } } }`, `mutation { push(input: {projectId: "nope", version: 1, isDryRun: true, config: ""}) { errors { type } } }`} {
		_, out := h.post(h.token, query(text, nil))
		wantError(t, out, 4000, "No service with id 'nope'")
	}
	legacy := dig(t, h.ask(`mutation { addProject(input: {name: "legacy", schema: "type X @model { id: ID! @isUnique }"}) { project { id isEjected } user { projects(first: 1) { edges { node { name } cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } } }`, nil), "data.addProject").(map[string]any)
	if dig(t, legacy, "project.isEjected") != false || dig(t, legacy, "user.projects.pageInfo.hasNextPage") != true || dig(t, legacy, "user.projects.edges.0.cursor") != id {
		t.Fatal(legacy)
	}
	refused := h.ask(push, map[string]any{"projectId": dig(t, legacy, "project.id"), "isDryRun": true, "config": emptyConfig})
	if !strings.Contains(dig(t, refused, "data.push.errors.0.description").(string), "ejected") {
		t.Fatal(refused)
	}
	after := h.ask(`query ($c: String) { viewer { user { projects(after: $c, last: 5) { edges { node { name } } } } } }`, map[string]any{"c": id})
	if got := dig(t, after, "data.viewer.user.projects.edges").([]any); len(got) != 1 || dig(t, got[0], "node.name") != "legacy" {
		t.Fatal(after)
	}
}

func TestUploads(t *testing.T) {
	h := newHouse(t).login()
	id, other := h.add("a", ""), h.add("b", "")
	url := func() string {
		return dig(t, h.ask(`mutation { getTemporaryDeployUrl(input: {projectId: "`+id+`"}) { url } }`, nil), "data.getTemporaryDeployUrl.url").(string)
	}
	good := bundle(t, "a.js")
	huge := make([]byte, 1<<20+1)
	stale := url()
	h.mu.Lock()
	h.now = h.now.Add(61 * time.Minute)
	h.mu.Unlock()
	for _, c := range []struct {
		name, url string
		body      []byte
		status    int
	}{
		{"expired", stale, good, http.StatusGone},
		{"guessed", h.server.URL + "/functions/files/" + id + "/" + tenancy.NewID(), good, http.StatusNotFound},
		{"of another project", strings.Replace(url(), id, other, 1), good, http.StatusNotFound},
		{"longer life", strings.Replace(url(), "-t", "-u", 1) + "0", good, http.StatusNotFound},
		{"out of the folder", h.server.URL + "/functions/files/" + id + "/..%2F..%2Fx", good, http.StatusNotFound},
		{"no zip", url(), []byte("hello"), http.StatusBadRequest},
		{"empty", url(), nil, http.StatusBadRequest},
		{"zip slip", url(), bundle(t, "a/../../evil"), http.StatusBadRequest},
		{"absolute", url(), bundle(t, "/etc/evil"), http.StatusBadRequest},
		{"too large", url(), huge, http.StatusRequestEntityTooLarge},
	} {
		if status, out := h.upload(http.MethodPut, c.url, c.body); status != c.status || out["success"] == true {
			t.Errorf("%s: %d %v", c.name, status, out)
		}
	}
	u := url()
	for _, method := range []string{http.MethodPut, http.MethodPost} {
		if status, out := h.upload(method, u, good); status != 200 || out["success"] != true {
			t.Fatal(method, status, out)
		}
	}
	if status, _ := h.upload(http.MethodPut, u, bundle(t, "b.js")); status != http.StatusConflict {
		t.Fatal("a bundle was replaced:", status)
	}
	if status, _ := h.upload(http.MethodGet, u, nil); status != http.StatusMethodNotAllowed {
		t.Fatal(status)
	}
	yml := "types: ./t.graphql\nfunctions:\n  f: {type: resolver, schema: ./f.graphql, handler: {code: ./f.js}}\n"
	files := map[string]string{"./t.graphql": "", "./f.graphql": "type P { x: Int } extend type Query { f: P }"}
	for project, want := range map[string]int{id: 0, other: 1} { // another project's bundle is none
		external := map[string]any{"./f.js": map[string]any{"url": u, "lambdaHandler": "f-lambda.handle", "devHandler": "f-dev.js"}}
		out := h.ask(push, map[string]any{"projectId": project, "isDryRun": false, "config": config(yml, files, external)})
		if got := dig(t, out, "data.push.errors").([]any); len(got) != want {
			t.Fatal(got)
		}
	}
}

func TestBadRequests(t *testing.T) {
	h := newHouse(t).login()
	deep := strings.Repeat("{a", 5000) + strings.Repeat("}", 5000)
	var wide strings.Builder
	wide.WriteString("{ viewer { ...f0 } }")
	for i := range 18 {
		fmt.Fprintf(&wide, " fragment f%d on Viewer { id ...f%d ...f%d }", i, i+1, i+1)
	}
	wide.WriteString(" fragment f18 on Viewer { id }")
	for _, c := range []struct {
		name   string
		body   any
		status int
		key    string
	}{
		{"no JSON", "{", 400, "error"},
		{"a list", "[]", 400, "error"},
		{"no query", "{}", 400, "error"},
		{"query of another type", `{"query": 1}`, 400, "error"},
		{"variables of another type", `{"query": "{viewer{id}}", "variables": [1]}`, 400, "error"},
		{"variables as broken text", `{"query": "{viewer{id}}", "variables": "{"}`, 400, "error"},
		{"does not parse", query("{", nil), 400, "error"},
		{"no operation", query("fragment F on Viewer { id }", nil), 400, "error"},
		{"not valid", query("{ viewer { nope } }", nil), 400, "errors"},
		{"missing variable", query("query ($id: ID!) { node(id: $id) { id } }", nil), 400, "errors"},
		{"wrong variable", query("query ($id: ID!) { node(id: $id) { id } }", map[string]any{"id": true}), 400, "errors"},
		{"wrong region", query(addProject, map[string]any{"name": "x", "region": "MARS"}), 400, "errors"},
		{"two operations", query("query A { viewer { id } } query B { viewer { id } }", nil), 400, "errors"},
		{"cyclic fragment", query("{viewer{...A}} fragment A on Viewer{id ...B} fragment B on Viewer{id ...A}", nil), 400, "errors"},
		{"fragment of itself", query("{viewer{...A}} fragment A on Viewer{...A}", nil), 400, "errors"},
		{"deep", query(deep, nil), 400, "error"},
		{"deep fragment bomb", query(wide.String(), nil), 400, "errors"},
		{"many tokens", query("{ viewer { "+strings.Repeat("id ", 3000)+"} }", nil), 400, "error"},
		{"long", query("{ viewer { id } } #"+strings.Repeat("x", 300<<10), nil), 400, "error"},
		{"subscription", query("subscription { x }", nil), 400, "errors"},
		{"huge body", strings.Repeat("x", 49<<20), 413, "error"},
	} {
		status, out := h.post(h.token, c.body)
		if status != c.status || out[c.key] == nil {
			t.Errorf("%s: %d %.300v", c.name, status, out)
		}
	}
	for _, ok := range []any{
		`{"query": "query A { viewer { id } } query B { viewer { id } }", "operationName": "A"}`,
		`{"query": "query ($x: ID = \"static-viewer-id\") { node(id: $x) { ... on Viewer { id } } }", "variables": "{}"}`,
		`{"query": "{ viewer { id } }", "variables": null, "operationName": null}`,
		`{"query": "mutation { a: generateNodeToken(input: {rootToken: \"\", serviceId: \"x\", nodeId: 1, modelName: \"U\", expirationInSeconds: null, clientMutationId: null}) { token } }"}`,
	} {
		if status, out := h.post(h.token, ok); status != 200 {
			t.Errorf("%v: %d %v", ok, status, out)
		}
	}
	started := time.Now()
	if status, _ := h.post("", query("{ viewer { "+strings.Repeat("id ", 1900)+"} }", nil)); status != 200 || time.Since(started) > 3*time.Second {
		t.Errorf("repeated fields: %d after %v", status, time.Since(started))
	}
}

func TestBadDefinitions(t *testing.T) {
	h := newHouse(t).login()
	id := h.add("a", "")
	for _, c := range []struct{ name, config, want string }{
		{"empty", "", "JSON"},
		{"no JSON", "{", "JSON"},
		{"unknown key", `{"modules": [], "extra": 1}`, "extra"},
		{"two values", emptyConfig + emptyConfig, "after"},
		{"YAML that does not parse", config("types: [", nil, nil), "graphcool.yml:1:"},
		{"unknown root key", config("types: ./t\nfuntions: {}\n", map[string]string{"./t": ""}, nil), "graphcool.yml:2:1: unknown key 'funtions'"},
		{"the later format", config("service: x\nstages: {}\n", nil, nil), "Prisma"},
		{"out of the folder", config("types: ../t\n", map[string]string{"../t": ""}, nil), "leads out"},
		{"absolute", config("types: /etc/passwd\n", map[string]string{"/etc/passwd": ""}, nil), "absolute"},
		{"missing file", config("types: ./t\n", nil, nil), "not part of the upload"},
		{"alias bomb", config("a: &a [x,x]\nb: &b [*a,*a]\ntypes: ./t\n", nil, nil), "anchors"},
		{"bare star", config("types: ./t\npermissions:\n- operation: *\n", map[string]string{"./t": ""}, nil), `graphcool.yml:3:14: the wildcard must be quoted`},
		{"twice", config("types: ./t\ntypes: ./t\n", map[string]string{"./t": ""}, nil), "graphcool.yml:2:1"},
		{"SDL", config("types: ./t\n", map[string]string{"./t": "type {"}, nil), "syntax error"},
	} {
		out := h.ask(push, map[string]any{"projectId": id, "isDryRun": false, "config": c.config})
		got, _ := dig(t, out, "data.push.errors.0.description").(string)
		if !strings.Contains(got, c.want) || dig(t, out, "data.push.errors.0.type") != "Global" || dig(t, out, "data.push.project.id") != id {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func TestInternalErrorsStayInside(t *testing.T) {
	h := newHouse(t).login()
	id := h.add("a", "")
	h.db.Fail = func(tenancy.ProjectID, []string) error {
		return &database.Error{Kind: database.Internal, Cause: io.ErrShortBuffer}
	}
	_, out := h.post(h.token, query(push, map[string]any{"projectId": id, "isDryRun": false, "config": config("types: ./t\n", map[string]string{"./t": "type A @model { id: ID! @isUnique }"}, nil)}))
	first := dig(t, out, "errors.0").(map[string]any)
	message, requestID := first["message"].(string), first["requestId"].(string)
	if !strings.HasPrefix(message, "Whoops. Looks like an internal server error.") || !strings.Contains(message, requestID) || strings.Contains(message, "buffer") || first["code"] != nil {
		t.Fatal(first)
	}
	if log := h.log.String(); !strings.Contains(log, requestID) || !strings.Contains(log, "short buffer") || strings.Count(log, "level=ERROR") != 1 {
		t.Fatal(log)
	}
}

func TestPage(t *testing.T) {
	h := newHouse(t)
	for _, method := range []string{http.MethodGet, http.MethodOptions, http.MethodDelete} {
		req, _ := http.NewRequestWithContext(t.Context(), method, h.server.URL+"/system", nil)
		req.Header.Set("Access-Control-Request-Headers", "authorization,x-special")
		res, err := h.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		want := map[string]int{http.MethodGet: 200, http.MethodOptions: 200, http.MethodDelete: 405}[method]
		if res.StatusCode != want || res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Fatal(method, res.StatusCode)
		}
		if method == http.MethodOptions && res.Header.Get("Access-Control-Allow-Headers") != "authorization,x-special" {
			t.Fatal(res.Header)
		}
	}
}

func TestInterruptedDelete(t *testing.T) {
	h := newHouse(t).login()
	id := h.add("a", "alias")
	h.db.Stuck = &database.Error{Kind: database.Unavailable}
	remove := `mutation { deleteProject(input: {projectId: "alias"}) { deletedId } }`
	if _, out := h.post(h.token, query(remove, nil)); !strings.HasPrefix(dig(t, out, "errors.0.message").(string), "Whoops") {
		t.Fatal(out)
	}
	// It is out of service at once, and its name is free.
	if _, err := h.cp.Registry().FindProject(t.Context(), id); !errors.Is(err, tenancy.ErrUnknownProject) {
		t.Fatal(err)
	}
	_, out := h.post(h.token, query(`{ viewer { project(id: "`+id+`") { id } } }`, nil))
	wantError(t, out, 4000, "No service with id '"+id+"'")
	h.add("a", "alias")
	h.db.Stuck = nil
	if err := h.cp.Start(t.Context()); err != nil || h.db.Exists(tenancy.ProjectID(id)) {
		t.Fatal(err)
	}
}

func TestDeleteWhileDeploying(t *testing.T) {
	h := newHouse(t).login()
	id := h.add("a", "")
	deploying, goOn := make(chan struct{}), make(chan struct{})
	var first sync.Once
	h.db.Fail = func(tenancy.ProjectID, []string) error {
		first.Do(func() { close(deploying) })
		<-goOn
		return nil
	}
	var pushed, deleted map[string]any
	var wg sync.WaitGroup
	wg.Go(func() {
		_, pushed = h.post(h.token, query(push, map[string]any{"projectId": id, "isDryRun": false, "config": config("types: ./t\n", map[string]string{"./t": "type A @model { id: ID! @isUnique }"}, nil)}))
	})
	<-deploying
	wg.Go(func() {
		_, deleted = h.post(h.token, query(`mutation { deleteProject(input: {projectId: "`+id+`"}) { deletedId } }`, nil))
	})
	for { // until the project is out of service
		if _, err := h.cp.Registry().FindProject(t.Context(), id); errors.Is(err, tenancy.ErrUnknownProject) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	close(goOn)
	wg.Wait()
	wantError(t, pushed, 4000, "No service with id '"+id+"'")
	if dig(t, deleted, "data.deleteProject.deletedId") != id || h.db.Exists(tenancy.ProjectID(id)) {
		t.Fatal(deleted)
	}
}

// silent is a store that never finds a project.
type silent struct{ store.Store }

func (s silent) Project(ctx context.Context, _ string) (store.Project, error) {
	<-ctx.Done()
	return store.Project{}, ctx.Err()
}

// TestSystemTimeout answers 1000 when a request takes too long (platform §4.1, §10).
func TestSystemTimeout(t *testing.T) {
	h := newHouseWith(t, func(c *controlplane.Config) {
		c.Store, c.Limits.Timeout = silent{c.Store}, 2*time.Second // enough for all else
	}).login()
	status, out := h.post(h.token, query(`{ viewer { project(id: "cx") { id } } }`, nil))
	if status != http.StatusInternalServerError || out["code"] != float64(1000) || out["requestId"] == nil || out["error"] == nil {
		t.Errorf("%d %v", status, out)
	}
	if status, out = h.post("", query(`{ viewer { id } }`, nil)); status != http.StatusOK {
		t.Errorf("%d %v", status, out)
	}
}

// oneDatabase is Config.Databases for an installation with one database.
func oneDatabase(db *database.DB) func(tenancy.Placement) (*database.DB, error) {
	return func(p tenancy.Placement) (*database.DB, error) {
		if p != tenancy.DefaultPlacement {
			return nil, fmt.Errorf("there is no placement %q", p)
		}
		return db, nil
	}
}
