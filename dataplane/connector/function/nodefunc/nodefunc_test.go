//go:build unix

package nodefunc_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"icehouse/dataplane/connector/function"
	"icehouse/dataplane/connector/function/functiontest"
	"icehouse/dataplane/connector/function/nodefunc"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSuite(t *testing.T) {
	dir := t.TempDir()
	functiontest.Suite(t, functiontest.Rig{Open: func(t *testing.T) *function.Functions {
		d, err := nodefunc.Open(nodefunc.Options{Dir: dir, Memory: 64 << 20})
		if err != nil {
			t.Fatal(err)
		}
		return function.Open(d, nil)
	}})
}

// house is a product with one project.
type house struct {
	t testing.TB
	*function.Functions
	scope isolation.Scope
	dir   string
}

func open(t testing.TB, o nodefunc.Options) *house {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	d, err := nodefunc.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t, function.Open(d, nil), scope(t), o.Dir}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func scope(t testing.TB) isolation.Scope {
	t.Helper()
	s, err := isolation.ForProject(tenancy.ProjectID(tenancy.NewID()), tenancy.DefaultPlacement)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type bundle struct{ *bytes.Reader }

func (bundle) Close() error { return nil }

func code(t testing.TB, name string, files map[string]string, environment map[string]string) function.Code {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for file, text := range files {
		w, err := z.Create(file)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return function.Code{
		Name: name, Version: "1", Entry: "src/" + name + ".js", Environment: environment,
		Bundle: func(context.Context) (function.Bundle, error) { return bundle{bytes.NewReader(out.Bytes())}, nil },
	}
}

func (h *house) deploy(name, module string) {
	h.t.Helper()
	if err := h.Deploy(h.t.Context(), h.scope, code(h.t, name, map[string]string{"src/" + name + ".js": module}, nil)); err != nil {
		h.t.Fatal(err)
	}
}

// value invokes a function and reads what it returns.
func value[T any](h *house, name, event string) (v T) {
	h.t.Helper()
	out, err := h.Invoke(h.t.Context(), h.scope, function.Call{Name: name, Version: "1", Event: []byte(event)})
	if err == nil {
		err = json.Unmarshal(out.Value, &v)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return v
}

const pid = `module.exports = () => process.pid`

func ended(t *testing.T, pid int) {
	t.Helper()
	for range 500 {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return
		}
		if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && bytes.Contains(text, []byte(") Z ")) {
			return // it waits for somebody to ask how it ended
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %d has not ended", pid)
}

// TestNothingOfTheServer: a function sees its own environment only.
func TestNothingOfTheServer(t *testing.T) {
	t.Setenv("CANARY", "of the server")
	t.Setenv("NODE_OPTIONS", "")
	t.Setenv("NODE_ENV", "production")
	h := open(t, nodefunc.Options{})
	c := code(t, "f", map[string]string{
		"src/f.js":       `module.exports = () => process.env`,
		"src/f.env.json": `{"A":"beside","B":"beside"}`,
	}, map[string]string{"B": "deployed", "NODE_OPTIONS": "--no-such-option"})
	if err := h.Deploy(t.Context(), h.scope, c); err != nil {
		t.Fatal(err)
	}
	got := value[map[string]string](h, "f", "{}")
	for name, want := range map[string]string{"A": "beside", "B": "deployed", "NODE_OPTIONS": "--no-such-option"} {
		if got[name] != want {
			t.Errorf("%s is %q, not %q", name, got[name], want)
		}
		delete(got, name)
	}
	if !strings.HasPrefix(got["HOME"], h.dir) || got["TMPDIR"] != got["HOME"] || got["PATH"] == "" || len(got) != 3 {
		t.Errorf("the rest of the environment is %v", got)
	}
}

// TestNoNode: a server without Node says so.
func TestNoNode(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, o := range []nodefunc.Options{{}, {Node: "/no/such/node"}} {
		h := open(t, o)
		err := h.Deploy(t.Context(), h.scope, code(t, "f", map[string]string{"src/f.js": pid}, nil))
		if known, ok := errors.AsType[*function.Error](err); !ok || known.Kind != function.Unavailable || !strings.Contains(known.Text, "Node.js") {
			t.Errorf("the error is %v", err)
		}
	}
}

// TestLogs: each stream is one entry, and an exception is a third.
func TestLogs(t *testing.T) {
	h := open(t, nodefunc.Options{})
	h.deploy("f", `module.exports = (event) => {
		console.log(' out\n  more'); console.error('err')
		if (event.fail) throw Object.assign(new TypeError('no'), { status: 402 })
	}`)
	out, err := h.Invoke(t.Context(), h.scope, function.Call{Name: "f", Version: "1", Event: []byte("{}")})
	if want := []function.Log{{Key: "stdout", Text: "out\n  more"}, {Key: "stderr", Text: "err"}}; err != nil || !slices.Equal(out.Logs, want) {
		t.Errorf("%q is logged (%v)", out.Logs, err)
	}
	_, err = h.Invoke(t.Context(), h.scope, function.Call{Name: "f", Version: "1", Event: []byte(`{"fail":true}`)})
	known, ok := errors.AsType[*function.Error](err)
	if !ok || len(known.Logs) != 3 || known.Logs[2].Key != "error" {
		t.Fatalf("the error is %#v", err)
	}
	var e struct {
		Name, Message, Stack string
		Status               int
	}
	if err := json.Unmarshal([]byte(known.Logs[2].Text), &e); err != nil || e.Name != "TypeError" || e.Message != "no" || e.Status != 402 ||
		!strings.HasPrefix(e.Stack, "TypeError: no\n") || strings.Contains(e.Stack, h.dir) {
		t.Errorf("the exception is %s (%v)", known.Logs[2].Text, err)
	}
}

// TestProcessesStayWarm: calls share a process, one at a time; the one that was idle
// for longest makes place.
func TestProcessesStayWarm(t *testing.T) {
	h := open(t, nodefunc.Options{Processes: 2})
	for _, name := range []string{"a", "b", "c"} {
		h.deploy(name, pid)
	}
	a, b := value[int](h, "a", "{}"), value[int](h, "b", "{}")
	if again := value[int](h, "a", "{}"); again != a {
		t.Errorf("the process %d was not kept: %d", a, again)
	}
	c := value[int](h, "c", "{}")
	ended(t, b)
	if again := value[int](h, "a", "{}"); again != a || a == c {
		t.Errorf("the process %d was not kept: %d", a, again)
	}
	// More calls than processes, of all functions: everybody has a turn.
	var all sync.WaitGroup
	for i := range 30 {
		all.Go(func() {
			if _, err := h.Invoke(t.Context(), h.scope, function.Call{Name: string(rune('a' + i%3)), Version: "1", Event: []byte("{}")}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// TestIdleProcessesEnd after a while.
func TestIdleProcessesEnd(t *testing.T) {
	h := open(t, nodefunc.Options{Idle: 50 * time.Millisecond})
	h.deploy("f", pid)
	ended(t, value[int](h, "f", "{}"))
	value[int](h, "f", "{}")
}

// TestProjectsTakeNoMoreThanTheirPart: one whose functions do not end leaves processes
// for others.
func TestProjectsTakeNoMoreThanTheirPart(t *testing.T) {
	h := open(t, nodefunc.Options{Processes: 3, PerProject: 2})
	ctx, end := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for i := range 6 {
		name := string(rune('a' + i))
		h.deploy(name, `module.exports = () => new Promise(() => {})`)
		all.Go(func() {
			if _, err := h.Invoke(ctx, h.scope, function.Call{Name: name, Version: "1", Event: []byte("{}")}); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	other := &house{t, h.Functions, scope(t), h.dir}
	other.deploy("a", pid)
	time.Sleep(200 * time.Millisecond)
	for range 10 {
		value[int](other, "a", "{}")
	}
	end()
	all.Wait()
}

// TestNestedCallsDontWaitForWhoWaits: functions that wait for others of their project
// don't keep those from running; and what they may take beyond their part ends.
func TestNestedCallsDontWaitForWhoWaits(t *testing.T) {
	h := open(t, nodefunc.Options{Processes: 8, PerProject: 2, PerVersion: 1})
	ctx, end := context.WithCancel(t.Context())
	var all sync.WaitGroup
	waits := func(name string, nested bool) {
		h.deploy(name, `module.exports = () => new Promise(() => {})`)
		all.Go(func() {
			if _, err := h.Invoke(ctx, h.scope, function.Call{Name: name, Version: "1", Nested: nested, Event: []byte("{}")}); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	h.deploy("inner", `module.exports = () => 5`)
	inner := func(nested bool) error {
		soon, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		out, err := h.Invoke(soon, h.scope, function.Call{Name: "inner", Version: "1", Nested: nested, Event: []byte("{}")})
		if err == nil && string(out.Value) != "5" {
			t.Errorf("it returned %s", out.Value)
		}
		return err
	}
	waits("a", false)
	waits("b", false)
	time.Sleep(200 * time.Millisecond)
	if err := inner(false); err == nil {
		t.Error("a project had more than its part")
	}
	for _, name := range []string{"c", "d", "e"} {
		waits(name, true)
		time.Sleep(50 * time.Millisecond)
		if err := inner(true); err != nil {
			t.Errorf("with %s: %v", name, err)
		}
	}
	waits("f", true)
	time.Sleep(200 * time.Millisecond)
	if err := inner(true); err == nil {
		t.Error("nested calls of a project had more than all others could")
	}
	end()
	all.Wait()
}

// TestCloseLetsCallsEnd, and ends those that don't.
func TestCloseLetsCallsEnd(t *testing.T) {
	h := open(t, nodefunc.Options{})
	h.deploy("f", `module.exports = (event) => { while (event.forever) ; return new Promise((resolve) => setTimeout(() => resolve(1), 500)) }`)
	var all sync.WaitGroup
	var loop error
	all.Go(func() {
		if got := value[int](h, "f", "{}"); got != 1 {
			t.Errorf("it returned %d", got)
		}
	})
	all.Go(func() {
		_, loop = h.Invoke(t.Context(), h.scope, function.Call{Name: "f", Version: "1", Event: []byte(`{"forever":true}`)})
	})
	time.Sleep(250 * time.Millisecond)
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	all.Wait()
	if known, ok := errors.AsType[*function.Error](loop); !ok || known.Kind != function.Unavailable {
		t.Errorf("the error is %v", loop)
	}
}

// TestEverythingAtOnce: deploys, removals and calls of the same versions do not get in
// each other's way.
func TestEverythingAtOnce(t *testing.T) {
	h := open(t, nodefunc.Options{Processes: 4})
	module := map[string]string{"src/f.js": `module.exports = (event) => { if (event.n % 7 === 0) setImmediate(() => process.exit(0)); return require('./rest') }`, "src/rest.js": `module.exports = 1`}
	versions := []function.Version{{Name: "f", Version: "1"}, {Name: "f", Version: "2"}, {Name: "f", Version: "3"}}
	until := time.Now().Add(3 * time.Second)
	var all sync.WaitGroup
	for worker := range 6 {
		c := code(t, "f", module, map[string]string{"WORKER": fmt.Sprint(worker)})
		all.Go(func() {
			for n := worker; time.Now().Before(until); n++ {
				v := versions[n%3]
				c.Version = v.Version
				if err := h.Deploy(t.Context(), h.scope, c); err != nil {
					t.Error(err)
				}
				out, err := h.Invoke(t.Context(), h.scope, function.Call{Name: "f", Version: v.Version, Event: fmt.Appendf(nil, `{"n":%d}`, n)})
				known, _ := errors.AsType[*function.Error](err)
				if fine := err == nil && string(out.Value) == "1" || known != nil && known.Kind == function.NotFound; !fine {
					t.Errorf("%s %v", out.Value, err)
				}
				if n%5 == 0 {
					if err := h.Remove(t.Context(), h.scope, versions[n%3], versions[(n+1)%3]); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	if err := h.Remove(t.Context(), h.scope); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(h.dir, h.scope.Namespace())); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the project's folder is left: %v", err)
	}
}

// TestFetch: what Node keeps beside the heap has place.
func TestFetch(t *testing.T) {
	h := open(t, nodefunc.Options{Memory: 64 << 20})
	h.deploy("f", `
		const { Worker } = require('worker_threads')
		module.exports = async (url) => {
			const workers = [1, 2, 3, 4].map(() => new Promise((resolve, reject) => new Worker('require("worker_threads").parentPort.postMessage(1)', { eval: true }).on('message', resolve).on('error', reject)))
			await Promise.all(workers)
			return (await fetch(url)).text()
		}`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }))
	defer server.Close()
	if got := value[string](h, "f", strconv.Quote(server.URL)); got != "hello" {
		t.Errorf("it returned %q", got)
	}
}

// TestModules: what newer tools make of a module is taken, too.
func TestModules(t *testing.T) {
	h := open(t, nodefunc.Options{})
	c := code(t, "f", map[string]string{
		"src/f.js": "import { one } from './one.js'\nexport default async (event) => one + event.n", "src/one.js": "export const one = 1",
		"package.json": `{"type":"module"}`,
	}, nil)
	if err := h.Deploy(t.Context(), h.scope, c); err != nil {
		t.Fatal(err)
	}
	if got := value[int](h, "f", `{"n":1}`); got != 2 {
		t.Errorf("it returned %d", got)
	}
}

func BenchmarkWarm(b *testing.B) {
	h := open(b, nodefunc.Options{})
	h.deploy("f", `module.exports = (event) => ({ data: event.data })`)
	call := function.Call{Name: "f", Version: "1", Event: []byte(`{"data":{"n":1}}`)}
	took := make([]time.Duration, 0, 1<<16)
	invoke := func() {
		if _, err := h.Invoke(b.Context(), h.scope, call); err != nil {
			b.Fatal(err)
		}
	}
	for range 100 {
		invoke()
	}
	for b.Loop() {
		began := time.Now()
		invoke()
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

func BenchmarkCold(b *testing.B) {
	h := open(b, nodefunc.Options{Processes: 1})
	h.deploy("a", pid)
	h.deploy("b", pid)
	for i := 0; b.Loop(); i++ { // each makes the other's process go
		value[int](h, string(rune('a'+i%2)), "{}")
	}
}
