package main

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"icehouse/cmd/icehouse/internal/cli"
)

// user runs commands in-process in one folder, through a network that may break.
type user struct {
	t         *testing.T
	dir, home string
	signals   chan os.Signal
}

func (u *user) run(args ...string) (code int, output string) {
	var out bytes.Buffer
	code = cli.Run(context.Background(), cli.Process{
		Program: "icehouse", Args: args, Dir: u.dir, Home: u.home, Now: time.Now, Signals: u.signals,
		Env: func(string) (string, bool) { return "", false }, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out,
	})
	return code, out.String()
}

func (u *user) must(args ...string) string {
	u.t.Helper()
	code, output := u.run(args...)
	if code != 0 {
		u.t.Fatalf("%s: exit code %d\n%s", strings.Join(args, " "), code, output)
	}
	return output
}

// breaking is a way to a server on which one import breaks.
type breaking struct {
	server  http.Handler
	imports atomic.Int32
	at      atomic.Int32                             // the import that breaks, from 1; 0: none
	how     func(http.ResponseWriter, *http.Request) // what happens then
}

func (b *breaking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/import") && b.imports.Add(1) == b.at.Load() {
		b.how(w, r)
		return
	}
	b.server.ServeHTTP(w, r)
}

// TestImportGoesOn breaks an import at each of its files, in each way, and runs it
// again: all of the archive is in the service then, and nothing of it twice.
func TestImportGoesOn(t *testing.T) {
	u := &user{t: t, dir: t.TempDir(), home: t.TempDir(), signals: make(chan os.Signal, 2)}
	server, err := startServer(u.dir, u.home, nil, systemAPI, "dev")
	if err != nil {
		t.Fatal(err)
	}
	defer server.stop()
	address, err := url.Parse(server.api)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(address)
	proxy.ErrorLog = log.New(io.Discard, "", 0) // it breaks on purpose
	broken := &breaking{server: proxy}
	network := httptest.NewServer(broken)
	defer network.Close()

	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(u.dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("graphcool.yml", "types: ./types.graphql\n")
	write("types.graphql", `type Item @model { id: ID! @isUnique name: String! tags: [String!]! near: [Item!]! @relation(name: "Near") }`)
	files := items(6000)
	pack(t, filepath.Join(u.dir, "items.zip"), files)
	u.reach(network.URL)

	hangUp := func(w http.ResponseWriter) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}
	ways := map[string]func(http.ResponseWriter, *http.Request){
		"before it arrives": func(w http.ResponseWriter, _ *http.Request) { hangUp(w) },
		"in the middle": func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancel(r.Context())
			timer := time.AfterFunc(20*time.Millisecond, cancel)
			defer timer.Stop()
			broken.server.ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
			hangUp(w)
		},
		"before it is answered": func(w http.ResponseWriter, r *http.Request) {
			broken.server.ServeHTTP(httptest.NewRecorder(), r)
			hangUp(w)
		},
		"on Ctrl-C": func(w http.ResponseWriter, r *http.Request) {
			u.signals <- os.Interrupt
			time.Sleep(50 * time.Millisecond)
			broken.server.ServeHTTP(w, r)
		},
	}
	n := 0
	for way, how := range ways {
		for at := 1; at <= len(files); at++ {
			t.Run(fmt.Sprintf("%s/%s", way, files[at-1].name), func(t *testing.T) {
				n++
				target := fmt.Sprintf("t%d", n)
				u.must("deploy", "-n", target, "-t", target, "-c", "local")
				broken.imports.Store(0)
				broken.at.Store(int32(at)) //nolint:gosec // few files
				broken.how = how
				code, output := u.run("import", "-s", "items.zip", "-t", target)
				if last := way == "on Ctrl-C" && at == len(files); code == 0 != last {
					t.Fatalf("exit code %d\n%s", code, output)
				}
				broken.at.Store(0)
				if code != 0 {
					output = u.must("import", "-s", "items.zip", "-t", target)
				}
				if strings.Count(output, "imported before") != at-1 && way != "on Ctrl-C" {
					t.Errorf("files were sent again:\n%s", output)
				}
				u.must("export", "-t", target, "-e", target+".zip")
				if got, want := contents(t, filepath.Join(u.dir, target+".zip")), contents(t, filepath.Join(u.dir, "items.zip")); got != want {
					t.Errorf("%d bytes went in, %d came out", len(want), len(got))
				}
			})
		}
	}
}

