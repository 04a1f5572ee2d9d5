package database

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

// Reader is another place to read a placement's rows from, which shows writes moments
// after the database itself (platform §7.2).
type Reader struct {
	Driver Driver
	// Behind is how much later at most; 0: 5 s. Whoever writes reads what they wrote
	// (LQ-39): for as long, a project's reads go where its writes went. So do those of a
	// release that is new here.
	Behind time.Duration
	// Tell is told of a project that is written, before the writer is, so that other
	// processes may call Written. A project that is written all the time is told of once
	// in a quarter of Behind. nil: nobody is.
	Tell func(tenancy.ProjectID)
}

// WithReader returns the database with a reader.
func (db *DB) WithReader(r Reader) *DB {
	if r.Behind <= 0 {
		r.Behind = 5 * time.Second
	}
	every := r.Behind / 4
	with := *db
	with.reader = &reader{Reader: r, pinned: r.Behind + every, every: every, projects: otter.Must(&otter.Options[tenancy.ProjectID, *recent]{
		MaximumSize: 100_000, ExpiryCalculator: otter.ExpiryAccessing[tenancy.ProjectID, *recent](10 * time.Minute),
	})}
	return &with
}

// Read is Query for what may be read from the reader. The statement was made for this
// release.
func (db *DB) Read(ctx context.Context, scope isolation.Scope, release int64, s Statement) ([]byte, error) {
	if err := scope.Valid(); err != nil {
		return nil, err
	}
	if r := db.reader; r != nil && r.may(scope.Project(), release) {
		out, err := r.Driver.Query(ctx, scope, s)
		if err == nil || ctx.Err() != nil {
			return out, describe(ctx, err)
		}
		r.failed(err) // whatever it was, the database itself decides
	}
	return db.Query(ctx, scope, s)
}

// Written says that another process wrote to a project.
func (db *DB) Written(project tenancy.ProjectID) {
	if db.reader != nil {
		db.reader.of(project, 0).pin(time.Now().Add(db.reader.pinned))
	}
}

type reader struct {
	Reader
	pinned   time.Duration // after a write: Behind, and what may pass until the next is told
	every    time.Duration // a project is told of
	projects *otter.Cache[tenancy.ProjectID, *recent]
	away     atomic.Int64 // until this moment nobody tries it; Unix nanoseconds
}

// recent is what is new of a project. Times are Unix nanoseconds.
type recent struct {
	release     atomic.Int64
	until, told atomic.Int64
}

func (e *recent) pin(until time.Time) {
	for to := until.UnixNano(); ; {
		old := e.until.Load()
		if old >= to || e.until.CompareAndSwap(old, to) {
			return
		}
	}
}

// of finds what is known of a project. Of one that nobody knows, everything may be new.
func (r *reader) of(project tenancy.ProjectID, release int64) *recent {
	if e, ok := r.projects.GetIfPresent(project); ok {
		return e
	}
	e := new(recent)
	e.release.Store(release)
	e.pin(time.Now().Add(r.pinned))
	e, _ = r.projects.SetIfAbsent(project, e)
	return e
}

// may says whether the reader shows all that it has to.
func (r *reader) may(project tenancy.ProjectID, release int64) bool {
	now := time.Now()
	e := r.of(project, release)
	if e.release.Load() != release && e.release.Swap(release) != release {
		e.pin(now.Add(r.pinned))
	}
	return now.UnixNano() >= e.until.Load() && now.UnixNano() >= r.away.Load()
}

// wrote notes a write that may have been done.
func (db *DB) wrote(project tenancy.ProjectID) {
	r := db.reader
	if r == nil {
		return
	}
	now := time.Now()
	e := r.of(project, 0)
	e.pin(now.Add(r.pinned))
	if r.Tell == nil {
		return
	}
	if told := e.told.Load(); now.UnixNano()-told >= int64(r.every) && e.told.CompareAndSwap(told, now.UnixNano()) {
		r.Tell(project)
	}
}

// awayTime is how long a reader is left alone that could not be reached.
const awayTime = 5 * time.Second

func (r *reader) failed(err error) {
	var e *Error
	if errors.As(err, &e) && e.Kind == Unavailable {
		r.away.Store(time.Now().Add(awayTime).UnixNano())
	}
}
