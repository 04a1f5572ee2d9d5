// Package directory answers, for each request, who a project is and what it
// runs: its id behind an id or alias, its placement and its current release.
//
// In: the id or alias of a request's path, and a Source (the control plane's
// store). Out: an Entry. Entries are kept for a short time and dropped at once
// when this process publishes a release; other processes see a release within
// TTL (platform §6.3). Callers: transport for requests; deployment calls
// Invalidate.
package directory

import (
	"context"
	"errors"
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

// Entry is what the data plane must know before it can serve a project.
type Entry struct {
	Project   tenancy.ProjectID
	Alias     string // "" when the project has none
	Placement tenancy.Placement
	Release   int64 // the published release; 0 before the first

	QueriesLocked   bool // queries are refused with 1002 (data-api §10.1)
	MutationsLocked bool // mutations are refused with 1003
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
	TTL     time.Duration // how long an entry is served without asking again; default 1 s
	Entries int           // how many entries are kept at most; default 100,000
}

// Directory is a cached Source.
type Directory struct {
	source Source
	cache  *otter.Cache[string, found]
	flight singleflight.Group
	// epoch counts invalidations: a look-up that began before one is not kept.
	epoch atomic.Uint64
	mu    sync.Mutex // serialises keeping an entry with invalidating it
}

// found also remembers that there is no such project.
type found struct {
	entry   Entry
	unknown bool
}

// New makes a directory over a source.
func New(source Source, o Options) *Directory {
	if o.TTL <= 0 {
		o.TTL = time.Second
	}
	if o.Entries <= 0 {
		o.Entries = 100_000
	}
	return &Directory{
		source: source,
		cache: otter.Must(&otter.Options[string, found]{
			MaximumSize:      o.Entries,
			ExpiryCalculator: otter.ExpiryWriting[string, found](o.TTL),
		}),
	}
}

// Lookup finds a project by id or alias; tenancy.ErrUnknownProject when there
// is none.
func (d *Directory) Lookup(ctx context.Context, idOrAlias string) (Entry, error) {
	if strings.Contains(idOrAlias, "\x00") || !utf8.ValidString(idOrAlias) {
		return Entry{}, tenancy.ErrUnknownProject // no source can hold it
	}
	if f, ok := d.cache.GetIfPresent(idOrAlias); ok {
		return f.result()
	}
	for {
		epoch := d.epoch.Load()
		// The caller that came first asks for all; its end must not be theirs.
		ch := d.flight.DoChan(idOrAlias, func() (any, error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
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
			d.flight.Forget(idOrAlias)
		}
	}
}

func (d *Directory) find(ctx context.Context, idOrAlias string) (found, error) {
	entry, err := d.source.FindProject(ctx, idOrAlias)
	switch {
	case errors.Is(err, tenancy.ErrUnknownProject):
		return found{unknown: true}, nil
	case err != nil:
		return found{}, err
	default:
		return found{entry: entry}, nil
	}
}

// keep stores what was found unless something was invalidated meanwhile.
func (d *Directory) keep(key string, f found, epoch uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.epoch.Load() != epoch {
		return false
	}
	d.cache.Set(key, f)
	return true
}

func (f found) result() (Entry, error) {
	if f.unknown {
		return Entry{}, tenancy.ErrUnknownProject
	}
	return f.entry, nil
}

// Invalidate drops what is known under these ids and aliases. After it returns
// no Lookup of this process answers from before.
func (d *Directory) Invalidate(idsAndAliases ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.epoch.Add(1)
	for _, key := range idsAndAliases {
		d.flight.Forget(key)
		d.cache.Invalidate(key)
	}
}

// Close ends the cache's own work. Lookups after it still answer.
func (d *Directory) Close() { d.cache.StopAllGoroutines() }
