package transport

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sort"
	"strings"
	"testing"
	"time"

	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/internal/operation"
	"icehouse/dataplane/internal/response"
	"icehouse/tenancy"
	"icehouse/tenancy/directory"
	"icehouse/tenancy/quota"
)

// echo answers with what it was asked.
type echo struct{}

func (echo) Project(_ context.Context, idOrAlias string) (directory.Entry, error) {
	switch idOrAlias {
	case "p":
		return directory.Entry{Project: "cp"}, nil
	case "spent":
		return directory.Entry{Project: "cs", Exceeded: directory.Exceeded{Requests: true}}, nil
	case "hasty":
		return directory.Entry{Project: "ch", Exceeded: directory.Exceeded{Database: true}}, nil
	}
	return directory.Entry{}, tenancy.ErrUnknownProject
}

var shares = quota.New(quota.Limits{}, time.Now)

func (echo) Admit(e directory.Entry, requests int) (*quota.Share, *Refusal) {
	switch {
	case e.Exceeded.Requests:
		return nil, &Refusal{Fault: fault.New(fault.QueriesLocked, "too much")}
	case e.Exceeded.Database:
		return nil, &Refusal{Fault: fault.New(fault.TooManyRequests, "too fast: %d", requests), After: 1001 * time.Millisecond}
	}
	share, _ := shares.Enter(e.Project, requests)
	return share, nil
}

func (echo) Bulk(_ context.Context, c Caller, a BulkAction, body func() ([]byte, error)) (Answer, error) {
	if c.Token == "" {
		return Answer{Body: []byte(`{"refused":true}`)}, nil
	}
	text, err := body()
	if string(text) == "{" {
		err = fault.ErrNotJSON
	}
	return Answer{Body: fmt.Appendf(nil, `{"action":%q,"api":%q,"body":%q}`, a, c.API, text)}, err
}

func (echo) Execute(_ context.Context, c Caller, r operation.Request) Answer {
	var keys []string
	for k, v := range r.Variables.All() {
		keys = append(keys, fmt.Sprintf("%s=%v", k, v))
	}
	sort.Strings(keys)
	if r.Query == "panic" {
		panic("on purpose")
	}
	if strings.HasPrefix(r.Query, "query IntrospectionQuery") {
		return Answer{Body: []byte(`{"data":"schema"}`)}
	}
	if c.API == Relay {
		return Answer{Body: []byte("relay")}
	}
	return Answer{Body: fmt.Appendf(nil, `{"q":%q,"op":%q,"vars":"%s","token":%q}`, r.Query, r.OperationName, strings.Join(keys, " "), c.Token)}
}

