package functionlog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"icehouse/tenancy/functionlog"
)

// store keeps what it takes; it can refuse, and hang.
type store struct {
	mu      sync.Mutex
	refuse  bool
	hang    bool
	calls   int
	entries []functionlog.Entry
}

func (s *store) AddFunctionLogs(ctx context.Context, entries []functionlog.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if s.refuse {
		return errors.New("no room")
	}
	s.entries = append(s.entries, entries...)
	return nil
}

func (s *store) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *store) requests() (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.entries {
		out = append(out, e.RequestID)
	}
	return out
}

func entry(n int) functionlog.Entry {
	return functionlog.Entry{Project: "p", Function: "f", RequestID: fmt.Sprint("eu-west-1:simple:", n), Message: []byte(`{"logs":[]}`)}
}

func numbers(from, to int) (out []string) {
	for n := from; n < to; n++ {
		out = append(out, fmt.Sprint(n))
	}
	return out
}

// logged runs a test with a log in a bubble of time, and returns what it said.
func logged(t *testing.T, o functionlog.Options, test func(*store, *functionlog.Log)) string {
	var said bytes.Buffer
	synctest.Test(t, func(*testing.T) {
		o.Log = slog.New(slog.NewTextHandler(&said, nil))
		s := &store{}
		l := functionlog.New(s, o)
		test(s, l)
		l.Close()
		l.Close()
	})
	return said.String()
}

func TestBatches(t *testing.T) {
	said := logged(t, functionlog.Options{}, func(s *store, l *functionlog.Log) {
		at := time.Date(2017, 9, 15, 12, 0, 0, 7_654_321, time.FixedZone("", 3600))
		l.Add(functionlog.Entry{Project: "p", Function: "f", RequestID: "eu-west-1:simple:cj8", Success: true, Duration: time.Second, At: at, Message: []byte(` {"error":"x"} `)})
		for n := range 9 {
			l.Add(entry(n))
		}
		synctest.Wait()
		if got := s.requests(); len(got) != 0 {
			t.Error("the first entry did not wait for others")
		}
		time.Sleep(time.Second)
		if got := s.requests(); len(got) != 10 || s.calls != 1 {
			t.Errorf("%d calls, %d entries", s.calls, len(got))
		}
		first := s.entries[0]
		if first.At != time.Date(2017, 9, 15, 11, 0, 0, 7_000_000, time.UTC) || first.RequestID != "cj8" || len(first.ID) != 25 || string(first.Message) != `{"error":"x"}` {
			t.Errorf("%+v", first)
		}
		l.Add(entry(9))
		l.Close()
		l.Add(entry(10))
		if got := s.requests()[1:]; !slices.Equal(got, numbers(0, 10)) || l.Dropped() != 1 {
			t.Error(got, l.Dropped())
		}
	})
	if said != "" {
		t.Error(said)
	}
}

// What the store does not take is offered again in its order; what there is no room for
// is dropped, the oldest first, and told of once.
func TestRefused(t *testing.T) {
	said := logged(t, functionlog.Options{Room: 10 * 250}, func(s *store, l *functionlog.Log) {
		s.refuse = true
		for n := range 8 {
			l.Add(entry(n))
		}
		time.Sleep(3 * time.Second)
		for n := 8; n < 30; n++ {
			l.Add(entry(n))
		}
		time.Sleep(3 * time.Second)
		s.set(func() { s.refuse = false })
		time.Sleep(3 * time.Second)
		got := s.requests()
		if len(got) < 8 || !slices.Equal(got, numbers(30-len(got), 30)) || l.Dropped() != 30-len(got) {
			t.Error(got, l.Dropped())
		}
	})
	if strings.Count(said, "\n") != 2 || strings.Count(said, "not stored yet") != 1 || strings.Count(said, "dropped") != 1 {
		t.Error(said)
	}
}

// Close ends although the store does not.
func TestCloseHasALimit(t *testing.T) {
	said := logged(t, functionlog.Options{Limit: time.Second}, func(s *store, l *functionlog.Log) {
		s.hang = true
		l.Add(entry(1))
		l.Add(entry(2))
		began := time.Now()
		l.Close()
		if took := time.Since(began); took > time.Second || l.Dropped() != 2 {
			t.Error(took, l.Dropped())
		}
	})
	if !strings.Contains(said, "entries=2") {
		t.Error(said)
	}
}

func TestNothingIsLost(t *testing.T) {
	logged(t, functionlog.Options{}, func(s *store, l *functionlog.Log) {
		var work sync.WaitGroup
		for part := range 4 {
			work.Go(func() {
				for n := range 1000 {
					l.Add(entry(part*1000 + n))
					if n%100 == 0 {
						time.Sleep(200 * time.Millisecond)
						s.set(func() { s.refuse = n%300 == 0 })
					}
				}
			})
		}
		work.Wait()
		s.set(func() { s.refuse = false })
		l.Close()
		got := map[string]bool{}
		for _, r := range s.requests() {
			got[r] = true
		}
		if len(got) != 4000 || len(s.entries) != 4000 || l.Dropped() != 0 {
			t.Error(len(got), len(s.entries), l.Dropped())
		}
	})
}

