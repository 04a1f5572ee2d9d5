package testbed

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Line is a way to a server that a test can listen to and cut: it counts the bytes that
// come back, and can fall silent, when bytes are swallowed and nobody hangs up.
type Line struct {
	net.Listener
	Silent atomic.Bool
	Back   atomic.Int64 // bytes from the server

	to   string
	ends sync.WaitGroup
	mu   sync.Mutex
	open []net.Conn
}

// NewLine opens a way to an address. It is closed when the test ends.
func NewLine(t testing.TB, to string) *Line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Line{Listener: listener, to: to}
	l.ends.Go(l.accept)
	t.Cleanup(func() {
		_ = l.Close()
		l.mu.Lock()
		for _, c := range l.open {
			_ = c.Close()
		}
		l.mu.Unlock()
		l.ends.Wait()
	})
	return l
}

func (l *Line) accept() {
	for {
		near, err := l.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", l.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		l.mu.Lock()
		l.open = append(l.open, near, far)
		l.mu.Unlock()
		l.ends.Go(func() { l.carry(near, far, new(atomic.Int64)) })
		l.ends.Go(func() { l.carry(far, near, &l.Back) })
	}
}

func (l *Line) carry(from, to net.Conn, count *atomic.Int64) {
	defer func() { _ = from.Close(); _ = to.Close() }()
	_, _ = io.Copy(writer(func(p []byte) (int, error) {
		count.Add(int64(len(p)))
		if l.Silent.Load() {
			return len(p), nil
		}
		return to.Write(p)
	}), from)
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
