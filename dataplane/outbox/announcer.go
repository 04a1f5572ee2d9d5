package outbox

import (
	"context"
	"log/slog"
	"sync"

	"icehouse/dataplane/connector/queue"
	"icehouse/tenancy"
)

// commits tells relays, by the name of a placement, that events were committed.
var commits = queue.Channel{Name: "outbox-commits"}

// Announcer tells the relays of all processes that events were committed here. Words
// that come while one is on its way become one.
type Announcer struct {
	queue  *queue.Queue
	log    *slog.Logger
	ctx    context.Context //nolint:containedctx // ends with Close
	end    context.CancelFunc
	mu     sync.Mutex
	places map[tenancy.Placement]*word
	busy   sync.WaitGroup
}

// word is what is to be said of a placement.
type word struct{ speaking, again bool }

// NewAnnouncer makes an announcer.
func NewAnnouncer(q *queue.Queue, log *slog.Logger) *Announcer {
	a := &Announcer{queue: q, log: log, places: map[tenancy.Placement]*word{}}
	a.ctx, a.end = context.WithCancel(context.Background())
	return a
}

// Committed says that events of a placement were committed. It does not wait.
func (a *Announcer) Committed(placement tenancy.Placement) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.places[placement]
	if w == nil {
		w = &word{}
		a.places[placement] = w
	}
	if w.again = w.speaking; w.speaking || a.ctx.Err() != nil {
		return
	}
	w.speaking = true
	a.busy.Go(func() { a.speak(placement, w) })
}

func (a *Announcer) speak(placement tenancy.Placement, w *word) {
	for {
		// A broker that is away is no loss: relays look by themselves.
		if err := a.queue.Publish(a.ctx, commits, queue.Message{Topic: string(placement)}); err != nil && a.ctx.Err() == nil {
			a.log.Debug("the relays can't be told of events", "placement", placement, "error", err)
		}
		a.mu.Lock()
		if !w.again || a.ctx.Err() != nil {
			w.speaking = false
			a.mu.Unlock()
			return
		}
		w.again = false
		a.mu.Unlock()
	}
}

// Close ends what is on its way.
func (a *Announcer) Close() {
	a.end()
	a.busy.Wait()
}