// kept is the message that is stored of one.
func kept(t *testing.T, message string) (fields map[string]any) {
	t.Helper()
	s := &store{}
	l := functionlog.New(s, functionlog.Options{})
	l.Add(functionlog.Entry{Message: []byte(message)})
	l.Close()
	stored := s.entries[0].Message
	if len(stored) > functionlog.MaxMessage {
		t.Errorf("%.100s: %d bytes", message, len(stored))
	}
	if err := json.Unmarshal(stored, &fields); err != nil {
		t.Fatalf("%.100s: %v", message, err)
	}
	return fields
}

func text(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(out)
}

func TestMessages(t *testing.T) {
	long := strings.Repeat(`"ä\n😀" `, 50_000)
	const mark = "… [shortened, "
	for _, short := range []string{`{}`, `{"event":"{\"data\":1}","logs":[{"stdout":"a\nb"}],"returnValue":{"data":{"x":"<ü>"}}}`} {
		if got := kept(t, short); text(got) != text(json.RawMessage(short)) {
			t.Error(short, got)
		}
	}
	for in, want := range map[string]string{"": "", "no JSON": "no JSON", "[1]": "[1]", "null": "null", "a\xffb": "a\uFFFDb"} {
		if got := kept(t, in)["error"]; got != want {
			t.Errorf("%q: %q", in, got)
		}
	}

	// What is short stays as it is beside what is long.
	got := kept(t, text(map[string]any{"event": long, "logs": []any{map[string]any{"stdout": "hi"}}, "returnValue": map[string]any{"data": map[string]any{"id": 7, "text": long}}}))
	event := got["event"].(string)
	if begin, _, cut := strings.Cut(event, mark); !cut || !strings.HasPrefix(long, begin) || len(begin) < 20_000 {
		t.Errorf("%d %.100s", len(event), event)
	}
	if text(got["logs"]) != `[{"stdout":"hi"}]` {
		t.Error(got["logs"])
	}
	data := got["returnValue"].(map[string]any)["data"].(map[string]any)
	if begin, _, cut := strings.Cut(data["text"].(string), mark); !cut || data["id"] != 7.0 || !strings.HasPrefix(long, begin) {
		t.Error(data["id"], cut)
	}

	// Of a list its end stays.
	var lines []any
	for n := range 10_000 {
		lines = append(lines, map[string]any{"stdout": fmt.Sprint("line ", n)})
	}
	list := kept(t, text(map[string]any{"logs": lines}))["logs"].([]any)
	if last := list[len(list)-1]; text(last) != text(lines[len(lines)-1]) || !strings.Contains(text(list[0]), "are left out") || len(list) < 2000 {
		t.Error(list[0], last, len(list))
	}
	list = kept(t, text(map[string]any{"logs": []any{map[string]any{"stdout": long}, map[string]any{"stderr": "oh"}}}))["logs"].([]any)
	if len(list) != 2 || text(list[1]) != `{"stderr":"oh"}` || !strings.Contains(text(list[0]), mark) {
		t.Error(len(list))
	}

	// What has too many parts becomes a text.
	many := map[string]any{}
	for n := range 20_000 {
		many[fmt.Sprint("key", n)] = n
	}
	if got := kept(t, text(map[string]any{"returnValue": many, "event": "x"})); got["event"] != "x" || !strings.Contains(got["returnValue"].(string), mark) {
		t.Error(got["event"])
	}
	if got := kept(t, text(many)); !strings.Contains(got["error"].(string), mark) {
		t.Error("a message of too many keys")
	}
	kept(t, `{"a":`+strings.Repeat(`{"a":`, 5000)+text(long)+strings.Repeat("}", 5001))
	kept(t, `{"a":`+strings.Repeat("[", 5000)+strings.Repeat("1,", 50_000)+"1"+strings.Repeat("]", 5000)+"}")
	kept(t, `{"a":`+strings.Repeat("1", 100_000)+"}")
	kept(t, strings.Repeat("x", 100_000))
}

func FuzzMessages(f *testing.F) {
	for _, seed := range []string{`{"event":"{\"data\":1}"}`, `{"a":["\u00e4\\",{"b":[]}]}`, "[", "\xff"} {
		f.Add(seed, 40_000)
	}
	f.Fuzz(func(t *testing.T, message string, times int) {
		kept(t, message)
		kept(t, `{"x":[`+text(strings.Repeat(message, max(0, times%100_000)/(len(message)+1)))+`,1]}`)
	})
}
