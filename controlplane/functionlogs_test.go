package controlplane_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"icehouse/controlplane"
	"icehouse/controlplane/store"
	"icehouse/tenancy"
	"icehouse/tenancy/functionlog"
)

// asked counts how often stats are asked for.
type asked struct {
	store.Store
	stats int
}

func (a *asked) FunctionStats(ctx context.Context, project tenancy.ProjectID, now time.Time) (map[string]store.FunctionStats, error) {
	a.stats++
	return a.Store.FunctionStats(ctx, project, now)
}

// logging is a control plane with a project whose functions logged.
func logging(t *testing.T) (*console, map[string]string, *asked) {
	t.Helper()
	var counting *asked
	h := houseOn(t, embedded(t), func(c *controlplane.Config) {
		counting = &asked{Store: c.Store}
		c.Store, c.SweepPause = counting, time.Millisecond
	})
	h.now = time.Date(2017, 9, 15, 12, 0, 5, 0, time.UTC)
	c := (&console{house: h.login()}).read()
	return c, c.shop("shop"), counting
}

// logs stores entries of a function, one for each second until now.
func (c *console) logs(project, function string, n int, message func(int) string) {
	c.t.Helper()
	var entries []functionlog.Entry
	for i := range n {
		entries = append(entries, functionlog.Entry{ID: fmt.Sprintf("%s%04d", function[:20], i), Project: tenancy.ProjectID(project), Function: function, RequestID: fmt.Sprint("r", i),
			Success: i%5 > 0, Duration: time.Duration(i) * time.Millisecond, At: c.now.Add(-time.Duration(n-1-i) * time.Second), Message: []byte(message(i))})
	}
	if err := c.store.AddFunctionLogs(c.t.Context(), entries); err != nil {
		c.t.Fatal(err)
	}
}

func short(i int) string { return fmt.Sprintf(`{"event":"{\"data\":%d}"}`, i) }

// page asks for logs, and says which entries came, and what is said of the page.
func (c *console) page(function, args string) (requests []string, info map[string]any) {
	c.t.Helper()
	out := c.ask(`query ($id: ID!) { node(id: $id) { ... on Function { logs`+args+` { pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { id requestId } } } } } }`, in{"id": function})
	for _, e := range dig(c.t, out, "data.node.logs.edges").([]any) {
		if dig(c.t, e, "cursor") != dig(c.t, e, "node.id") {
			c.t.Error(e)
		}
		requests = append(requests, dig(c.t, e, "node.requestId").(string))
	}
	return requests, dig(c.t, out, "data.node.logs.pageInfo").(map[string]any)
}

// down are the requests from one down to another.
func down(from, to int) (out []string) {
	for n := from; n >= to; n-- {
		out = append(out, fmt.Sprint("r", n))
	}
	return out
}

func TestFunctionLogs(t *testing.T) {
	c, shop, _ := logging(t)
	c.logs(shop["project"], shop["hook"], 120, short)
	c.logs(shop["project"], shop["resolver"], 1, short)
	cursor := func(i int) string { return fmt.Sprintf("%q", fmt.Sprintf("%s%04d", shop["hook"][:20], i)) }
	for args, want := range map[string]struct {
		requests       []string
		next, previous bool
	}{
		"":             {down(119, 0), false, false},
		"(last: 50)":   {down(119, 70), true, false}, // as the command line asks
		"(last: 1000)": {down(119, 0), false, false},
		"(first: 100)": {down(119, 20), true, false},
		"(first: 120)": {down(119, 0), false, false},
		"(first: 0)":   {nil, true, false},
		"(first: 60, after: " + cursor(110) + ")":               {down(109, 50), true, false},
		"(after: " + cursor(1) + ")":                            {down(0, 0), false, false},
		"(after: " + cursor(0) + ")":                            {nil, false, false},
		"(last: 60, before: " + cursor(30) + ")":                {down(90, 31), false, true},
		"(last: 89, before: " + cursor(30) + ")":                {down(119, 31), false, false},
		"(before: " + cursor(117) + ")":                         {down(119, 118), false, false},
		"(after: " + cursor(9) + ", before: " + cursor(6) + ")": {down(8, 7), false, false},
		`(first: 2, after: "nobody")`:                           {down(119, 118), true, false},
	} {
		got, info := c.page(shop["hook"], args)
		if !slices.Equal(got, want.requests) || info["hasNextPage"] != want.next || info["hasPreviousPage"] != want.previous {
			t.Errorf("%s: %v %v", args, got, info)
		}
	}
	if got, _ := c.page(shop["resolver"], "(first: 5, after: "+cursor(50)+")"); !slices.Equal(got, down(0, 0)) {
		t.Error("the cursor of another function cuts: ", got)
	}
	if got, info := c.page(shop["subscription"], ""); len(got) != 0 || info["endCursor"] != nil {
		t.Error(got, info)
	}
	for _, args := range []string{"(first: -1)", "(last: -1)"} {
		if _, out := c.post(c.token, query(`{ node(id: "`+shop["hook"]+`") { ... on Function { logs`+args+` { edges { cursor } } } } }`, nil)); out["errors"] == nil {
			t.Error(args, out)
		}
	}

	entry := `{ id requestId duration status timestamp message __typename }`
	id := fmt.Sprintf("%s%04d", shop["hook"][:20], 115)
	want := map[string]any{"id": id, "requestId": "r115", "duration": 115.0, "status": "FAILURE", "timestamp": "2017-09-15T12:00:01.000Z", "message": short(115), "__typename": "Log"}
	if got := dig(t, c.ask(`{ node(id: "`+id+`") { ... on Log `+entry+` } }`, nil), "data.node"); !reflect.DeepEqual(got, want) {
		t.Error(got)
	}
	// Another account finds none of it.
	other := c.other()
	for _, id := range []string{id, shop["hook"]} {
		if got := other.node(id); got != nil {
			t.Error(got)
		}
	}
	// It goes with the project.
	c.do("deleteProject", in{"projectId": shop["project"]})
	if _, err := c.store.FunctionLog(t.Context(), id); err == nil {
		t.Error("the logs of a deleted project are there")
	}
}

