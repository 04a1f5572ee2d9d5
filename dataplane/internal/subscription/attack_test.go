package subscription

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

const startPost = `{"id":"1","type":"start","payload":{"query":"{ Post }"}}`

// big is a result of which few fit into what the kernel buffers.
func big(n int) Result {
	return Result{Cursor: "c1", JSON: []byte(`{"data":"` + strings.Repeat("x", n) + `"}`)}
}

// gone waits until the server has forgotten all sessions.
func (w *world) gone(t testing.TB) {
	t.Helper()
	for limit := time.Now().Add(patience); len(w.server.all()) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("%d sessions are left", len(w.server.all()))
		}
	}
}

// fill delivers until the subscription is stopped, which it must be before more than most
// bytes were delivered.
func fill(t testing.TB, to *begun, size, most int) {
	t.Helper()
	r := big(size)
	for n := 0; ; n += size {
		to.mu.Lock()
		stopped := to.stopped
		to.mu.Unlock()
		if stopped {
			return
		}
		if n > most { // then it is a matter of time
			time.Sleep(time.Millisecond)
		}
		if n > most+size*int(patience/time.Millisecond) {
			t.Fatal("nobody minds that the client does not read")
		}
		to.next(r)
	}
}

func (w *world) waiting() (n int) {
	for _, s := range w.server.all() {
		s.mu.Lock()
		n += s.bytes
		s.mu.Unlock()
	}
	return n
}

// A client that reads nothing is sent away, and costs no more than its queue; when it
// wakes up in time it is told why.
func TestSlowReader(t *testing.T) {
	for _, wakes := range []bool{true, false} {
		t.Run(fmt.Sprintf("wakes=%t", wakes), func(t *testing.T) {
			t.Parallel()
			w := serve(t, Options{QueueBytes: 256 << 10, WriteTime: map[bool]time.Duration{true: patience, false: 200 * time.Millisecond}[wakes]})
			conn := w.open(t, newProtocol)
			say(t, conn, startPost)
			one := w.last(t, "Post")
			r := big(128 << 10)
			for limit := time.Now().Add(patience); len(w.server.all()) > 0; {
				s := w.server.all()[0]
				if s.isEnding() {
					break
				}
				one.next(r)
				if n := w.waiting(); n > 512<<10 {
					t.Fatalf("%d bytes wait", n)
				}
				if time.Now().After(limit) {
					t.Fatal("nobody minds that the client does not read")
				}
			}
			if wakes {
				if got := closing(t, conn); got.Code != websocket.CloseTryAgainLater || got.Text != "The client reads too slowly." {
					t.Error(got)
				}
			}
			w.gone(t)
			w.until(t, "it is stopped", func() bool { return w.running() == 0 })
		})
	}
}

// Messages that the client makes the server say wait in the same queue.
func TestSlowReaderThatAsks(t *testing.T) {
	w := serve(t, Options{QueueMessages: 10, WriteTime: 100 * time.Millisecond})
	conn := w.open(t, todaysProtocol)
	go func() {
		text := []byte(`{"type":"ping","payload":{"x":"` + strings.Repeat("x", 100<<10) + `"}}`)
		for conn.WriteMessage(websocket.TextMessage, text) == nil {
			_ = conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
		}
	}()
	w.gone(t)
}

// What comes before Start has returned waits, but not without bound.
func TestMuchBeforeTheBeginning(t *testing.T) {
	w := serve(t, Options{QueueMessages: 10})
	early := make([]Result, 11)
	for i := range early {
		early[i] = big(10)
	}
	w.plans["Post"] = &plan{early: early}
	conn := w.open(t, newProtocol)
	say(t, conn, startPost)
	if got := closing(t, conn); got.Code != websocket.CloseTryAgainLater {
		t.Error(got)
	}
	w.gone(t)
}

