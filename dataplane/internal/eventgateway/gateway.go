// Package eventgateway answers subscriptions (data-api §4).
//
//	Start ─ directory ─ compiledschema ─ operation ─ stream ─ group ─ subscriber
//	queue, or the placement's log ─ stream ─ group: plan, statement ─ Sink.Next
//
// In: what clients subscribe to (package subscription), and the events of the outbox.
// Out: a result for each event that passes the filter, in the order of commits,
// whatever happens to a process, the broker or the database meanwhile; or the reason
// why there is none any more. Callers: dataplane wires it; the protocols call Start.
//
// A stream is the events of one type of one project under one release. It has its
// events from the queue, and reads from the log what it finds missing: the queue may
// lose and repeat, as each event has its position. Subscriptions that get the same
// answers are one group: a statement for each event answers all of them. One that
// resumes runs in a group of its own until it has what the others have.
package eventgateway

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/queue"
	"icehouse/dataplane/event"
	"icehouse/dataplane/internal/operation"
	"icehouse/dataplane/internal/subscription"
	"icehouse/tenancy"
	"icehouse/tenancy/authn"
	"icehouse/tenancy/directory"
	"icehouse/tenancy/meter"
)

// Config is what the gateway works with.
type Config struct {
	Directory *directory.Directory
	Schemas   *compiledschema.Cache
	Documents *operation.Cache
	Database  func(tenancy.Placement) (*database.DB, error)
	// Requester says whose token it is, and until when.
	Requester func(ctx context.Context, project tenancy.ProjectID, token string) (authn.Requester, time.Time, error)
	Messages  *queue.Queue
	Used      func(tenancy.ProjectID, meter.Use)
	Mark      string // of values that may not be read
	Timeout   time.Duration
	Clock     func() time.Time
	Log       *slog.Logger
}

// How the gateway works.
const (
	listenFor  = time.Hour        // a stream is asked for
	extendFrom = 40 * time.Minute // before that ends
	linger     = time.Minute      // a stream stays when its last subscription has gone
	tick       = 15 * time.Second
	poll       = 500 * time.Millisecond // between looks into the log while the queue can't be relied on
	openTime   = 20 * time.Second       // to make a stream
	page       = 200                    // events of one look into the log
)

// Gateway serves subscriptions. Use New.
type Gateway struct {
	Config
	ctx    context.Context //nolint:containedctx // ends with Close
	end    context.CancelFunc
	busy   sync.WaitGroup
	topics queue.Following
	// watching says that every event arrives by the queue.
	watching atomic.Bool

	mu      sync.Mutex
	streams map[subject]map[*stream]bool
	closed  bool

	binding sync.Mutex // held while topics come or go
}

// subject is what the queue's topics are of. There is a stream of it for each release
// that somebody is still subscribed to.
type subject struct {
	project tenancy.ProjectID
	model   string
}

// bindTime is how long the queue may take to lead a topic here.
const bindTime = 5 * time.Second

// follow sees to it that the queue brings the events of a stream, which is among streams.
func (g *Gateway) follow(ctx context.Context, s *stream) error {
	ctx, cancel := context.WithTimeout(ctx, bindTime)
	defer cancel()
	g.binding.Lock()
	defer g.binding.Unlock()
	for _, topic := range event.Topics(s.project, s.model) {
		if err := g.topics.Add(ctx, topic); err != nil {
			return err
		}
	}
	return nil
}

// unfollow ends that, unless another stream needs the same topics.
func (g *Gateway) unfollow(s *stream) {
	g.binding.Lock()
	defer g.binding.Unlock()
	if len(g.of(s.subject)) > 0 {
		return
	}
	for _, topic := range event.Topics(s.project, s.model) {
		g.topics.Remove(topic)
	}
}

// streamKey is what a stream is of.
type streamKey struct {
	subject
	placement tenancy.Placement
	release   int64
}

// New starts a gateway.
func New(c Config) *Gateway {
	g := &Gateway{Config: c, streams: map[subject]map[*stream]bool{}}
	g.ctx, g.end = context.WithCancel(context.Background())
	g.topics = c.Messages.Follow(event.Channel, queue.Subscriber{Receive: g.receive, Watching: g.watch})
	g.busy.Go(g.run)
	return g
}

// Close ends all subscriptions without a word: their sessions end too.
func (g *Gateway) Close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.end()
	g.topics.Stop()
	g.busy.Wait()
}

