package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"icehouse/cmd/icehouse/internal/cli"
	"icehouse/deploy/testbed"
	"icehouse/deploy/testbed/functionpackages"
	"icehouse/deploy/testbed/graphcoolcli"
)

var update = flag.Bool("update", false, "rewrite the expectations in the scripts")

func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){"icehouse": main})
}

// tests stops the database server after the tests.
type tests struct{ *testing.M }

func (t tests) Run() int {
	defer func() {
		if folder, err := keysFolder(); err == nil {
			_ = os.RemoveAll(folder)
		}
	}()
	return testbed.Main(t.M)
}

// TestScripts runs the command line as a user does, each script against a
// server of its own that runs in this process.
func TestScripts(t *testing.T) {
	for _, c := range []struct {
		name  string
		dirs  []string
		start func(*testscript.Env, string) (*running, error)
	}{
		{"dev", []string{"testdata/script", "testdata/script/dev"}, startDev},
		{"serve", []string{"testdata/script"}, startServe},
		// The original command line.
		{"original", []string{"testdata/script/original", "testdata/script/original/dev"}, startDev},
		{"original-serve", []string{"testdata/script/original"}, startServe},
	} {
		for _, dir := range c.dirs {
			t.Run(c.name, func(t *testing.T) {
				testscript.Run(t, testscript.Params{
					Dir:           dir,
					UpdateScripts: *update,
					Setup:         func(env *testscript.Env) error { return setUp(env, c.start) },
					Cmds:          map[string]func(*testscript.TestScript, bool, []string){"graphql": graphql, "get": get, "zip": zipFolder, "unzip": unzip, "gcf": original, "packages": packages, "service": service, "shows": shows, "token": tokenOf, "await": await},
				})
			})
		}
	}
}

func setUp(env *testscript.Env, start func(*testscript.Env, string) (*running, error)) error {
	home := filepath.Join(env.WorkDir, "home")
	env.Setenv("HOME", home)
	env.Setenv("NO_COLOR", "1")
	if err := os.MkdirAll(home, 0o755); err != nil {
		return err
	}
	server, err := start(env, home)
	if err != nil {
		return err
	}
	env.Setenv("API", server.api)
	env.Defer(server.stop)
	env.Defer(func() { stopLocal(env.WorkDir, home) })
	return nil
}

// stopLocal stops the background server of a script that has failed before it did.
func stopLocal(dir, home string) {
	if _, err := os.Stat(filepath.Join(home, ".icehouse", "local", "mine")); err != nil {
		return
	}
	cli.Run(context.Background(), cli.Process{
		Args: []string{"local", "stop", "--name", "mine"}, Env: func(string) (string, bool) { return "", false },
		Dir: dir, Home: home, Now: time.Now, Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard,
	})
}

// running is a server in this process.
type running struct {
	api     string
	signals chan os.Signal
	ended   chan int
	stderr  *tail
}

// tail is what a server said, readable while it runs.
type tail struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// startServer runs a command until it says ready; the first group of the
// pattern is the address.
func startServer(dir, home string, env map[string]string, ready *regexp.Regexp, args ...string) (*running, error) {
	env = withKeys(env)
	s := &running{signals: make(chan os.Signal, 1), ended: make(chan int, 1), stderr: new(tail)}
	output, out := io.Pipe()
	both := io.MultiWriter(out, s.stderr)
	go func() {
		code := cli.Run(context.Background(), cli.Process{
			Program: "icehouse", Args: append(args, "--port", "0", "--functions-port", "0"),
			Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
			Dir: dir, Home: home, Now: time.Now, Signals: s.signals,
			Stdin: strings.NewReader(""), Stdout: both, Stderr: both,
		})
		_ = out.Close()
		s.ended <- code
	}()
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if m := ready.FindStringSubmatch(lines.Text()); m != nil {
			s.api = m[1]
			go func() { _, _ = io.Copy(io.Discard, output) }()
			return s, nil
		}
	}
	return nil, fmt.Errorf("the server ended with %d: %s", <-s.ended, s.stderr)
}

// stop stops the server as Ctrl-C does.
func (s *running) stop() {
	s.signals <- os.Interrupt
	if code := <-s.ended; code != 0 {
		panic(fmt.Sprintf("the server ended with %d: %s", code, s.stderr))
	}
}

// startDev runs the dev server, which announces itself.
func startDev(env *testscript.Env, home string) (*running, error) {
	return startServer(env.WorkDir, home, nil, systemAPI, "dev")
}

// startServe runs a server on PostgreSQL and connects to it by hand; as the default,
// which the dev server's cluster is too.
func startServe(env *testscript.Env, home string) (*running, error) {
	secrets := map[string]string{
		"MASTER_TOKEN": "a master token for tests", "JWT_SECRET": "a signing secret for tests",
		"DATABASE_URL": testbed.Database(env.T().(testing.TB)),
	}
	s, err := startServer(env.WorkDir, home, secrets, serveAPI, "serve", "--host", "127.0.0.1")
	if err != nil {
		return nil, err
	}
	var stderr bytes.Buffer
	code := cli.Run(context.Background(), cli.Process{
		Args: []string{"clusters", "--connect", "--name", "local", "--host", s.api, "--default"},
		Env:  func(name string) (string, bool) { v, ok := secrets[name]; return v, ok },
		Dir:  env.WorkDir, Home: home, Now: time.Now,
		Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: &stderr,
	})
	if code != 0 {
		s.stop()
		return nil, fmt.Errorf("connect: %s", stderr.String())
	}
	return s, nil
}

