package rabbitqueue_test

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"icehouse/dataplane/connector/queue"
	"icehouse/dataplane/connector/queue/rabbitqueue"
	"icehouse/deploy/testbed"
)

// line is a way to a broker that can fall silent: bytes are swallowed, and nobody
// hangs up.
type line struct {
	net.Listener
	to     string
	silent atomic.Bool
	ends   sync.WaitGroup
	mu     sync.Mutex
	open   []net.Conn
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{Listener: listener, to: to}
	l.ends.Go(l.accept)
	t.Cleanup(func() {
		_ = l.Listener.Close()
		l.mu.Lock()
		for _, c := range l.open {
			_ = c.Close()
		}
		l.mu.Unlock()
		l.ends.Wait()
	})
	return l
}

func (l *line) accept() {
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
		l.ends.Go(func() { l.carry(near, far) })
		l.ends.Go(func() { l.carry(far, near) })
	}
}

func (l *line) carry(from, to net.Conn) {
	defer func() { _ = from.Close(); _ = to.Close() }()
	_, _ = io.Copy(writer(func(p []byte) (int, error) {
		if l.silent.Load() {
			return len(p), nil
		}
		return to.Write(p)
	}), from)
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// TestSilence takes the broker away without a word: publishing has its end, the
// subscriber is told within seconds, and closing doesn't wait for an answer.
func TestSilence(t *testing.T) {
	broker := testbed.RabbitMQ(t)
	address := strings.TrimSuffix(strings.TrimPrefix(broker.URL, "amqp://guest:guest@"), "/")
	way := newLine(t, address)
	q, err := rabbitqueue.Open(rabbitqueue.Config{URL: "amqp://guest:guest@" + way.Addr().String() + "/", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	channel := queue.Channel{Name: "silence"}
	watching, received := make(chan bool, 10), make(chan queue.Message, 10)
	if _, err := q.Subscribe(channel, queue.All, queue.Subscriber{
		Receive: func(m queue.Message) { received <- m }, Watching: func(all bool) { watching <- all },
	}); err != nil {
		t.Fatal(err)
	}
	await := func(want bool, limit time.Duration) {
		t.Helper()
		select {
		case all := <-watching:
			if all != want {
				t.Fatalf("the subscriber was told %v", all)
			}
		case <-time.After(limit):
			t.Fatalf("the subscriber was not told %v within %v", want, limit)
		}
	}
	publish := func() error {
		began := time.Now()
		err := q.Publish(t.Context(), channel, queue.Message{Topic: "x"})
		if took := time.Since(began); took > 2*queue.PublishTimeout {
			t.Errorf("publishing took %v", took)
		}
		return err
	}
	await(false, time.Second)
	await(true, 30*time.Second)
	if err := publish(); err != nil {
		t.Fatal(err)
	}
	<-received

	way.silent.Store(true)
	for range 3 {
		if err := publish(); !errors.Is(err, queue.ErrNotTaken) {
			t.Errorf("a silent broker took a message: %v", err)
		}
	}
	await(false, 10*time.Second)
	way.silent.Store(false)
	await(true, 30*time.Second)
	way.silent.Store(true)
	began := time.Now()
	if err := q.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("closing took %v", took)
	}
}
