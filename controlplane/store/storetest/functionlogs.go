package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"icehouse/controlplane/store"
	"icehouse/tenancy"
	"icehouse/tenancy/functionlog"
)

func logged(p store.Project, function string, n int, after time.Duration) functionlog.Entry {
	return functionlog.Entry{ID: fmt.Sprintf("%s%s%05d", p.Name, function, n), Project: p.ID, Function: function, RequestID: fmt.Sprint("r", n), Success: n%2 == 0,
		Duration: time.Duration(n) * time.Millisecond, At: at.Add(after), Message: fmt.Appendf(nil, `{"error":"ü %d"}`, n)}
}

func functionLogs(t *testing.T, f *fixture) {
	ctx, owner := t.Context(), f.customer().ID
	a, b := f.project(owner, "a", ""), f.project(owner, "b", "")
	var all []functionlog.Entry // newest first
	for n := range 6 {          // two at a time
		all = append([]functionlog.Entry{logged(a, "f", n, time.Duration(n/2)*time.Second)}, all...)
	}
	other, strangers := logged(a, "g", 1, time.Second), logged(b, "f", 1, time.Second)
	f.must(f.AddFunctionLogs(ctx, append(slices.Clone(all), other, strangers)))
	f.must(f.AddFunctionLogs(ctx, nil))
	f.must(f.AddFunctionLogs(ctx, []functionlog.Entry{all[3], logged(store.Project{ID: "cgone", Name: "gone"}, "f", 1, 0)}))

	read := func(p store.LogPage, want ...functionlog.Entry) {
		t.Helper()
		if p.Project == "" {
			p.Project, p.Function = a.ID, "f"
		}
		if p.Limit == 0 {
			p.Limit = 10
		}
		got, err := f.FunctionLogs(ctx, p)
		f.must(err)
		if len(want) == 0 {
			f.same(len(got), 0)
			return
		}
		f.same(got, want)
	}
	read(store.LogPage{}, all...)
	read(store.LogPage{Limit: 2}, all[:2]...)
	read(store.LogPage{Limit: 2, Oldest: true}, all[4:]...)
	for i := range all {
		read(store.LogPage{After: &all[i]}, all[i+1:]...)
		read(store.LogPage{Before: &all[i]}, all[:i]...)
	}
	read(store.LogPage{After: &all[0], Before: &all[4], Limit: 2}, all[1:3]...)
	read(store.LogPage{After: &all[0], Before: &all[4], Limit: 2, Oldest: true}, all[2:4]...)
	read(store.LogPage{After: &all[4], Before: &all[0]})
	read(store.LogPage{Project: a.ID, Function: "g"}, other)
	read(store.LogPage{Project: b.ID, Function: "f"}, strangers)
	read(store.LogPage{Project: b.ID, Function: "g"})
	read(store.LogPage{Project: "cgone", Function: "f"})
	got, err := f.FunctionLog(ctx, all[0].ID)
	f.must(err)
	f.same(got, all[0])
	_, err = f.FunctionLog(ctx, "nobody")
	f.is(err, store.ErrNotFound)

	// What a project logged goes with it.
	f.must(f.Withdraw(ctx, a.ID, at))
	f.must(f.RemoveWithdrawn(ctx, a.ID))
	read(store.LogPage{})
	read(store.LogPage{Project: b.ID, Function: "f"}, strangers)
	stats, err := f.FunctionStats(ctx, a.ID, at)
	f.must(err)
	f.same(len(stats), 0)
	f.must(f.AddFunctionLogs(ctx, all))
	read(store.LogPage{})
}

// bars are a histogram whose other buckets are empty.
func bars(ofBucket map[int]int) []int {
	out := make([]int, store.Buckets)
	for i, n := range ofBucket {
		out[i] = n
	}
	return out
}

