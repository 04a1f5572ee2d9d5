package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"icehouse/deploy/testbed"
)

// TestPlacements adds databases while processes serve: new projects go where most room
// is, and projects move to and fro under load, with no request that fails and no write
// that is lost, also when the process that moves them is killed at any moment.
func TestPlacements(t *testing.T) {
	broker := testbed.RabbitMQ(t)
	env := map[string]string{"MASTER_TOKEN": "a master token for tests", "JWT_SECRET": "a signing secret for tests",
		"DATABASE_URL": testbed.Database(t), "QUEUE_URL": broker.URL}
	n := &nodes{T: t, traffic: &traffic{t: t}}
	n.control = startProcess(t, t.TempDir(), env, "control")
	n.serving = []*process{startProcess(t, t.TempDir(), env, "data"), startProcess(t, t.TempDir(), env, "data")}
	login := n.must(n.control.system, `mutation { authenticateCustomer(input: {auth0IdToken: "a master token for tests"}) { token } }`, nil)
	n.token = login["authenticateCustomer"].(map[string]any)["token"].(string)
	admin := func(args ...string) *exec.Cmd {
		command := exec.CommandContext(t.Context(), "icehouse", append([]string{"admin", "placement"}, args...)...)
		command.Env = command.Environ()
		for name, value := range withKeys(env) {
			command.Env = append(command.Env, name+"="+value)
		}
		return command
	}
	run := func(args ...string) string {
		t.Helper()
		out, err := admin(args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
		return string(out)
	}

	n.project = n.add("steady", "steady", "text")
	second := testbed.Database(t)
	for _, wrong := range []struct {
		args []string
		want string
	}{
		{[]string{"add", "Second", "--url", second}, "want a name of lower-case letters"},
		{[]string{"add", "second", "--url", second, "--region", "MARS"}, "want one of [EU_WEST_1"},
		{[]string{"add", "second", "--url", second, "--capacity", "0"}, "want at least 1"},
		{[]string{"add", "second", "--url", "postgres://x:secret@127.0.0.1:1/x"}, "connect"},
		{[]string{"add", "default", "--url", second}, "the platform's own database"},
		{[]string{"set", "second", "--open"}, `there is no placement "second"`},
		{[]string{"set", "default", "--url", second}, "the platform's own database"},
		{[]string{"remove", "second"}, `there is no placement "second"`},
		{[]string{"remove", "default"}, "stays"},
		{[]string{"move", "steady", "second"}, `there is no placement "second"`},
		{[]string{"move", "steady", "default"}, "is at \"default\" already"},
		{[]string{"move", "steady"}, "no database has room"},
		{[]string{"move", "nobody"}, `there is no project "nobody"`},
	} {
		out, err := admin(wrong.args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), wrong.want) || strings.Contains(string(out), "secret") {
			t.Errorf("%v: %v: %s, want %q", wrong.args, err, out, wrong.want)
		}
	}
	run("add", "second", "--url", second, "--capacity", "10000")
	var placed []string
	for i := range 3 { // one is at default already
		placed = append(placed, n.add(fmt.Sprintf("new%d", i), "", "text"))
	}
	if got := run("list"); strings.Count(got, " 2 ") != 2 {
		t.Errorf("four projects are not two here and two there:\n%s", got)
	}

	for _, wrong := range []string{"takes new projects: close it first", "holds 2 projects: move them first"} {
		if out, err := admin("remove", "second").CombinedOutput(); err == nil || !strings.Contains(string(out), wrong) {
			t.Errorf("remove: %v: %s, want %q", err, out, wrong)
		}
		run("set", "second", "--closed")
	}
	run("set", "second", "--open")

	// Writers, each at its node.
	done := make(chan struct{})
	var all sync.WaitGroup
	var acknowledged, read, refused atomic.Int64
	var killing atomic.Bool
	answer := func(p *process, query string) string {
		return strings.TrimSuffix(n.answer(p, "steady", "", query), "<nil>")
	}
	// Where a move is killed in the moment between its two commits, requests are refused
	// until the control plane finishes it.
	excused := func(got string) bool {
		if killing.Load() && strings.Contains(got, `"errors"`) {
			refused.Add(1)
			time.Sleep(100 * time.Millisecond)
			return true
		}
		return false
	}
	for i, p := range append(n.serving, n.serving...) {
		all.Go(func() {
			for k := 0; ; k++ {
				select {
				case <-done:
					return
				default:
				}
				text := fmt.Sprintf("%d.%d", i, k)
				if got := answer(p, `mutation { createNote(text: "`+text+`") { text } }`); excused(got) {
					continue
				} else if got != `{"data":{"createNote":{"text":"`+text+`"}}}` {
					t.Errorf("a write got %s", got)
					return
				}
				acknowledged.Add(1)
				if got := answer(n.serving[k%2], `{ allNotes(filter: {text: "`+text+`"}) { text } }`); !excused(got) && got != `{"data":{"allNotes":[{"text":"`+text+`"}]}}` {
					t.Errorf("a read after %s got %s", text, got)
					return
				}
				read.Add(1)
				time.Sleep(time.Millisecond)
			}
		})
	}
	at := []string{"default", "second"}
	for move := range 4 {
		to := at[(move+1)%2]
		if got := run("move", "steady", to); !strings.Contains(got, "steady is at "+to) {
			t.Error(got)
		}
	}

	// Kills. What was going on is finished or taken back by the control plane.
	where := func() string {
		t.Helper()
		var list []struct {
			Name     string
			Projects int
		}
		var out bytes.Buffer
		command := admin("list", "--json")
		command.Stdout = &out
		if err := command.Run(); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		if list[0].Projects > list[1].Projects || list[0].Projects == 2 {
			return list[0].Name
		}
		return list[1].Name
	}
	_ = n.must(n.control.system, `mutation ($p: String!) { deleteProject(input: {projectId: $p}) { deletedId } }`, map[string]any{"p": placed[0]})
	killing.Store(true)
	moved := 0
	for _, after := range []time.Duration{60, 120, 200, 300} {
		began := where()
		command := admin("move", "steady")
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(after * time.Millisecond)
		_ = command.Process.Signal(syscall.SIGKILL)
		_ = command.Wait()
		// The next move waits until the lease of the killed one is over, and what it left
		// is done.
		run("move", "steady", map[string]string{"default": "second", "second": "default"}[where()])
		if where() == began {
			moved++
		}
	}
	close(done)
	all.Wait()
	count := answer(n.serving[0], `{ _allNotesMeta { count } }`)
	if want := fmt.Sprintf(`{"data":{"_allNotesMeta":{"count":%d}}}`, acknowledged.Load()); count != want {
		t.Errorf("there are %s, acknowledged were %s", count, want)
	}
	t.Logf("%d writes and %d reads during 4 moves and 4 that were killed, %d of them after the switch; %d requests were refused meanwhile", acknowledged.Load(), read.Load(), moved, refused.Load())
	if acknowledged.Load() < 200 {
		t.Error("too little was written")
	}
	for _, p := range n.processes() {
		p.stop(t)
		if t.Failed() {
			t.Log(p.stderr)
		}
	}
}

