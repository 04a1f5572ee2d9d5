package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"icehouse/cmd/icehouse/internal/cli"
	"icehouse/controlplane/store"
	"icehouse/controlplane/store/postgresstore"
	"icehouse/controlplane/store/sqlitestore"
	"icehouse/deploy/testbed"
	"icehouse/tenancy"
	"icehouse/tenancy/secret"
	"icehouse/tenancy/secret/keyfile"
	"icehouse/tenancy/secret/kmskeys/kmstest"
)

// canary is the beginning of every secret that is planted.
const canary = "canary/of+the/mine"

// leaks says in which form a text has the canary: as it is, or as databases and JSON
// write bytes.
func leaks(text []byte) string {
	forms := map[string]string{"text": canary, "JSON": strings.ReplaceAll(canary, "/", `\/`), "hex": hex.EncodeToString([]byte(canary))}
	for shift := range 3 { // where it may begin in a group of base64
		encoded := base64.StdEncoding.EncodeToString([]byte("..."[:shift] + canary))
		forms[fmt.Sprint("base64 ", shift)] = encoded[4 : len(encoded)-4]
	}
	for form, want := range forms {
		if bytes.Contains(text, []byte(want)) || bytes.Contains(bytes.ToLower(text), []byte(strings.ToLower(want))) && form != "text" && !strings.HasPrefix(form, "base64") {
			return form
		}
	}
	return ""
}

// mine is an installation with planted secrets, and all that it says.
type mine struct {
	node
	dir, home string
	account   string
	env       map[string]string
}

func (m *mine) looks(what string, text []byte) {
	m.t.Helper()
	if form := leaks(text); form != "" {
		at := bytes.Index(text, []byte(canary))
		m.t.Errorf("%s shows a secret as %s: …%s", what, form, text[max(0, at-200):min(len(text), max(0, at)+100)])
	}
}

func (m *mine) say(query string, variables map[string]any) string {
	m.t.Helper()
	answer := m.ask("system", m.account, query, variables)
	m.looks(query, []byte(answer))
	return answer
}

func (m *mine) match(pattern, text string) string {
	m.t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		m.t.Fatalf("no %s in %s", pattern, text)
	}
	return found[1]
}

func (m *mine) command(dir string, want int, args ...string) string {
	m.t.Helper()
	var out bytes.Buffer
	code := cli.Run(context.Background(), cli.Process{
		Program: "icehouse", Args: args, Dir: dir, Home: m.home, Now: time.Now,
		Env:   func(name string) (string, bool) { v, ok := m.env[name]; return v, ok },
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out,
	})
	if code != want {
		m.t.Errorf("%v: exit code %d: %s", args, code, out.String())
	}
	m.looks(strings.Join(args, " "), out.Bytes())
	return out.String()
}

// files looks through all files of a folder.
func (m *mine) files(folder string) {
	m.t.Helper()
	seen := 0
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path) //nolint:gosec // the test's own
		m.looks(path, text)
		seen++
		return err
	})
	if err != nil || seen == 0 {
		m.t.Errorf("%d files in %s: %v", seen, folder, err)
	}
}

const secretService = `types: ./types.graphql
functions:
  code:
    type: operationAfter
    operation: Note.create
    handler:
      code:
        src: ./f.js
        environment:
          KEY: canary/of+the/mine-1  # a key
          LINES: |
            canary/of+the/mine-3
  hook:
    type: operationBefore
    operation: Note.create
    handler:
      webhook:
        url: https://example.org/hook
        headers: {Authorization: "Bearer canary/of+the/mine-4"}
permissions:
- operation: "*"
`

func upload(content string) string {
	text, err := json.Marshal(map[string]any{"modules": []any{map[string]any{"name": "", "content": content, "files": map[string]string{
		"./types.graphql": "type Note @model { id: ID! @isUnique text: String }", "./f.js": "module.exports = e => e"}}}})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// TestSecretsAreKept plants secrets in everything that is deployed, and looks for them
// wherever an installation writes or answers: databases, files, logs, errors, exports.
func TestSecretsAreKept(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		dir := t.TempDir()
		rows := filepath.Join(dir, "rows")
		m := &mine{node: node{t: t}, dir: dir, env: map[string]string{"DATABASE_URL": "sqlite:" + rows}}
		m.keep(func() { m.files(rows) },
			func(keys store.OpenKeys) (store.Store, error) {
				return sqlitestore.Open(t.Context(), filepath.Join(rows, "platform.db"), keys)
			}, filepath.Join(rows, "secret-keys"))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		database := testbed.Database(t)
		dir := t.TempDir()
		keys := filepath.Join(dir, "keys")
		m := &mine{node: node{t: t}, dir: dir, env: map[string]string{"DATABASE_URL": database, "ICEHOUSE_SECRET_KEY_FILE": keys}}
		server, err := startServer(dir, t.TempDir(), m.secrets(), serveAPI, "serve", "--host", "127.0.0.1")
		if err == nil {
			server.stop()
			t.Fatal("it starts without its keys")
		}
		if !strings.Contains(err.Error(), "there is no key file "+keys+": make one with") {
			t.Error(err)
		}
		m.command(dir, 0, "admin", "secrets", "add-key", keys)
		m.keep(func() { m.looks("a dump", dump(t, database)) },
			func(open store.OpenKeys) (store.Store, error) { return postgresstore.Open(t.Context(), database, open) }, keys)
	})
}