func functionStats(t *testing.T, f *fixture) {
	ctx, owner := t.Context(), f.customer().ID
	a, b := f.project(owner, "a", ""), f.project(owner, "b", "")
	var entries []functionlog.Entry
	add := func(function string, ago time.Duration, calls, failures int) {
		for range calls {
			e := logged(a, function, 0, -ago)
			e.ID, e.Success = tenancy.NewID(), failures <= 0
			failures--
			entries = append(entries, e)
		}
	}
	add("f", -time.Minute, 1, 0) // another process's clock is ahead
	add("f", 0, 3, 1)
	add("f", 10*time.Second, 2, 2)
	add("f", 29*time.Minute+50*time.Second, 1, 0)
	add("f", 30*time.Minute, 4, 0)
	add("f", 23*time.Hour, 5, 5)
	add("f", 25*time.Hour, 6, 0)
	add("f", 6*24*time.Hour, 7, 0)
	add("f", 29*24*time.Hour, 8, 0)
	add("f", 40*24*time.Hour, 9, 0)
	add("g", time.Second, 1, 1)
	add("old", 50*24*time.Hour, 1, 0)
	f.must(f.AddFunctionLogs(ctx, entries[:10]))
	f.must(f.AddFunctionLogs(ctx, entries[5:]))
	f.must(f.AddFunctionLogs(ctx, []functionlog.Entry{logged(b, "f", 1, 0)}))

	// at is seven milliseconds into a bucket of each length but the longest ones.
	check := func() {
		t.Helper()
		got, err := f.FunctionStats(ctx, a.ID, at)
		f.must(err)
		f.same(got, map[string]store.FunctionStats{
			"f":   {Histogram: bars(map[int]int{179: 3, 178: 2, 0: 1}), Requests: 16, Errors: 8, Last: at.Add(time.Minute)},
			"g":   {Histogram: bars(map[int]int{178: 1}), Requests: 1, Errors: 1, Last: at.Add(-time.Second)},
			"old": {Histogram: bars(nil), Last: at.Add(-50 * 24 * time.Hour)},
		})
		for p, want := range map[store.Period]int{store.HalfHour: 7, store.Hour: 11, store.Day: 17, store.Week: 30, store.Month: 38} {
			got, err := f.FunctionHistogram(ctx, a.ID, p, at)
			f.must(err)
			sum := 0
			for _, n := range got {
				sum += n
			}
			if len(got) != store.Buckets || sum != want {
				t.Errorf("%v: %d calls in %d buckets, want %d", time.Duration(p), sum, len(got), want)
			}
		}
	}
	check()
	hour, err := f.FunctionHistogram(ctx, a.ID, store.Hour, at)
	f.must(err)
	f.same(hour, bars(map[int]int{179: 3, 178: 3, 89: 5}))
	got, err := f.FunctionStats(ctx, b.ID, at)
	f.must(err)
	f.same(got, map[string]store.FunctionStats{"f": {Histogram: bars(map[int]int{179: 1}), Requests: 1, Errors: 1, Last: at}})
	none, err := f.FunctionHistogram(ctx, "cnowhere", store.Day, at)
	f.must(err)
	f.same(none, bars(nil))

	// The counts stay when the entries go.
	f.sweep(at)
	left, err := f.FunctionLogs(ctx, store.LogPage{Project: a.ID, Function: "f", Limit: 1000})
	f.must(err)
	f.same(len(left), 29)
	check()
}

// sweep lets everything go that is not to be kept.
func (f *fixture) sweep(now time.Time) {
	f.t.Helper()
	for range 100 {
		more, err := f.SweepFunctionLogs(f.t.Context(), now)
		f.must(err)
		if !more {
			return
		}
	}
	f.t.Fatal("there is always more to sweep")
}

func functionLogsAreKept(t *testing.T, f *fixture) {
	ctx, owner := t.Context(), f.customer().ID
	a, b := f.project(owner, "a", ""), f.project(owner, "b", "")
	const surplus = 1500 // more than one sweep removes
	var entries []functionlog.Entry
	for n := range functionlog.Kept + surplus {
		entries = append(entries, logged(a, "f", n, time.Duration(n)*time.Second))
	}
	for n := range 10 {
		entries = append(entries, logged(a, "g", n, 0), logged(b, "f", n, time.Duration(n)*24*time.Hour))
	}
	f.must(f.AddFunctionLogs(ctx, entries))
	count := func(p store.Project, function string, want int) {
		t.Helper()
		got, err := f.FunctionLogs(ctx, store.LogPage{Project: p.ID, Function: function, Limit: 5000})
		f.must(err)
		f.same(len(got), want)
	}
	f.sweep(at.Add(time.Hour))
	count(a, "f", functionlog.Kept)
	count(a, "g", 10)
	count(b, "f", 10)
	newest, err := f.FunctionLogs(ctx, store.LogPage{Project: a.ID, Function: "f", Limit: functionlog.Kept})
	f.must(err)
	f.same(newest[0].RequestID+newest[functionlog.Kept-1].RequestID, fmt.Sprint("r", functionlog.Kept+surplus-1, "r", surplus))
	day, err := f.FunctionHistogram(ctx, a.ID, store.Hour, at.Add(time.Hour))
	f.must(err)
	sum := 0
	for _, n := range day {
		sum += n
	}
	f.same(sum > functionlog.Kept+1000, true)

	f.sweep(at.Add(functionlog.KeptFor + 5*24*time.Hour))
	count(a, "f", 0)
	count(b, "f", 5)
	// Old entries that went don't count among those that are kept.
	again := logged(a, "f", 9999, 0)
	again.At = at.Add(functionlog.KeptFor + 5*24*time.Hour)
	f.must(f.AddFunctionLogs(ctx, []functionlog.Entry{again}))
	f.sweep(again.At)
	count(a, "f", 1)
}

// Whoever adds at once, each entry counts once.
func functionCountsOfManyCallers(t *testing.T, f *fixture) {
	a := f.project(f.customer().ID, "a", "")
	var wg sync.WaitGroup
	for caller := range 8 {
		wg.Go(func() {
			for n := range 10 {
				var entries []functionlog.Entry
				for i := range 4 {
					entries = append(entries, logged(a, []string{"f", "g"}[(caller+i)%2], caller/2*100+n*10+i, 0)) // two callers add the same
				}
				if err := f.AddFunctionLogs(t.Context(), entries); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for range 10 {
			if _, err := f.SweepFunctionLogs(t.Context(), at); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	stats, err := f.FunctionStats(t.Context(), a.ID, at)
	f.must(err)
	for _, function := range []string{"f", "g"} {
		left, err := f.FunctionLogs(t.Context(), store.LogPage{Project: a.ID, Function: function, Limit: 1000})
		f.must(err)
		f.same(stats[function].Requests, len(left))
		f.same(stats[function].Histogram[store.Buckets-1], len(left))
	}
	f.same(stats["f"].Requests+stats["g"].Requests, 8*10*4)
}
