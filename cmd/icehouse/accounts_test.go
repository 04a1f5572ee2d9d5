package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"icehouse/cmd/icehouse/internal/cli"
	"icehouse/controlplane/mail/mailtest"
	"icehouse/deploy/testbed"
)

// node is one of several servers on one database.
type node struct {
	*running
	t *testing.T
}

func startNode(t *testing.T, database, mailPort string) node {
	t.Helper()
	s, err := startServer(t.TempDir(), t.TempDir(), map[string]string{
		"MASTER_TOKEN": "a master token for tests", "JWT_SECRET": "a signing secret for tests", "DATABASE_URL": database,
		"SMTP_URL": "smtp+plain://127.0.0.1:" + mailPort, "MAIL_FROM": "no-reply@example.org",
	}, serveAPI, "serve", "--host", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return node{s, t}
}

// ask sends a request and returns the answer as text.
func (n node) ask(path, bearer, query string, variables map[string]any) string {
	n.t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		n.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(n.t.Context(), http.MethodPost, n.api+"/"+path, bytes.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+bearer)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		n.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return string(text)
}

// TestMailsByCommand signs up, confirms the address and sets a new password with the
// codes that come by mail.
func TestMailsByCommand(t *testing.T) {
	mails := mailtest.Start(t, false, true)
	dir, home := t.TempDir(), t.TempDir()
	server, err := startServer(dir, t.TempDir(), map[string]string{"SMTP_URL": "smtp+plain://127.0.0.1:" + mails.Port, "MAIL_FROM": "no-reply@example.org"}, systemAPI, "dev")
	if err != nil {
		t.Fatal(err)
	}
	defer server.stop()
	run := func(code int, want, stdin string, args ...string) {
		t.Helper()
		var out bytes.Buffer
		got := cli.Run(t.Context(), cli.Process{
			Program: "icehouse", Args: args, Dir: dir, Home: home, Now: time.Now,
			Env: func(string) (string, bool) { return "", false }, Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &out,
		})
		if got != code || !strings.Contains(out.String(), want) {
			t.Fatalf("%v: exit code %d\n%s", args, got, out.String())
		}
	}
	code := func() string {
		t.Helper()
		text := mails.Next(t).Text
		m := regexp.MustCompile(`(?m)^([A-Za-z0-9_-]{43})$`).FindString(text)
		if m == "" {
			t.Fatalf("no code in %s", text)
		}
		return m
	}
	run(0, "verify CODE --cluster mine", "correct horse\n", "signup", "-c", "mine", "--host", server.api, "--email", "bob@example.org", "--name", "Bob")
	run(1, "error: ", "", "verify", "-c", "mine", "wrong")
	run(0, "Logged in to mine as bob@example.org.", code()+"\n", "verify", "-c", "mine")
	run(0, "bob@example.org", "", "whoami", "-c", "mine")

	run(0, "If bob@example.org has an account", "", "reset-password", "--email", "bob@example.org", "-c", "mine")
	run(0, "Logged in to mine as bob@example.org.", "a better horse\n", "reset-password", "-c", "mine", "--code", code())
	run(1, "error: ", "correct horse\n", "login", "-c", "mine", "--email", "bob@example.org")
	run(0, "Logged in", "a better horse\n", "login", "-c", "mine", "--email", "bob@example.org")
}

// TestAccountsOnTwoNodes signs up through a mail server, and takes a session back on one
// node: a second later it counts on the other no more. Guesses count on both.
func TestAccountsOnTwoNodes(t *testing.T) {
	mails := mailtest.Start(t, false, true)
	database := testbed.Database(t)
	one, two := startNode(t, database, mails.Port), startNode(t, database, mails.Port)
	match := func(pattern, text string) string {
		t.Helper()
		m := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("no %s in %s", pattern, text)
		}
		return m[1]
	}
	const config = `{"modules":[{"name":"","content":"types: ./types.graphql\n","files":{"./types.graphql":"type Secret @model { id: ID! @isUnique text: String }"}}]}`

	match(`"token":(null)`, one.ask("system", "", `mutation { signup(input: {email: "bob@example.org", password: "correct horse", name: "Bob"}) { token user { id } } }`, nil))
	code := match(`(?m)^([A-Za-z0-9_-]{43})$`, mails.Next(t).Text)
	session := match(`"token":"([^"]+)"`, two.ask("system", "", `mutation ($t: String!) { verifyEmail(input: {token: $t}) { token } }`, map[string]any{"t": code}))
	project := match(`"id":"([^"]+)"`, one.ask("system", session, `mutation ($c: String) { addProject(input: {name: "p", config: $c}) { project { id } } }`, map[string]any{"c": config}))
	may := func(n node) bool {
		answer := n.ask("simple/v1/"+project, session, `mutation { createSecret(text: "x") { text } }`, nil)
		done := strings.Contains(answer, `{"data":{"createSecret":{"text":"x"}}}`)
		if !done && !strings.Contains(answer, `"code":3008`) {
			t.Fatal(answer)
		}
		return done
	}
	if !may(one) || !may(two) {
		t.Fatal("the owner may not write")
	}
	match(`("signout":\{)`, one.ask("system", session, `mutation { signout(input: {}) { user { id } } }`, nil))
	match(`(No valid session)`, two.ask("system", session, `{ viewer { user { id } } }`, nil))
	time.Sleep(time.Second)
	if may(one) || may(two) {
		t.Error("a session that was taken back counts a second later")
	}

	for i := range 10 {
		n := []node{one, two}[i%2]
		match(`"code":(2013)`, n.ask("system", "", `mutation { signin(input: {email: "bob@example.org", password: "guess"}) { token } }`, nil))
	}
	for _, n := range []node{one, two} {
		match(`(Too many attempts)`, n.ask("system", "", `mutation { signin(input: {email: "bob@example.org", password: "correct horse"}) { token } }`, nil))
	}
}
