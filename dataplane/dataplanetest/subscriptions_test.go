package dataplanetest

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/queue"
	"icehouse/dataplane/connector/queue/memqueue"
	"icehouse/dataplane/internal/subscription"
	"icehouse/dataplane/outbox"
	"icehouse/tenancy"
)

// TestSubscriptions runs the cases of subscriptions in every context: N.graphql are
// requests in order, N.<name>.subscription is begun before request N, with
// N.<name>.variables.json and N.<name>.as, and N.<name>.json is what it was told after
// request N: an array of results, or the error with which it was refused.
func TestSubscriptions(t *testing.T) {
	files, err := filepath.Glob("testdata/subscriptions/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases (%v)", err)
	}
	for i, c := range contexts(t) {
		t.Run(c.Name, func(t *testing.T) {
			for _, file := range files {
				t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
					runSubscriptionCase(t, c, file, i == 0)
				})
			}
		})
	}
}

// told is a sink that keeps what it is told.
type told struct {
	mu      sync.Mutex
	results []json.RawMessage
	cursor  string
	news    chan struct{}
}

func (s *told) Next(r subscription.Result) {
	s.mu.Lock()
	s.results, s.cursor = append(s.results, r.JSON), r.Cursor
	s.mu.Unlock()
	s.wake()
}

func (s *told) End(r subscription.Refusal) {
	text, _ := json.Marshal(map[string]any{"ended": r.Errors})
	s.mu.Lock()
	s.results = append(s.results, text)
	s.mu.Unlock()
	s.wake()
}

func (s *told) Busy() bool { return false }

func (s *told) wake() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// take waits until n results are there, and a moment longer for one too many.
func (s *told) take(n int) []json.RawMessage {
	limit := time.After(20 * time.Second)
	for {
		s.mu.Lock()
		if len(s.results) >= n {
			s.mu.Unlock()
			break
		}
		s.mu.Unlock()
		select {
		case <-s.news:
		case <-limit:
			n = 0
		}
	}
	time.Sleep(quietTime)
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.results
	s.results = nil
	return out
}

// quietTime is how long a subscription is watched for what should not come.
const quietTime = 30 * time.Millisecond

var cursors = regexp.MustCompile(`"cursor":\s*"[^"]*"`)

func runSubscriptionCase(t *testing.T, c Context, file string, reference bool) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a := &golden{archive: archive}
	project := deployCase(t, c, a)
	service := listen(t, c, project)
	n := &names{byID: map[string]string{}, ids: map[string]string{}}
	sinks := map[string]*told{}
	for _, request := range a.requests() {
		stem := strings.TrimSuffix(request, ".graphql")
		for _, name := range a.begun(stem) {
			part := stem + "." + name
			r := subscription.Request{
				Project: string(project.ID), RequestID: "subscription:session:" + name, Query: n.show(a.get(part + ".subscription")),
				Cursor: "",
			}
			if text := a.get(part + ".variables.json"); text != "" {
				if r.Variables, err = coercion.ReadVariables(n.show(text)); err != nil {
					t.Fatal(err)
				}
			}
			as := Request{}
			as.sendAs(t, project, n.show(strings.TrimSpace(a.get(part+".as"))))
			r.Token = as.Token
			sink := &told{news: make(chan struct{}, 1)}
			s, err := service.Start(t.Context(), r, sink)
			if err != nil {
				refused, _ := json.Marshal(err)
				a.check(t, part+".refused.json", pretty(string(refused)), reference)
				continue
			}
			defer s.Stop()
			sinks[name] = sink
		}
		r := Request{Query: n.show(a.get(request)), Variables: []byte(n.show(a.get(stem + ".variables.json"))), API: compiledschema.Simple}
		r.sendAs(t, project, n.show(strings.TrimSpace(a.get(stem+".as"))))
		_, answer := project.Do(t, r)
		a.check(t, stem+".json", pretty(n.hide(answer)), reference)
		for _, name := range sortedKeys(sinks) {
			part := stem + "." + name + ".json"
			wanted := 0
			if text := a.get(part); text != "" && !*update {
				var list []json.RawMessage
				if err := json.Unmarshal([]byte(text), &list); err != nil {
					t.Fatalf("%s: %v", part, err)
				}
				wanted = len(list)
			}
			if *update {
				time.Sleep(300 * time.Millisecond)
			}
			got := sinks[name].take(wanted)
			if len(got) == 0 && wanted == 0 {
				continue
			}
			text, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			a.check(t, part, pretty(n.hide(cursors.ReplaceAllString(string(text), `"cursor":"*"`))), reference)
		}
	}
	if log := project.Log.String(); log != "" {
		t.Errorf("unexpected failures were logged:\n%s", log)
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(a.archive), 0o644); err != nil { //nolint:gosec // test data
			t.Fatal(err)
		}
	}
}

// begun are the names of the subscriptions that begin before a request.
func (g *golden) begun(stem string) []string {
	var out []string
	for _, f := range g.archive.Files {
		if name, ok := strings.CutSuffix(f.Name, ".subscription"); ok {
			if name, ok = strings.CutPrefix(name, stem+"."); ok {
				out = append(out, name)
			}
		}
	}
	return out
}

func sortedKeys[T any](m map[string]T) []string {
	var out []string
	for key := range m {
		out = append(out, key)
	}
	sort.Strings(out)
	return out
}

// listen serves a project's subscriptions, with a relay.
func listen(t *testing.T, c Context, project *Project) subscription.Service {
	t.Helper()
	messages, err := memqueue.Open(slog.New(slog.NewTextHandler(project.Log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := messages.Close(); err != nil {
			t.Error(err)
		}
	})
	relay(t, c, project.Log, messages)
	return listenOn(t, project, messages)
}

// relay relays the events of a database until the test ends.
func relay(t testing.TB, c Context, to io.Writer, messages *queue.Queue) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(to, nil))
	announcer := outbox.NewAnnouncer(messages, log)
	if err := c.DB.OnEvents(func() { announcer.Committed(tenancy.DefaultPlacement) }); err != nil {
		t.Fatal(err)
	}
	worker := &outbox.Worker{
		Placements: func(context.Context) ([]tenancy.Placement, error) {
			return []tenancy.Placement{tenancy.DefaultPlacement}, nil
		},
		Open:  func(tenancy.Placement) (outbox.Streams, error) { return c.DB, nil },
		Queue: messages, Keep: time.Hour, Log: log,
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); worker.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ended
		announcer.Close()
	})
}

// listenOn serves a project's subscriptions with what a queue brings.
func listenOn(t *testing.T, project *Project, messages *queue.Queue) subscription.Service {
	t.Helper()
	subscriptions := project.Plane.Subscribe(messages)
	t.Cleanup(subscriptions.Close)
	return subscriptions.Service()
}
