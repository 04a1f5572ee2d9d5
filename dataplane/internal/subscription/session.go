package subscription

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/gorilla/websocket"

	"icehouse/dataplane/coercion"
	"icehouse/tenancy"
)

// session is one WebSocket connection.
type session struct {
	server   *Server
	conn     *websocket.Conn
	project  string
	protocol string
	id       string
	began    time.Time
	pinged   time.Time // of the server's watch

	// Of the reader.
	speaks dialect // decided before anything is started
	token  string
	starts chan struct{} // has room for as many as may begin at a time; nil before the first

	heard atomic.Int64 // when a message came or went last, keep-alives left out
	spoke atomic.Int64 // when a message went last
	alive atomic.Int64 // when anything came last
	ready atomic.Bool  // the client has introduced itself

	mu      sync.Mutex
	running map[string]*running
	asked   int // bytes of what they ask for
	expires time.Time
	outbound
}

// dialect is how a session speaks.
type dialect interface {
	// receive handles a message of the client.
	receive(s *session, m message)
	// misunderstood handles one that is none.
	misunderstood(s *session)
	// refused is what tells that a subscription does not begin, or has ended.
	refused(key string, reason *Refusal) []byte
}

// message is a client's.
type message struct {
	Type    string         `json:"type"`
	ID      jsontext.Value `json:"id"`
	Payload jsontext.Value `json:"payload"`
	operation
}

func newSession(server *Server, conn *websocket.Conn, project, protocol string) *session {
	s := &session{server: server, conn: conn, project: project, protocol: protocol, id: tenancy.NewID(), began: time.Now()}
	now := s.began.UnixNano()
	s.heard.Store(now)
	s.spoke.Store(now)
	s.alive.Store(now)
	s.speaks = undecided{}
	if protocol == todaysProtocol {
		s.speaks = transportWS{}
	}
	conn.SetPongHandler(func(string) error {
		s.alive.Store(time.Now().UnixNano())
		return nil
	})
	// The library's own handler would wait for the writer.
	conn.SetPingHandler(func(data string) error {
		s.alive.Store(time.Now().UnixNano())
		s.queued(frame{kind: websocket.PongMessage, head: []byte(data)})
		return nil
	})
	return s
}

// read handles what the client sends, until the connection ends. It waits on the smallest
// stack there is, which it and the library's frames just fit into (BenchmarkIdle).
func (s *session) read() {
	for {
		kind, body, err := s.conn.NextReader()
		if err == nil {
			err = s.aside(kind, body)
		}
		if err != nil {
			s.over(err)
			s.server.busy.Done()
			return
		}
	}
}

// aside reads and handles a message on a stack of its own: that of the reader, which
// waits most of its life, stays as small as it began.
func (s *session) aside(kind int, body io.Reader) error {
	done := make(chan error, 1)
	s.server.busy.Go(func() {
		text, err := io.ReadAll(body)
		if err == nil {
			s.alive.Store(time.Now().UnixNano())
			s.handle(kind, text)
		}
		done <- err
	})
	return <-done
}

func (s *session) handle(kind int, text []byte) {
	if s.isEnding() {
		return // it may not have read that yet
	}
	var m message
	if kind != websocket.TextMessage || !understood(text, &m) || m.Type == "" {
		s.said()
		s.speaks.misunderstood(s)
		return
	}
	if s.protocol != todaysProtocol || m.Type != "ping" && m.Type != "pong" { // which keep alive
		s.said()
	}
	s.speaks.receive(s, m)
}

func (s *session) said() { s.heard.Store(time.Now().UnixNano()) }

// understood reads JSON as JavaScript does.
func understood(text []byte, into any) bool {
	return utf8.Valid(text) && json.Unmarshal(text, into, coercion.Lenient) == nil
}

// over ends everything that belongs to the session, of which nothing more can be read.
func (s *session) over(cause error) {
	s.mu.Lock()
	ended := s.ending
	s.drop()
	running := s.running
	s.running = nil
	s.mu.Unlock()
	for _, one := range running {
		one.cancel()
	}
	var closed *websocket.CloseError
	switch {
	case errors.As(cause, &closed):
	case ended: // it was told, and has not answered: it reads nothing of what is on its way either
		reset(s.conn)
	default:
		// The library may have refused a frame, and told the client why. It would not get to
		// know if we closed with bytes of it unread.
		_ = s.conn.NetConn().SetReadDeadline(time.Now().Add(min(time.Second, s.server.options.WriteTime)))
		_, _ = io.CopyN(io.Discard, s.conn.NetConn(), 16<<20)
	}
	_ = s.conn.Close()
	s.server.mu.Lock()
	delete(s.server.sessions, s)
	s.server.mu.Unlock()
}

// reset closes a connection without sending what waits in the kernel.
func reset(conn *websocket.Conn) {
	below := conn.NetConn()
	if secured, ok := below.(interface{ NetConn() net.Conn }); ok {
		below = secured.NetConn()
	}
	if t, ok := below.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = below.Close()
}

