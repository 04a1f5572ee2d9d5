package subscription

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"icehouse/tenancy"
	"icehouse/tenancy/directory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what should come, quietTime for what should not.
const (
	patience  = 5 * time.Second
	quietTime = 30 * time.Millisecond
)

// fake is a Service that does what a test tells it, by the name of the first field that
// is asked for.
type fake struct {
	mu      sync.Mutex
	changed *sync.Cond
	plans   map[string]*plan
	begun   map[string][]*begun // in order, with those that have been stopped
	starts  int                 // calls of Start that have not returned
}

// plan is what happens when a subscription is begun.
type plan struct {
	refuse  *Refusal
	early   []Result
	expires time.Duration
	block   chan struct{} // Start waits for it
	deaf    bool          // and does not mind its context
}

// begun is a subscription of the fake.
type begun struct {
	Request
	sink    Sink
	mu      sync.Mutex // as the gateway's: Stop waits for what is being told
	stopped bool
}

func newFake() *fake {
	f := &fake{plans: map[string]*plan{}, begun: map[string][]*begun{}}
	f.changed = sync.NewCond(&f.mu)
	return f
}

func (f *fake) Project(_ context.Context, idOrAlias string) (directory.Entry, error) {
	switch idOrAlias {
	case "unknown":
		return directory.Entry{}, tenancy.ErrUnknownProject
	case "broken":
		return directory.Entry{}, errors.New("the directory is away")
	}
	return directory.Entry{}, nil
}

var firstField = regexp.MustCompile(`\{\s*(\w+)`)

func (f *fake) Start(ctx context.Context, r Request, sink Sink) (*Subscription, error) {
	name := ""
	if m := firstField.FindStringSubmatch(r.Query); m != nil {
		name = m[1]
	}
	one := &begun{Request: r, sink: sink}
	f.mu.Lock()
	p := f.plans[name]
	if p == nil {
		p = &plan{}
	}
	f.starts++
	f.changed.Broadcast()
	f.mu.Unlock()
	defer f.change(func() { f.starts-- })
	if p.block != nil {
		done := ctx.Done()
		if p.deaf {
			done = nil
		}
		select {
		case <-p.block:
		case <-done:
			return nil, ctx.Err()
		}
	}
	if p.refuse != nil {
		return nil, p.refuse
	}
	for _, result := range p.early {
		sink.Next(result)
	}
	f.change(func() { f.begun[name] = append(f.begun[name], one) })
	out := &Subscription{Cursor: "c0", Stop: func() {
		one.mu.Lock()
		one.stopped = true
		one.mu.Unlock()
		f.change(func() {})
	}}
	if r.Cursor != "" {
		out.Cursor = r.Cursor
	}
	if p.expires != 0 {
		out.Expires = time.Now().Add(p.expires)
	}
	return out, nil
}

func (f *fake) change(how func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	how()
	f.changed.Broadcast()
}

// until waits for something about the fake.
func (f *fake) until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	late := false
	defer time.AfterFunc(patience, func() { f.change(func() { late = true }) }).Stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	for !holds() {
		if late {
			t.Fatalf("waited in vain: %s", what)
		}
		f.changed.Wait()
	}
}

// last is the subscription of a name that was begun last.
func (f *fake) last(t testing.TB, name string) *begun {
	t.Helper()
	var one *begun
	f.until(t, name+" is begun", func() bool {
		all := f.begun[name]
		if len(all) > 0 {
			one = all[len(all)-1]
		}
		return one != nil
	})
	return one
}

// running says how many subscriptions have not been stopped. f.mu is held.
func (f *fake) running() (n int) {
	for _, all := range f.begun {
		for _, one := range all {
			one.mu.Lock()
			if !one.stopped {
				n++
			}
			one.mu.Unlock()
		}
	}
	return n
}

func (b *begun) next(r Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.stopped {
		b.sink.Next(r)
	}
}

func (b *begun) end(r Refusal) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.stopped {
		b.stopped = true
		b.sink.End(r)
	}
}

// world is a server with its fake.
type world struct {
	*fake
	server *Server
	http   *httptest.Server
}

func serve(t testing.TB, o Options, timeouts ...func(*http.Server)) *world {
	t.Helper()
	w := &world{fake: newFake()}
	w.server = New(w.fake, o, slog.New(slog.NewTextHandler(io.Discard, nil)))
	w.http = httptest.NewUnstartedServer(w.server)
	for _, set := range timeouts {
		set(w.http.Config)
	}
	w.http.Start()
	t.Cleanup(func() {
		w.stop()
		w.http.Close()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		w.mu.Lock()
		defer w.mu.Unlock()
		if n := w.running(); n > 0 {
			t.Errorf("%d subscriptions were not stopped", n)
		}
		if w.starts > 0 {
			t.Errorf("%d are beginning still", w.starts)
		}
	})
	return w
}

// stop stops the server and does not wait for its clients for long.
func (w *world) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), quietTime)
	defer cancel()
	_ = w.server.Stop(ctx)
}

func (w *world) dial(t testing.TB, subProtocol string) *websocket.Conn {
	t.Helper()
	d := websocket.Dialer{Subprotocols: strings.Split(subProtocol, ",")}
	conn, answer, err := d.Dial("ws"+strings.TrimPrefix(w.http.URL, "http")+"/subscriptions/v1/project", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// open is dial, and the first words.
func (w *world) open(t testing.TB, subProtocol string) *websocket.Conn {
	t.Helper()
	conn := w.dial(t, subProtocol)
	say(t, conn, `{"type":"connection_init"}`)
	if got := hear(t, conn); got != `{"type":"connection_ack"}` {
		t.Fatal(got)
	}
	return conn
}

func say(t testing.TB, conn *websocket.Conn, text string) {
	t.Helper()
	if err := conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func hear(t testing.TB, conn *websocket.Conn) string {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	_, text, err := conn.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// closing reads until the server closes, and returns its words.
func closing(t testing.TB, conn *websocket.Conn) *websocket.CloseError {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	for {
		_, _, err := conn.ReadMessage()
		var closed *websocket.CloseError
		if errors.As(err, &closed) {
			return closed
		}
		if err != nil {
			t.Fatalf("not a close frame: %v", err)
		}
	}
}
