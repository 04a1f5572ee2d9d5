package dataplanetest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"icehouse/dataplane"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/function"
	"icehouse/dataplane/connector/queue/memqueue"
	"icehouse/tenancy"
	"icehouse/tenancy/directory"
	"icehouse/tenancy/isolation"
)

// handler is a function that is told of a type.
func handler(name, of, query string, retries int) compiledschema.Function {
	return compiledschema.Function{Name: name, Kind: compiledschema.EventHandler, Type: of, Query: query, Retries: retries}
}

// handle tells the functions of projects of events until the test ends, with a relay. More
// than one process may.
func handle(t testing.TB, c Context, processes int, projects ...*Project) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(projects[0].Log, nil))
	messages, err := memqueue.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if err := messages.Close(); err != nil {
			t.Error(err)
		}
	})
	relay(t, c, projects[0].Log, messages)
	placements := func(context.Context) ([]tenancy.Placement, error) {
		return []tenancy.Placement{tenancy.DefaultPlacement}, nil
	}
	for _, p := range projects {
		for range processes {
			running.Go(func() { p.Plane.TellFunctions(ctx, messages, placements) })
		}
	}
}

// until waits for something to be true.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not come: %s", what)
		}
	}
}

const ordersSDL = `
type Order @model {
  id: ID! @isUnique
  createdAt: DateTime!
  updatedAt: DateTime!
  state: String
  total: Int
  lines: [Line!]! @relation(name: "Lines")
}
type Line @model {
  id: ID! @isUnique
  what: String
  order: Order @relation(name: "Lines")
}`

