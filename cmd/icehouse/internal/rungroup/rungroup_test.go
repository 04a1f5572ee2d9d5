package rungroup_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"icehouse/cmd/icehouse/internal/rungroup"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// diary is what the members of a test did, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) add(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

// worker runs until it is stopped; stubborn ones only end with their base.
func worker(d *diary, name string, stubborn bool) rungroup.Member {
	stopped := make(chan struct{})
	var once sync.Once
	return rungroup.Member{
		Name: name,
		Run: func(base context.Context) error {
			if stubborn {
				<-base.Done()
				return base.Err()
			}
			select {
			case <-stopped:
				return nil
			case <-base.Done():
				return base.Err()
			}
		},
		Stop: func(ctx context.Context) error {
			once.Do(func() { d.add("stop " + name); close(stopped) })
			if stubborn {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		},
	}
}

func TestStopsInReverseOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		stop, ask := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, ask)
		group := rungroup.Group{Members: []rungroup.Member{worker(&d, "store", false), worker(&d, "api", false)}, Grace: time.Second}
		if err := group.Run(stop, t.Context()); err != nil {
			t.Fatal(err)
		}
		if want := []string{"stop api", "stop store"}; !slices.Equal(d.lines, want) {
			t.Errorf("got %q, want %q", d.lines, want)
		}
	})
}

func TestGraceEndsTheBase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		stop, ask := context.WithCancel(t.Context())
		ask()
		began := time.Now()
		group := rungroup.Group{Members: []rungroup.Member{worker(&d, "slow", true)}, Grace: 7 * time.Second}
		if err := group.Run(stop, t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 7*time.Second {
			t.Errorf("stopped after %v, want the grace of 7s", took)
		}
	})
}

func TestForceEndsThePatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		signals := make(chan os.Signal)
		stop, force, release := rungroup.Interrupts(t.Context(), signals)
		defer release()
		began := time.Now()
		go func() {
			signals <- os.Interrupt
			time.Sleep(2 * time.Second)
			signals <- os.Interrupt
		}()
		group := rungroup.Group{Members: []rungroup.Member{worker(&d, "slow", true)}, Grace: time.Hour}
		if err := group.Run(stop, force); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("stopped after %v, want 2s", took)
		}
	})
}

func TestOneFailureStopsAll(t *testing.T) {
	for name, broken := range map[string]struct {
		run  error
		want string
	}{
		"error": {errors.New("disk full"), "relay: disk full"},
		"end":   {nil, "relay ended unasked"},
	} {
		t.Run(name, func(t *testing.T) {
			var d diary
			group := rungroup.Group{Members: []rungroup.Member{
				worker(&d, "api", false),
				{
					Name: "relay",
					Run:  func(context.Context) error { return broken.run },
					Stop: func(context.Context) error { return nil },
				},
			}, Grace: time.Second}
			err := group.Run(t.Context(), t.Context())
			if err == nil || err.Error() != broken.want {
				t.Errorf("got %v, want %q", err, broken.want)
			}
			if !slices.Equal(d.lines, []string{"stop api"}) {
				t.Errorf("got %q", d.lines)
			}
		})
	}
}

func TestClosers(t *testing.T) {
	var d diary
	var c rungroup.Closers
	c.Push("files", func() error { d.add("files"); return nil })
	c.Push("store", func() error { d.add("store"); return errors.New("busy") })
	c.Push("queue", func() error { d.add("queue"); return nil })
	if err := c.Close(); err == nil || err.Error() != "close store: busy" {
		t.Errorf("got %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if want := []string{"queue", "store", "files"}; !slices.Equal(d.lines, want) {
		t.Errorf("got %q, want %q", d.lines, want)
	}
}

// TestHTTPFinishesRequests holds a request open across the stop.
func TestHTTPFinishesRequests(t *testing.T) {
	arrived, answer := make(chan struct{}), make(chan struct{})
	url, member := serve(t, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-answer
		if r.Context().Err() != nil {
			t.Error("the request's context ended before the grace did")
		}
		_, _ = io.WriteString(w, "done")
	})
	stop, ask := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- rungroup.Group{Members: []rungroup.Member{member}, Grace: time.Minute}.Run(stop, t.Context())
	}()
	body := make(chan string)
	go func() {
		text, err := get(url)
		if err != nil {
			text = err.Error()
		}
		body <- text
	}()
	<-arrived
	ask()
	close(answer)
	if got := <-body; got != "done" {
		t.Errorf("got %q", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := get(url); err == nil {
		t.Error("still accepting after the stop")
	}
}

// TestStress starts, uses and stops servers at random moments; goleak and the
// race detector watch.
func TestStress(t *testing.T) {
	for round := range 100 {
		url, member := serve(t, func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(time.Duration(round%3) * time.Millisecond):
			}
		})
		var d diary
		stop, ask := context.WithCancel(t.Context())
		force, end := context.WithCancel(t.Context())
		var users sync.WaitGroup
		for range 4 {
			users.Go(func() { _, _ = get(url) })
		}
		time.AfterFunc(time.Duration(round%5)*time.Millisecond, ask)
		time.AfterFunc(time.Duration(round%7)*time.Millisecond, end)
		group := rungroup.Group{Members: []rungroup.Member{worker(&d, "relay", round%2 == 0), member}, Grace: 3 * time.Millisecond}
		if err := group.Run(stop, force); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		users.Wait()
		ask()
		end()
	}
}

var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func get(url string) (string, error) {
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var text strings.Builder
	_, err = io.Copy(&text, response.Body)
	return text.String(), err
}

func serve(t *testing.T, handler http.HandlerFunc) (url string, m rungroup.Member) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return "http://" + listener.Addr().String(), rungroup.HTTP("api", &http.Server{Handler: handler, ReadHeaderTimeout: time.Second}, listener)
}

// TestLoop: a loop works until it is stopped, or its base ends, whatever comes first.
func TestLoop(t *testing.T) {
	for name, end := range map[string]func(m rungroup.Member, endBase func()){
		"stopped":       func(m rungroup.Member, _ func()) { _ = m.Stop(context.Background()) },
		"stopped twice": func(m rungroup.Member, _ func()) { _ = m.Stop(context.Background()); _ = m.Stop(context.Background()) },
		"base ended":    func(_ rungroup.Member, endBase func()) { endBase() },
	} {
		t.Run(name, func(t *testing.T) {
			base, endBase := context.WithCancel(t.Context())
			defer endBase()
			began := make(chan struct{})
			m := rungroup.Loop("looping", func(ctx context.Context) { close(began); <-ctx.Done() })
			ended := make(chan error, 1)
			go func() { ended <- m.Run(base) }()
			<-began
			end(m, endBase)
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
	// It may be stopped before it has begun.
	m := rungroup.Loop("late", func(ctx context.Context) { <-ctx.Done() })
	if err := m.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}
