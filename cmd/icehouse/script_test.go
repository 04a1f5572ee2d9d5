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
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"icehouse/cmd/icehouse/internal/cli"
)

var update = flag.Bool("update", false, "rewrite the expectations in the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"icehouse": main})
}

// TestScripts runs the command line as a user does, each script against a dev
// server of its own that runs in this process.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, "home")
			env.Setenv("HOME", home)
			env.Setenv("NO_COLOR", "1")
			if err := os.MkdirAll(home, 0o755); err != nil {
				return err
			}
			api, stop, err := startDev(env.WorkDir, home)
			if err != nil {
				return err
			}
			env.Setenv("API", api)
			env.Defer(stop)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"graphql": graphql, "get": get},
	})
}

// startDev runs icehouse dev until stop is called. It fails like the script
// when the server does not stop as it should.
func startDev(dir, home string) (api string, stop func(), err error) {
	signals, ended := make(chan os.Signal, 1), make(chan int, 1)
	stdout, out := io.Pipe()
	var stderr bytes.Buffer // read after the end only
	go func() {
		code := cli.Run(context.Background(), cli.Process{
			Program: "icehouse", Args: []string{"dev", "--port", "0", "--functions-port", "0"},
			Env: func(string) (string, bool) { return "", false },
			Dir: dir, Home: home, Now: time.Now, Signals: signals,
			Stdin: strings.NewReader(""), Stdout: out, Stderr: &stderr,
		})
		_ = out.Close()
		ended <- code
	}()
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if m := systemAPI.FindStringSubmatch(lines.Text()); m != nil {
			go func() { _, _ = io.Copy(io.Discard, stdout) }()
			return m[1], func() {
				signals <- os.Interrupt
				if code := <-ended; code != 0 {
					panic(fmt.Sprintf("the dev server ended with %d: %s", code, stderr.String()))
				}
			}, nil
		}
	}
	return "", nil, fmt.Errorf("the dev server ended with %d: %s", <-ended, stderr.String())
}

var (
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