// TestFunctionsAreToldOfEvents: each is told what its query says, of what passes its
// filter, whoever made the change and whatever else is told.
func TestFunctionsAreToldOfEvents(t *testing.T) {
	each(t, func(t *testing.T, c Context) {
		var events sync.Map
		note := func(_, event string) (string, error) { events.Store(event, true); return "{}", nil }
		s := &scripted{does: map[string]func(string, string) (string, error){"all": note, "paid": always(`{"data": {"ignored": true}}`), "gone": note, "lines": note}}
		p := deployFunctions(t, c, ordersSDL, s, nil, []compiledschema.Function{
			handler("all", "Order", `subscription { Order { mutation updatedFields node { state lines { what } } previousValues { state total } } }`, 0),
			handler("paid", "Order", `subscription Paid { Order(filter: {mutation_in: [UPDATED], updatedFields_contains: "state", node: {state: "PAID"}}) { node { total } } }`, 0),
			handler("gone", "Order", `subscription { Order(filter: {mutation_in: [DELETED]}) { previousValues { total state } } }`, 0),
			handler("lines", "Line", `subscription { gone: Line(filter: {mutation_in: [CREATED], node: {order: {total_gt: 5}}}) { node { what order { state } } } }`, 0),
		})
		handle(t, c, 1, p)
		told := func(want ...string) {
			t.Helper()
			var got []string
			until(t, strings.Join(want, "\n"), func() bool { got = append(got, s.called()...); return len(got) >= len(want) })
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("told:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
		do := func(query string) {
			t.Helper()
			if _, body := p.Do(t, Request{Query: query}); strings.Contains(body, "error") {
				t.Fatal(body)
			}
		}
		do(`mutation { createOrder(state: "OPEN", total: 7, lines: [{what: "a"}]) { id } }`)
		told(`all {"Order":{"mutation":"CREATED","updatedFields":null,"node":{"state":"OPEN","lines":[{"what":"a"}]},"previousValues":null}}`,
			`lines {"gone":{"node":{"what":"a","order":{"state":"OPEN"}}}}`)
		do(`mutation { createOrder(state: "OPEN") { id } }`)
		_, body := p.Do(t, Request{Query: `{ allOrders(filter: {total: 7}) { id } }`})
		id := regexp.MustCompile(`"id":"([^"]+)"`).FindStringSubmatch(body)
		told(`all {"Order":{"mutation":"CREATED","updatedFields":null,"node":{"state":"OPEN","lines":[]},"previousValues":null}}`)
		do(`mutation { updateOrder(id: "` + id[1] + `", state: "PAID") { id } }`)
		told(`all {"Order":{"mutation":"UPDATED","updatedFields":["state"],"node":{"state":"PAID","lines":[{"what":"a"}]},"previousValues":{"state":"OPEN","total":7}}}`,
			`paid {"Order":{"node":{"total":7}}}`)
		do(`mutation { deleteOrder(id: "` + id[1] + `") { id } }`)
		told(`all {"Order":{"mutation":"DELETED","updatedFields":null,"node":null,"previousValues":{"state":"PAID","total":7}}}`,
			`gone {"Order":{"previousValues":{"total":7,"state":"PAID"}}}`)

		ids := map[string]bool{}
		events.Range(func(text, _ any) bool {
			var e struct {
				Context struct {
					Auth    any
					Request struct {
						SourceIP string
						Headers  map[string]string
					}
				}
			}
			if err := json.Unmarshal([]byte(text.(string)), &e); err != nil {
				t.Error(err)
			}
			if e.Context.Auth != nil || e.Context.Request.SourceIP != "" || len(e.Context.Request.Headers) != 1 {
				t.Errorf("%s", text)
			}
			ids[e.Context.Request.Headers["webhook-id"]] = true
			return true
		})
		if len(ids) != 6 || ids[""] {
			t.Errorf("the ids of events are %v", ids)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.log) != 7 || !s.log[0].Success || s.log[0].Function == "" || !strings.HasPrefix(s.log[0].RequestID, "local:events:") {
			t.Errorf("%d entries: %+v", len(s.log), s.log)
		}
		for _, e := range s.log { // the id by which an entry is found; of headers that a client sent, nothing
			if strings.Contains(string(e.Message), `webhook-id\":\"[hidden]`) {
				t.Errorf("the log has no id: %s", e.Message)
			}
		}
	})
}

// TestFunctionsThatFailAtEvents: who may fail is told again, in the order of the node's
// events; the others are dead letters, and may be replayed.
func TestFunctionsThatFailAtEvents(t *testing.T) {
	each(t, func(t *testing.T, c Context) {
		var down atomic.Bool
		down.Store(true)
		tries := map[string]int{}
		var mu sync.Mutex
		s := &scripted{does: map[string]func(string, string) (string, error){
			"once": func(data, event string) (string, error) {
				if !down.Load() {
					return "", nil
				}
				var told struct {
					Context struct{ Graphcool struct{ PAT string } }
				}
				_ = json.Unmarshal([]byte(event), &told)
				return `{"error": "no ` + told.Context.Graphcool.PAT + `"}`, nil
			},
			"again": func(data, event string) (string, error) {
				mu.Lock()
				defer mu.Unlock()
				if tries[data]++; strings.Contains(data, `"state":"1"`) && tries[data] < 2 {
					return "", &function.Error{Kind: function.Crashed, Text: "it crashed"}
				}
				return `{}`, nil
			},
			"busy": func(data, _ string) (string, error) {
				mu.Lock()
				defer mu.Unlock()
				if tries["busy"]++; tries["busy"] == 1 {
					return "", &function.Error{Kind: function.Busy, Text: "it is busy"}
				}
				return `{}`, nil
			},
		}}
		const query = `subscription { Order { node { state } } }`
		p := deployFunctions(t, c, ordersSDL, s, nil, []compiledschema.Function{handler("once", "Order", query, 0), handler("again", "Order", query, 1),
			handler("busy", "Line", `subscription { Line { node { what } } }`, 0)})
		handle(t, c, 2, p)
		for _, q := range []string{`a: createOrder(state: "1") { id }`, `b: createOrder(state: "2") { id }`, `c: createLine(what: "x") { id }`} {
			if _, body := p.Do(t, Request{Query: "mutation { " + q + " }"}); strings.Contains(body, "error") {
				t.Fatal(body)
			}
		}
		var got []string
		until(t, "the first calls", func() bool { got = append(got, s.called()...); return len(got) >= 5 })
		_, body := p.Do(t, Request{Query: `{ allOrders(filter: {state: "1"}) { id } }`})
		id := regexp.MustCompile(`"id":"([^"]+)"`).FindStringSubmatch(body)
		if _, body := p.Do(t, Request{Query: `mutation { updateOrder(id: "` + id[1] + `", state: "3") { id } }`}); strings.Contains(body, "error") {
			t.Fatal(body)
		}
		until(t, "all calls", func() bool { got = append(got, s.called()...); return len(got) >= 9 })
		var again []string
		for _, call := range got {
			if strings.HasPrefix(call, "again") {
				again = append(again, call)
			}
		}
		order := func(state string) int { return slices.Index(again, `again {"Order":{"node":{"state":"`+state+`"}}}`) }
		// What came to the first node later waits for its second attempt; the other node
		// for nothing. A query tells what is there when it is told.
		if len(again) != 4 || order("2") > 1 || len(got) != 9 {
			t.Errorf("%d calls: %q", len(got), got)
		}

		dead, err := c.DB.Dead(t.Context(), p.ID, 0, 10)
		if err != nil || len(dead) != 3 {
			t.Fatalf("%v %+v", err, dead)
		}
		for _, d := range dead {
			if d.Function != "id-once" || d.Attempts != 1 || d.Failed != "function execution error: no [hidden]" {
				t.Errorf("%+v", d)
			}
		}
		if log := p.Log.String(); !strings.Contains(log, "a function failed at events for the last time") {
			t.Errorf("nobody hears of dead events: %s", log)
		}
		down.Store(false)
		if n, err := c.DB.Replay(t.Context(), p.ID, "id-once", nil); err != nil || n != 3 {
			t.Fatalf("%d %v", n, err)
		}
		got = nil
		until(t, "the replay", func() bool { got = append(got, s.called()...); return len(got) >= 3 })
		if dead, err := c.DB.Dead(t.Context(), p.ID, 0, 10); err != nil || len(dead) > 0 || len(got) != 3 {
			t.Errorf("%v %+v %q", err, dead, got)
		}
	})
}

// TestFunctionsAreToldInOrder has several processes tell a function of many events, some
// of which fail once: those of one node arrive in order, and all arrive.
func TestFunctionsAreToldInOrder(t *testing.T) {
	each(t, func(t *testing.T, c Context) {
		const nodes, updates = 8, 12
		var mu sync.Mutex
		told := map[string][]int{}
		n := 0
		s := &scripted{does: map[string]func(string, string) (string, error){"f": func(data, _ string) (string, error) {
			var d struct {
				Order struct {
					Node           struct{ State string }
					PreviousValues struct{ Total int }
				}
			}
			if err := json.Unmarshal([]byte(data), &d); err != nil {
				return "", err
			}
			mu.Lock()
			defer mu.Unlock()
			told[d.Order.Node.State] = append(told[d.Order.Node.State], d.Order.PreviousValues.Total)
			n++
			return "{}", nil
		}}}
		p := deployFunctions(t, c, ordersSDL, s, nil, []compiledschema.Function{
			handler("f", "Order", `subscription { Order(filter: {mutation_in: [UPDATED]}) { node { state } previousValues { total } } }`, 0)})
		handle(t, c, 3, p)
		var writing sync.WaitGroup
		for i := range nodes {
			writing.Go(func() {
				_, body := p.Do(t, Request{Query: fmt.Sprintf(`mutation { createOrder(state: "%d", total: 0) { id } }`, i)})
				id := regexp.MustCompile(`"id":"([^"]+)"`).FindStringSubmatch(body)
				for j := range updates {
					if _, body := p.Do(t, Request{Query: fmt.Sprintf(`mutation { updateOrder(id: "%s", total: %d) { id } }`, id[1], j+1)}); strings.Contains(body, "error") {
						t.Error(body)
					}
				}
			})
		}
		writing.Wait()
		until(t, "all events", func() bool { mu.Lock(); defer mu.Unlock(); return n >= nodes*updates })
		for i := range nodes {
			for j, total := range told[fmt.Sprint(i)] {
				if total != j {
					t.Fatalf("node %d was told of in the order %v", i, told[fmt.Sprint(i)])
				}
			}
		}
	})
}

// TestFairShares: one project's many events, each of which takes a while, keep another's
// waiting for a moment only.
func TestFairShares(t *testing.T) {
	const many = 1000
	each(t, func(t *testing.T, c Context) {
		if took, done := fairShares(t, c, many, 1); done > many/2 {
			t.Errorf("told %d of %d before the other's one, after %v", done, many, took)
		}
	})
}

// TestSlowFunctionKeepsNoOtherWaiting: one that takes its time keeps the others of its
// project waiting for a moment only.
func TestSlowFunctionKeepsNoOtherWaiting(t *testing.T) {
	each(t, func(t *testing.T, c Context) {
		hang, told := make(chan struct{}), make(chan struct{}, 100)
		s := &scripted{does: map[string]func(string, string) (string, error){
			"slow":  func(string, string) (string, error) { <-hang; return "{}", nil },
			"quick": func(string, string) (string, error) { told <- struct{}{}; return "{}", nil },
		}}
		const query = `subscription { Line { node { what } } }`
		p := deployFunctions(t, c, ordersSDL, s, nil, []compiledschema.Function{handler("slow", "Line", query, 0), handler("quick", "Line", query, 0)})
		handle(t, c, 1, p)
		defer close(hang)
		for i := range 60 { // more than a page
			if _, body := p.Do(t, Request{Query: fmt.Sprintf(`mutation { createLine(what: "%d") { id } }`, i)}); strings.Contains(body, "error") {
				t.Fatal(body)
			}
		}
		for i := range 60 {
			select {
			case <-told:
			case <-time.After(10 * time.Second):
				t.Fatalf("%d events are told of 60", i)
			}
		}
	})
}

// BenchmarkFairShares is how long a project's event waits behind 100,000 of another one.
func BenchmarkFairShares(b *testing.B) {
	for _, c := range contexts(b) {
		b.Run(c.Name, func(b *testing.B) {
			for b.Loop() {
				took, _ := fairShares(b, c, 100_000, 20)
				b.ReportMetric(float64(took.Milliseconds()), "worst-ms")
			}
		})
	}
}

// fairShares has one project be told of many events, 20 ms each, and meanwhile another of
// one, several times. It returns the longest that one took, and what the first was told of
// by then.
func fairShares(t testing.TB, c Context, many, times int) (longest time.Duration, told int64) {
	var count atomic.Int64
	came := make(chan time.Time, 1)
	f := handler("f", "Line", `subscription { Line { node { what } } }`, 0)
	all := &together{t: t}
	slow := deployFunctionsWith(t, c, ordersSDL, &scripted{does: map[string]func(string, string) (string, error){
		"f": func(string, string) (string, error) {
			count.Add(1)
			time.Sleep(20 * time.Millisecond)
			return "{}", nil
		}}}, nil, []compiledschema.Function{f}, all.join, "")
	quick := deployFunctionsWith(t, c, ordersSDL, &scripted{does: map[string]func(string, string) (string, error){
		"f": func(string, string) (string, error) { came <- time.Now(); return "{}", nil }}}, nil, []compiledschema.Function{f}, all.join, "")
	lines := strings.Repeat(`{what: "x"}, `, 100)
	for range many / 100 {
		if _, body := slow.Do(t, Request{Query: `mutation { createOrder(total: 1, lines: [` + lines + `]) { id } }`}); strings.Contains(body, "error") {
			t.Fatal(body)
		}
	}
	handle(t, c, 1, slow)
	until(t, "the first project's turn", func() bool { return count.Load() > 0 })
	for range times {
		began := time.Now()
		if _, body := quick.Do(t, Request{Query: `mutation { createLine(what: "y") { id } }`}); strings.Contains(body, "error") {
			t.Fatal(body)
		}
		longest = max(longest, (<-came).Sub(began))
	}
	return longest, count.Load()
}

// TestWebhooksAreToldOfEvents: what they answer is noted, and means nothing, unless it is
// an error.
func TestWebhooksAreToldOfEvents(t *testing.T) {
	for answer, want := range map[string]string{
		"thanks": `SUCCESS rawResponse`, "": `SUCCESS rawResponse`, `[1]`: `SUCCESS logs returnValue`, `{"data": {}}`: `SUCCESS logs returnValue`, `{"error": "no"}`: `FAILURE logs returnValue`,
		`{"data": []}`: `FAILURE error logs`,
	} {
		s := &scripted{does: map[string]func(string, string) (string, error){"f": always(answer)}}
		c := embedded(t)
		p := deployFunctionsWith(t, c, ordersSDL, s, nil, []compiledschema.Function{handler("f", "Line", `subscription { Line { node { what } } }`, 0)}, func(*dataplane.Config) {}, "https://example.org/")
		handle(t, c, 1, p)
		p.Do(t, Request{Query: `mutation { createLine(what: "y") { id } }`})
		until(t, "an entry", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.log) > 0 })
		s.mu.Lock()
		var message map[string]any
		if err := json.Unmarshal(s.log[0].Message, &message); err != nil {
			t.Error(err)
		}
		delete(message, "event")
		got := "FAILURE"
		if s.log[0].Success {
			got = "SUCCESS"
		}
		for _, name := range slices.Sorted(maps.Keys(message)) {
			got += " " + name
		}
		if got != want {
			t.Errorf("%q: %s, not %s: %s", answer, got, want, s.log[0].Message)
		}
		s.mu.Unlock()
	}
}

