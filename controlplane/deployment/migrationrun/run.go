// Package migrationrun carries plans out, one deploy of a project at a time.
//
// In: a Job (statements for the project's tables and the release to publish)
// made under the project's lock. Out: a published release, or an error with the
// old release still serving. Caller: deployment.
//
//	Lock -> finish what an interrupted deploy began -> make the Job -> Run:
//	  record -> provision -> expand -> switch -> publish -> contract -> unlock
//
// Expanding adds what the old release doesn't know. The switch makes the rows fit the
// new release, in one transaction, which the project's place remembers: it happens
// once. From then on the old release may be refused; who still has it finds the new
// one a moment later (data plane). Contracting removes what only the old one knew.
//
// The Job is recorded before the first statement runs: a process that dies leaves the
// record, and the next deploy, or any control plane that looks (Finish), does the
// rest.
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
	"icehouse/dataplane/dialect"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

// Runner runs jobs.
type Runner struct {
	Store     store.Store
	Databases func(tenancy.Placement) (*database.DB, error)
	// Publish makes a release visible (schemaregistry).
	Publish func(context.Context, store.Project, store.Publication) error
	// Changed tells all who serve a project that it is elsewhere (schemaregistry).
	Changed func(store.Project)
	Logger  *slog.Logger

	// Lease is how long a lock outlives its process; 0: 10 s. Wait is how long a
	// deploy waits for another; 0: as long as its context.
	Lease, Wait time.Duration
}

// Place is where a project's rows are, and the key to them.
func (r *Runner) Place(project tenancy.ProjectID, at tenancy.Placement) (isolation.Scope, *database.DB, error) {
	scope, err := isolation.ForProject(project, at)
	if err != nil {
		return scope, nil, err
	}
	db, err := r.Databases(at)
	return scope, db, err
}

// Job is all that a deploy does once it is decided. It is data, so that another
// process can finish it.
type Job struct {
	// Expand are the statements that add to the project's tables, Undo those that
	// take that back, and Contract those that remove. They may be repeated.
	Expand   []string `json:"expand"`
	Undo     []string `json:"undo,omitempty"`
	Contract []string `json:"contract,omitempty"`
	// Switch happens once.
	Switch []dialect.Statement `json:"switch,omitempty"`
	// Handlers are told of events from Switch on.
	Handlers []database.Handler `json:"handlers,omitempty"`
	// Make is what becomes visible when Switch has happened.
	Make store.Publication `json:"publication"`
	// Move is there when the job is no deploy.
	Move *Move `json:"move,omitempty"`
}

const (
	defaultLease = 10 * time.Second
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
	// unfinished: the record is that of a deploy that something is to be done behind.
	unfinished bool
}

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

// FinishInterrupted does what deploys left that their process did not end, and says
// how many. One that another process is at is left to it.
func (r *Runner) FinishInterrupted(ctx context.Context) (int, error) {
	projects, err := r.Store.Interrupted(ctx)
	if err != nil {
		return 0, err
	}
	done := 0
	var errs []error
	for _, project := range projects {
		l := &Locked{r: r, project: project, holder: tenancy.NewID(), done: make(chan struct{})}
		record, err := r.Store.Lock(ctx, project, l.holder, r.lease())
		if errors.Is(err, store.ErrLocked) {
			continue
		}
		if err == nil {
			err = r.held(ctx, l, record, func(ctx context.Context, l *Locked, record []byte) error {
				if len(record) == 0 {
					return nil
				}
				done++
				return l.finish(ctx, record)
			})
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("project %s: %w", project, err))
		}
	}
	return done, errors.Join(errs...)
}

// Alone waits for the project's lock and runs do, whatever an interrupted deploy
// left: for a project that goes away.
func (r *Runner) Alone(ctx context.Context, project tenancy.ProjectID, do func(context.Context) error) error {
	return r.hold(ctx, project, func(ctx context.Context, l *Locked, record []byte) error {
		var job Job
		if len(record) > 0 {
			if err := json.Unmarshal(record, &job); err != nil {
				return fmt.Errorf("read the record of an interrupted deploy: %w", err)
			}
		}
		if job.Move != nil {
			if err := l.forget(ctx, *job.Move); err != nil {
				return err
			}
		}
		return do(ctx)
	})
}

