// Package meter counts what projects use.
//
// In: one Use for each request, from whoever serves it. Out: Records, one for each
// project that was used since the last flush, handed to a Sink every few seconds.
// Nothing waits for a Sink: counts are kept until it has taken them, and a process
// that is killed loses those of one interval. Callers: the data plane counts; cmd runs
// the meter over the platform's store, which billing reads (platform §4.9).
package meter

import (
	"cmp"
	"context"
	"log/slog"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"icehouse/tenancy"
)

// Feature is a part of the platform that a request used (platform §4.9). Features are
// a set.
type Feature uint32

// The features.
const (
	Simple Feature = 1 << iota
	Relay
	Filter
	NestedMutation
	PermissionQueries
	Authentication
)

// names are in the order of the constants.
var names = [...]string{
	"backend/api/simple", "backend/api/relay", "backend/feature/filter", "backend/feature/nested-mutation",
	"backend/feature/permission-queries", "backend/feature/authentication",
}

// Names lists a set's features as they are called in records.
func (f Feature) Names() []string {
	var out []string
	for rest := uint32(f); rest != 0; rest &= rest - 1 {
		if i := bits.TrailingZeros32(rest); i < len(names) {
			out = append(out, names[i])
		}
	}
	return out
}

// Use is what one request uses.
type Use struct {
	Features          Feature
	Console           bool   // it comes from the console (platform §4.9)
	Address           string // of the client, without its port; "" when it is not known
	PermissionQueries int    // that decide about it
	Functions         int    // that it invoked
}

// Record is what a project used in a time.
type Record struct {
	Project                      tenancy.ProjectID
	From, To                     time.Time
	Requests, Console            int64
	PermissionQueries, Functions int64
	Features                     Feature
	Addresses                    []string // distinct, at most MaxAddresses
}

// MaxAddresses is how many addresses of clients a record names.
const MaxAddresses = 10

// Sink keeps records. What it returns an error for is offered again, together with
// what came meanwhile.
type Sink interface {
	AddUsage(ctx context.Context, records []Record) error
}

// Options say how often counts are handed over. Zero values take defaults.
type Options struct {
	Every time.Duration // default 10 s
	Limit time.Duration // of one call of the Sink; default 5 s
	Log   *slog.Logger
	Clock func() time.Time
}

// Meter counts. Its methods may be used from any goroutine.
type Meter struct {
	sink    Sink
	options Options
	counts  sync.Map // tenancy.ProjectID to *count
	flush   sync.Mutex
	since   time.Time
}

// count is what a project used since the last flush.
type count struct {
	requests, console, queries, functions atomic.Int64
	features                              atomic.Uint32
	known                                 atomic.Int32 // addresses; a full list is not looked at
	mu                                    sync.Mutex
	addresses                             []string
}

// New makes a meter over a sink.
func New(sink Sink, o Options) *Meter {
	if o.Every <= 0 {
		o.Every = 10 * time.Second
	}
	if o.Limit <= 0 {
		o.Limit = 5 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Meter{sink: sink, options: o, since: o.Clock()}
}

// Add counts one request of a project. It never waits for the sink.
func (m *Meter) Add(project tenancy.ProjectID, u Use) {
	found, ok := m.counts.Load(project)
	if !ok {
		found, _ = m.counts.LoadOrStore(project, new(count))
	}
	c := found.(*count)
	c.requests.Add(1)
	if u.Console {
		c.console.Add(1)
	}
	if u.PermissionQueries > 0 {
		c.queries.Add(int64(u.PermissionQueries))
	}
	if u.Functions > 0 {
		c.functions.Add(int64(u.Functions))
	}
	if features := uint32(u.Features); c.features.Load()&features != features {
		c.features.Or(features)
	}
	c.address(u.Address)
}

func (c *count) address(a string) {
	if a == "" || c.known.Load() >= MaxAddresses {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.addresses) < MaxAddresses && !slices.Contains(c.addresses, a) {
		c.addresses = append(c.addresses, a)
		c.known.Store(int32(len(c.addresses))) //nolint:gosec // at most MaxAddresses
	}
}

// Run hands counts over until ctx ends, and once more then.
func (m *Meter) Run(ctx context.Context) {
	tick := time.NewTicker(m.options.Every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			m.Flush(ctx)
		case <-ctx.Done():
			m.Flush(context.WithoutCancel(ctx))
			return
		}
	}
}

// Flush hands over what was counted. Counts that the sink does not take are kept.
func (m *Meter) Flush(ctx context.Context) {
	m.flush.Lock()
	defer m.flush.Unlock()
	now := m.options.Clock()
	records := m.take(now)
	m.since = now
	if len(records) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, m.options.Limit)
	defer cancel()
	if err := m.sink.AddUsage(ctx, records); err != nil {
		m.options.Log.WarnContext(ctx, "usage is not recorded yet", "projects", len(records), "error", err)
		m.since = records[0].From
		for _, r := range records {
			m.giveBack(r)
		}
	}
}

// take empties the counts. What is counted meanwhile is in this flush or the next. A
// count itself stays, so that nobody adds to one that is gone: a project that was ever
// used takes some hundred bytes.
func (m *Meter) take(now time.Time) []Record {
	var out []Record
	m.counts.Range(func(key, value any) bool {
		c := value.(*count)
		r := Record{
			Project: key.(tenancy.ProjectID), From: m.since, To: now, Requests: c.requests.Swap(0), Console: c.console.Swap(0),
			PermissionQueries: c.queries.Swap(0), Functions: c.functions.Swap(0), Features: Feature(c.features.Swap(0)),
		}
		c.mu.Lock()
		r.Addresses, c.addresses = c.addresses, nil
		c.known.Store(0)
		c.mu.Unlock()
		if r.Requests > 0 || r.Functions > 0 {
			out = append(out, r)
		}
		return true
	})
	slices.SortFunc(out, func(a, b Record) int { return cmp.Compare(a.Project, b.Project) })
	return out
}

func (m *Meter) giveBack(r Record) {
	found, _ := m.counts.LoadOrStore(r.Project, new(count))
	c := found.(*count)
	c.requests.Add(r.Requests)
	c.console.Add(r.Console)
	c.queries.Add(r.PermissionQueries)
	c.functions.Add(r.Functions)
	c.features.Or(uint32(r.Features))
	for _, a := range r.Addresses {
		c.address(a)
	}
}
