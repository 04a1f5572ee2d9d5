package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"icehouse/cmd/icehouse/internal/cli"
)

// TestWatch changes a file under deploy --watch, breaks it, and mends it.
func TestWatch(t *testing.T) {
	home, dir := t.TempDir(), t.TempDir()
	server, err := startServer(dir, home, nil, systemAPI, "dev")
	if err != nil {
		t.Fatal(err)
	}
	defer server.stop()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("graphcool.yml", "types: ./types.graphql\n")
	write("types.graphql", "type Note @model { id: ID! @isUnique text: String }\n")

	output, signals, ended := new(tail), make(chan os.Signal, 1), make(chan int, 1)
	go func() {
		ended <- cli.Run(context.Background(), cli.Process{
			Program: "icehouse", Args: []string{"deploy", "--watch", "-n", "watched"}, Dir: dir, Home: home, Now: time.Now, Signals: signals,
			Env: func(string) (string, bool) { return "", false }, Stdin: strings.NewReader(""), Stdout: output, Stderr: output,
		})
	}()
	wait := func(want string) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if strings.Contains(output.String(), want) {
				return
			}
		}
		t.Fatalf("no %q in\n%s", want, output)
	}
	wait("Watching 2 files")
	write("types.graphql", "type Note @model { id: ID! @isUnique text: String stars: Int }\n")
	wait("A new field with the name `stars` and type `Int` is created.")
	write("graphcool.yml", "types: ./types.graphql\nrootToken: []\n")
	wait("unknown key rootToken")
	if err := os.Mkdir(filepath.Join(dir, "mail"), 0o755); err != nil {
		t.Fatal(err)
	}
	write("mail/types.graphql", "type Mail @model { id: ID! @isUnique }\n")
	write("mail/graphcool.yml", "types: ./types.graphql\n")
	write("graphcool.yml", "types: ./types.graphql\nrootTokens: [night]\nmodules: {mail: ./mail/graphcool.yml}\n")
	wait("A rootToken with the name `night` is created.")
	write("mail/types.graphql", "type Mail @model { id: ID! @isUnique subject: String }\n")
	wait("A new field with the name `subject` and type `String` is created.")
	// Of code, what it imports counts too, also a file that is not there yet.
	write("greet.graphql", "type Greeting { text: String! }\nextend type Query { greet: Greeting! }\n")
	write("greet.ts", "import { text } from './text'\nexport default () => ({ data: { text } })\n")
	write("graphcool.yml", "types: ./types.graphql\nmodules: {mail: ./mail/graphcool.yml}\nfunctions: {greet: {type: resolver, schema: ./greet.graphql, handler: {code: ./greet.ts}}}\n")
	wait("greet.ts:1:22: there is no file ./text")
	write("text.ts", "export const text = 'hi'\n")
	wait("with the name `greet` is created.")
	write("text.ts", "export const text: string = 'hello'\n")
	wait("with the name `greet` is updated.")
	signals <- os.Interrupt
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d\n%s", code, output)
	}
}
