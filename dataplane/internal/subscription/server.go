package subscription

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Options bound what clients may do. Zero values take defaults.
type Options struct {
	FrameBytes    int64         // of a message; default 1 MiB
	Subscriptions int           // of a session; default 1,000
	AskedBytes    int           // of a session's subscriptions, texts and variables; default 8 MiB
	QueueMessages int           // that wait for a client; default 1,024
	QueueBytes    int           // of them; default 4 MiB
	KeepAlive     time.Duration // after silence of ours; default 10 s (data-api §4.7)
	Idle          time.Duration // a session without messages ends; default 60 min (data-api §4.7)
	Silence       time.Duration // a client that answers no ping is gone; default 60 s
	InitTime      time.Duration // until a graphql-transport-ws session must have begun; default 10 s
	WriteTime     time.Duration // of one message; default 10 s
	StartTime     time.Duration // of the beginning of a subscription; default 30 s
}

func (o *Options) complete() {
	def := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	if o.FrameBytes == 0 {
		o.FrameBytes = 1 << 20
	}
	if o.Subscriptions == 0 {
		o.Subscriptions = 1000
	}
	if o.AskedBytes == 0 {
		o.AskedBytes = 8 << 20
	}
	if o.QueueMessages == 0 {
		o.QueueMessages = 1024
	}
	if o.QueueBytes == 0 {
		o.QueueBytes = 4 << 20
	}
	def(&o.KeepAlive, 10*time.Second)
	def(&o.Idle, time.Hour)
	def(&o.Silence, time.Minute)
	def(&o.InitTime, 10*time.Second)
	def(&o.WriteTime, 10*time.Second)
	def(&o.StartTime, 30*time.Second)
}

// Server serves subscriptions under the paths of data-api §5.1.
type Server struct {
	service  Service
	options  Options
	log      *slog.Logger
	upgrader websocket.Upgrader
	ctx      context.Context //nolint:containedctx // ends with Stop
	end      context.CancelFunc
	late     context.Context //nolint:containedctx // ends when Stop waits no longer
	hurry    context.CancelFunc
	busy     sync.WaitGroup

	mu       sync.Mutex
	sessions map[*session]bool
	closed   bool
}

// The sub-protocols, in the order in which one is taken (data-api §4.4).
const (
	oldProtocol    = "graphql-subscriptions"
	newProtocol    = "graphql-ws"
	todaysProtocol = "graphql-transport-ws"
)

var protocols = []string{oldProtocol, newProtocol, todaysProtocol}

// New makes a server. Stop ends it.
func New(service Service, o Options, log *slog.Logger) *Server {
	o.complete()
	s := &Server{service: service, options: o, log: log, sessions: map[*session]bool{}}
	s.upgrader = websocket.Upgrader{
		HandshakeTimeout: o.WriteTime,
		ReadBufferSize:   128, // of heads; few messages come, and there may be many connections
		WriteBufferSize:  4096,
		WriteBufferPool:  &sync.Pool{},
		CheckOrigin:      func(*http.Request) bool { return true }, // who asks is said by tokens, and no cookie
	}
	s.ctx, s.end = context.WithCancel(context.Background())
	s.late, s.hurry = context.WithCancel(context.Background())
	s.busy.Go(s.watch)
	return s
}

// project reads the address. The last part is a project's id or alias.
func project(path string) (string, bool) {
	for _, prefix := range []string{"/subscriptions/v1/", "/v1/"} {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			rest = strings.TrimSuffix(rest, "/")
			return rest, rest != "" && !strings.Contains(rest, "/")
		}
	}
	return "", false
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	allow(w, r)
	of, ok := project(r.URL.Path)
	switch {
	case !ok:
		http.NotFound(w, r)
		return
	case r.Method == http.MethodOptions:
		w.WriteHeader(http.StatusOK)
		return
	case !s.enter():
		http.Error(w, "The server stops.", http.StatusServiceUnavailable)
		return
	}
	defer s.busy.Done()
	switch {
	case websocket.IsWebSocketUpgrade(r):
		s.upgrade(w, r, of)
	case !strings.Contains(r.Header.Get("Accept"), "text/event-stream"):
		http.Error(w, "Subscriptions come by WebSocket, or as text/event-stream to who accepts that.", http.StatusBadRequest)
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		w.Header().Set("Allow", "GET, POST, OPTIONS")
		http.Error(w, "Streams are asked for by GET or POST.", http.StatusMethodNotAllowed)
	default:
		s.stream(w, r, of)
	}
}

// enter counts one more that Stop waits for; false when the server stops.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.busy.Add(1)
	}
	return !s.closed
}

// allow lets pages of all places ask (data-api §5.5).
func allow(w http.ResponseWriter, r *http.Request) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Add("Vary", "Origin")
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Methods", "GET, POST, HEAD, OPTIONS")
		h.Set("Access-Control-Max-Age", "1800")
		if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
			h.Set("Access-Control-Allow-Headers", asked)
		}
	}
}

func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, of string) {
	offered := websocket.Subprotocols(r)
	i := slices.IndexFunc(protocols, func(p string) bool { return slices.Contains(offered, p) })
	if i < 0 {
		http.Error(w, "None of the sub-protocols "+strings.Join(protocols, ", ")+" is offered.", http.StatusBadRequest)
		return
	}
	conn, err := s.upgrader.Upgrade(w, r, http.Header{"Sec-Websocket-Protocol": protocols[i : i+1]})
	if err != nil {
		return // it has been answered
	}
	conn.SetReadLimit(s.options.FrameBytes)
	one := newSession(s, conn, strings.Clone(of), protocols[i]) // of is a part of the request's text
	s.mu.Lock()
	s.sessions[one] = true
	closed := s.closed
	s.busy.Add(1)
	go one.read() // and not this goroutine, whose stack has grown
	s.mu.Unlock()
	if closed {
		one.close(websocket.CloseGoingAway, stops)
	}
}

func (s *Server) all() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*session, 0, len(s.sessions))
	for one := range s.sessions {
		out = append(out, one)
	}
	return out
}

// watch does for all sessions what is due.
func (s *Server) watch() {
	every := min(time.Second, s.options.KeepAlive/4, s.options.InitTime/4, s.options.Idle/4, s.options.Silence/4)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case now := <-ticker.C:
			for _, one := range s.all() {
				one.due(now)
			}
		}
	}
}

const stops = "The server stops."

// Stop ends all sessions, and waits for them until ctx ends.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	for _, one := range s.all() {
		one.close(websocket.CloseGoingAway, stops)
	}
	s.end() // after that: no client is told that its subscription could not begin
	defer s.hurry()
	ended := make(chan struct{})
	go func() { defer close(ended); s.busy.Wait() }()
	select {
	case <-ended:
	case <-ctx.Done():
		for _, one := range s.all() {
			reset(one.conn)
		}
		s.hurry()
		<-ended
	}
	return nil
}