// Keep-alives of the others come in time beside many that read nothing.
func TestKeepAliveBesideStuckClients(t *testing.T) {
	w := serve(t, Options{KeepAlive: 50 * time.Millisecond, QueueBytes: 16 << 20, WriteTime: patience})
	for range 20 {
		conn := w.open(t, todaysProtocol)
		say(t, conn, `{"id":"1","type":"subscribe","payload":{"query":"{ Post }"}}`)
	}
	w.until(t, "they are begun", func() bool { return len(w.begun["Post"]) == 20 })
	r := big(4 << 20)
	for _, one := range w.begun["Post"] {
		one.next(r)
		one.next(r)
		one.next(r)
	}
	conn := w.open(t, newProtocol)
	began := time.Now()
	for range 4 {
		if got := hear(t, conn); got != `{"type":"ka"}` {
			t.Fatal(got)
		}
	}
	if d := time.Since(began); d > 10*time.Second { // and not the minute of a write
		t.Errorf("four keep-alives took %s", d)
	}
}

// A client that answers no pings is gone, whether it has introduced itself or not, and
// one that only answers pings is not.
func TestHalfOpen(t *testing.T) {
	w := serve(t, Options{KeepAlive: 20 * time.Millisecond, Silence: 150 * time.Millisecond})
	w.dial(t, newProtocol)
	w.open(t, oldProtocol)
	w.open(t, todaysProtocol)
	there := w.open(t, todaysProtocol)
	reader := make(chan struct{})
	go func() {
		defer close(reader)
		_, _, _ = there.ReadMessage()
	}()
	for limit := time.Now().Add(patience); len(w.server.all()) > 1 && time.Now().Before(limit); {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(300 * time.Millisecond)
	if n := len(w.server.all()); n != 1 {
		t.Errorf("%d sessions are left, and it should be one", n)
	}
	_ = there.Close()
	<-reader
	w.gone(t)
}

// raw is a connection whose frames a test writes itself.
func (w *world) raw(t *testing.T) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", w.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, _ = io.WriteString(conn, "GET /v1/project HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: graphql-ws\r\n\r\n")
	in := bufio.NewReader(conn)
	answer, err := http.ReadResponse(in, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(answer, err)
	}
	_ = answer.Body.Close()
	return conn, in
}

// masked is a frame of a client whose mask is zero.
func masked(first byte, text string) string {
	head := []byte{first, 0x80 | byte(len(text))}
	if len(text) > 125 {
		head = []byte{first, 0x80 | 126, byte(len(text) >> 8), byte(len(text))}
	}
	return string(head) + "\x00\x00\x00\x00" + text
}

// Frames as no well-behaved client sends them.
func TestFrames(t *testing.T) {
	const (
		text, more, last = "\x81", 0x01, 0x80
		ack              = "\x81\x19" + `{"type":"connection_ack"}`
	)
	init := `{"type":"connection_init"}`
	closed := func(code int) string { return string(websocket.FormatCloseMessage(code, "")) }
	for name, c := range map[string]struct{ sends, gets string }{
		"in fragments":                  {masked(0x01, init[:5]) + masked(0x00, "") + masked(0x89, "hi") + masked(0x00, init[5:9]) + masked(0x80, init[9:]), "\x8a\x02hi" + ack},
		"fragments that are too large":  {masked(0x01, strings.Repeat("x", 600)) + strings.Repeat(masked(0x00, strings.Repeat("x", 600)), 3), closed(1009)},
		"a length that is too large":    {"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", closed(1009)},
		"a length below zero":           {"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", ""},
		"without a mask":                {"\x81\x02{}", closed(1002)},
		"a reserved bit":                {masked(0xc1, init), closed(1002)},
		"a reserved kind":               {masked(0x83, init), closed(1002)},
		"a continuation of nothing":     {masked(0x80, init), closed(1002)},
		"a message within a message":    {masked(0x01, init) + masked(0x81, init), closed(1002)},
		"a ping in fragments":           {masked(0x09, "x"), closed(1002)},
		"a ping that is too large":      {masked(0x89, strings.Repeat("x", 126)), closed(1002)},
		"a close with half a code":      {masked(0x88, "x"), "\x88\x00"},
		"not UTF-8":                     {masked(0x81, "{\"type\":\"connection_init\",\"payload\":\"\xff\"}"), "can't be parsed"},
		"half a surrogate pair":         {masked(0x81, `{"type":"connection_init","payload":{"x":"\ud800"}}`), ack},
		"a name that is there twice":    {masked(0x81, `{"type":"stop","type":"connection_init"}`), ack},
		"two messages in one":           {masked(0x81, init+init), "can't be parsed"},
		"nested deeper than anyone may": {masked(0x81, `{"type":"connection_init","payload":`+strings.Repeat("[", 900)+`}`), "can't be parsed"},
		"a frame that never ends":       {"\x81\xfe\x03\xe8\x00\x00\x00\x00{", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := serve(t, Options{FrameBytes: 1024, KeepAlive: 50 * time.Millisecond, Silence: 200 * time.Millisecond})
			conn, in := w.raw(t)
			_, _ = io.WriteString(conn, c.sends)
			got := ""
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			for buf := make([]byte, 1000); c.gets == "" || !strings.Contains(got, c.gets); {
				n, err := in.Read(buf)
				got += string(buf[:n])
				if err != nil && c.gets == "" && !errors.Is(err, io.EOF) && strings.Contains(err.Error(), "timeout") {
					t.Fatal("the connection is kept")
				}
				if err != nil {
					break
				}
			}
			if !strings.Contains(got, c.gets) {
				t.Errorf("got %q", got)
			}
			_ = conn.Close()
			w.gone(t)
		})
	}
}