func (m *mine) secrets() map[string]string {
	m.env["MASTER_TOKEN"], m.env["JWT_SECRET"] = "a master token for tests", "a signing secret for tests"
	return m.env
}

func (m *mine) start() {
	m.t.Helper()
	server, err := startServer(m.dir, m.t.TempDir(), m.secrets(), serveAPI, "serve", "--host", "127.0.0.1")
	if err != nil {
		m.t.Fatal(err)
	}
	m.running = server
}

func (m *mine) end() {
	m.t.Helper()
	m.stop()
	m.looks("the log", []byte(m.stderr.String()))
}

func (m *mine) keep(rows func(), open func(store.OpenKeys) (store.Store, error), keys string) {
	t := m.t
	m.home = t.TempDir()
	m.start()
	m.account = m.match(`"token":"([^"]+)"`, m.say(`mutation { authenticateCustomer(input: {auth0IdToken: "a master token for tests"}) { token } }`, nil))
	project := m.match(`"id":"([^"]+)"`, m.say(`mutation ($c: String) { addProject(input: {name: "p", config: $c}) { project { id projectDefinitionWithFileContent } } }`, map[string]any{"c": upload(secretService)}))
	const push = `mutation ($p: String!, $c: String!, $d: Boolean!) { push(input: {projectId: $p, config: $c, isDryRun: $d, force: true, version: 1}) {
		errors { type field description } migrationMessages { type action name description subDescriptions { type action name description } } project { projectDefinition projectDefinitionWithFileContent } } }`
	deploy := func(content string, dry bool) string {
		t.Helper()
		return m.say(push, map[string]any{"p": project, "c": content, "d": dry})
	}
	deploy(upload(strings.ReplaceAll(secretService, "mine-", "mine-again-")), true)
	deploy(upload(strings.ReplaceAll(secretService, "mine-", "mine-more-")), false)
	refused := 0
	for _, broken := range []struct{ old, new string }{
		{"          LINES:", "        LINES:"},
		{"          LINES:", "         LINES:"},
		{"          KEY: canary", "          KEY: [canary"},
		{"          KEY: canary", "          KEY: \"canary"},
		{"          KEY: canary", "          KEY: &canary"},
		{"          KEY: canary", "          KEY: *canary"},
		{"          KEY: canary", "          KEY: !canary"},
		{"          KEY: canary", "          KEY canary"},
		{"          KEY: canary", "          KEY: @canary"},
		{"          KEY: canary", "          KEY: %canary"},
		{"          KEY: canary", "          KEY: a: canary"},
		{"          KEY: canary", "          KEY: a\n          KEY: canary"},
		{"        environment:\n          KEY: ", "        environment: "},
		{"headers: {Authorization: ", "headers: [Authorization, "},
		{"headers: {Authorization: ", "headers: {Authorization: 1, X: "},
		{"type: operationAfter", "type: other"},
		{"src: ./f.js", "src: ./none.js"},
		{"operation: Note.create", "operation: None.create"},
		{"url: https", "url: no"},
	} {
		answer := deploy(upload(strings.Replace(secretService, broken.old, broken.new, 1)), false)
		if strings.Contains(answer, `"errors":[{`) {
			refused++
		} else {
			t.Logf("%q is not refused: %.200s", broken.new, answer)
		}
	}
	if refused < 15 {
		t.Errorf("only %d of the broken definitions are refused", refused)
	}
	for _, config := range []string{upload(secretService) + canary, `{"modules": "` + canary + `"}`, `{"` + canary, canary, `{"modules":[{"content":` + canary + `}]}`} {
		deploy(config, false)
	}
	deploy(upload(secretService), false)

	console := m.match(`"id":"([^"]+)"`, m.say(`mutation { addProject(input: {name: "console"}) { project { id } } }`, nil))
	model := m.match(`"id":"([^"]+)","name":"User"`, m.say(`query ($p: ID!) { viewer { project(id: $p) { models { edges { node { id name } } } } } }`, map[string]any{"p": console}))
	const headers = `{"Authorization": "canary/of+the/mine-5"}`
	m.match(`("webhookHeaders":"{\\"Authorization\\":\\"\$\{env:CHECK_AUTHORIZATION\}\\"}")`, m.say(`mutation ($p: ID!, $m: String!, $h: String) { addRequestPipelineMutationFunction(input: {projectId: $p, name: "check", isActive: true, binding: TRANSFORM_ARGUMENT,
		modelId: $m, operation: CREATE, type: WEBHOOK, webhookUrl: "https://example.org", webhookHeaders: $h}) { function { id webhookHeaders } } }`, map[string]any{"p": console, "m": model, "h": headers}))
	m.say(`mutation ($p: ID!, $m: String!, $h: String) { addRequestPipelineMutationFunction(input: {projectId: $p, name: "check", isActive: true, binding: TRANSFORM_ARGUMENT,
		modelId: $m, operation: CREATE, type: WEBHOOK, webhookUrl: "https://example.org", webhookHeaders: $h}) { function { id } } }`, map[string]any{"p": console, "m": model, "h": "[" + headers})
	all := m.say(`{ viewer { user { auditLog(first: 1000) { edges { node { id action target result code } } } projects { edges { node { id name schema typeSchema projectDefinition projectDefinitionWithFileContent
		functions { edges { node { id name type webhookUrl webhookHeaders inlineCode auth0Id } } } } } } } } }`, nil)
	m.match(`(\$\{env:KEY\})`, all)
	m.match(`(\$\{env:HOOK_AUTHORIZATION\})`, all)

	// A call of the function, and what is logged of it.
	m.looks("the data API", []byte(m.ask("simple/v1/"+project, "", `mutation { createNote(text: "x") { id } }`, nil)))
	m.say(`{ viewer { user { projects { edges { node { functions { edges { node { name logs(first: 100) { edges { node { id status message } } } stats { requestCount errorCount } } } } } } } } } }`, nil)

	// The command line, from a folder that has the secrets itself.
	service := t.TempDir()
	for name, text := range map[string]string{"graphcool.yml": secretService, "types.graphql": "type Note @model { id: ID! @isUnique text: String }", "f.js": "module.exports = e => e"} {
		if err := os.WriteFile(filepath.Join(service, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m.command(m.dir, 0, "clusters", "--connect", "--name", "local", "--host", m.api, "--default")
	copied := filepath.Join(t.TempDir(), "copied")
	m.command(t.TempDir(), 0, "init", copied, "--copy", "local/"+project)
	m.files(copied)
	if err := os.WriteFile(filepath.Join(service, ".graphcoolrc"), []byte("targets:\n  default: local/"+project+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"info"}, {"list"}, {"diff"}, {"logs"}, {"get-schema"}, {"root-token"}} {
		m.command(service, 0, args...)
	}
	m.command(service, 0, "export", "--export-path", filepath.Join(copied, "export.zip"))
	m.files(copied)

	// What is not set keeps its value.
	answer := deploy(upload(strings.NewReplacer("canary/of+the/mine-1", "${env:KEY}", "canary/of+the/mine-3", "new").Replace(secretService)), false)
	m.match(`("errors":\[\])`, answer)

	m.end()
	rows()
	m.files(m.dir)

	// It is all there, for whoever has the keys.
	key := func(path string) store.OpenKeys {
		return func(context.Context, bool) (secret.Keyring, error) { return keyfile.Open(path) }
	}
	s, err := open(key(keys))
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Project(t.Context(), project)
	if err != nil {
		t.Fatal(err)
	}
	release, err := s.Release(t.Context(), tenancy.ProjectID(project), p.Release)
	if err != nil || !bytes.Contains(release.Definition, []byte(`"KEY":"canary/of+the/mine-1"`)) || !bytes.Contains(release.Definition, []byte("Bearer canary/of+the/mine-4")) {
		t.Errorf("the secrets are not there: %v: %s", err, release.Definition)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}

	// Nobody starts with other keys, or makes some.
	backup := keys + ".backup"
	if err := os.Rename(keys, backup); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ before, want string }{{"", "copy it from another process of the installation"}, {"add-key", "is sealed with keys that are not in " + keys}} {
		if c.before != "" {
			m.command(m.dir, 0, "admin", "secrets", c.before, keys)
		}
		server, err := startServer(m.dir, t.TempDir(), m.secrets(), serveAPI, "serve", "--host", "127.0.0.1")
		if err == nil {
			server.stop()
			t.Fatal("it starts without its keys")
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}

	// With both keys it serves; sealed anew, it needs the new one only.
	first, err := os.ReadFile(keys) //nolint:gosec // the test's own
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(backup) //nolint:gosec // the test's own
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keys, append(bytes.Clone(first), second...), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := m.command(m.dir, 0, "admin", "secrets", "seal"); !strings.Contains(got, "Sealed ") {
		t.Error(got)
	}
	if err := os.WriteFile(keys, first, 0o600); err != nil {
		t.Fatal(err)
	}
	m.start()
	m.match(`(\$\{env:KEY\})`, m.say(`query ($p: ID!) { viewer { project(id: $p) { projectDefinition } } }`, map[string]any{"p": project}))
	if got := m.ask("simple/v1/"+project, "", `{ allNotes(filter: {text: "y"}) { id } }`, nil); got != `{"data":{"allNotes":[]}}` {
		t.Error(got)
	}
	m.end()
	rows()
}

// TestKeysMoveToKMS lets KMS seal what a file sealed before, until the file can go.
func TestKeysMoveToKMS(t *testing.T) {
	kms := kmstest.Start(t)
	dir := t.TempDir()
	keys := filepath.Join(dir, "rows", "secret-keys")
	m := &mine{node: node{t: t}, dir: dir, home: t.TempDir(), env: map[string]string{"DATABASE_URL": "sqlite:" + filepath.Join(dir, "rows")}}
	m.start()
	m.account = m.match(`"token":"([^"]+)"`, m.say(`mutation { authenticateCustomer(input: {auth0IdToken: "a master token for tests"}) { token } }`, nil))
	add := func(name string) string {
		t.Helper()
		return m.match(`"id":"([^"]+)"`, m.say(`mutation ($n: String!, $c: String) { addProject(input: {name: $n, config: $c}) { project { id } } }`, map[string]any{"n": name, "c": upload(secretService)}))
	}
	var projects []string
	serves := func() {
		t.Helper()
		for _, project := range projects {
			if got := m.ask("simple/v1/"+project, "", `{ allNotes { id } }`, nil); got != `{"data":{"allNotes":[]}}` {
				t.Error(got)
			}
		}
	}
	projects = append(projects, add("file"))
	serves()
	m.end()

	m.env["ICEHOUSE_KMS_KEY"] = kmstest.Key
	server, err := startServer(dir, t.TempDir(), m.secrets(), serveAPI, "serve", "--host", "127.0.0.1")
	if err == nil {
		server.stop()
		t.Fatal("it starts without the file")
	}
	if !strings.Contains(err.Error(), "is sealed with keys that are not in AWS KMS:") {
		t.Error(err)
	}
	m.env["ICEHOUSE_SECRET_KEY_FILE"] = keys
	m.start()
	projects = append(projects, add("KMS"))
	serves()
	m.end()
	m.command(dir, 0, "admin", "secrets", "seal")

	delete(m.env, "ICEHOUSE_SECRET_KEY_FILE")
	if err := os.Remove(keys); err != nil {
		t.Fatal(err)
	}
	asked := kms.Asked.Load()
	m.start()
	serves()
	m.end()
	if n := kms.Asked.Load() - asked; n != 1 {
		t.Errorf("KMS was asked %d times for one data key", n)
	}
	if _, err := os.Stat(keys); err == nil {
		t.Error("a key file was made beside KMS")
	}
	kms.Denied.Store(true)
	server, err = startServer(dir, t.TempDir(), m.secrets(), serveAPI, "serve", "--host", "127.0.0.1")
	if err == nil {
		server.stop()
		t.Fatal("it starts without its key")
	}
	if !strings.Contains(err.Error(), "AccessDenied") {
		t.Error(err)
	}
}

// dump is every row of a PostgreSQL database, as text.
func dump(t *testing.T, dsn string) []byte {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	names, err := db.QueryContext(t.Context(), `SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')`)
	if err != nil {
		t.Fatal(err)
	}
	defer names.Close()
	var tables []string
	for names.Next() {
		var name string
		if err := names.Scan(&name); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, name)
	}
	if err := names.Err(); err != nil || len(tables) < 10 {
		t.Fatal(tables, err)
	}
	var out bytes.Buffer
	for _, name := range tables {
		var rows string
		if err := db.QueryRowContext(t.Context(), "SELECT coalesce(string_agg(x::text, chr(10)), '') FROM "+name+" x").Scan(&rows); err != nil {
			t.Fatal(name, err)
		}
		out.WriteString(name + "\n" + rows + "\n")
	}
	return out.Bytes()
}

// TestLeaks looks for the canary in the forms in which it must be found.
func TestLeaks(t *testing.T) {
	for i := range 3 {
		for _, form := range []string{canary, hex.EncodeToString([]byte(canary)), strings.ToUpper(hex.EncodeToString([]byte(canary))),
			base64.StdEncoding.EncodeToString([]byte("before "[:4+i] + canary + " and after"))} {
			if leaks([]byte("x"+form+"y")) == "" {
				t.Errorf("%s is not found", form)
			}
		}
	}
	if form := leaks([]byte("nothing is here")); form != "" {
		t.Error(form)
	}
}
