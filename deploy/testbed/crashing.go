package testbed

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Server is a PostgreSQL server that a test kills and starts again. It keeps what it has
// confirmed.
type Server struct {
	URL  string
	home home
	port int
	stop func()
}

// Crashing starts a server for a test alone.
func Crashing(t testing.TB) *Server {
	t.Helper()
	h, port, stop := primary(t, "synchronous_commit = on\nfull_page_writes = on\n")
	s := &Server{URL: serverAddress(port), home: h, port: port, stop: stop}
	t.Cleanup(func() { s.stop() })
	return s
}

// Kill kills the server's processes, all at once, as a machine that loses power does to
// them.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.home.data, "postmaster.pid")) //nolint:gosec // our own folder
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(filepath.Join(s.home.data, "postmaster.pid")) // it says that the server is ready
}

// Start starts it again.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	// Its former processes end as soon as they see that the first has.
	for end := time.Now().Add(startTimeout); ; time.Sleep(50 * time.Millisecond) {
		stop, err := s.home.run(t.Context(), s.port, func() {})
		if err == nil {
			s.stop = func() { stop(); s.home.clean() }
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}