// A flood of starts and stops with one id, while starting is slow: few begin at a time,
// what was replaced before it began never does, the last one counts.
func TestFloodOfStarts(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		for _, leaves := range []bool{false, true} {
			t.Run(fmt.Sprintf("deaf=%t leaves=%t", deaf, leaves), func(t *testing.T) {
				t.Parallel()
				w := serve(t, Options{})
				p := &plan{block: make(chan struct{}), deaf: deaf}
				w.plans["Post"] = p
				conn := w.open(t, newProtocol)
				for range 100 {
					say(t, conn, startPost)
					say(t, conn, `{"id":"1","type":"stop"}`)
				}
				say(t, conn, startPost)
				if !deaf {
					say(t, conn, `{"id":"2","type":"start","payload":{"query":"{ User }"}}`)
					w.last(t, "User") // the reader has come so far
				}
				w.until(t, "they begin", func() bool { return w.starts > 0 })
				w.change(func() {
					if w.starts > atATime {
						t.Errorf("%d begin at a time", w.starts)
					}
				})
				if leaves {
					_ = conn.Close()
				}
				if leaves && !deaf {
					w.gone(t) // nobody waits for a service that minds its context
				}
				close(p.block)
				if leaves {
					w.gone(t)
				} else {
					w.last(t, "Post")
					w.until(t, "one is left", func() bool {
						n := 0
						for _, one := range w.begun["Post"] {
							one.mu.Lock()
							if !one.stopped {
								n++
							}
							one.mu.Unlock()
						}
						return n == 1 && w.starts == 0
					})
					w.last(t, "Post").next(Result{JSON: []byte(`{"data":1}`)})
					if got := hear(t, conn); got != `{"id":"1","type":"data","payload":{"data":1}}` {
						t.Error(got)
					}
					_ = conn.Close()
				}
				w.until(t, "none is left", func() bool { return w.running() == 0 && w.starts == 0 })
			})
		}
	}
}