var (
	serveAPI  = regexp.MustCompile(`msg=ready .*api=(\S+)`)
	systemAPI = regexp.MustCompile(`System API\s+(\S+)/system`)
	simpleAPI = regexp.MustCompile(`Simple API:\s+(\S+)`)
)

// graphql sends a query to the Simple API that a deploy printed:
//
//	graphql DEPLOY-OUTPUT QUERY [TOKEN]
func graphql(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: graphql DEPLOY-OUTPUT QUERY [TOKEN]")
	}
	m := simpleAPI.FindStringSubmatch(ts.ReadFile(args[0]))
	if m == nil {
		ts.Fatalf("%s names no Simple API", args[0])
	}
	body, err := json.Marshal(map[string]string{"query": args[1]})
	ts.Check(err)
	request, err := http.NewRequest(http.MethodPost, m[1], bytes.NewReader(body))
	ts.Check(err)
	request.Header.Set("Content-Type", "application/json")
	if len(args) == 3 {
		request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(ts.ReadFile(args[2])))
	}
	show(ts, request)
}

// await runs a command until it prints what a pattern says.
//
//	await PATTERN COMMAND ARGUMENT...
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await PATTERN COMMAND ARGUMENT...")
	}
	pattern := regexp.MustCompile(args[0])
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%q does not come: %s", args[0], ts.ReadFile("stdout"))
		}
	}
}

// original runs the original command line. The file has what to type at which
// question, a line each; the keys are quoted as in Go.
//
//	gcf ARGUMENT...
//	gcf -type FILE ARGUMENT...      lines: QUESTION => "KEYS"
func original(ts *testscript.TestScript, neg bool, args []string) {
	var answers []graphcoolcli.Answer
	if len(args) > 1 && args[0] == "-type" {
		for line := range strings.Lines(ts.ReadFile(args[1])) {
			question, quoted, _ := strings.Cut(strings.TrimSpace(line), " => ")
			keys, err := strconv.Unquote(quoted)
			if err != nil {
				ts.Fatalf("%s: %q is no line of the form QUESTION => \"KEYS\"", args[1], line)
			}
			answers = append(answers, graphcoolcli.Answer{Question: question, Keys: keys})
		}
		args = args[2:]
	}
	client, err := graphcoolcli.Install()
	ts.Check(err)
	user := graphcoolcli.User{Home: ts.Getenv("HOME"), Dir: ts.MkAbs("."), Env: []string{"GRAPHCOOL_TARGET=" + ts.Getenv("GRAPHCOOL_TARGET")}}
	result, err := client.Run(user, answers, args...)
	_, _ = io.WriteString(ts.Stdout(), result.Stdout)
	_, _ = io.WriteString(ts.Stderr(), result.Stderr)
	ts.Check(err)
	if failed := result.Code != 0; failed != neg {
		ts.Fatalf("gcf %s: exit code %d\n%s%s", strings.Join(args, " "), result.Code, result.Stdout, result.Stderr)
	}
}

// packages puts what functions require into the working directory.
func packages(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: packages")
	}
	folder, err := functionpackages.Install()
	ts.Check(err)
	ts.Check(os.CopyFS(ts.MkAbs("node_modules"), os.DirFS(folder)))
}

// service puts one of the services in testdata, which several scripts deploy, into the
// working directory.
//
//	service NAME
func service(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: service NAME")
	}
	ts.Check(os.CopyFS(ts.MkAbs(args[0]), os.DirFS(filepath.Join("testdata", args[0]))))
}

// shows runs a command until it prints something: logs come a moment later.
//
//	shows PATTERN COMMAND ARGUMENT...
func shows(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: shows PATTERN COMMAND ARGUMENT...")
	}
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%s does not show %s", strings.Join(args[1:], " "), args[0])
		}
	}
}

// tokenOf writes the token that the last answer of a field has into a file.
//
//	token FIELD FILE
func tokenOf(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: token FIELD FILE")
	}
	var answer struct {
		Data map[string]struct{ Token string }
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &answer))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(answer.Data[args[0]].Token), 0o600))
}

// get fetches a URL.
func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: get URL")
	}
	request, err := http.NewRequest(http.MethodGet, args[0], nil)
	ts.Check(err)
	show(ts, request)
}

func show(ts *testscript.TestScript, request *http.Request) {
	response, err := http.DefaultClient.Do(request)
	ts.Check(err)
	defer response.Body.Close()
	_, err = io.Copy(ts.Stdout(), response.Body)
	ts.Check(err)
}