// An answer has so much of logs, and no more.
func TestLongFunctionLogs(t *testing.T) {
	c, shop, _ := logging(t)
	c.logs(shop["project"], shop["hook"], 300, func(int) string { return `{"error":"` + strings.Repeat("x", 64_000) + `"}` })
	var got []string
	for args, pages := "(first: 1000)", 1; ; pages++ {
		part, info := c.page(shop["hook"], args)
		got = append(got, part...)
		if info["hasNextPage"] != true {
			if pages != 2 {
				t.Errorf("%d pages", pages)
			}
			break
		}
		args = fmt.Sprintf("(first: 1000, after: %q)", info["endCursor"])
	}
	if !slices.Equal(got, down(299, 0)) {
		t.Error(got)
	}
	_, out := c.post(c.token, query(`query ($id: ID!) { node(id: $id) { ... on Function { a: logs { edges { cursor } } b: logs { edges { cursor } } } } }`, in{"id": shop["hook"]}))
	if message := dig(t, out, "errors.0.message").(string); !strings.Contains(message, "ask for fewer") || len(out["errors"].([]any)) != 1 {
		t.Error(out["errors"])
	}
}

func TestFunctionStats(t *testing.T) {
	c, shop, counting := logging(t)
	text := `query ($p: ID!) { viewer { project(id: $p) { functions { edges { node { id stats { requestHistogram requestCount errorCount lastRequest } } } }
		a: functionRequestHistogram(period: HALF_HOUR) b: functionRequestHistogram(period: HOUR) c: functionRequestHistogram(period: DAY)
		d: functionRequestHistogram(period: WEEK) e: functionRequestHistogram(period: MONTH) } } }`
	read := func() (stats map[string]map[string]any, project map[string]any) {
		project = dig(t, c.ask(text, in{"p": shop["project"]}), "data.viewer.project").(map[string]any)
		stats = map[string]map[string]any{}
		for _, e := range dig(t, project, "functions.edges").([]any) {
			stats[dig(t, e, "node.id").(string)] = dig(t, e, "node.stats").(map[string]any)
		}
		return stats, project
	}
	end := func(v any, n int) []any {
		list := v.([]any)
		if len(list) != store.Buckets {
			t.Errorf("%d buckets", len(list))
		}
		return list[len(list)-n:]
	}
	stats, _ := read()
	if len(stats) != 3 {
		t.Fatal(stats)
	}
	for id, s := range stats {
		if !reflect.DeepEqual(end(s["requestHistogram"], 2), []any{0.0, 0.0}) || s["requestCount"] != 0.0 || s["errorCount"] != 0.0 || s["lastRequest"] != nil {
			t.Error(id, s)
		}
	}
	c.logs(shop["project"], shop["hook"], 20, short) // of which 6 since 12:00:00
	c.logs(shop["project"], shop["resolver"], 1, short)
	counting.stats = 0
	stats, project := read()
	if counting.stats != 1 {
		t.Errorf("the store was asked %d times for the stats of one project", counting.stats)
	}
	s := stats[shop["hook"]]
	if !reflect.DeepEqual(end(s["requestHistogram"], 4), []any{0.0, 4.0, 10.0, 6.0}) || s["requestCount"] != 20.0 || s["errorCount"] != 4.0 || s["lastRequest"] != "2017-09-15T12:00:05.000Z" {
		t.Error(s)
	}
	if s := stats[shop["subscription"]]; s["requestCount"] != 0.0 {
		t.Error(s)
	}
	for field, want := range map[string][]any{"a": {4.0, 10.0, 7.0}, "b": {0.0, 14.0, 7.0}, "c": {0.0, 14.0, 7.0}} {
		if got := end(project[field], 3); !reflect.DeepEqual(got, want) {
			t.Error(field, got)
		}
	}
	for _, field := range []string{"d", "e"} {
		sum := 0.0
		for _, n := range end(project[field], 180) {
			sum += n.(float64)
		}
		if sum != 21 {
			t.Error(field, sum)
		}
	}
}

// What grew old goes without anybody asking for it.
func TestOldFunctionLogsGo(t *testing.T) {
	c, shop, _ := logging(t)
	c.logs(shop["project"], shop["hook"], functionlog.Kept+30, short)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	var tidying sync.WaitGroup
	tidying.Go(func() { c.cp.Tidy(ctx) })
	defer tidying.Wait()
	defer stop()
	for {
		all, err := c.store.FunctionLogs(ctx, store.LogPage{Project: tenancy.ProjectID(shop["project"]), Function: shop["hook"], Limit: 2 * functionlog.Kept})
		if err != nil {
			t.Fatal(err)
		}
		if len(all) == functionlog.Kept {
			break
		}
		time.Sleep(time.Millisecond)
	}
}
