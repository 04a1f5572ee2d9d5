// Package oracle asks npm's graphql, the reference implementation of GraphQL, for
// its verdicts, so that tests can hold ours against them.
//
// In: schemas as SDL, documents, variables. Out: what graphql-js says. The first
// test that asks installs the locked version into .cache/oracle of the checkout
// (npm ci) and starts one node process for the test binary; node and npm must be
// on the machine, else the test fails. Only tests call it.
package oracle

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"icehouse/deploy/testbed/npm"
)

var (
	//go:embed package.json
	packageJSON []byte
	//go:embed package-lock.json
	packageLock []byte
	//go:embed oracle.mjs
	script []byte
)

// Oracle is a running graphql-js.
type Oracle struct {
	mu    sync.Mutex
	stdin io.Writer
	out   *bufio.Reader
}

var (
	once    sync.Once
	running *Oracle
	failure error
)

// Start returns the oracle of this test binary. The process ends with the binary.
func Start(t testing.TB) *Oracle {
	t.Helper()
	once.Do(func() { running, failure = start() })
	if failure != nil {
		t.Fatalf("graphql-js is needed for this test: %v", failure)
	}
	return running
}

func start() (*Oracle, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, fmt.Errorf("node is not installed: %w", err)
	}
	folder, err := npm.Install("oracle", map[string][]byte{
		"package.json": packageJSON, "package-lock.json": packageLock, "oracle.mjs": script,
	})
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(node, filepath.Join(folder, "oracle.mjs"))
	cmd.Dir = folder
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start node: %w", err)
	}
	return &Oracle{stdin: stdin, out: bufio.NewReaderSize(stdout, 1<<20)}, nil
}

// ask sends one request and reads its answer into result.
func (o *Oracle) ask(t testing.TB, request map[string]any, result any) {
	t.Helper()
	line, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, err := o.stdin.Write(append(line, '\n')); err != nil {
		t.Fatalf("ask graphql-js: %v", err)
	}
	text, err := o.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("graphql-js ended: %v", err)
	}
	answer := struct {
		Failure string
		Result  json.RawMessage
	}{}
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Failure != "" {
		t.Fatalf("graphql-js failed: %s", answer.Failure)
	}
	if err := json.Unmarshal(answer.Result, result); err != nil {
		t.Fatal(err)
	}
}

// Build makes a schema that later questions name. The result is what graphql-js
// finds wrong with it.
func (o *Oracle) Build(t testing.TB, name, sdl string) []string {
	t.Helper()
	var result struct{ Errors []string }
	o.ask(t, map[string]any{"op": "build", "name": name, "sdl": sdl}, &result)
	return result.Errors
}

// Execute runs a query, as a rule one of introspection, and returns the response
// as decoded JSON.
func (o *Oracle) Execute(t testing.TB, name, query string, variables map[string]any) map[string]any {
	t.Helper()
	var result map[string]any
	o.ask(t, map[string]any{"op": "execute", "name": name, "query": query, "variables": variables}, &result)
	return result
}

// Validate returns, for each document, the messages of its validation errors.
func (o *Oracle) Validate(t testing.TB, name string, queries []string) [][]string {
	t.Helper()
	var result [][]string
	o.ask(t, map[string]any{"op": "validate", "name": name, "queries": queries}, &result)
	return result
}

// Case is a document and the JSON text of its variables.
type Case struct {
	Query string `json:"query"`
	JSON  string `json:"json"`
}

// Coerced is what became of the variables of a Case: JSON text, or errors.
type Coerced struct {
	JSON   string
	Errors []string
}

// Variables coerces the variables of each case.
func (o *Oracle) Variables(t testing.TB, name string, cases []Case) []Coerced {
	t.Helper()
	var result []Coerced
	o.ask(t, map[string]any{"op": "variables", "name": name, "cases": cases}, &result)
	return result
}

// PrintClient prints the schema that a client builds from an introspection answer.
func (o *Oracle) PrintClient(t testing.TB, introspection json.RawMessage) string {
	t.Helper()
	var result struct{ SDL string }
	o.ask(t, map[string]any{"op": "print", "introspection": introspection}, &result)
	return result.SDL
}

// PrintSDL prints a schema in the same form as PrintClient.
func (o *Oracle) PrintSDL(t testing.TB, sdl string) string {
	t.Helper()
	var result struct{ SDL string }
	o.ask(t, map[string]any{"op": "printSDL", "sdl": sdl}, &result)
	return result.SDL
}
