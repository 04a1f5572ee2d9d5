package systemapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"icehouse/cmd/icehouse/internal/systemapi"
)

// answering is a client of a server that always says the same.
func answering(t *testing.T, status int, body string) *systemapi.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return &systemapi.Client{Host: server.URL, HTTP: server.Client()}
}

func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		status    int
		body      string
		want      string // of the error; "" for none
		noSession bool
		noService bool
	}{
		"a project":         {200, `{"data":{"viewer":{"project":{"id":"c1","name":"shop","alias":null,"isEjected":true}}}}`, "", false, false},
		"no session":        {200, `{"data":null,"errors":[{"code":2001,"message":"No valid session"}]}`, "No valid session", true, false},
		"no service":        {200, `{"data":null,"errors":[{"code":4000,"message":"No service with id 'c1'"}]}`, "No service with id 'c1'", false, true},
		"internal":          {200, `{"errors":[{"message":"Whoops.","requestId":"local:system:c9"}]}`, "Whoops. (request local:system:c9)", false, false},
		"before execution":  {400, `{"error":"does not parse"}`, "does not parse", false, false},
		"unexpected status": {503, `{}`, "HTTP 503", false, false},
		"another server":    {200, `<html>`, "does not answer like a management API (HTTP 200)", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			project, err := answering(t, c.status, c.body).Project(t.Context(), "c1")
			if c.want == "" {
				if err != nil || project.Name != "shop" || project.Alias != nil || !project.Ejected {
					t.Errorf("got %+v, %v", project, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %s", err, c.want)
			}
			if systemapi.NoSession(err) != c.noSession || systemapi.NoService(err) != c.noService {
				t.Errorf("%v is taken for something else", err)
			}
		})
	}
}

func TestNobodyAnswers(t *testing.T) {
	client := answering(t, 200, "")
	client.Host = "http://127.0.0.1:1"
	var unreachable *systemapi.UnreachableError
	if _, err := client.Projects(t.Context()); !errors.As(err, &unreachable) || unreachable.Host != client.Host {
		t.Errorf("got %v", err)
	}
}

// TestAuthenticateSendsNoToken keeps an old token out of the request that gets
// a new one.
func TestAuthenticateSendsNoToken(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Variables struct{ Token string } }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Variables.Token != "master" || r.Header.Get("Authorization") != "" || r.URL.Path != "/system" {
			t.Errorf("path %s, body %+v, header %q, %v", r.URL.Path, body, r.Header, err)
		}
		_, _ = io.WriteString(w, `{"data":{"authenticateCustomer":{"token":"new","user":{"id":"c1"}}}}`)
	}))
	defer server.Close()
	client := systemapi.Client{Host: server.URL, Token: "old", HTTP: server.Client()}
	if token, err := client.Authenticate(t.Context(), "master"); err != nil || token != "new" {
		t.Errorf("got %q, %v", token, err)
	}
}

// TestLongLogs reads on while the server says that there is more, and not for more than
// was asked for.
func TestLongLogs(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request struct{ Variables map[string]any }
		_ = json.NewDecoder(r.Body).Decode(&request)
		asked = append(asked, fmt.Sprintf("%v%v", request.Variables["count"], request.Variables["after"]))
		next := len(asked)
		_, _ = fmt.Fprintf(w, `{"data":{"node":{"logs":{"pageInfo":{"hasNextPage":%t,"endCursor":"l%d"},"edges":[{"node":{"id":"l%d"}}]}}}}`, next < 3, next, next)
	}))
	defer server.Close()
	client := &systemapi.Client{Host: server.URL, HTTP: server.Client()}
	for count, want := range map[int]string{10: "[10<nil> 9l1 8l2]", 2: "[2<nil> 1l1]"} {
		asked = nil
		all, err := client.Logs(t.Context(), "f", count)
		if err != nil || len(all) != len(asked) || all[len(all)-1].ID != fmt.Sprint("l", len(all)) || fmt.Sprint(asked) != want {
			t.Errorf("%d: %v %v %v", count, all, asked, err)
		}
	}
}
