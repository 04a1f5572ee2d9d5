// Package relaycompiler runs npm's relay-compiler, the tool that every client of a
// Relay API has in its build, so that tests can hold our schema against it.
//
// In: a version, a schema as that version reads it, and source files with GraphQL
// in them. Out: the artifacts that it writes, or the test fails with what it said.
// Only tests call it. The locked packages are installed when the first test asks;
// node and npm must be on the machine.
package relaycompiler

import (
	"bytes"
	"embed"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"icehouse/deploy/testbed/npm"
)

//go:embed current/package.json current/package-lock.json classic/package.json classic/package-lock.json
var packages embed.FS

// Version is one of the locked versions.
type Version string

// The versions.
const (
	// Current reads the schema as SDL.
	Current Version = "current"
	// Classic is 1.4.1 of 2017. It reads the schema as an introspection answer; the
	// SDL that it knows has descriptions in comments. It writes the input types of
	// mutations out in full, so that it does not end on one that contains itself.
	Classic Version = "classic"
)

// Compile runs the compiler on source files, given by name, and returns the
// artifacts by name.
func Compile(t testing.TB, v Version, schema []byte, sources map[string]string) map[string]string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("node is needed for this test: %v", err)
	}
	folder, err := install(v)
	if err != nil {
		t.Fatalf("relay-compiler is needed for this test: %v", err)
	}
	work := t.TempDir()
	write := func(name string, content []byte) {
		t.Helper()
		path := filepath.Join(work, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range sources {
		write("src/"+name, []byte(text))
	}
	cli := filepath.Join(folder, "node_modules", "relay-compiler")
	var args []string
	switch v {
	case Classic:
		write("schema.json", schema)
		args = []string{filepath.Join(cli, "bin", "relay-compiler"), "--src", "src", "--schema", "schema.json"}
	default:
		write("schema.graphql", schema)
		config, err := json.Marshal(map[string]string{"src": "./src", "schema": "./schema.graphql", "language": "javascript"})
		if err != nil {
			t.Fatal(err)
		}
		write("relay.config.json", config)
		args = []string{filepath.Join(cli, "cli.js")}
	}
	cmd := exec.CommandContext(t.Context(), node, args...) //nolint:gosec // a test runs what it installed
	cmd.Dir = work
	out, err := cmd.CombinedOutput()
	// 1.4.1 ends with success whatever happens.
	if err != nil || bytes.Contains(out, []byte("ERROR")) {
		t.Fatalf("relay-compiler (%s) failed: %v\n%s", v, err, out)
	}
	artifacts := map[string]string{}
	files, err := filepath.Glob(filepath.Join(work, "src", "__generated__", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		artifacts[filepath.Base(file)] = string(text)
	}
	return artifacts
}

func install(v Version) (string, error) {
	files := map[string][]byte{}
	for _, name := range []string{"package.json", "package-lock.json"} {
		content, err := packages.ReadFile(string(v) + "/" + name)
		if err != nil {
			return "", err
		}
		files[name] = content
	}
	return npm.Install("relay-compiler-"+string(v), files)
}
