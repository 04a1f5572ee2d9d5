package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"icehouse/deploy/testbed"
	"icehouse/deploy/testbed/subscriptionclient"
)

// followers are clients that are cut off again and again, and resume where they were.
type followers struct {
	t       *testing.T
	project string
	mu      sync.Mutex
	at      []string // addresses that serve now
	all     []*follower
	cuts    atomic.Int64
}

type follower struct {
	mu     sync.Mutex
	cursor string
	texts  []string
	gaps   int
}

func (f *followers) serve(addresses ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = addresses
}

func (f *followers) address() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Replace(f.at[rand.N(len(f.at))], "http://", "ws://", 1) + "/subscriptions/v1/" + f.project
}

// follow keeps a client connected until the test has what it needs.
func (f *followers) follow(one *follower, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		default:
		}
		if err := f.session(one, done); err != nil && !errors.Is(err, errCut) {
			time.Sleep(50 * time.Millisecond)
		}
	}
}

var errCut = errors.New("cut")

// session is one connection, which is cut at a random moment.
func (f *followers) session(one *follower, done <-chan struct{}) error {
	dialer := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}, HandshakeTimeout: 5 * time.Second}
	c, response, err := dialer.Dial(f.address(), nil)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	defer func() { _ = c.Close() }()
	end := time.AfterFunc(200*time.Millisecond+rand.N(4*time.Second), func() { _ = c.NetConn().Close() })
	defer end.Stop()
	go func() { <-done; _ = c.NetConn().Close() }()
	one.mu.Lock()
	cursor := one.cursor
	one.mu.Unlock()
	var from any
	if cursor != "" {
		from = cursor
	}
	for _, m := range []any{
		map[string]any{"type": "connection_init"},
		map[string]any{"id": "1", "type": "subscribe", "payload": map[string]any{
			"query": "subscription { Note(filter: {mutation_in: [CREATED]}) { node { text } } }", "extensions": map[string]any{"cursor": from}}},
	} {
		if err := c.WriteJSON(m); err != nil {
			return err
		}
	}
	for {
		var m struct {
			Type    string
			Payload json.RawMessage
		}
		if err := c.ReadJSON(&m); err != nil {
			f.cuts.Add(1)
			return errCut
		}
		one.mu.Lock()
		switch m.Type {
		case "ping":
			var in struct{ Subscribed struct{ Cursor string } }
			if json.Unmarshal(m.Payload, &in) == nil && in.Subscribed.Cursor != "" {
				one.cursor = in.Subscribed.Cursor
			}
		case "next":
			var in struct {
				Data struct {
					Note struct{ Node *struct{ Text string } }
				}
				Extensions struct{ Cursor string }
			}
			if err := json.Unmarshal(m.Payload, &in); err != nil || in.Data.Note.Node == nil {
				f.t.Errorf("a client was sent %s", m.Payload)
			} else {
				one.texts, one.cursor = append(one.texts, in.Data.Note.Node.Text), in.Extensions.Cursor
			}
		case "error":
			if strings.Contains(string(m.Payload), `"code":1005`) {
				one.gaps++
			}
			one.mu.Unlock()
			return fmt.Errorf("%s", m.Payload)
		}
		one.mu.Unlock()
	}
}

func (f *followers) start(n int, done <-chan struct{}) (wait func()) {
	var all sync.WaitGroup
	for range n {
		one := &follower{}
		f.all = append(f.all, one)
		all.Go(func() { f.follow(one, done) })
	}
	f.until(30*time.Second, "every client has its place", func(one *follower) bool { return one.cursor != "" })
	return all.Wait
}

func (f *followers) until(limit time.Duration, what string, holds func(*follower) bool) {
	f.t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(50 * time.Millisecond) {
		missing := 0
		for _, one := range f.all {
			one.mu.Lock()
			if !holds(one) {
				missing++
			}
			one.mu.Unlock()
		}
		if missing == 0 {
			return
		}
		if time.Now().After(end) {
			f.t.Errorf("%s: not true of %d of %d", what, missing, len(f.all))
			return
		}
	}
}