// reach makes the network the way to the cluster.
func (u *user) reach(address string) {
	u.t.Helper()
	name := filepath.Join(u.home, ".graphcoolrc")
	text, err := os.ReadFile(name) //nolint:gosec // the test's own
	if err != nil {
		u.t.Fatal(err)
	}
	text = regexp.MustCompile(`(?m)(\bhost: ).*$`).ReplaceAll(text, []byte("${1}'"+address+"'"))
	if err := os.WriteFile(name, text, 0o600); err != nil { //nolint:gosec // the test's own
		u.t.Fatal(err)
	}
}

// document is one file of an archive.
type document struct{ name, kind, values string }

// items are the documents of n nodes with two lists each, of which the second
// document has the ends, and their edges, all as an export writes them.
func items(n int) []document {
	var nodes, first, second, edges []string
	for i := range n {
		id := fmt.Sprintf("i%05d", i)
		nodes = append(nodes, fmt.Sprintf(`{"_typeName":"Item","id":"%s","createdAt":"2017-12-05T12:34:23.000Z","updatedAt":"2017-12-05T12:34:23.000Z","name":"Item"}`, id))
		first = append(first, fmt.Sprintf(`{"_typeName":"Item","id":"%s","tags":["a","a"]}`, id))
		second = append(second, fmt.Sprintf(`{"_typeName":"Item","id":"%s","tags":["a"]}`, id), fmt.Sprintf(`{"_typeName":"Item","id":"%s","tags":["a","b"]}`, id))
		if i > 0 {
			edges = append(edges, fmt.Sprintf(`[{"_typeName":"Item","id":"%s","fieldName":"near"},{"_typeName":"Item","id":"i%05d","fieldName":"near"}]`, id, i-1))
		}
	}
	join := func(elements []string) string { return strings.Join(elements, ",\n") }
	half := n / 2
	return []document{
		{"nodes/1.json", "nodes", join(nodes[:half])}, {"nodes/02.json", "nodes", join(nodes[half:])},
		{"lists/1.json", "lists", join(first)}, {"lists/2.json", "lists", join(second)},
		{"relations/1.json", "relations", join(edges)},
	}
}

func pack(t *testing.T, name string, documents []document) {
	t.Helper()
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for _, d := range documents {
		w, err := archive.Create(d.name)
		if err == nil {
			_, err = fmt.Fprintf(w, `{"valueType":"%s","values":[%s]}`, d.kind, d.values)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, out.Bytes(), 0o644); err != nil { //nolint:gosec // test data
		t.Fatal(err)
	}
}

// contents is what an archive says, however its documents are divided.
func contents(t *testing.T, name string) string {
	t.Helper()
	archive, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	lists := map[string]string{}
	var out strings.Builder
	for _, entry := range archive.File {
		r, err := entry.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		_, values, _ := strings.Cut(string(text), `"values":[`)
		values = strings.TrimSuffix(strings.TrimSpace(values), "]}")
		if !strings.HasPrefix(entry.Name, "lists/") {
			out.WriteString(strings.ReplaceAll(values, ",\n", ",") + ",")
			continue
		}
		for _, m := range listElement.FindAllStringSubmatch(values, -1) {
			lists[m[1]] += m[2] + ","
		}
	}
	fmt.Fprint(&out, lists) // maps are printed in order
	return out.String()
}

var listElement = regexp.MustCompile(`"id":"(\w+)","tags":\[([^\]]*)\]`)
