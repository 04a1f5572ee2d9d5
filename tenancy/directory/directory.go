// Package directory answers, for each request, who a project is and what it
// runs: its id behind an id or alias, its placement and its current release.
//
// In: the id or alias of a request's path, and a Source (the control plane's
// store). Out: an Entry. Entries are dropped at once when this process learns of
// a change (Invalidate). While it is told of every change of other processes
// (Watch) an entry is served for as long as Lease, otherwise for TTL, so that a
// release is seen within a second in any case (platform §6.3). Callers:
// transport for requests; cmd tells of changes.
package directory

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"

	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

// Lease is how long an entry is served at most without asking again, whatever
// is told meanwhile. Who changes a project and can't tell of it knows that after
// a Lease every process has asked anew.
const Lease = time.Second

// patience is how long a look-up may take, whoever waits for it.
const patience = 10 * time.Second

// Entry is what the data plane must know before it can serve a project.
type Entry struct {
	Project   tenancy.ProjectID
	Alias     string // "" when the project has none
	Placement tenancy.Placement
	Release   int64 // the published release; 0 before the first

	QueriesLocked   bool // queries are refused with 1002 (data-api §10.1)
	MutationsLocked bool // mutations are refused with 1003
	Exceeded        Exceeded
}

// Exceeded are the limits of its plan that a project has gone over, as the billing side
// says (platform §4.9).
type Exceeded struct {
	Requests    bool // everything is refused
	Database    bool // mutations are refused that do more than delete nodes
	Invocations bool // functions are not invoked
}

// Scope is the tenant's key for connectors.
func (e Entry) Scope() (isolation.Scope, error) {
	return isolation.ForProject(e.Project, e.Placement)
}

// Source finds a project by id or alias. It returns tenancy.ErrUnknownProject
// when there is none.
type Source interface {
	FindProject(ctx context.Context, idOrAlias string) (Entry, error)
}

// Options bound the directory.
type Options struct {
	TTL     time.Duration // how long an entry is served without asking again while nobody tells of changes; default 500 ms
	Entries int           // how many entries are kept at most; default 100,000
}

// Directory is a cached Source.
type Directory struct {
	source Source
	ttl    time.Duration
	// An alias leads to its project's entry, so that dropping the entry is enough.
	projects *otter.Cache[tenancy.ProjectID, found]
	names    *otter.Cache[string, found] // aliases, and what is unknown
	flight   singleflight.Group
	watch    atomic.Pointer[time.Time] // since when every change is told; nil: not now
	// epoch counts invalidations: a look-up that began before one is not kept.
	epoch atomic.Uint64
	mu    sync.Mutex // serialises keeping an entry with invalidating it
}

// found is what the source answered. It ages from the moment when it was asked:
// what changes while the source is slow may not be in it.
type found struct {
	entry   Entry
	unknown bool // there is no such project
	asked   time.Time
	epoch   uint64 // in which it is kept
}

// New makes a directory over a source.
func New(source Source, o Options) *Directory {
	if o.TTL <= 0 {
		o.TTL = 500 * time.Millisecond
	}
	if o.Entries <= 0 {
		o.Entries = 100_000
	}
	keep := max(o.TTL, Lease)
	return &Directory{source: source, ttl: o.TTL, projects: cache[tenancy.ProjectID](o.Entries, keep), names: cache[string](o.Entries, keep)}
}

func cache[K comparable](entries int, keep time.Duration) *otter.Cache[K, found] {
	return otter.Must(&otter.Options[K, found]{MaximumSize: entries, ExpiryCalculator: otter.ExpiryWriting[K, found](keep)})
}

// Lookup finds a project by id or alias; tenancy.ErrUnknownProject when there
// is none.
func (d *Directory) Lookup(ctx context.Context, idOrAlias string) (Entry, error) {
	if strings.Contains(idOrAlias, "\x00") || !utf8.ValidString(idOrAlias) {
		return Entry{}, tenancy.ErrUnknownProject // no source can hold it
	}
	if f, ok := d.known(idOrAlias); ok {
		return f.result()
	}
	for {
		epoch := d.epoch.Load()
		// The caller that came first asks for all who came since the last
		// invalidation; its end must not be theirs.
		ch := d.flight.DoChan(strconv.FormatUint(epoch, 36)+" "+idOrAlias, func() (any, error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
			defer cancel()
			return d.find(ctx, idOrAlias)
		})
		select {
		case <-ctx.Done():
			return Entry{}, ctx.Err()
		case r := <-ch:
			if r.Err != nil {
				return Entry{}, r.Err
			}
			f := r.Val.(found)
			if d.keep(idOrAlias, f, epoch) {
				return f.result()
			}
		}
	}
}

// known finds what is kept and fresh.
func (d *Directory) known(idOrAlias string) (found, bool) {
	project := tenancy.ProjectID(idOrAlias)
	if f, ok := d.names.GetIfPresent(idOrAlias); ok {
		if f.unknown {
			// Any project that changed since may have got this name.
			return f, f.epoch == d.epoch.Load() && d.fresh(f.asked)
		}
		project = f.entry.Project
	}
	f, ok := d.projects.GetIfPresent(project)
	named := f.entry.Alias == idOrAlias || string(f.entry.Project) == idOrAlias
	return f, ok && named && d.fresh(f.asked)
}

func (d *Directory) fresh(asked time.Time) bool {
	age := time.Since(asked)
	if age < d.ttl {
		return true
	}
	since := d.watch.Load()
	return since != nil && asked.After(*since) && age < Lease
}

func (d *Directory) find(ctx context.Context, idOrAlias string) (found, error) {
	asked := time.Now()
	entry, err := d.source.FindProject(ctx, idOrAlias)
	switch {
	case errors.Is(err, tenancy.ErrUnknownProject):
		return found{unknown: true, asked: asked}, nil
	case err != nil:
		return found{}, err
	default:
		return found{entry: entry, asked: asked}, nil
	}
}

// keep stores what was found unless something was invalidated meanwhile.
func (d *Directory) keep(key string, f found, epoch uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.epoch.Load() != epoch {
		return false
	}
	f.epoch = epoch
	if key == string(f.entry.Project) {
		d.names.Invalidate(key) // it is no longer unknown
	} else {
		d.names.Set(key, f)
	}
	if !f.unknown {
		d.projects.Set(f.entry.Project, f)
	}
	return true
}

func (f found) result() (Entry, error) {
	if f.unknown {
		return Entry{}, tenancy.ErrUnknownProject
	}
	return f.entry, nil
}

// Invalidate drops what is known of a project, under whichever names, and that any
// name is unknown. After it returns no Lookup of this process answers from before.
func (d *Directory) Invalidate(project tenancy.ProjectID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.epoch.Add(1)
	d.projects.Invalidate(project)
}

// Watch says whether from now on Invalidate is called for each change, or some may
// go untold.
func (d *Directory) Watch(told bool) {
	if !told {
		d.watch.Store(nil)
		return
	}
	now := time.Now()
	d.watch.Store(&now)
}

// Close ends the caches' own work. Lookups after it still answer.
func (d *Directory) Close() {
	d.projects.StopAllGoroutines()
	d.names.StopAllGoroutines()
}
