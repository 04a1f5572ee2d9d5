package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"icehouse/deploy/testbed"
)

// listener is a webhook that writes down what it is told.
type listener struct {
	t *testing.T

	mu    sync.Mutex
	first map[string][]int          // by writer: what it was told of first, in that order
	times map[string]map[int]int    // and how often
	ids   map[string]map[string]int // of each event
}

func (l *listener) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil { // who called was killed
		return
	}
	var told struct {
		Data struct {
			Note struct{ PreviousValues struct{ Text string } }
		}
	}
	writer, number, ok := "", "", false
	if err = json.Unmarshal(body, &told); err == nil {
		writer, number, ok = strings.Cut(told.Data.Note.PreviousValues.Text, ".")
	}
	n, err := strconv.Atoi(number)
	if err != nil || !ok {
		l.t.Errorf("told %s", body)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.times[writer] == nil {
		l.times[writer], l.ids[writer] = map[int]int{}, map[string]int{}
	}
	if l.times[writer][n]++; l.times[writer][n] == 1 {
		l.first[writer] = append(l.first[writer], n)
	}
	l.ids[writer][r.Header.Get("webhook-id")]++
}

// withHandler is a definition with a function that is told of updates.
func (n *nodes) withHandler(url, more string) string {
	config, err := json.Marshal(map[string]any{"modules": []any{map[string]any{"name": "", "content": `types: ./types.graphql
functions:
  tell:
    type: subscription
    query: ./tell.graphql
    retries: 10
    handler: {webhook: "` + url + `"}
permissions:
- operation: "*"
`, "files": map[string]string{"./types.graphql": "type Note @model { id: ID! @isUnique text: String " + more + " }\n",
		"./tell.graphql": "subscription { Note(filter: {mutation_in: [UPDATED]}) { previousValues { text } } }"}}}})
	if err != nil {
		n.Fatal(err)
	}
	return string(config)
}

// TestHandlersSurvive kills every part of an installation, and deploys, while a webhook is
// told of what many write: it hears of every change, of those of one node in their order.
func TestHandlersSurvive(t *testing.T) {
	server := testbed.Crashing(t)
	broker := testbed.RabbitMQ(t)
	heard := &listener{t: t, first: map[string][]int{}, times: map[string]map[int]int{}, ids: map[string]map[string]int{}}
	webhook := httptest.NewServer(heard)
	t.Cleanup(webhook.Close)
	env := map[string]string{"MASTER_TOKEN": "a master token for tests", "JWT_SECRET": "a signing secret for tests",
		"DATABASE_URL": server.URL, "QUEUE_URL": broker.URL, "ICEHOUSE_REQUEST_TIMEOUT": "5s", "ICEHOUSE_WEBHOOK_OPEN": "127.0.0.0/8"}
	n := &nodes{T: t, traffic: &traffic{t: t}}
	n.control = startProcess(t, t.TempDir(), env, "control")
	data := startProcess(t, t.TempDir(), env, "data")
	workers := []*process{startProcess(t, t.TempDir(), env, "worker"), startProcess(t, t.TempDir(), env, "worker")}
	defer func() {
		for _, p := range append([]*process{n.control, data}, workers...) {
			p.stop(t)
			if t.Failed() {
				t.Log(p.stderr)
			}
		}
	}()
	login := n.must(n.control.system, `mutation { authenticateCustomer(input: {auth0IdToken: "a master token for tests"}) { token } }`, nil)
	n.token = login["authenticateCustomer"].(map[string]any)["token"].(string)
	n.project = n.add("told", "told", "text")
	push := func(more string) {
		t.Helper()
		out := n.must(n.control.system, `mutation ($p: String!, $c: String!) { push(input: {projectId: $p, version: 1, config: $c, isDryRun: false, force: true}) { errors { description } } }`,
			map[string]any{"p": n.project, "c": n.withHandler(webhook.URL, more)})
		if errs := out["push"].(map[string]any)["errors"].([]any); len(errs) > 0 {
			t.Fatal(errs)
		}
	}
	push("")

	const writers = 6
	stop := make(chan struct{})
	var writing sync.WaitGroup
	var last [writers]int
	var failed atomic.Int64
	id := regexp.MustCompile(`"id":"([^"]+)"`)
	for i := range writers {
		made := id.FindStringSubmatch(n.answer(data, n.project, "", fmt.Sprintf(`mutation { createNote(text: "%d.0") { id } }`, i)))
		writing.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
				}
				got := n.answer(data, n.project, "", fmt.Sprintf(`mutation { updateNote(id: "%s", text: "%d.%d") { id } }`, made[1], i, last[i]+1))
				if strings.HasPrefix(got, `{"data":{"updateNote":{"id"`) {
					last[i]++
				} else {
					failed.Add(1)
				}
			}
		})
	}
	kill := func(i int) {
		workers[i].kill()
		workers[i] = startProcess(t, t.TempDir(), env, "worker")
	}
	for _, step := range []func(){
		func() { push("stars: Int") }, func() { kill(0) }, func() { push("") }, func() { kill(1) }, broker.Stop, func() { kill(0) }, func() { broker.Start(t) },
		func() { push("other: String @isUnique") }, func() { server.Kill(t); server.Start(t) }, func() { kill(0); kill(1) },
	} {
		time.Sleep(500 * time.Millisecond)
		step()
	}
	time.Sleep(500 * time.Millisecond)
	close(stop)
	writing.Wait()
	total := 0
	for i := range writers {
		total += last[i]
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			heard.mu.Lock()
			missing := 0
			for k := range last[i] {
				if heard.times[fmt.Sprint(i)][k] == 0 {
					missing++
				}
			}
			heard.mu.Unlock()
			if missing == 0 {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("of writer %d's %d changes %d are not told", i, last[i], missing)
			}
		}
	}
	heard.mu.Lock()
	defer heard.mu.Unlock()
	again := 0
	for i := range writers {
		for k, at := range heard.first[fmt.Sprint(i)] {
			if k != at {
				t.Fatalf("the changes of writer %d were told in the order %v", i, heard.first[fmt.Sprint(i)])
			}
		}
		for _, times := range heard.ids[fmt.Sprint(i)] {
			again += times - 1
		}
	}
	t.Logf("%d changes were answered, %d requests failed; all were told, %d of them more than once", total, failed.Load(), again)
	if total < 200 {
		t.Error("too little was written")
	}
}