func TestRequestsAndAnswers(t *testing.T) {
	const nothing = `{"q":"","op":"","vars":"","token":""}`
	broken := response.Message(fault.Internal(nil), "<id>")
	cases := []struct {
		name, method, path, contentType, body string
		token                                 string
		status                                int
		want                                  string
	}{
		{"object", "POST", "p", "application/json", `{"query":"{a}","variables":{"x":1},"operationName":"o"}`, "", 200, `{"q":"{a}","op":"o","vars":"x=1","token":""}`},
		{"charset and trailing slash", "POST", "p/", "application/json; charset=utf-8", ` {"query":"{a}"} `, "", 200, `{"q":"{a}","op":"","vars":"","token":""}`},
		{"any other sub-path", "POST", "p/x/y", "application/json", `{"query":"{a}"}`, "", 200, `{"q":"{a}","op":"","vars":"","token":""}`},
		{"variables as text", "POST", "p", "application/json", `{"query":"","variables":" {\"x\": 1.0} "}`, "", 200, `{"q":"","op":"","vars":"x=1.0","token":""}`},
		{"variables as blank text", "POST", "p", "application/json", `{"query":"","variables":"  "}`, "", 200, nothing},
		{"variables as text of no object", "POST", "p", "application/json", `{"query":"","variables":"[1]"}`, "", 200, nothing},
		{"variables as array", "POST", "p", "application/json", `{"query":"","variables":[1]}`, "", 200, nothing},
		{"variables null", "POST", "p", "application/json", `{"query":"","variables":null,"operationName":null}`, "", 200, nothing},
		{"variables as broken text", "POST", "p", "application/json", `{"query":"","variables":"{x"}`, "", 200, `{"code":3024,"requestId":"<id>","error":"Variables could not be parsed as json: {x"}`},
		{"no query, unknown keys", "POST", "p", "application/json", `{"extensions":{},"debugName":1}`, "", 200, nothing},
		{"batch", "POST", "p", "application/json", `[{"query":"a"},{"query":"b","variables":"{"},{"query":"c"}]`, "", 200,
			`[{"q":"a","op":"","vars":"","token":""},{"code":3024,"requestId":"<id>","error":"Variables could not be parsed as json: {"},{"q":"c","op":"","vars":"","token":""}]`},
		{"what panics", "POST", "p", "application/json", `{"query":"panic"}`, "", 500, `{"requestId":"<id>","error":"` + broken + `"}`},
		{"batch with one that panics", "POST", "p", "application/json", `[{"query":"a"},{"query":"panic"}]`, "", 200, `[{"q":"a","op":"","vars":"","token":""},{"requestId":"<id>","error":"` + broken + `"}]`},
		{"empty batch", "POST", "p", "application/json", `[]`, "", 200, `[]`},
		{"batch with one that is none", "POST", "p", "application/json", `[{"query":"a"},7]`, "", 200, `{"code":1001,"requestId":"<id>","error":"input could not be parsed: '[{\"query\":\"a\"},7]'"}`},
		{"neither object nor array", "POST", "p", "application/json", `"x"`, "", 200, `{"code":1001,"requestId":"<id>","error":"input could not be parsed: '\"x\"'"}`},
		{"query is no text", "POST", "p", "application/json", `{"query":7}`, "", 200, `{"code":1001,"requestId":"<id>","error":"input could not be parsed: '{\"query\":7}'"}`},
		{"names twice", "POST", "p", "application/json", `{"query":"a","query":"b","variables":{"x":1,"x":2}}`, "", 200, `{"q":"b","op":"","vars":"x=2","token":""}`},
		{"names twice, wrong and null", "POST", "p", "application/json", `{"query":1,"query":"b","operationName":"o","operationName":null}`, "", 200, `{"q":"b","op":"","vars":"","token":""}`},
		{"half a surrogate pair", "POST", "p", "application/json", `{"query":"{a}","variables":{"x":"\ud83d!"}}`, "", 200, `{"q":"{a}","op":"","vars":"x=�!","token":""}`},
		{"not UTF-8", "POST", "p", "application/json", "{\"query\":\"\xff\"}", "", 400, "The request body is not valid JSON.\n"},
		{"no JSON", "POST", "p", "application/json", `{"query":`, "", 400, "The request body is not valid JSON.\n"},
		{"empty body", "POST", "p", "application/json", ``, "", 400, "The request body is not valid JSON.\n"},
		{"wrong type", "POST", "p", "text/plain", `{}`, "", 415, "The request's Content-Type must be application/json.\n"},
		{"no type", "POST", "p", "", `{}`, "", 415, "The request's Content-Type must be application/json.\n"},
		{"unknown project", "POST", "nope", "application/json", `{}`, "", 200, `{"code":3016,"requestId":"<id>","error":"Project not found: 'nope'"}`},
		{"token", "POST", "p", "application/json", `{}`, "Bearer abc", 200, `{"q":"","op":"","vars":"","token":"abc"}`},
		{"token of another scheme", "POST", "p", "application/json", `{}`, "bearer abc", 200, nothing},
		{"too large", "POST", "p", "application/json", `{"query":"` + strings.Repeat("x", 2000) + `"}`, "", 413, `{"code":1001,"requestId":"<id>","error":"The request body has more than 1000 bytes, which is the most allowed."}`},
		{"import", "POST", "p/import", "application/json", ` {"values":[]}`, "Bearer abc", 200, `{"action":"import","api":"simple","body":" {\"values\":[]}"}`},
		{"import may be larger", "POST", "p/import", "application/json", strings.Repeat("x", 1100), "Bearer abc", 200, `{"action":"import","api":"simple","body":"` + strings.Repeat("x", 1100) + `"}`},
		{"too large an import", "POST", "p/import", "application/json", strings.Repeat("x", 1201), "Bearer abc", 413, `{"code":1001,"requestId":"<id>","error":"The request body has more than 1200 bytes, which is the most allowed."}`},
		{"import of a stranger", "POST", "p/import", "application/json", strings.Repeat("x", 1201), "", 200, `{"refused":true}`},
		{"import of no JSON", "POST", "p/import", "application/json", `{`, "Bearer abc", 400, "The request body is not valid JSON.\n"},
		{"import of a wrong type", "POST", "p/import", "text/plain", `{}`, "Bearer abc", 415, "The request's Content-Type must be application/json.\n"},
		{"import into no project", "POST", "nope/import", "application/json", `{}`, "Bearer abc", 200, `{"code":3016,"requestId":"<id>","error":"Project not found: 'nope'"}`},
		{"export", "POST", "p/export", "application/json", `{}`, "Bearer abc", 200, `{"action":"export","api":"simple","body":"{}"}`},
		{"too large an export", "POST", "p/export", "application/json", strings.Repeat("x", 1001), "Bearer abc", 413, `{"code":1001,"requestId":"<id>","error":"The request body has more than 1000 bytes, which is the most allowed."}`},
		{"refused", "POST", "spent", "application/json", `{"query":"{a}"}`, "", 200, `{"code":1002,"requestId":"<id>","error":"too much"}`},
		{"too fast", "POST", "hasty", "application/json", `{"query":"{a}"}`, "", 429, `{"code":1004,"requestId":"<id>","error":"too fast: 1"}`},
		{"too fast a batch", "POST", "hasty", "application/json", `[{"query":"{a}"},{},{}]`, "", 429, `{"code":1004,"requestId":"<id>","error":"too fast: 3"}`},
		{"too fast an export", "POST", "hasty/export", "application/json", `{}`, "Bearer abc", 429, `{"code":1004,"requestId":"<id>","error":"too fast: 1"}`},
		{"too fast a schema.json", "GET", "hasty/schema.json", "", "", "", 429, `{"code":1004,"requestId":"<id>","error":"too fast: 1"}`},
		{"schema.json", "GET", "p/schema.json", "", "", "", 200, `{"data":"schema"}`},
		{"schema.json of no project", "GET", "nope/schema.json", "", "", "", 200, `{"code":3016,"requestId":"<id>","error":"Project not found: 'nope'"}`},
	}
	h := Handler(echo{}, Options{BodyBytes: 1000, ImportBytes: 1200, Timeout: time.Second, Region: "r1", BatchSize: 2}, slog.New(slog.DiscardHandler))
	ids := regexp.MustCompile(`r1:simple:c[a-z0-9]{24}`)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), c.method, "/simple/v1/"+c.path, strings.NewReader(c.body))
			if c.contentType != "" {
				r.Header.Set("Content-Type", c.contentType)
			}
			if c.token != "" {
				r.Header.Set("Authorization", c.token)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if got := ids.ReplaceAllString(w.Body.String(), "<id>"); w.Code != c.status || got != c.want {
				t.Errorf("got  %d %s\nwant %d %s", w.Code, got, c.status, c.want)
			}
			if after := w.Header().Get("Retry-After"); (after == "2") != (c.status == http.StatusTooManyRequests) {
				t.Errorf("Retry-After is %q", after)
			}
			if !ids.MatchString(w.Header().Get("Request-Id")) {
				t.Errorf("Request-Id is %q", w.Header().Get("Request-Id"))
			}
		})
	}
}

