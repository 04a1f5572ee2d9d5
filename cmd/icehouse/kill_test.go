package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"icehouse/deploy/testbed"
)

var processKills = flag.Int("process-kills", 20, "how many processes TestKilledControlPlane kills")

// TestKilledControlPlane kills the process of the control plane while it deploys,
// again and again. A data node goes on serving every project, and when the control
// plane is back every project takes the next deploy.
func TestKilledControlPlane(t *testing.T) {
	dir, home := t.TempDir(), t.TempDir()
	env := map[string]string{"MASTER_TOKEN": "a master token for tests", "JWT_SECRET": "a signing secret for tests", "DATABASE_URL": testbed.Database(t)}
	node, err := startServer(dir, home, env, serveAPI, "serve", "--host", "127.0.0.1", "--role", "data")
	if err != nil {
		t.Fatal(err)
	}
	defer node.stop()
	tr := &traffic{t: t}
	control := startControl(t, dir, env)
	defer func() { control.kill() }()
	login := tr.must(control.system, `mutation { authenticateCustomer(input: {auth0IdToken: "a master token for tests"}) { token } }`, nil)
	tr.token = login["authenticateCustomer"].(map[string]any)["token"].(string)

	projects := make([]string, 5)
	forms := make([]int, len(projects))
	for i := range projects {
		made := tr.must(control.system, `mutation ($c: String, $n: String!) { addProject(input: {name: $n, config: $c}) { project { id } } }`,
			map[string]any{"c": movingConfig(itemForms[0]), "n": "moving" + string(rune('a'+i))})
		projects[i] = made["addProject"].(map[string]any)["project"].(map[string]any)["id"].(string)
		for range 50 {
			tr.must(node.api+"/simple/v1/"+projects[i], `mutation { createSteady(text: "x", items: [{n: 1}, {}]) { id } }`, nil)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(node.stderr)
		}
	})
	const all = `{ allSteadies { text items { id } } }`
	serves := func(i int) {
		t.Helper()
		data := tr.must(node.api+"/simple/v1/"+projects[i], all, nil)
		if list := data["allSteadies"].([]any); len(list) != 50 || len(list[7].(map[string]any)["items"].([]any)) != 2 {
			t.Fatalf("project %d serves something else: %d", i, len(list))
		}
	}
	// A kill between the switch of a project's tables and the release that is published
	// right after leaves the old release without its tables, until the dead one's lease is
	// over and a control plane finishes what it began (ADR 0017).
	between := 0
	finished := func(i int) {
		t.Helper()
		refused := func() bool {
			response, err := http.Post(node.api+"/simple/v1/"+projects[i], "application/json", strings.NewReader(`{"query":"`+all+`"}`)) //nolint:noctx // the node limits it
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			return bytes.Contains(body, []byte(`"errors"`))
		}
		if !refused() {
			return
		}
		between++
		for end := time.Now().Add(20 * time.Second); refused() && time.Now().Before(end); {
			time.Sleep(100 * time.Millisecond)
		}
	}
	dice := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // no secret
	interrupted := 0
	for n := range *processKills {
		i := n % len(projects)
		done := make(chan bool, 1)
		go func() {
			done <- push(control.system, tr.token, projects[i], movingConfig(itemForms[(forms[i]+1)%len(itemForms)]))
		}()
		time.Sleep(time.Duration(dice.IntN(30)) * time.Millisecond)
		control.kill()
		if !<-done {
			interrupted++
		}
		for k := range projects {
			if k != i {
				serves(k)
			}
		}
		control = startControl(t, dir, env)
		finished(i)
		serves(i)
		// Which form it has now is for the control plane to say.
		forms[i] = formOf(t, tr, control.system, projects[i], func(form int) bool { return form == forms[i] || form == (forms[i]+1)%len(itemForms) })
	}
	// What was interrupted is finished when the leases of the dead are over.
	for i, p := range projects {
		deadline := time.Now().Add(time.Minute)
		for !push(control.system, tr.token, p, movingConfig(itemForms[(forms[i]+1)%len(itemForms)])) {
			if time.Now().After(deadline) {
				t.Fatalf("project %d takes no deploy", i)
			}
			forms[i] = formOf(t, tr, control.system, p, func(int) bool { return true })
		}
		serves(i)
	}
	t.Logf("%d kills, %d while a deploy ran, %d of them between its switch and its release", *processKills, interrupted, between)
	if interrupted == 0 {
		t.Error("no deploy was interrupted")
	}
}

// process is a server of its own process.
type process struct {
	command     *exec.Cmd
	api, system string
	stderr      *tail
	copied      chan struct{}
}

func startControl(t *testing.T, dir string, env map[string]string) *process {
	t.Helper()
	return startProcess(t, dir, env, "control")
}

func startProcess(t *testing.T, dir string, env map[string]string, role string) *process {
	t.Helper()
	p := &process{
		command: exec.CommandContext(t.Context(), "icehouse", "serve", "--host", "127.0.0.1", "--port", "0", "--functions-port", "0", "--role", role),
		stderr:  new(tail), copied: make(chan struct{}),
	}
	p.command.Dir, p.command.Env = dir, p.command.Environ()
	for name, value := range withKeys(env) {
		p.command.Env = append(p.command.Env, name+"="+value)
	}
	out, err := p.command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(io.TeeReader(out, p.stderr))
	for lines.Scan() {
		if m := serveAPI.FindStringSubmatch(lines.Text()); m != nil {
			p.api, p.system = m[1], m[1]+"/system"
			go func() {
				_, _ = io.Copy(p.stderr, out)
				close(p.copied)
			}()
			return p
		}
	}
	t.Fatalf("the process of role %s does not start: %v: %s", role, p.command.Wait(), p.stderr)
	return nil
}

func (p *process) kill() {
	_ = p.command.Process.Signal(syscall.SIGKILL)
	_ = p.command.Wait()
}

// stop stops the process as an operator does.
func (p *process) stop(t *testing.T) {
	t.Helper()
	_ = p.command.Process.Signal(syscall.SIGTERM)
	<-p.copied
	if err := p.command.Wait(); err != nil {
		t.Errorf("%v: %s", err, p.stderr)
	}
}

// push deploys; false when nobody says that it is done.
func push(system, token, project, config string) bool {
	body, err := jsonOf(map[string]any{"query": `mutation ($p: String!, $c: String!) { push(input: {projectId: $p, version: 1, config: $c, isDryRun: false, force: true}) { errors { description } } }`,
		"variables": map[string]any{"p": project, "c": config}})
	if err != nil {
		panic(err)
	}
	request, err := http.NewRequest(http.MethodPost, system, body)
	if err != nil {
		panic(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return err == nil && response.StatusCode == http.StatusOK && strings.Contains(string(text), `"errors":[]`)
}

// formOf reads which form of itemForms a project has.
func formOf(t *testing.T, tr *traffic, system, project string, may func(int) bool) int {
	t.Helper()
	data := tr.must(system, `query ($p: ID!) { viewer { project(id: $p) { projectDefinitionWithFileContent } } }`, map[string]any{"p": project})
	text := data["viewer"].(map[string]any)["project"].(map[string]any)["projectDefinitionWithFileContent"].(string)
	for i, form := range itemForms {
		if quoted, err := jsonOf(form); err == nil && strings.Contains(text, strings.Trim(quoted.String(), "\"\n")) {
			if !may(i) {
				t.Fatalf("the project has the form %d", i)
			}
			return i
		}
	}
	t.Fatalf("the project has another form: %s", text)
	return 0
}

func jsonOf(v any) (*bytes.Buffer, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	return &out, encoder.Encode(v)
}