// TestReaders writes at one node and reads at another, which reads from a server that
// shows writes a second later: what was answered is there, on every node.
func TestReaders(t *testing.T) {
	url, readerURL, stopReader := testbed.Followed(t, time.Second)
	env := map[string]string{"MASTER_TOKEN": "a master token for tests", "JWT_SECRET": "a signing secret for tests",
		"DATABASE_URL": url, "DATABASE_READER_URL": readerURL, "ICEHOUSE_READER_BEHIND": "2s", "QUEUE_URL": testbed.RabbitMQ(t).URL}
	n := &nodes{T: t, traffic: &traffic{t: t}}
	n.control = startProcess(t, t.TempDir(), env, "control")
	n.serving = []*process{startProcess(t, t.TempDir(), env, "data"), startProcess(t, t.TempDir(), env, "data")}
	n.said("the queue is connected", 1)
	login := n.must(n.control.system, `mutation { authenticateCustomer(input: {auth0IdToken: "a master token for tests"}) { token } }`, nil)
	n.token = login["authenticateCustomer"].(map[string]any)["token"].(string)
	n.project = n.add("read", "read", "text")
	count := func(p *process) string {
		return strings.TrimSuffix(n.answer(p, "read", "", `{ _allNotesMeta { count } }`), "<nil>")
	}
	for round := range 3 {
		for _, p := range n.serving {
			count(p)
		}
		time.Sleep(3 * time.Second) // until both read from the reader
		if got := strings.TrimSuffix(n.answer(n.serving[0], "read", "", `mutation { createNote(text: "x") { text } }`), "<nil>"); !strings.Contains(got, `"text":"x"`) {
			t.Fatal(got)
		}
		for _, p := range []int{1, 0} {
			if got, want := count(n.serving[p]), fmt.Sprintf(`{"data":{"_allNotesMeta":{"count":%d}}}`, round+1); got != want {
				t.Errorf("after write %d node %d says %s", round+1, p, got)
			}
		}
		n.push(n.control, fmt.Sprintf("text: String more%d", round)) // a release that the reader has not heard of
		if got := count(n.serving[1]); !strings.Contains(got, fmt.Sprint(round+1)) {
			t.Errorf("after the release node 1 says %s", got)
		}
	}
	stopReader()
	for range 5 {
		for _, p := range n.serving {
			if got := count(p); got != `{"data":{"_allNotesMeta":{"count":3}}}` {
				t.Errorf("without a reader there is %s", got)
			}
		}
	}
	for _, p := range n.processes() {
		p.stop(t)
	}
}