func TestRelayIsServedBesideSimple(t *testing.T) {
	h := Handler(echo{}, Options{BodyBytes: 1000, Timeout: time.Second, Region: "r1", BatchSize: 2}, slog.New(slog.DiscardHandler))
	ids := regexp.MustCompile(`^r1:relay:c[a-z0-9]{24}$`)
	for _, c := range []struct{ method, path, body, want string }{
		{"POST", "/relay/v1/p", `{"query":"{a}"}`, "relay"},
		{"POST", "/relay/v1/p/any", `[{"query":"{a}"},{"query":"{b}"}]`, "[relay,relay]"},
		{"POST", "/relay/v1/nope", `{"query":"{a}"}`, "Project not found"},
		{"GET", "/relay/v1/p/schema.json", "", `{"data":"schema"}`},
		{"GET", "/relay/v1/p", "", "curl http://example.com/relay/v1/p"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), c.method, c.path, strings.NewReader(c.body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
		}
		if id := w.Header().Get("Request-Id"); !ids.MatchString(id) {
			t.Errorf("%s %s: Request-Id is %q", c.method, c.path, id)
		}
	}
}

func TestPageSaysHowToQuery(t *testing.T) {
	h := Handler(echo{}, Options{BodyBytes: 1000, Timeout: time.Second, Region: "r1"}, slog.New(slog.DiscardHandler))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://host:1/simple/v1/p/<script>", nil))
	body := w.Body.String()
	if w.Code != 200 || !strings.Contains(body, "curl http://host:1/simple/v1/p/") || strings.Contains(body, "<script>") {
		t.Errorf("%d %s", w.Code, body)
	}
}

func TestEveryOriginIsLetIn(t *testing.T) {
	h := Handler(echo{}, Options{BodyBytes: 1000, Timeout: time.Second, Region: "r1"}, slog.New(slog.DiscardHandler))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodOptions, "/simple/v1/p", nil)
	r.Header.Set("Origin", "https://app.example")
	r.Header.Set("Access-Control-Request-Method", "POST")
	r.Header.Set("Access-Control-Request-Headers", "authorization,x-any")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	want := map[string]string{
		"Access-Control-Allow-Origin": "https://app.example", "Access-Control-Allow-Credentials": "true",
		"Access-Control-Allow-Headers": "authorization,x-any", "Access-Control-Max-Age": "1800",
		"Access-Control-Allow-Methods": "GET, POST, HEAD, OPTIONS", "Access-Control-Expose-Headers": "Request-Id, Retry-After",
	}
	for k, v := range want {
		if got := w.Header().Get(k); got != v {
			t.Errorf("%s is %q, want %q", k, got, v)
		}
	}
	if w.Code != 200 {
		t.Errorf("status %d", w.Code)
	}
}
