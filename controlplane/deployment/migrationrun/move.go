package migrationrun

import (
	"context"
	"errors"
	"fmt"
	"time"

	"icehouse/controlplane/elements"
	"icehouse/controlplane/store"
	"icehouse/dataplane/connector/database"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

// Move is what is recorded while a project moves to another placement.
type Move struct {
	From tenancy.Placement `json:"from"`
	To   tenancy.Placement `json:"to"`
}

// Bounds of what follows a move, whatever became of its caller.
const (
	askTime   = 20 * time.Second // to learn where the project is after a failure
	tidyTime  = 10 * time.Minute // to check what came and remove what stayed
	askPause  = 200 * time.Millisecond
	writeTime = 20 * time.Second // to write the platform's rows
)

// Move brings a project to another placement while it serves. No deploy runs meanwhile.
// tell is told what goes on, in words.
func (r *Runner) Move(ctx context.Context, project tenancy.ProjectID, to tenancy.Placement, tell func(string)) error {
	return r.With(ctx, project, func(ctx context.Context, l *Locked) error {
		if l.unfinished {
			return errors.New("what an earlier deploy left in the project's tables could not be removed; try again")
		}
		p, err := r.Store.Project(ctx, string(project))
		if err != nil {
			return err
		}
		if p.Withdrawn || p.Placement == to {
			return nil
		}
		job := Job{Move: &Move{From: p.Placement, To: to}}
		m, err := l.moving(p.ID, *job.Move)
		if err != nil {
			return err
		}
		create, err := l.tables(ctx, p, m)
		if err != nil {
			return err
		}
		if err := l.record(ctx, job); err != nil {
			return err
		}
		moved := m.fromDB.Move(ctx, m.from, m.toDB, create, tell)
		return l.settle(ctx, p, m, moved)
	})
}

// moving is a move with both its ends open.
type moving struct {
	Move
	from, to     isolation.Scope
	fromDB, toDB *database.DB
}

func (l *Locked) moving(project tenancy.ProjectID, move Move) (m moving, err error) {
	m.Move = move
	if m.from, m.fromDB, err = l.r.Place(project, move.From); err != nil {
		return m, err
	}
	m.to, m.toDB, err = l.r.Place(project, move.To)
	return m, err
}

// tables are the statements that make a project's tables.
func (l *Locked) tables(ctx context.Context, p store.Project, m moving) (create []string, err error) {
	if p.Release == 0 {
		return nil, nil
	}
	snap, err := elements.Served(ctx, l.r.Store, p)
	if err != nil {
		return nil, err
	}
	for _, step := range snap.Release.Layout.Create() {
		create = append(create, m.toDB.Dialect().Schema(m.to.Namespace(), step)...)
	}
	return create, nil
}

// errInterrupted stands for what became of a move whose process is gone.
var errInterrupted = errors.New("the move was interrupted")

// settle makes true what a move came to. When the rows have left, it says so to all and
// clears up behind them; else nothing has happened, and failed is returned, unless it is
// only that the move was interrupted.
func (l *Locked) settle(ctx context.Context, p store.Project, m moving, failed error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyTime)
	defer cancel()
	if p.Placement != m.To {
		left := failed == nil
		if !left {
			var err error
			if left, err = l.left(ctx, m); err != nil { // the record stays: it will be known later
				return errors.Join(failed, err)
			}
		}
		if !left {
			if errors.Is(failed, errInterrupted) {
				failed = nil
			}
			return errors.Join(failed, m.fromDB.Stay(ctx, m.from), m.toDB.Drop(ctx, m.to), l.r.Store.Record(ctx, l.project, l.holder, nil))
		}
		if err := l.handle(ctx, p, m); err != nil {
			return err
		}
		if err := l.relocate(ctx, p, m); err != nil {
			return err
		}
	}
	l.r.Changed(p)
	if err := m.toDB.Arrive(ctx, m.to); err != nil {
		return fmt.Errorf("the project has moved; what came is to be checked: %w", err)
	}
	if err := m.fromDB.Drop(ctx, m.from); err != nil {
		return fmt.Errorf("the project has moved; what it left is to be removed: %w", err)
	}
	l.r.Logger.InfoContext(ctx, "moved", "project", p.ID, "from", m.From, "to", m.To)
	return l.r.Store.Record(ctx, l.project, l.holder, nil)
}

// handle sees to it that functions are told of what happens at the other end, before
// anything does. What they were not told yet of this one stays there, and is theirs.
func (l *Locked) handle(ctx context.Context, p store.Project, m moving) error {
	if p.Release == 0 {
		return nil
	}
	snap, err := elements.Served(ctx, l.r.Store, p)
	if err != nil {
		return err
	}
	handlers := Handlers(snap.Release, m.toDB.Dialect(), m.to.Namespace())
	return persist(ctx, writeTime, func(ctx context.Context) error { return m.toDB.Handle(ctx, m.to, handlers) })
}

// left asks until the database knows.
func (l *Locked) left(ctx context.Context, m moving) (left bool, err error) {
	err = persist(ctx, askTime, func(ctx context.Context) error {
		left, err = m.fromDB.Left(ctx, m.from)
		return err
	})
	return left, err
}

// relocate lets the platform know. Until then requests wait.
func (l *Locked) relocate(ctx context.Context, p store.Project, m moving) error {
	return persist(ctx, writeTime, func(ctx context.Context) error {
		return l.r.Store.Relocate(ctx, p.ID, l.holder, m.From, m.To, time.Now().UTC())
	})
}

// persist does something again until it succeeds, the time is over or the lock is lost.
func persist(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := do(ctx)
		if err == nil || errors.Is(err, store.ErrLockLost) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(askPause):
		}
	}
}

// forget removes what a move left at either end, of a project that goes away.
func (l *Locked) forget(ctx context.Context, move Move) error {
	m, err := l.moving(l.project, move)
	if err != nil {
		return err
	}
	return errors.Join(m.fromDB.Drop(ctx, m.from), m.toDB.Drop(ctx, m.to))
}