// A slow beginning keeps nothing else waiting: neither pings nor other subscriptions, nor
// its own end.
func TestSlowStart(t *testing.T) {
	w := serve(t, Options{StartTime: patience})
	p := &plan{block: make(chan struct{})}
	w.plans["Post"] = p
	conn := w.open(t, todaysProtocol)
	say(t, conn, `{"id":"1","type":"subscribe","payload":{"query":"{ Post }"}}`)
	w.until(t, "it begins", func() bool { return w.starts == 1 })
	say(t, conn, `{"type":"ping"}`)
	if got := hear(t, conn); got != `{"type":"pong"}` {
		t.Fatal(got)
	}
	say(t, conn, `{"id":"2","type":"subscribe","payload":{"query":"{ User }"}}`)
	w.last(t, "User").next(Result{JSON: []byte(`{}`)})
	if got := hear(t, conn); got != `{"id":"2","type":"next","payload":{}}` {
		t.Fatal(got)
	}
	say(t, conn, `{"id":"1","type":"complete"}`)
	w.until(t, "its context ends", func() bool { return w.starts == 0 })
	say(t, conn, `{"id":"1","type":"subscribe","payload":{"query":"{ User }"}}`) // the id is free
	say(t, conn, `{"type":"ping"}`)
	if got := hear(t, conn); got != `{"type":"pong"}` {
		t.Fatal(got)
	}
}

// A beginning that takes too long is refused.
func TestStartTime(t *testing.T) {
	w := serve(t, Options{StartTime: 20 * time.Millisecond})
	w.plans["Post"] = &plan{block: make(chan struct{})}
	conn := w.open(t, newProtocol)
	say(t, conn, startPost)
	if got := hear(t, conn); !strings.Contains(got, `"id":"1"`) || !strings.Contains(got, "can't begin now") {
		t.Error(got)
	}
}

// Stop ends beginnings too, without telling clients that they failed, and waits for
// nobody longer than it may.
func TestStopDuringStart(t *testing.T) {
	w := serve(t, Options{})
	w.plans["Post"] = &plan{block: make(chan struct{})}
	polite, stuck := w.open(t, newProtocol), w.open(t, newProtocol)
	say(t, polite, startPost)
	say(t, stuck, startPost)
	say(t, stuck, `{"id":"2","type":"start","payload":{"query":"{ User }"}}`)
	w.last(t, "User").next(big(16 << 20))
	w.until(t, "they begin", func() bool { return w.starts == 2 })
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	ended := make(chan struct{})
	began := time.Now()
	go func() { defer close(ended); _ = w.server.Stop(ctx) }()
	_, text, err := polite.ReadMessage()
	if !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("%s %v", text, err)
	}
	<-ended
	if d := time.Since(began); d > 10*time.Second { // and not the minute of a write
		t.Errorf("it took %s", d)
	}
}

