package outbox

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"icehouse/dataplane/connector/queue"
	"icehouse/tenancy"
)

// Worker runs a Relay for each placement.
type Worker struct {
	// Placements lists those that there are.
	Placements func(context.Context) ([]tenancy.Placement, error)
	// Open opens one's database.
	Open  func(tenancy.Placement) (Streams, error)
	Queue *queue.Queue
	Keep  time.Duration // how long events can be read again
	Log   *slog.Logger

	mu     sync.Mutex
	relays map[tenancy.Placement]*Relay
	busy   sync.WaitGroup
}

// Run relays until ctx ends.
func (w *Worker) Run(ctx context.Context) {
	stop, err := w.Queue.Subscribe(commits, queue.All, queue.Subscriber{
		Receive: func(m queue.Message) {
			if r := w.relay(ctx, tenancy.Placement(m.Topic)); r != nil {
				r.Wake()
			}
		},
		Watching: w.watch,
	})
	if err != nil {
		w.Log.Error("the relays can't be told of events", "error", err)
		return
	}
	defer w.busy.Wait()
	defer stop()
	ticker := time.NewTicker(rarely)
	defer ticker.Stop()
	for {
		placements, err := w.Placements(ctx)
		if err != nil && ctx.Err() == nil {
			w.Log.Warn("the placements can't be listed; trying again", "error", err)
		}
		for _, p := range placements {
			w.relay(ctx, p)
		}
		wait := ticker.C
		if err != nil {
			wait = time.After(often)
		}
		select {
		case <-ctx.Done():
			return
		case <-wait:
		}
	}
}

// relay is the placement's, which is started if it does not run yet. It is nil when it
// can't be.
func (w *Worker) relay(ctx context.Context, p tenancy.Placement) *Relay {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.relays[p]; r != nil || ctx.Err() != nil {
		return r
	}
	db, err := w.Open(p)
	if err != nil {
		w.Log.Warn("events of a placement can't be relayed; trying again", "placement", p, "error", err)
		return nil
	}
	if w.relays == nil {
		w.relays = map[tenancy.Placement]*Relay{}
	}
	r := New(p, db, w.Queue, w.Keep, w.Log)
	w.relays[p] = r
	w.busy.Go(func() { r.Run(ctx) })
	return r
}

// watch says whether words of commits arrive.
func (w *Worker) watch(all bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.relays {
		r.deaf.Store(!all)
		r.Wake()
	}
}