// Project implements subscription.Service.
func (g *Gateway) Project(ctx context.Context, idOrAlias string) (directory.Entry, error) {
	return g.Directory.Lookup(ctx, idOrAlias)
}

// Changed says that something about a project may have changed.
func (g *Gateway) Changed(project tenancy.ProjectID) {
	for _, s := range g.all() {
		if s.project == project {
			g.check(s)
		}
	}
}

// CheckAll is Changed for all projects: some words of it may have been lost.
func (g *Gateway) CheckAll() {
	for _, s := range g.all() {
		g.check(s)
	}
}

func (g *Gateway) all() (out []*stream) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, streams := range g.streams {
		out = slices.AppendSeq(out, maps.Keys(streams))
	}
	return out
}

// of are the streams of a subject.
func (g *Gateway) of(what subject) []*stream {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Collect(maps.Keys(g.streams[what]))
}

// check ends a stream whose release serves no longer. It does not wait.
func (g *Gateway) check(s *stream) {
	g.goes(func() {
		ctx, cancel := context.WithTimeout(g.ctx, openTime)
		defer cancel()
		entry, err := g.Directory.Lookup(ctx, string(s.project))
		switch {
		case errors.Is(err, tenancy.ErrUnknownProject):
			s.over(refusal(subscription.Unknown, "The project is no longer there."))
		case err == nil && (entry.Release != s.release || entry.Placement != s.placement):
			s.over(refusal(subscription.SchemaChanged, "Schema changed"))
		}
	})
}

// goes runs something that ends with the gateway.
func (g *Gateway) goes(do func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.busy.Go(do)
	}
}

// receive takes a message of the queue.
func (g *Gateway) receive(m queue.Message) {
	e, whole, err := event.Read(m)
	if err != nil {
		g.Log.Warn("a message is dropped", "channel", event.Channel.Name, "error", err)
		return
	}
	for _, s := range g.of(subject{e.Project, e.Model}) {
		s.receive(e, whole)
	}
}

// watch is told whether the queue can be relied on.
func (g *Gateway) watch(all bool) {
	was := g.watching.Swap(all)
	switch {
	case all:
		for _, s := range g.all() {
			s.lookAgain()
		}
	case was:
		g.goes(g.pollLogs)
	}
}

// pollLogs looks into the logs while the queue can't be relied on.
func (g *Gateway) pollLogs() {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for {
		select {
		case <-g.ctx.Done():
			return
		case <-ticker.C:
		}
		if g.watching.Load() {
			return
		}
		for _, s := range g.all() {
			s.lookAgain()
		}
	}
}

// run ends streams that nobody needs, and asks for the others in time.
func (g *Gateway) run() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-g.ctx.Done():
			for _, s := range g.all() {
				s.over(nil)
			}
			return
		case <-ticker.C:
		}
		due := map[tenancy.Placement][]*stream{}
		for _, s := range g.all() {
			switch now := time.Now(); {
			case s.unused(now):
				s.over(nil)
			case s.dueAt(now):
				due[s.placement] = append(due[s.placement], s)
			}
		}
		for placement, streams := range due {
			g.extend(placement, streams)
		}
	}
}

// extend asks for streams for another while.
func (g *Gateway) extend(placement tenancy.Placement, streams []*stream) {
	ctx, cancel := context.WithTimeout(g.ctx, openTime)
	defer cancel()
	db, err := g.Database(placement)
	var ended []database.StreamID
	until := time.Now().Add(listenFor)
	if err == nil {
		ids := make([]database.StreamID, len(streams))
		for i, s := range streams {
			ids[i] = s.id()
		}
		ended, err = db.Extend(ctx, ids, until)
	}
	if err != nil {
		if g.ctx.Err() == nil {
			g.Log.Warn("streams can't be asked for; trying again", "placement", placement, "error", err)
		}
		return
	}
	for _, s := range streams {
		s.extended(until)
		for _, id := range ended {
			if id == s.id() {
				s.over(refusal(subscription.Gap, "The events are no longer noted. Subscribe again."))
			}
		}
	}
}

func refusal(kind subscription.RefusalKind, message string) *subscription.Refusal {
	return &subscription.Refusal{Kind: kind, Errors: []subscription.Error{{Message: message}}}
}

// gap says that what is behind a cursor is not known.
func gap(message string) *subscription.Refusal {
	return &subscription.Refusal{Kind: subscription.Gap, Errors: []subscription.Error{{Message: message, Code: gapCode}}}
}