// due does what time asks for. It does not wait.
func (s *session) due(now time.Time) {
	o := &s.server.options
	since := func(v *atomic.Int64) time.Duration { return now.Sub(time.Unix(0, v.Load())) }
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ending:
		return
	case !s.expires.IsZero() && !now.Before(s.expires):
		s.end(closeForbidden, "The token has ended.")
		return
	case s.protocol == todaysProtocol && !s.ready.Load() && now.Sub(s.began) > o.InitTime:
		s.end(closeInitTimeout, "Connection initialisation timeout")
		return
	case since(&s.heard) > o.Idle:
		s.end(websocket.CloseNormalClosure, "Nothing was said for long.")
		return
	case since(&s.alive) > o.Silence:
		s.drop()
		reset(s.conn)
		return
	}
	if s.protocol != todaysProtocol && s.ready.Load() && since(&s.spoke) >= o.KeepAlive {
		s.add(frame{kind: websocket.TextMessage, head: s.keepAlive()})
	}
	if since(&s.alive) >= o.KeepAlive && now.Sub(s.pinged) >= o.KeepAlive {
		s.pinged = now
		s.add(frame{kind: websocket.PingMessage})
	}
}

// keepAlive says that the server is there (data-api §4.7).
func (s *session) keepAlive() []byte {
	if s.protocol == oldProtocol {
		return []byte(`{"type":"keepalive"}`)
	}
	return []byte(`{"type":"ka"}`)
}

// atATime is how many subscriptions of a session may be beginning. With more of them,
// its reader waits.
const atATime = 4

// start begins a subscription, and does not wait for that. size is how large the
// client's message was; ack makes what the client is told when it runs.
func (s *session) start(key string, r Request, size int, next []byte, ack func(*Subscription) []byte) {
	r.Project, r.Token, r.RequestID = s.project, s.token, "subscription:"+s.id+":"+unquoted(key)
	ctx, cancel := context.WithTimeout(s.server.ctx, s.server.options.StartTime)
	one := &running{session: s, key: key, next: next, size: size, abandon: cancel}
	former, refusal := s.register(one)
	if former != nil {
		former.cancel()
	}
	if refusal != nil {
		one.giveUp()
		s.send(s.speaks.refused(key, refusal))
		return
	}
	if s.starts == nil {
		s.starts = make(chan struct{}, atATime)
	}
	s.starts <- struct{}{}
	s.server.busy.Go(func() {
		defer func() { <-s.starts }()
		one.run(ctx, r, ack)
	})
}

// register makes a subscription one of the session's. It returns the one whose id it
// takes.
func (s *session) register(one *running) (former *running, refusal *Refusal) {
	o := &s.server.options
	s.mu.Lock()
	defer s.mu.Unlock()
	former = s.running[one.key]
	s.forget(former)
	most := ""
	switch {
	case s.ending:
		one.over = true
		one.giveUp()
		return former, nil
	case len(s.running) >= o.Subscriptions:
		most = strconv.Itoa(o.Subscriptions) + " subscriptions"
	case s.asked+one.size > o.AskedBytes:
		most = "subscriptions of " + strconv.Itoa(o.AskedBytes) + " bytes"
	}
	if most != "" {
		return former, &Refusal{Kind: Invalid, Errors: []Error{{Message: "The session has " + most + ", which is the most allowed."}}}
	}
	if s.running == nil {
		s.running = map[string]*running{}
	}
	s.running[one.key] = one
	s.asked += one.size
	return former, nil
}

// forget leaves a subscription out; false when it is none of the session's any more. s.mu
// is held.
func (s *session) forget(one *running) bool {
	if one == nil || s.running[one.key] != one {
		return false
	}
	s.asked -= one.size
	delete(s.running, one.key)
	return true
}

// ended tells the client that a subscription is over, unless the client has ended it.
// Then the id may have begun to stand for another one.
func (s *session) ended(one *running, reason *Refusal) {
	text := s.speaks.refused(one.key, reason)
	s.said()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forget(one) {
		s.add(frame{kind: websocket.TextMessage, head: text})
	}
}

// stop ends a subscription that the client no longer wants.
func (s *session) stop(key string) {
	s.mu.Lock()
	one := s.running[key]
	s.forget(one)
	s.mu.Unlock()
	if one != nil {
		one.cancel()
	}
}

// has says that a subscription has this id.
func (s *session) has(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running[key] != nil
}

// expiresAt notes when the session has to end.
func (s *session) expiresAt(when time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.expires.IsZero() || when.Before(s.expires) {
		s.expires = when
	}
}

// unquoted is an id as it stands in a request id.
func unquoted(key string) string {
	var text string
	if stdjson.Unmarshal([]byte(key), &text) == nil {
		return text
	}
	return key
}

// introduce looks at who opens the session, and lets it begin. The error has a text for
// the client.
func (s *session) introduce(payload jsontext.Value, ack string) error {
	token, ok := bearer(payload)
	if !ok {
		return refusal(Invalid, "No Authorization field was provided in payload.")
	}
	ctx, cancel := context.WithTimeout(s.server.ctx, s.server.options.StartTime)
	defer cancel()
	if _, err := s.server.service.Project(ctx, s.project); errors.Is(err, tenancy.ErrUnknownProject) {
		return refusal(Unknown, "No service with id '"+s.project+"' exists.")
	}
	s.token = token
	s.send([]byte(ack))
	s.ready.Store(true) // after that: no keep-alive goes before
	return nil
}

func refusal(kind RefusalKind, message string) *Refusal {
	return &Refusal{Kind: kind, Errors: []Error{{Message: message}}}
}
