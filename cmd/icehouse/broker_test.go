package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"icehouse/deploy/testbed"
)

// tap passes a process's connections on to the broker, and counts topics of events by
// their project: those that come are messages, those that go are bindings and their ends.
type tap struct {
	listener net.Listener
	to       string
	busy     sync.WaitGroup

	mu         sync.Mutex
	open       []net.Conn
	come, gone map[string]int
}

var topicOfEvent = regexp.MustCompile(`subscription:event:([a-z0-9]+):`)

// newTap returns a tap and the URL of the broker behind it.
func newTap(t *testing.T, broker string) (*tap, string) {
	t.Helper()
	at, err := url.Parse(broker)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{listener: l, to: at.Host, come: map[string]int{}, gone: map[string]int{}}
	p.busy.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		for _, c := range p.open {
			_ = c.Close()
		}
		p.mu.Unlock()
		p.busy.Wait()
	})
	at.Host = l.Addr().String()
	return p, at.String()
}

func (p *tap) accept() {
	for {
		process, err := p.listener.Accept()
		if err != nil {
			return
		}
		broker, err := net.Dial("tcp", p.to)
		if err != nil { // it is away
			_ = process.Close()
			continue
		}
		p.mu.Lock()
		p.open = append(p.open, process, broker)
		p.mu.Unlock()
		p.busy.Go(func() { p.pass(broker, process, p.gone) })
		p.busy.Go(func() { p.pass(process, broker, p.come) })
	}
}

func (p *tap) pass(to, from net.Conn, count map[string]int) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 4096)
	var rest []byte // may have the beginning of a topic
	for {
		n, err := from.Read(buffer)
		rest = append(rest, buffer[:n]...)
		end := 0
		p.mu.Lock()
		for _, m := range topicOfEvent.FindAllSubmatchIndex(rest, -1) {
			count[string(rest[m[2]:m[3]])]++
			end = m[1]
		}
		p.mu.Unlock()
		rest = append([]byte(nil), rest[max(end, len(rest)-100):]...)
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *tap) messages() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.come)
}

func (p *tap) bindings(project string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone[project]
}

// hearer is one that subscribes to events of a project.
type hearer struct {
	t    *testing.T
	c    *websocket.Conn
	told chan string
}

// hear subscribes to all notes, and returns when the subscription runs.
func hear(t *testing.T, at *process, project string) *hearer {
	t.Helper()
	return hearAs(t, at, project, "", "subscription { Note { node { text } } }", "")
}

// hearAs subscribes with a token, from a cursor on. It returns when the subscription runs,
// or is refused.
func hearAs(t *testing.T, at *process, project, token, query, cursor string) *hearer {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}, HandshakeTimeout: 5 * time.Second}
	c, response, err := dialer.Dial(strings.Replace(at.api, "http://", "ws://", 1)+"/subscriptions/v1/"+project, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	t.Cleanup(func() { _ = c.Close() })
	h := &hearer{t: t, c: c, told: make(chan string, 1000)}
	who, from := map[string]any{}, any(nil)
	if token != "" {
		who["Authorization"] = "Bearer " + token
	}
	if cursor != "" {
		from = cursor
	}
	for _, m := range []any{
		map[string]any{"type": "connection_init", "payload": who},
		map[string]any{"id": "1", "type": "subscribe", "payload": map[string]any{
			"query": query, "extensions": map[string]any{"cursor": from}}},
	} {
		if err := c.WriteJSON(m); err != nil {
			t.Fatal(err)
		}
	}
	begun := make(chan struct{})
	go h.read(sync.OnceFunc(func() { close(begun) }))
	select {
	case <-begun:
	case <-time.After(30 * time.Second):
		t.Fatal("the subscription does not run")
	}
	return h
}

func (h *hearer) read(begun func()) {
	for {
		var m struct {
			Type    string
			Payload json.RawMessage
		}
		if err := h.c.ReadJSON(&m); err != nil {
			return
		}
		switch {
		case m.Type == "ping" && strings.Contains(string(m.Payload), `"subscribed"`):
			begun()
		case m.Type != "ping" && m.Type != "connection_ack":
			h.told <- m.Type + " " + string(m.Payload)
			if m.Type == "error" {
				begun()
			}
		}
	}
}

// next waits for what is told next.
func (h *hearer) next() string {
	h.t.Helper()
	select {
	case got := <-h.told:
		return got
	case <-time.After(30 * time.Second):
		h.t.Fatal("nothing is told")
		return ""
	}
}

// take waits for the events of these texts, in this order.
func (h *hearer) take(texts []string) {
	h.t.Helper()
	for _, text := range texts {
		if got := h.next(); !strings.HasPrefix(got, "next ") || !strings.Contains(got, `"text":"`+text+`"`) {
			h.t.Fatalf("told %s, want %s", got, text)
		}
	}
}

// quiet is true of one that was told no more than it took.
func (h *hearer) quiet() {
	h.t.Helper()
	select {
	case got := <-h.told:
		h.t.Errorf("told %s, of what nobody wrote", got)
	default:
	}
}