// A stream that nobody reads ends, and so does one that Stop finds in a write.
func TestSlowStream(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		t.Run(fmt.Sprintf("stopped=%t", stopped), func(t *testing.T) {
			t.Parallel()
			w := serve(t, Options{QueueBytes: 1 << 20, WriteTime: map[bool]time.Duration{false: 100 * time.Millisecond, true: time.Minute}[stopped]})
			conn, err := net.Dial("tcp", w.http.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_, _ = io.WriteString(conn, "GET /v1/project?query={Post} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
			one := w.last(t, "Post")
			one.next(big(16 << 20))
			if stopped {
				time.Sleep(quietTime)
				began := time.Now()
				w.stop()
				if d := time.Since(began); d > 10*time.Second { // and not the minute of a write
					t.Errorf("it took %s", d)
				}
				return
			}
			fill(t, one, 128<<10, 32<<20)
		})
	}
}

// How long a request may take holds for the request, not for the stream.
func TestStreamOutlivesRequestTime(t *testing.T) {
	w := serve(t, Options{}, func(s *http.Server) {
		s.ReadTimeout, s.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.http.URL+"/v1/project", strings.NewReader(`{"query":"{ Post }"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	one := w.last(t, "Post")
	time.Sleep(150 * time.Millisecond)
	one.next(Result{JSON: []byte(`{"data":1}`), Cursor: "c1"})
	in := bufio.NewScanner(answer.Body)
	for in.Scan() {
		if in.Text() == `data: {"data":1}` {
			return
		}
	}
	t.Errorf("the stream has ended: %v", in.Err())
}

// TestChaos lets clients come, begin, end, and vanish while results are delivered, and
// stops the server in the midst of it. Nothing may be left.
func TestChaos(t *testing.T) {
	w := serve(t, Options{KeepAlive: 5 * time.Millisecond, Silence: 100 * time.Millisecond, QueueMessages: 20, WriteTime: 50 * time.Millisecond, Idle: time.Second})
	w.plans["Soon"] = &plan{expires: 20 * time.Millisecond}
	w.plans["Early"] = &plan{early: []Result{big(100), big(10000)}}
	w.plans["Never"] = &plan{block: make(chan struct{})}
	w.plans["No"] = &plan{refuse: refusalOf("Invalid", "0", "no")}
	names := []string{"Post", "Soon", "Early", "Never", "No"}
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	var busy sync.WaitGroup
	for i := range 24 {
		busy.Go(func() {
			for ctx.Err() == nil {
				w.misbehave(ctx, protocols[i%3], names)
			}
		})
	}
	for range 4 {
		busy.Go(func() {
			results := []Result{big(10), big(100), big(200 << 10)}
			for ctx.Err() == nil {
				name := names[rand.IntN(3)]
				w.mu.Lock()
				all := w.fake.begun[name]
				from := max(0, len(all)-50)
				some := append([]*begun(nil), all[from:]...)
				w.mu.Unlock()
				for _, one := range some {
					one.next(results[rand.IntN(len(results))])
					if rand.IntN(50) == 0 {
						one.end(*refusalOf("SchemaChanged", "0", "Schema changed"))
					}
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	time.Sleep(1200 * time.Millisecond)
	w.stop()
	if n := len(w.server.all()); n > 0 {
		t.Errorf("%d sessions are left", n)
	}
	w.until(t, "nothing is left", func() bool { return w.running() == 0 && w.starts == 0 })
	cancel()
	busy.Wait()
}

// misbehave is one connection of a client that does what comes to its mind.
func (w *world) misbehave(ctx context.Context, subProtocol string, names []string) {
	d := websocket.Dialer{Subprotocols: []string{subProtocol}, HandshakeTimeout: time.Second}
	conn, answer, err := d.DialContext(ctx, "ws"+strings.TrimPrefix(w.http.URL, "http")+"/v1/project", nil)
	if err != nil {
		time.Sleep(time.Millisecond)
		return
	}
	_ = answer.Body.Close()
	defer func() { _ = conn.Close() }()
	if rand.IntN(3) > 0 { // or it reads nothing
		go func() {
			for {
				if _, _, err := conn.ReadMessage(); err != nil {
					return
				}
			}
		}()
	}
	begin, end := `{"id":"%d","type":"start","payload":{"query":"{ %s }"}}`, `{"id":"%d","type":"stop"}`
	first := `{"type":"connection_init"}`
	switch subProtocol {
	case oldProtocol:
		first, begin, end = `{"type":"init"}`, `{"id":"%d","type":"subscription_start","query":"{ %[2]s }"}`, `{"id":"%d","type":"subscription_end"}`
	case todaysProtocol:
		begin, end = `{"id":"%d","type":"subscribe","payload":{"query":"{ %s }"}}`, `{"id":"%d","type":"complete"}`
	}
	write := func(text string) { _ = conn.WriteMessage(websocket.TextMessage, []byte(text)) }
	write(first)
	for range rand.IntN(60) {
		switch id := rand.IntN(5); rand.IntN(12) {
		case 0:
			write(fmt.Sprintf(end, id))
		case 1:
			if rand.IntN(10) == 0 {
				write("{")
			}
		case 2:
			_ = conn.WriteControl(websocket.PingMessage, []byte("x"), time.Now().Add(time.Second))
		case 3:
			time.Sleep(time.Duration(rand.IntN(5)) * time.Millisecond)
		case 4:
			if rand.IntN(20) == 0 {
				_ = conn.WriteControl(websocket.CloseMessage, nil, time.Now().Add(time.Second))
			}
		default:
			write(fmt.Sprintf(begin, id, names[rand.IntN(len(names))]))
		}
	}
}
