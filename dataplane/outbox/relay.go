// Package outbox brings events from where mutations noted them to where they are
// waited for.
//
// In: a placement's database, which notes events in the transactions that make them
// (database.Streamer). Out: messages on the queue (package event), at least once, those
// of one stream in the order of their positions. Callers: cmd runs a Worker in processes
// with the role worker, and an Announcer in those that write.
//
// A relay sleeps until it is told of a commit. It is told by the Announcer of the
// process that committed, as soon as the commit is there, and then looks again for a
// while by itself: a process can die between its commit and the word of it.
package outbox

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/queue"
	"icehouse/dataplane/event"
	"icehouse/tenancy"
)

// How a relay works.
const (
	lease    = 10 * time.Second // of a database; each turn renews it
	batch    = 500              // events of a turn
	often    = time.Second      // between looks while something happened not long ago
	recently = time.Minute
	rarely   = 5 * time.Minute // between looks while nothing happens
	turnTime = 15 * time.Second
)

// Streams is what a relay asks of a database: *database.DB is one.
type Streams interface {
	Relay(ctx context.Context, t database.Turn) (database.Relayed, error)
	Tidy(ctx context.Context, keep time.Duration) error
}

// Relay relays the events of one placement.
type Relay struct {
	placement tenancy.Placement
	db        Streams
	queue     *queue.Queue
	keep      time.Duration // how long events are kept
	log       *slog.Logger
	wake      chan struct{}
	deaf      atomic.Bool // words of commits may be lost now
}

// New makes a relay. keep is how long events can be read again.
func New(placement tenancy.Placement, db Streams, q *queue.Queue, keep time.Duration, log *slog.Logger) *Relay {
	return &Relay{placement: placement, db: db, queue: q, keep: keep, log: log.With("placement", placement), wake: make(chan struct{}, 1)}
}

// Wake says that there may be events. It does not wait.
func (r *Relay) Wake() {
	select {
	case r.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Run relays until ctx ends.
func (r *Relay) Run(ctx context.Context) {
	holder := tenancy.NewID()
	var (
		sent    int64
		failing bool
		pause   = 50 * time.Millisecond
		told    time.Time // when something was heard of or found last
		tidied  time.Time
	)
	// Who stops gives the lease back, so that another goes on at once.
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), often)
		defer cancel()
		_, _ = r.db.Relay(ctx, database.Turn{Holder: holder, Sent: sent})
	}()
	for ctx.Err() == nil {
		out, err := r.turn(ctx, database.Turn{Holder: holder, Lease: lease, Sent: sent, Limit: batch})
		switch {
		case err != nil:
			if ctx.Err() != nil {
				return
			}
			if !failing {
				r.log.Warn("events can't be relayed; trying again", "error", err)
			}
			failing = true
			r.sleep(ctx, pause/2+rand.N(pause/2)) //nolint:gosec // no secret
			pause = min(2*pause, 2*time.Second)
			continue
		case failing:
			failing, pause = false, 50*time.Millisecond
			r.log.Info("events are relayed again")
		}
		if len(out.Events) > 0 {
			told = time.Now()
		}
		recorded := out.Last == sent
		sent = out.Last
		switch {
		case !out.Until.IsZero(): // another relay's
			r.standBy(ctx, out.Until)
			told = time.Now()
			continue
		case out.More || !recorded:
			continue
		}
		if time.Since(tidied) > r.keep/8 {
			tidied = time.Now()
			if err := r.tidy(ctx); err != nil && ctx.Err() == nil {
				r.log.Warn("old events can't be removed", "error", err)
			}
		}
		wait := rarely
		if r.deaf.Load() || time.Since(told) < recently {
			wait = often
		}
		if r.sleep(ctx, wait) {
			told = time.Now()
		}
	}
}

// turn takes a turn and sends what comes of it. What was not sent is in the next turn
// again.
func (r *Relay) turn(ctx context.Context, t database.Turn) (database.Relayed, error) {
	ctx, cancel := context.WithTimeout(ctx, turnTime)
	defer cancel()
	out, err := r.db.Relay(ctx, t)
	if err != nil || len(out.Events) == 0 {
		return out, err
	}
	messages := make([]queue.Message, len(out.Events))
	for i, e := range out.Events {
		if messages[i], err = event.Message(e); err != nil {
			return out, err
		}
	}
	if err := r.queue.Publish(ctx, event.Channel, messages...); err != nil || !out.Due {
		return out, err
	}
	// Who does not hear of it looks by himself.
	if err := r.queue.Publish(ctx, event.Due, queue.Message{Topic: string(r.placement)}); err != nil && ctx.Err() == nil {
		r.log.Debug("nobody can be told that functions have something to do", "error", err)
	}
	return out, nil
}

func (r *Relay) tidy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, turnTime)
	defer cancel()
	return r.db.Tidy(ctx, r.keep)
}

// standBy waits until the other relay's lease ends, and, when nothing happens then,
// until something does.
func (r *Relay) standBy(ctx context.Context, until time.Time) {
	r.sleep(ctx, rarely)
	for wait := time.Until(until); wait > 0 && ctx.Err() == nil; wait = time.Until(until) {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// sleep waits. It is true when it was woken.
func (r *Relay) sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-r.wake:
		return true
	}
	return false
}