// TestBrokerSendsOnlyWhatIsAskedFor counts what a broker sends to each of two data nodes
// of a hosted installation: the events of projects that a node has subscribers of, once
// each, and of no others. That holds before there are any, after the last has gone, and
// whenever the broker comes back.
func TestBrokerSendsOnlyWhatIsAskedFor(t *testing.T) {
	t.Parallel() // it waits for the most part
	broker := testbed.RabbitMQ(t)
	env := map[string]string{"MASTER_TOKEN": "a master token for tests", "JWT_SECRET": "a signing secret for tests",
		"DATABASE_URL": testbed.Database(t), "QUEUE_URL": broker.URL}
	n := &nodes{T: t, traffic: &traffic{t: t}}
	n.control = startProcess(t, t.TempDir(), env, "control")
	var taps [2]*tap
	for i := range taps {
		tapped := maps.Clone(env)
		taps[i], tapped["QUEUE_URL"] = newTap(t, broker.URL)
		n.serving = append(n.serving, startProcess(t, t.TempDir(), tapped, "data"))
	}
	data := n.serving
	n.serving = append(n.serving, startProcess(t, t.TempDir(), env, "worker"), startProcess(t, t.TempDir(), env, "worker"))
	login := n.must(n.control.system, `mutation { authenticateCustomer(input: {auth0IdToken: "a master token for tests"}) { token } }`, nil)
	n.token = login["authenticateCustomer"].(map[string]any)["token"].(string)
	p, q := n.add("first", "first", "text"), n.add("second", "second", "text")
	n.said("the queue is connected", 1)

	const events = 20
	written := 0
	// write writes to a project, by both nodes in turn.
	write := func(project string) (texts []string) {
		t.Helper()
		for i := range events {
			text := fmt.Sprintf("%s.%d", project, written)
			written++
			if got := n.answer(data[i%2], project, "", `mutation { createNote(text: "`+text+`") { text } }`); !strings.HasPrefix(got, `{"data":{"createNote":`) {
				t.Fatal(got)
			}
			texts = append(texts, text)
		}
		return texts
	}
	// sent is how many messages of both projects' events each node is sent meanwhile.
	type sent struct{ p0, q0, p1, q1 int }
	sentBy := func(do func()) sent {
		before := [2]map[string]int{taps[0].messages(), taps[1].messages()}
		do()
		time.Sleep(300 * time.Millisecond) // what would come has come
		after := [2]map[string]int{taps[0].messages(), taps[1].messages()}
		return sent{after[0][p] - before[0][p], after[0][q] - before[0][q], after[1][p] - before[1][p], after[1][q] - before[1][q]}
	}
	want := func(when string, got, want sent) {
		t.Helper()
		if got != want {
			t.Errorf("%s: the nodes were sent %+v messages, want %+v", when, got, want)
		}
	}
	restarts := 0
	start := func() {
		t.Helper()
		broker.Start(t)
		restarts++
		n.said("the queue is connected", 1+restarts)
		// What was written meanwhile is sent now, to those who have come back by then.
		for still := 0; still < 5; {
			still++
			if sentBy(func() {}) != (sent{}) {
				still = 0
			}
		}
	}
	stop := func() {
		t.Helper()
		broker.Stop()
		n.said("the queue is disconnected", 1+restarts)
	}

	want("nobody subscribes", sentBy(func() { write(p); write(q) }), sent{})

	first, second := hear(t, data[0], p), hear(t, data[1], q)
	both := func() {
		first.take(write(p))
		second.take(write(q))
	}
	want("each node has subscribers of one project", sentBy(both), sent{p0: events, q1: events})
	stop()
	want("the broker is away", sentBy(both), sent{})
	start()
	want("the broker is back", sentBy(both), sent{p0: events, q1: events})
	if a, b := taps[0].bindings(q), taps[1].bindings(p); a+b > 0 {
		t.Errorf("the nodes spoke of %d and %d topics that nobody had asked them for", a, b)
	}
	if a, b := taps[0].messages()[q], taps[1].messages()[p]; a+b > 0 {
		t.Errorf("the nodes were sent %d and %d messages that nobody had asked them for", a, b)
	}

	// Another begins while the broker is away, and the first goes.
	stop()
	other := hear(t, data[1], p)
	first.quiet()
	_ = first.c.Close()
	want("a subscription begins without the broker", sentBy(func() { other.take(write(p)) }), sent{})
	start()
	// The node keeps a topic for a while, in case that the client comes back.
	still := sent{}
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(2 * time.Second) {
		if still = sentBy(func() { other.take(write(p)) }); still.p0 == 0 || time.Now().After(end) {
			break
		}
	}
	want("the last subscriber of a node has gone", still, sent{p1: events})
	stop()
	start()
	want("the broker is back once more", sentBy(func() { other.take(write(p)); second.take(write(q)) }), sent{p1: events, q1: events})

	again := hear(t, data[0], p)
	want("a node has a subscriber again", sentBy(func() {
		texts := write(p)
		again.take(texts)
		other.take(texts)
	}), sent{p0: events, p1: events})
	for _, h := range []*hearer{second, other, again} {
		h.quiet()
		_ = h.c.Close()
	}
	for _, one := range n.processes() {
		one.stop(t)
		if t.Failed() {
			t.Log(one.stderr)
		}
	}
}