// chaos writes while breaks happen, and holds all clients to the same sequence, which has
// just what was committed.
func chaos(t *testing.T, n *nodes, f *followers, clients int, breaks []func()) {
	t.Helper()
	done := make(chan struct{})
	wait := f.start(clients, done)
	stop := make(chan struct{})
	var writing sync.WaitGroup
	var written, failed atomic.Int64
	for w := range 4 {
		writing.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				f.mu.Lock()
				at := &process{api: f.at[rand.N(len(f.at))]}
				f.mu.Unlock()
				text := fmt.Sprintf("%d.%d", w, i)
				if got := n.answer(at, f.project, "", `mutation { createNote(text: "`+text+`") { text } }`); strings.Contains(got, `"text":"`+text+`"`) {
					written.Add(1)
				} else {
					failed.Add(1)
					time.Sleep(20 * time.Millisecond)
				}
				time.Sleep(15 * time.Millisecond)
			}
		})
	}
	for _, do := range breaks {
		time.Sleep(1500 * time.Millisecond)
		do()
	}
	time.Sleep(1500 * time.Millisecond)
	close(stop)
	writing.Wait()
	committed, nodes := map[string]bool{}, 0
	for skip := 0; ; skip += 1000 {
		f.mu.Lock()
		at := &process{api: f.at[0]}
		f.mu.Unlock()
		got := strings.TrimSuffix(n.answer(at, f.project, "", fmt.Sprintf(`{ allNotes(first: 1000, skip: %d, orderBy: id_ASC) { text } }`, skip)), "<nil>")
		var in struct {
			Data struct{ AllNotes []struct{ Text string } }
		}
		if err := json.Unmarshal([]byte(got), &in); err != nil {
			t.Fatalf("%v: %s", err, got)
		}
		for _, note := range in.Data.AllNotes {
			committed[note.Text] = true
			nodes++
		}
		if len(in.Data.AllNotes) < 1000 {
			break
		}
	}
	began := time.Now()
	f.until(60*time.Second, "every client has all events", func(one *follower) bool { return len(one.texts) >= nodes })
	settled := time.Since(began)
	time.Sleep(500 * time.Millisecond) // for one too many
	close(done)
	wait()
	lost, double, gaps, disorder := 0, 0, 0, 0
	first := strings.Join(f.all[0].texts, " ")
	for _, one := range f.all {
		seen := map[string]bool{}
		for _, text := range one.texts {
			if seen[text] {
				double++
			}
			seen[text] = true
		}
		for text := range committed {
			if !seen[text] {
				lost++
			}
		}
		if strings.Join(one.texts, " ") != first {
			disorder++
		}
		gaps += one.gaps
	}
	for i, one := range f.all {
		if got := strings.Join(one.texts, " "); got != first {
			a, b := strings.Fields(first), one.texts
			for k := 0; k < len(a) && k < len(b); k++ {
				if a[k] != b[k] {
					t.Logf("client %d differs at %d of %d: %v, the first has %v", i, k, len(b), b[max(0, k-3):min(k+6, len(b))], a[max(0, k-3):min(k+6, len(a))])
					break
				}
			}
		}
	}
	if nodes != len(committed) {
		t.Errorf("%d nodes have %d different texts: a mutation was done twice", nodes, len(committed))
	}
	t.Logf("%d clients, cut %d times, %d events committed (%d answered, %d requests failed): %d lost, %d double, %d gaps, %d clients with another order; all had everything %v after the last write",
		clients, f.cuts.Load(), len(committed), written.Load(), failed.Load(), lost, double, gaps, disorder, settled.Round(time.Millisecond))
	if lost+double+gaps+disorder > 0 || len(committed) < 200 || int64(len(committed)) < written.Load() {
		t.Error("events were lost, or came twice or in another order, or too little was written")
	}
}

// TestSubscriptionsSurvive kills every part of an installation while clients follow: data
// node, worker, broker and database.
func TestSubscriptionsSurvive(t *testing.T) {
	server := testbed.Crashing(t)
	broker := testbed.RabbitMQ(t)
	env := map[string]string{"MASTER_TOKEN": "a master token for tests", "JWT_SECRET": "a signing secret for tests",
		"DATABASE_URL": server.URL, "QUEUE_URL": broker.URL, "ICEHOUSE_REQUEST_TIMEOUT": "5s"}
	n := &nodes{T: t, traffic: &traffic{t: t}}
	n.control = startProcess(t, t.TempDir(), env, "control")
	data := []*process{startProcess(t, t.TempDir(), env, "data"), startProcess(t, t.TempDir(), env, "data")}
	workers := []*process{startProcess(t, t.TempDir(), env, "worker"), startProcess(t, t.TempDir(), env, "worker")}
	login := n.must(n.control.system, `mutation { authenticateCustomer(input: {auth0IdToken: "a master token for tests"}) { token } }`, nil)
	n.token = login["authenticateCustomer"].(map[string]any)["token"].(string)
	f := &followers{t: t, project: n.add("followed", "followed", "text")}
	f.serve(data[0].api, data[1].api)
	killData := func(i int) func() {
		return func() {
			f.serve(data[1-i].api)
			data[i].kill()
			data[i] = startProcess(t, t.TempDir(), env, "data")
			f.serve(data[0].api, data[1].api)
		}
	}
	killWorker := func(i int) func() {
		return func() {
			workers[i].kill()
			workers[i] = startProcess(t, t.TempDir(), env, "worker")
		}
	}
	chaos(t, n, f, 200, []func(){
		killData(0), killWorker(0), killWorker(1),
		broker.Stop, func() { broker.Start(t) },
		killData(1),
		func() { server.Kill(t); server.Start(t) },
		func() { broker.Stop(); server.Kill(t); server.Start(t); broker.Start(t) },
	})
	for _, p := range append(append([]*process{n.control}, data...), workers...) {
		p.stop(t)
		if t.Failed() {
			t.Log(p.stderr)
		}
	}
}