func (r *Runner) hold(ctx context.Context, project tenancy.ProjectID, do func(context.Context, *Locked, []byte) error) error {
	l := &Locked{r: r, project: project, holder: tenancy.NewID(), done: make(chan struct{})}
	record, err := l.acquire(ctx)
	if err != nil {
		return err
	}
	return r.held(ctx, l, record, do)
}

// held runs do while the lock is kept, and gives it back.
func (r *Runner) held(ctx context.Context, l *Locked, record []byte, do func(context.Context, *Locked, []byte) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	kept, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	go l.keep(kept, cancel)
	defer l.release(context.WithoutCancel(ctx))
	err := do(ctx, l, record)
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
	if job.Move != nil {
		l.r.Logger.InfoContext(ctx, "finishing an interrupted move", "project", l.project, "to", job.Move.To)
		m, err := l.moving(l.project, *job.Move)
		if err != nil {
			return err
		}
		return l.settle(ctx, project, m, errInterrupted)
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
	if err := l.record(ctx, job); err != nil {
		return err
	}
	return l.carryOut(ctx, project, job)
}

func (l *Locked) record(ctx context.Context, job Job) error {
	record, err := json.Marshal(job)
	if err != nil {
		return fmt.Errorf("record the job: %w", err)
	}
	return l.r.Store.Record(ctx, l.project, l.holder, record)
}

func (l *Locked) carryOut(ctx context.Context, project store.Project, job Job) error {
	scope, db, err := l.r.Place(project.ID, project.Placement)
	if err != nil {
		return err
	}
	if project.Release < job.Make.Release.Number {
		if err := l.expand(ctx, db, scope, job); err != nil {
			return err
		}
		job.Make.Unfinished = len(job.Contract) > 0
		if err := l.r.Publish(ctx, project, job.Make); err != nil {
			return err
		}
	}
	l.contract(ctx, db, scope, job)
	return nil
}

// contract removes what only the old release knew. The new one serves already: what
// fails here is done by the next who finds the record.
func (l *Locked) contract(ctx context.Context, db *database.DB, scope isolation.Scope, job Job) {
	if len(job.Contract) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), contractTime)
	defer cancel()
	err := db.Migrate(ctx, scope, job.Contract)
	if err == nil {
		err = l.r.Store.Record(ctx, l.project, l.holder, nil)
	}
	if err != nil {
		l.unfinished = true
		l.r.Logger.WarnContext(ctx, "what an old release left is not removed yet", "project", l.project, "release", job.Make.Release.Number, "error", err)
	}
}

// expand makes room in the project's tables, and switches. When the database says
// that it did not do it, the record goes: there is nothing to finish.
func (l *Locked) expand(ctx context.Context, db *database.DB, scope isolation.Scope, job Job) error {
	if err := db.Provision(ctx, scope); err != nil {
		return l.giveUp(ctx, err, nil)
	}
	if len(job.Expand) > 0 {
		if err := db.Migrate(ctx, scope, job.Expand); err != nil {
			return l.giveUp(ctx, err, nil) // nothing of it is there
		}
	}
	// Also where nothing is switched: what was made for the release before learns from
	// the place that it is old.
	if err := db.Advance(ctx, scope, job.Make.Release.Number, job.Switch, job.Handlers...); err != nil {
		return l.giveUp(ctx, err, func(ctx context.Context) error { return db.Migrate(ctx, scope, job.Undo) })
	}
	return nil
}

// contractTime and undoTime are how long tidying up may take.
const (
	contractTime = time.Minute
	undoTime     = 30 * time.Second
)

// giveUp takes back what was added and forgets the record, unless it is unknown what
// the database did.
func (l *Locked) giveUp(ctx context.Context, err error, undo func(context.Context) error) error {
	var failed *database.Error
	if errors.As(err, &failed) && failed.Kind != database.Unavailable && failed.Kind != database.Conflict && failed.Kind != database.Canceled {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
		defer cancel()
		if undo != nil {
			if undone := undo(ctx); undone != nil {
				return errors.Join(err, undone)
			}
		}
		if forget := l.r.Store.Record(ctx, l.project, l.holder, nil); forget != nil {
			return errors.Join(err, forget)
		}
		return fmt.Errorf("change the project's tables: %w: %w", errNotDone, err)
	}
	return fmt.Errorf("change the project's tables: %w", err)
}
