// Package eventhandler tells functions of events (platform §2.8).
//
//	relay ─ what is due, in the placement's database ─ Claim ─ turn: query, function ─ Settle
//
// In: what is due to functions (database.Handling), from when the outbox's relay gave the
// event its position. Out: calls of functions, at least once for each event that passes
// the function's query, those of one node in the order of their commits; dead letters.
// Callers: dataplane wires it, in processes that run functions for events.
//
// A function has turns: one process takes it for a moment, and gives it back, so that one
// with much to do, or a slow one, keeps no other waiting. What a process took and did not
// settle is told again by the next one. Whoever is told has the id of the event to know it
// by.
package eventhandler

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/queue"
	"icehouse/dataplane/event"
	"icehouse/dataplane/internal/functionhook"
	"icehouse/dataplane/internal/operation"
	"icehouse/tenancy"
	"icehouse/tenancy/directory"
	"icehouse/tenancy/meter"
)

// Config is what handlers work with.
type Config struct {
	Directory *directory.Directory
	Schemas   *compiledschema.Cache
	Documents *operation.Cache
	// Placements lists those that there are.
	Placements func(context.Context) ([]tenancy.Placement, error)
	Database   func(tenancy.Placement) (*database.DB, error)
	Functions  *functionhook.Stage
	Messages   *queue.Queue
	Used       func(tenancy.ProjectID, meter.Use)
	RequestID  func() string
	Mark       string // of values that may not be read
	Timeout    time.Duration
	Clock      func() time.Time
	Log        *slog.Logger
}

// How a process works.
const (
	turns    = 64               // at a time, of one placement
	slice    = time.Second      // of a turn; what runs then ends
	lease    = 9 * time.Second  // of a turn, which renews it
	longest  = 20 * time.Second // of a turn; what still runs then is ended
	often    = time.Second      // between looks while something happened not long ago
	recently = time.Minute
	rarely   = 5 * time.Minute // between looks while nothing happens
)

// Handlers tells functions of events. Use New and Run.
type Handlers struct {
	Config
	holder string
	dead   metric.Int64Counter

	deaf atomic.Bool // nobody says that something is due

	mu     sync.Mutex
	places map[tenancy.Placement]*place
	busy   sync.WaitGroup
}

// place is a placement that is looked at.
type place struct {
	*Handlers
	name tenancy.Placement
	db   *database.DB
	wake chan struct{}
	room chan struct{} // a token for each turn that runs
	busy sync.WaitGroup
}

// Dead is a counter: the events that functions failed at for the last time (LQ-36).
const Dead = "icehouse.events.dead"

// New makes handlers.
func New(c Config) *Handlers {
	h := &Handlers{Config: c, holder: tenancy.NewID(), places: map[tenancy.Placement]*place{}}
	var err error
	if h.dead, err = otel.Meter("icehouse/dataplane/internal/eventhandler").Int64Counter(Dead, metric.WithDescription("Events that functions failed at for the last time")); err != nil {
		c.Log.Warn("dead events are not counted", "error", err)
	}
	return h
}

// Run tells functions of events until ctx ends. Calls that run then may end.
func (h *Handlers) Run(ctx context.Context) {
	stop, err := h.Messages.Subscribe(event.Due, queue.All, queue.Subscriber{
		Receive: func(m queue.Message) {
			if p := h.place(ctx, tenancy.Placement(m.Topic)); p != nil {
				p.look()
			}
		},
		Watching: func(all bool) { h.deaf.Store(!all) },
	})
	if err != nil {
		h.Log.Error("functions are not told of events", "error", err)
		return
	}
	defer h.busy.Wait()
	defer stop()
	for {
		placements, err := h.Placements(ctx)
		if err != nil && ctx.Err() == nil {
			h.Log.Warn("the placements can't be listed; trying again", "error", err)
		}
		for _, p := range placements {
			h.place(ctx, p)
		}
		wait := rarely
		if err != nil {
			wait = often
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// place is the placement's, which is looked at from now on. It is nil when it can't be.
func (h *Handlers) place(ctx context.Context, name tenancy.Placement) *place {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.places[name]; p != nil || ctx.Err() != nil {
		return p
	}
	db, err := h.Database(name)
	if err != nil {
		h.Log.Warn("functions can't be told of a placement's events; trying again", "placement", name, "error", err)
		return nil
	}
	p := &place{Handlers: h, name: name, db: db, wake: make(chan struct{}, 1), room: make(chan struct{}, turns)}
	h.places[name] = p
	h.busy.Go(func() { p.run(ctx) })
	return p
}

// look says that something may be due. It does not wait.
func (p *place) look() {
	select {
	case p.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// run gives turns to functions that have something to be told, until ctx ends.
func (p *place) run(ctx context.Context) {
	defer p.busy.Wait()
	told := time.Now()
	failing := false
	for ctx.Err() == nil {
		taken, err := p.take(ctx)
		switch {
		case err != nil && ctx.Err() == nil && !failing:
			p.Log.Warn("what is due to functions can't be read; trying again", "placement", p.name, "error", err)
		case err == nil && failing:
			p.Log.Info("what is due to functions is read again", "placement", p.name)
		}
		failing = err != nil
		if taken > 0 {
			told = time.Now()
		}
		wait := rarely
		if failing || p.deaf.Load() || time.Since(told) < recently {
			wait = often
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-p.wake:
			told = time.Now()
		}
		timer.Stop()
	}
}

// take begins as many turns as there is room for.
func (p *place) take(ctx context.Context) (taken int, err error) {
	free := cap(p.room) - len(p.room)
	if free == 0 {
		return 0, nil
	}
	claimed, err := p.db.Claim(ctx, p.holder, lease, free)
	for _, w := range claimed {
		p.room <- struct{}{}
		p.busy.Go(func() {
			came := p.turn(ctx, w)
			full := len(p.room) == cap(p.room)
			<-p.room
			if came || full { // there may be more, or there is room again
				p.look()
			}
		})
	}
	return len(claimed), err
}
