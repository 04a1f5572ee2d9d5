package controlplane_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"icehouse/controlplane"
	"icehouse/dataplane/connector/function"
	"icehouse/dataplane/connector/function/nodefunc"
	"icehouse/tenancy"
)

// call sends a call of the functions port.
func (h *house) call(token, method, path string, body any) (status int, out map[string]any, text string) {
	h.t.Helper()
	raw, isText := body.(string)
	if !isText {
		encoded, err := json.Marshal(body)
		if err != nil {
			h.t.Fatal(err)
		}
		raw = string(encoded)
	}
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.server.URL+path, strings.NewReader(raw))
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
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	_ = json.Unmarshal(answer, &out)
	return res.StatusCode, out, string(answer)
}

// zipped is a bundle of files with texts.
func zipped(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, text := range files {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// uploaded is the URL of a bundle that was uploaded for a project.
func (h *house) uploaded(project string, files map[string]string) string {
	h.t.Helper()
	url := dig(h.t, h.ask(`mutation { getTemporaryDeployUrl(input: {projectId: "`+project+`"}) { url } }`, nil), "data.getTemporaryDeployUrl.url").(string)
	if status, out := h.upload(http.MethodPut, url, zipped(h.t, files)); status != http.StatusOK {
		h.t.Fatal(status, out)
	}
	return url
}

// port is a house whose functions run, with a project.
type port struct {
	*house
	id string
}

func newPort(t *testing.T) *port {
	t.Helper()
	driver, err := nodefunc.Open(nodefunc.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	functions := function.Open(driver, nil)
	t.Cleanup(func() { _ = functions.Close() })
	h := newHouseWith(t, func(c *controlplane.Config) { c.Functions = functions }).login()
	return &port{h, h.add("a", "first")}
}

func (p *port) deploy(name, url, handler string) (int, string) {
	status, _, text := p.call(p.token, http.MethodPost, "/functions/deploy/"+p.id, map[string]any{"zipUrl": url, "handlerPath": handler, "functionName": name})
	return status, strings.TrimSpace(text)
}

func (p *port) invoke(name, input string) (int, string) {
	status, _, text := p.call(p.token, http.MethodPost, "/functions/invoke/"+p.id, map[string]any{"functionName": name, "input": input})
	return status, strings.TrimSpace(text)
}

// invokes wants an answer.
func (p *port) invokes(name, want string) {
	p.t.Helper()
	if status, text := p.invoke(name, `{"data":{"name":"Ada"}}`); status != http.StatusOK || text != want {
		p.t.Errorf("%s: %d %s, want %s", name, status, text, want)
	}
}

// TestFunctionPort deploys and invokes functions one at a time (platform §2.13).
func TestFunctionPort(t *testing.T) {
	p := newPort(t)
	url := p.uploaded(p.id, map[string]string{
		"src/greet.js":       `module.exports = event => { console.log('out'); console.error('err'); return { data: { text: 'Hello ' + event.data.name + process.env.MARK } } }`,
		"src/greet.env.json": `{"MARK": "!"}`, "src/greet-dev.js": ``,
		"src/fail.js": `module.exports = () => { console.log('before'); throw new Error('no way') }`,
		"src/none.js": `module.exports = () => {}`, "src/five.js": `module.exports = () => 5`,
	})
	if status, text := p.invoke("greet", "{}"); status != http.StatusBadRequest || !strings.Contains(text, "no handler") {
		t.Error("unknown:", status, text)
	}
	for name, handler := range map[string]string{"greet": `src\greet-dev.js`, "fail": "src/fail-dev.js", "none": "src/none.js", "five": "src/five-dev.js"} {
		if status, text := p.deploy(name, url, handler); status != http.StatusOK || text != `{"success":true}` {
			t.Fatal(name, status, text)
		}
	}
	const greeted = `{"success":true,"value":{"data":{"text":"Hello Ada!"}},"stdout":"out","stderr":"err"}`
	p.invokes("greet", greeted)
	p.invokes("none", `{"success":true,"stdout":"","stderr":""}`)
	p.invokes("five", `{"success":true,"value":5,"stdout":"","stderr":""}`)
	if status, text := p.invoke("fail", "{}"); status != http.StatusOK || !strings.HasPrefix(text, `{"success":false,"error":"{\"name\":\"Error\",\"message\":\"no way\",`) || !strings.Contains(text, `"stdout":"before"`) {
		t.Error("failing:", status, text)
	}
	if status, _, text := p.call(p.token, http.MethodDelete, "/functions/"+p.id+"/greet", ""); status != http.StatusOK || strings.HasPrefix(text, "{") {
		t.Error("delete:", status, text)
	}
	p.invokes("greet", greeted)

	if usage, err := p.store.Usage(t.Context(), tenancy.ProjectID(p.id), time.Time{}); err != nil || len(usage) != 5 || usage[0].Functions != 1 {
		t.Error("calls are not counted:", usage, err)
	}
	p.good("", `mutation ($i: String!, $s: String!) { trustedUpdateProject(input: {id: $i, secret: $s, invocationLimitExceeded: true}) { project { id } } }`, map[string]any{"i": p.id, "s": master})
	if status, text := p.invoke("greet", "{}"); status != http.StatusTooManyRequests || !strings.Contains(text, "plan") {
		t.Error("over the plan:", status, text)
	}
}

// TestFunctionPortRefuses: who may not, and what can't be.
func TestFunctionPortRefuses(t *testing.T) {
	p := newPort(t)
	url := p.uploaded(p.id, map[string]string{"a.js": `module.exports = () => ({})`})
	theirs := p.uploaded(p.add("b", ""), map[string]string{"a.js": `module.exports = () => ({})`})
	for _, c := range []struct{ name, url, handler, want string }{
		{"a", theirs, "a-dev.js", "zipUrl"},
		{"a", strings.Replace(url, "/functions/files/", "/x/functions/files/", 1), "a-dev.js", "zipUrl"},
		{"a", p.server.URL + "/functions/files/" + p.id + "/" + tenancy.NewID(), "a-dev.js", "zipUrl"},
		{"a", "", "a-dev.js", "zipUrl"},
		{"a", url, "b-dev.js", "b.js"},
		{"a", url, "../../../etc/passwd", "passwd"},
		{"a", url, "", "handlerPath"},
		{"", url, "a-dev.js", "functionName"},
		{"../a", url, "a-dev.js", "functionName"},
		{strings.Repeat("a", 65), url, "a-dev.js", "functionName"},
	} {
		if status, text := p.deploy(c.name, c.url, c.handler); status != http.StatusBadRequest || !strings.HasPrefix(text, `{"error":"`) || !strings.HasSuffix(text, `"success":false}`) || !strings.Contains(text, c.want) {
			t.Errorf("%+v: %d %s", c, status, text)
		}
	}
	if status, text := p.deploy("a", url, "a-dev.js"); status != http.StatusOK {
		t.Fatal(status, text)
	}
	if status, text := p.invoke("a", "no JSON"); status != http.StatusBadRequest || !strings.Contains(text, "input") {
		t.Error(status, text)
	}
	for body, want := range map[string]int{"{": 400, "[]": 400, `{"functionName":1}`: 400, strings.Repeat(" ", 13<<20): 413} {
		if status, out, _ := p.call(p.token, http.MethodPost, "/functions/invoke/"+p.id, body); status != want || out["success"] != false {
			t.Errorf("%.20q: %d %v", body, status, out)
		}
	}
	stranger, _ := p.account("eve@example.org")
	reader := dig(t, p.ask(`mutation { createPlatformToken(input: {name: "r", scopes: ["read"]}) { token } }`, nil), "data.createPlatformToken.token").(string)
	root := dig(t, p.ask(`mutation ($p: ID!) { addPermanentAuthToken(input: {projectId: $p, name: "t"}) { permanentAuthToken { token } } }`, map[string]any{"p": p.id}), "data.addPermanentAuthToken.permanentAuthToken.token").(string)
	body := map[string]any{"zipUrl": url, "handlerPath": "a-dev.js", "functionName": "a", "input": "{}"}
	for name, c := range map[string]struct {
		token, project string
		want           int
	}{
		"nobody": {"", p.id, 401}, "nonsense": {"x", p.id, 401}, "a root token": {root, p.id, 401}, "a token that reads": {reader, p.id, 403},
		"a stranger": {stranger, p.id, 404}, "no project": {p.token, tenancy.NewID(), 404},
	} {
		for path, method := range map[string]string{"/functions/deploy/" + c.project: "POST", "/functions/invoke/" + c.project: "POST", "/functions/" + c.project + "/a": "DELETE"} {
			if status, out, _ := p.call(c.token, method, path, body); status != c.want || out["success"] != false || out["error"] == "" {
				t.Errorf("%s at %s: %d %v", name, path, status, out)
			}
		}
	}
}

// TestFunctionPortAndPush: the next push of a name counts, and leaves others alone.
func TestFunctionPortAndPush(t *testing.T) {
	p := newPort(t)
	says := func(word string) string {
		return p.uploaded(p.id, map[string]string{"f.js": `module.exports = () => ({ data: { x: '` + word + process + `' } })`})
	}
	push := func(url, mark string) {
		yml := "types: ./t.graphql\nfunctions:\n  f: {type: resolver, schema: ./f.graphql, handler: {code: {src: ./f.js, environment: {MARK: '" + mark + "'}}}}\n"
		out := p.ask(push, map[string]any{"projectId": p.id, "isDryRun": false, "config": config(yml,
			map[string]string{"./t.graphql": "", "./f.graphql": "type P { x: String } extend type Query { f: P }"},
			map[string]any{"./f.js": map[string]any{"url": url, "lambdaHandler": "f-lambda.handle", "devHandler": "f-dev.js"}})})
		if errs := dig(t, out, "data.push.errors").([]any); len(errs) > 0 {
			t.Fatal(errs)
		}
	}
	answers := func(name, word string) {
		t.Helper()
		p.invokes(name, `{"success":true,"value":{"data":{"x":"`+word+`"}},"stdout":"","stderr":""}`)
	}
	first := says("first")
	for _, name := range []string{"f", "g"} {
		if status, text := p.deploy(name, first, "f-dev.js"); status != http.StatusOK {
			t.Fatal(status, text)
		}
	}
	answers("f", "firstundefined")
	pushed := says("pushed")
	push(pushed, "1")
	answers("f", "pushed1")
	push(pushed, "2")
	answers("f", "pushed2")
	answers("g", "firstundefined") // whose version the push took away
	if status, text := p.deploy("f", says("second"), "f-dev.js"); status != http.StatusOK {
		t.Fatal(status, text)
	}
	answers("f", "secondundefined")
	push(pushed, "3")
	answers("f", "pushed3")
}

// process ends a text with a variable of the environment.
const process = "' + process.env.MARK + '"