// together serves projects that are otherwise served apart.
type together struct {
	t  testing.TB
	of []dataplane.Config
}

// join is what deployFunctionsWith lets a test change.
func (g *together) join(c *dataplane.Config) {
	g.of = append(g.of, *c)
	c.Directory, c.Releases, c.Functions = directory.New(g, directory.Options{TTL: time.Hour}), g, g
	g.t.Cleanup(c.Directory.Close)
}

func (g *together) FindProject(ctx context.Context, idOrAlias string) (entry directory.Entry, err error) {
	for _, c := range g.of {
		if entry, err = c.Directory.Lookup(ctx, idOrAlias); err == nil {
			break
		}
	}
	return entry, err
}

// one is the config of a project.
func (g *together) one(project tenancy.ProjectID) dataplane.Config {
	for _, c := range g.of {
		if _, err := c.Directory.Lookup(context.Background(), string(project)); err == nil {
			return c
		}
	}
	return dataplane.Config{}
}

func (g *together) Release(ctx context.Context, project tenancy.ProjectID, number int64) ([]byte, error) {
	return g.one(project).Releases.Release(ctx, project, number)
}

func (g *together) Invoke(ctx context.Context, scope isolation.Scope, c function.Call) (function.Output, error) {
	return g.one(scope.Project()).Functions.Invoke(ctx, scope, c)
}
