package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"icehouse/cmd/icehouse/internal/cli"
)

// doorman is a management API with one account.
func doorman(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Query     string
		Variables map[string]any
	}
	_ = json.NewDecoder(r.Body).Decode(&request)
	user := `{"id":"c1","name":"Ada","email":"ada@example.org"}`
	answer := `{"data":null,"errors":[{"code":2001,"message":"No valid session"}]}`
	switch {
	case strings.Contains(request.Query, "signup("):
		answer = `{"data":{"signup":{"token":"fresh","user":` + user + `}}}`
		if request.Variables["email"] != "ada@example.org" || request.Variables["password"] != "secret" || request.Variables["name"] != "Ada" {
			answer = `{"data":null,"errors":[{"code":2017,"message":"taken"}]}`
		}
		if request.Variables["name"] == "Unconfirmed" {
			answer = `{"data":{"signup":{"token":null,"user":` + user + `}}}`
		}
	case strings.Contains(request.Query, "signin("):
		answer = `{"data":{"signin":{"token":"again","user":` + user + `}}}`
		if request.Variables["email"] != "ada@example.org" || request.Variables["password"] != "secret" {
			answer = `{"data":null,"errors":[{"code":2005,"message":"wrong e-mail address or password"}]}`
		}
	case strings.Contains(request.Query, "signout(") && r.Header.Get("Authorization") == "Bearer given":
		answer = `{"data":{"signout":{"clientMutationId":"static"}}}`
	case r.Header.Get("Authorization") == "Bearer given":
		answer = `{"data":{"viewer":{"user":` + user + `}}}`
	}
	_, _ = w.Write([]byte(answer))
}

func TestLoginAndSignup(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(doorman))
	defer server.Close()
	inside := "graphcool-framework:\n  clusters:\n    mine: {host: '" + server.URL + "', clusterSecret: given}\n"
	known := "graphcool-framework:\n  clusters:\n    mine:\n      host: " + server.URL + "\n"
	for name, c := range map[string]struct {
		home, folder string // .graphcoolrc
		stdin        string
		secret       func() (string, error)
		args         []string
		code         int
		says, saved  string
	}{
		"sign up at a new cluster": {"", "", "Ada\nsecret\n", nil, []string{"signup", "-c", "new", "--host", server.URL + "/", "--email", "ada@example.org"}, 0,
			"Logged in to new as ada@example.org.", "    new:\n      host: " + server.URL + "\n      faasHost: " + server.URL + "\n      clusterSecret: fresh\n    default: new\n"},
		"an address that is taken": {known, "", "eve@example.org\nEve\nsecret\n", nil, []string{"signup", "-c", "mine"}, 1, "taken", known},
		"an address to confirm": {known, "", "secret\n", nil, []string{"signup", "--email", "ada@example.org", "--name", "Unconfirmed"}, 0,
			"Follow the letter to ada@example.org; with its code: icehouse verify CODE --cluster mine", known},
		"log in":                      {known, "", "ada@example.org\nsecret\n", nil, []string{"login"}, 0, `Logged in to mine as ada@example.org.`, "clusterSecret: again\n"},
		"log in at a terminal":        {known, "", "ada@example.org\n", func() (string, error) { return "secret", nil }, []string{"login", "--json"}, 0, `"cluster": "mine"`, "clusterSecret: again\n"},
		"a wrong password":            {known, "", "", func() (string, error) { return "wrong", nil }, []string{"login", "--email", "ada@example.org"}, 1, "wrong e-mail address or password", known},
		"a token":                     {known, "", "", nil, []string{"auth", "-T", "given"}, 0, "Logged in to mine", "clusterSecret: given\n"},
		"log out":                     {inside, "", "", nil, []string{"logout"}, 0, "Logged out of mine", `clusterSecret: ""`},
		"out of a session that ended": {strings.ReplaceAll(inside, "given", "old"), "", "", nil, []string{"logout", "-c", "mine"}, 0, "Logged out of mine", `clusterSecret: ""`},
		"out of where one is not":     {known, "", "", nil, []string{"logout"}, 1, "not logged in to mine", known},
		"a wrong token":               {known, "", "", nil, []string{"login", "--token", "stolen"}, 1, "does not accept this token", known},
		"a new one without a name":    {"", "", "", nil, []string{"login", "--host", server.URL}, 1, "--host needs --cluster", ""},
		"no address":                  {"", "", "", nil, []string{"login", "-c", "x", "--host", "ftp://x"}, 1, "http or https", ""},
		"no answer":                   {known, "", "", nil, []string{"login"}, 1, "nobody answers", known},
		"a host that a folder names": {"", "clusters:\n  mine:\n    host: " + server.URL + "\n", "", nil, []string{"login", "-c", "mine"}, 1,
			"confirm " + server.URL + " with --host", ""},
	} {
		t.Run(name, func(t *testing.T) {
			home, dir := t.TempDir(), t.TempDir()
			for path, text := range map[string]string{filepath.Join(home, ".graphcoolrc"): c.home, filepath.Join(dir, ".graphcoolrc"): c.folder, filepath.Join(dir, "graphcool.yml"): "types: x"} {
				if text == "" {
					continue
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var out bytes.Buffer
			code := cli.Run(context.Background(), cli.Process{
				Program: "icehouse", Args: c.args, Dir: dir, Home: home, Now: time.Now, Secret: c.secret,
				Env: func(string) (string, bool) { return "", false }, Stdin: strings.NewReader(c.stdin), Stdout: &out, Stderr: &out,
			})
			saved, _ := os.ReadFile(filepath.Join(home, ".graphcoolrc"))
			if code != c.code || !strings.Contains(out.String(), c.says) || !strings.Contains(string(saved), c.saved) {
				t.Errorf("exit code %d\n%s\n%s", code, out.String(), saved)
			}
			if strings.Contains(out.String(), "secret") {
				t.Error("the password is shown")
			}
		})
	}
}
