// Package server is one running server process: listeners, HTTP servers, and
// the parts of the platform behind them, for whatever role it plays.
//
// In: a complete config.Config. Out: a Server that listens already, Run, which
// serves until it is asked to stop. Callers: the commands dev and serve.
//
//	New:  listeners -> connectors.Open (stores, databases, planes) -> routes
//	Run:  serve ... stop: no new work -> grace -> base context ends -> close, last opened first
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"icehouse/cmd/icehouse/internal/config"
	"icehouse/cmd/icehouse/internal/connectors"
	"icehouse/cmd/icehouse/internal/rungroup"
)

// Server is a server process that has everything it needs.
type Server struct {
	config    config.Config
	planes    *connectors.Planes
	api       net.Listener
	functions net.Listener // nil when the role takes no uploads
	group     rungroup.Group
	closers   rungroup.Closers
}

// New opens everything, bottom-up. When something fails, what was opened before
// is closed again.
func New(ctx context.Context, c config.Config, log *slog.Logger) (_ *Server, err error) {
	s := &Server{config: c, group: rungroup.Group{Grace: c.Grace}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.closers.Close())
		}
	}()
	if s.api, err = s.listen(ctx, "api", c.Address()); err != nil {
		return nil, err
	}
	if c.Role.Has(config.Control) {
		if s.functions, err = s.listen(ctx, "function uploads", c.FunctionsAddress()); err != nil {
			return nil, err
		}
	}
	if s.planes, err = connectors.Open(ctx, c, connectors.Addresses{API: s.URL(), Functions: s.FunctionsURL()}, log, &s.closers); err != nil {
		return nil, err
	}
	s.serve("api", s.routes(), s.api, log)
	if s.functions != nil {
		s.serve("function uploads", s.planes.Functions, s.functions, log)
	}
	if s.planes.Relay != nil {
		s.group.Members = append(s.group.Members, rungroup.Loop("relaying", s.planes.Relay))
	}
	if s.planes.Handle != nil {
		s.group.Members = append(s.group.Members, rungroup.Loop("telling functions of events", s.planes.Handle))
	}
	if s.planes.EndSubscriptions != nil { // last, and so stopped first: sessions end with a word
		s.group.Members = append(s.group.Members, s.sessions())
	}
	if s.planes.Tidy != nil {
		s.group.Members = append(s.group.Members, rungroup.Loop("tidying", s.planes.Tidy))
	}
	if s.planes.Count != nil { // first, and so stopped last: requests are counted until the last has ended
		s.group.Members = append([]rungroup.Member{rungroup.Loop("counting", s.planes.Count)}, s.group.Members...)
	}
	return s, nil
}

func (s *Server) listen(ctx context.Context, name, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s.closers.Push(name, func() error {
		// The HTTP server has closed it, unless it never began.
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return l, nil
}

// The bounds of HTTP. A deploy may work for 120 s (platform §4.1); uploads and
// large bodies may come over slow lines.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 5 * time.Minute
	writeTimeout      = 6 * time.Minute
	idleTimeout       = 2 * time.Minute
	headerBytes       = 256 << 10 // of all headers and the URI together
	oneHeaderBytes    = 50 << 10  // of a header's value, and of the URI (platform §10)
)

func (s *Server) serve(name string, handler http.Handler, l net.Listener, log *slog.Logger) {
	s.group.Members = append(s.group.Members, rungroup.HTTP(name, &http.Server{
		Handler:           bounded(handler),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      max(writeTimeout, s.config.Timeout+time.Minute),
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}, l))
}

// bounded refuses requests whose URI or header is too large.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.RequestURI) > oneHeaderBytes {
			http.Error(w, fmt.Sprintf("The URI has more than %d bytes.", oneHeaderBytes), http.StatusRequestURITooLong)
			return
		}
		for name, values := range r.Header {
			for _, value := range values {
				if len(value) > oneHeaderBytes {
					http.Error(w, fmt.Sprintf("The header %.100s has more than %d bytes.", name, oneHeaderBytes), http.StatusRequestHeaderFieldsTooLarge)
					return
				}
			}
		}
		next.ServeHTTP(w, r)
	})
}

// routes puts the surfaces of the role under their paths (platform §0.4).
func (s *Server) routes() http.Handler {
	r := chi.NewRouter()
	r.Get("/status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("OK"))
	})
	// Each bounds its bodies itself.
	if s.planes.System != nil {
		r.Handle("/system", s.planes.System)
	}
	if s.planes.Data != nil {
		r.Handle("/simple/v1/*", s.planes.Data)
		r.Handle("/relay/v1/*", s.planes.Data)
		r.Handle("/subscriptions/v1/*", s.planes.Subscriptions)
		r.Handle("/v1/*", s.planes.Subscriptions)
	}
	return r
}

// sessions is the member that ends subscriptions. They run on connections that the HTTP
// server has given away.
func (s *Server) sessions() rungroup.Member {
	stopped := make(chan struct{})
	var once sync.Once
	return rungroup.Member{
		Name: "subscriptions",
		Run: func(base context.Context) error {
			select {
			case <-base.Done():
			case <-stopped:
			}
			return nil
		},
		Stop: func(ctx context.Context) error {
			once.Do(func() { close(stopped) })
			return s.planes.EndSubscriptions(ctx)
		},
	}
}

// Run serves until stop ends, or something fails, and closes everything.
func (s *Server) Run(stop, force context.Context) error {
	collectLess()
	return errors.Join(s.group.Run(stop, force), s.closers.Close())
}

// DataDir is where the process keeps its files.
func (s *Server) DataDir() string { return s.config.DataDir }

// MasterToken opens the management API.
func (s *Server) MasterToken() string { return s.config.MasterToken }

// URL is the base address of the API.
func (s *Server) URL() string { return address(s.config.Host, s.api) }

// FunctionsURL is the base address for uploads of functions.
func (s *Server) FunctionsURL() string {
	if s.functions == nil {
		return ""
	}
	return address(s.config.Host, s.functions)
}

// address is what to call a listener from this machine.
func address(host string, l net.Listener) string {
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	if ip := net.ParseIP(host); host == "" || ip != nil && (ip.IsUnspecified() || strings.HasPrefix(host, "127.")) {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// collectLess lets the heap grow further between two collections than the runtime
// would: what a server keeps is small, and requests leave much behind. An operator
// who set GOGC knows better.
func collectLess() {
	const usual, percent = 100, 400
	if before := debug.SetGCPercent(percent); before != usual {
		debug.SetGCPercent(before)
	}
}
