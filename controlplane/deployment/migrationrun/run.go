// Package migrationrun carries plans out, one deploy of a project at a time.
//
// In: a Job (statements for the project's tables and the release to publish)
// made under the project's lock. Out: a published release, or an error with the
// old release still serving. Caller: deployment.
//
//	Lock -> finish what an interrupted deploy began -> make the Job -> Run:
//	  record -> provision -> expand -> publish -> unlock
//
// Expanding adds what the old release doesn't know, so that nodes on it keep
// working until they see the new one. The Job is recorded before the first
// statement runs: a process that dies leaves the record, and the next deploy
// finishes it before it looks at the project.
package migrationrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
	"icehouse/dataplane/connector/database"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

// Runner runs jobs.
type Runner struct {
	Store     store.Store
	Databases func(tenancy.Placement) (*database.DB, error)
	// Publish makes a release visible (schemaregistry).
	Publish func(context.Context, store.Project, store.Publication) error
	Logger  *slog.Logger

	// Lease is how long a lock outlives its process; 0: 30 s. Wait is how long a
	// deploy waits for another; 0: as long as its context.
	Lease, Wait time.Duration
}

// Job is all that a deploy does once it is decided. It is data, so that another
// process can finish it.
type Job struct {
	// Expand are the statements for the project's tables. They may be repeated.
	Expand []string `json:"expand"`
	// Make is what becomes visible when they have run.
	Make store.Publication `json:"publication"`
}

const (
	defaultLease = 30 * time.Second
	firstPoll    = 20 * time.Millisecond
	slowestPoll  = 500 * time.Millisecond
)

// Locked is a project whose deploys are held.
type Locked struct {
	r       *Runner
	project tenancy.ProjectID
	holder  string
	stop    context.CancelFunc
	done    chan struct{}
}

// Holder names this holding of the lock, for store.Publication.
func (l *Locked) Holder() string { return l.holder }

// With waits for the project's lock, finishes what an interrupted deploy left,
// and runs do. The context of do ends when the lock is lost.
func (r *Runner) With(ctx context.Context, project tenancy.ProjectID, do func(context.Context, *Locked) error) error {
	return r.hold(ctx, project, func(ctx context.Context, l *Locked, record []byte) error {
		if len(record) > 0 {
			if err := l.finish(ctx, record); err != nil {
				return err
			}
		}
		return do(ctx, l)
	})
}

// Alone waits for the project's lock and runs do, whatever an interrupted deploy
// left: for a project that goes away.
func (r *Runner) Alone(ctx context.Context, project tenancy.ProjectID, do func(context.Context) error) error {
	return r.hold(ctx, project, func(ctx context.Context, _ *Locked, _ []byte) error { return do(ctx) })
}

func (r *Runner) hold(ctx context.Context, project tenancy.ProjectID, do func(context.Context, *Locked, []byte) error) error {
	l := &Locked{r: r, project: project, holder: tenancy.NewID(), done: make(chan struct{})}
	record, err := l.acquire(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	kept, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	go l.keep(kept, cancel)
	defer l.release(context.WithoutCancel(ctx))
	err = do(ctx, l, record)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, store.ErrLockLost) {
		return errors.Join(err, cause)
	}
	return err
}

func (r *Runner) lease() time.Duration {
	if r.Lease > 0 {
		return r.Lease
	}
	return defaultLease
}

func (l *Locked) acquire(ctx context.Context) ([]byte, error) {
	if l.r.Wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.r.Wait)
		defer cancel()
	}
	for poll := firstPoll; ; poll = min(2*poll, slowestPoll) {
		record, err := l.r.Store.Lock(ctx, l.project, l.holder, l.r.lease())
		if !errors.Is(err, store.ErrLocked) {
			return record, err
		}
		select {
		case <-ctx.Done():
			return nil, &problem.Error{Message: "Another deploy of this project is running. Try again when it is done.", Cause: ctx.Err()}
		case <-time.After(poll):
		}
	}
}

// keep extends the lock until the context ends; when it is lost, it ends the
// deploy.
func (l *Locked) keep(ctx context.Context, lost context.CancelCauseFunc) {
	defer close(l.done)
	tick := time.NewTicker(l.r.lease() / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			err := l.r.Store.Extend(ctx, l.project, l.holder, l.r.lease())
			if errors.Is(err, store.ErrLockLost) {
				lost(err)
				return
			}
		}
	}
}

func (l *Locked) release(ctx context.Context) {
	l.stop()
	<-l.done
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := l.r.Store.Unlock(ctx, l.project, l.holder); err != nil {
		// The lease frees it in time.
		l.r.Logger.WarnContext(ctx, "deploy lock not given back", "project", l.project, "error", err)
	}
}

// finish does what an interrupted deploy had decided.
func (l *Locked) finish(ctx context.Context, record []byte) error {
	var job Job
	if err := json.Unmarshal(record, &job); err != nil {
		return fmt.Errorf("read the record of an interrupted deploy: %w", err)
	}
	project, err := l.r.Store.Project(ctx, string(l.project))
	if err != nil {
		return err
	}
	l.r.Logger.InfoContext(ctx, "finishing an interrupted deploy", "project", l.project, "release", job.Make.Release.Number)
	job.Make.Holder = l.holder
	err = l.carryOut(ctx, project, job)
	if errors.Is(err, errNotDone) {
		// The project is as it was before that deploy: go on with the next.
		l.r.Logger.WarnContext(ctx, "an interrupted deploy could not be finished", "project", l.project, "error", err)
		return nil
	}
	return err
}

// errNotDone says that the project's tables are as they were and that nothing is
// recorded any more.
var errNotDone = errors.New("the project's tables are unchanged")

// Run records a job and carries it out.
func (l *Locked) Run(ctx context.Context, project store.Project, job Job) error {
	job.Make.Holder = l.holder
	record, err := json.Marshal(job)
	if err != nil {
		return fmt.Errorf("record deploy: %w", err)
	}
	if err := l.r.Store.Record(ctx, l.project, l.holder, record); err != nil {
		return err
	}
	return l.carryOut(ctx, project, job)
}

func (l *Locked) carryOut(ctx context.Context, project store.Project, job Job) error {
	scope, err := isolation.ForProject(project.ID, project.Placement)
	if err != nil {
		return err
	}
	db, err := l.r.Databases(project.Placement)
	if err != nil {
		return err
	}
	if err := l.expand(ctx, db, scope, job); err != nil {
		return err
	}
	return l.r.Publish(ctx, project, job.Make)
}

// expand makes room in the project's tables. When the database says that it did
// not do it, the record goes: there is nothing to finish.
func (l *Locked) expand(ctx context.Context, db *database.DB, scope isolation.Scope, job Job) error {
	if err := db.Provision(ctx, scope); err != nil {
		return l.giveUp(ctx, err)
	}
	if len(job.Expand) == 0 {
		return nil
	}
	if err := db.Migrate(ctx, scope, job.Expand); err != nil {
		return l.giveUp(ctx, err)
	}
	return nil
}

// giveUp forgets the record, unless it is unknown what the database did.
func (l *Locked) giveUp(ctx context.Context, err error) error {
	var failed *database.Error
	if errors.As(err, &failed) && failed.Kind != database.Unavailable && failed.Kind != database.Conflict && failed.Kind != database.Canceled {
		if forget := l.r.Store.Record(context.WithoutCancel(ctx), l.project, l.holder, nil); forget != nil {
			return errors.Join(err, forget)
		}
		return fmt.Errorf("expand the project's tables: %w: %w", errNotDone, err)
	}
	return fmt.Errorf("expand the project's tables: %w", err)
}