// TestSubscriptionsSurviveEmbedded kills the one process of an installation on SQLite.
func TestSubscriptionsSurviveEmbedded(t *testing.T) {
	env := map[string]string{"MASTER_TOKEN": "a master token for tests", "JWT_SECRET": "a signing secret for tests",
		"DATABASE_URL": "sqlite:" + t.TempDir()}
	p := startProcess(t, t.TempDir(), env, "all")
	n := &nodes{T: t, traffic: &traffic{t: t}, control: p}
	login := n.must(p.system, `mutation { authenticateCustomer(input: {auth0IdToken: "a master token for tests"}) { token } }`, nil)
	n.token = login["authenticateCustomer"].(map[string]any)["token"].(string)
	f := &followers{t: t, project: n.add("followed", "followed", "text")}
	f.serve(p.api)
	kill := func() {
		p.kill()
		p = startProcess(t, t.TempDir(), env, "all")
		f.serve(p.api)
	}
	chaos(t, n, f, 200, []func(){kill, kill, kill})
	p.stop(t)
}

// TestSubscriptionClients runs npm's clients against a server.
func TestSubscriptionClients(t *testing.T) {
	env := map[string]string{"MASTER_TOKEN": "a master token for tests", "JWT_SECRET": "a signing secret for tests",
		"DATABASE_URL": "sqlite:" + t.TempDir()}
	p := startProcess(t, t.TempDir(), env, "all")
	defer p.stop(t)
	n := &nodes{T: t, traffic: &traffic{t: t}, control: p}
	login := n.must(p.system, `mutation { authenticateCustomer(input: {auth0IdToken: "a master token for tests"}) { token } }`, nil)
	n.token = login["authenticateCustomer"].(map[string]any)["token"].(string)
	n.project = n.add("followed", "followed", "text")
	url := strings.Replace(p.api, "http://", "ws://", 1) + "/subscriptions/v1/" + n.project
	create := func(text string) {
		t.Helper()
		if got := n.answer(p, n.project, "", `mutation { createNote(text: "`+text+`") { text } }`); !strings.Contains(got, text) {
			t.Fatal(got)
		}
	}
	const query = `subscription ($p: String) { Note(filter: {mutation_in: [CREATED], node: {text_starts_with: $p}}) { mutation node { text } } }`
	for _, name := range subscriptionclient.Names {
		t.Run(name, func(t *testing.T) {
			s := subscriptionclient.Subscription{Client: name, URL: url, Query: query, Variables: map[string]any{"p": "a"}, Token: n.token}
			c := subscriptionclient.Start(t, s)
			// A client does not say when its subscription runs: write until it hears of it.
			var heard subscriptionclient.Line
			for end := time.Now().Add(20 * time.Second); heard.Next == nil; {
				create("a first")
				create("b not this")
				if c.Quiet(300 * time.Millisecond) {
					if time.Now().After(end) {
						t.Fatal("the client was told nothing")
					}
					continue
				}
				heard = c.Last()
			}
			if !strings.Contains(string(heard.Next), `"text":"a first"`) {
				t.Errorf("it was told %s", heard.Next)
			}
			create("a last")
			for !strings.Contains(string(heard.Next), "a last") {
				if heard = c.Line(); heard.Error != nil || strings.Contains(string(heard.Next), "not this") {
					t.Fatalf("it was told %+v", heard)
				}
			}
			invalid := s
			invalid.Query = `subscription { Note { nope } }`
			c = subscriptionclient.Start(t, invalid)
			for l := c.Line(); ; l = c.Line() {
				if l.Next != nil && strings.Contains(string(l.Next), "nope") || strings.Contains(string(l.Error), "nope") {
					break
				}
				if !l.Connected && l.Ping == nil {
					t.Fatalf("of a wrong field it was told %+v", l)
				}
			}
			if !strings.HasPrefix(name, "graphql-") {
				return
			}
			// It goes on where another ended.
			var last struct{ Extensions struct{ Cursor string } }
			if err := json.Unmarshal(heard.Next, &last); err != nil || last.Extensions.Cursor == "" {
				t.Fatalf("there is no cursor in %s", heard.Next)
			}
			create("a missed")
			s.Extensions = map[string]any{"cursor": last.Extensions.Cursor}
			c = subscriptionclient.Start(t, s)
			l := c.Line()
			for l.Connected || l.Ping != nil {
				l = c.Line()
			}
			if !strings.Contains(string(l.Next), "a missed") {
				t.Errorf("it resumed with %+v", l)
			}
		})
	}
	response, err := http.Get(p.api + "/subscriptions/v1/" + n.project)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("a request that is no subscription: HTTP %d", response.StatusCode)
	}
}
