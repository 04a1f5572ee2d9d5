package eventgateway

import (
	"context"
	"errors"
	"sync"
	"time"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/internal/operation"
	"icehouse/dataplane/internal/subscription"
	"icehouse/tenancy/authn"
	"icehouse/tenancy/isolation"
)

// What of a stream stays in memory for groups that are behind.
const (
	recentEvents = 2048
	recentBytes  = 4 << 20
)

// atATime is how many statements of a stream run or wait for a connection at a time, so
// that one with many questions leaves room to others.
const atATime = 64

// stream is the events of one type of one project under one release.
type stream struct {
	streamKey
	gateway *Gateway
	schema  *compiledschema.Schema
	typ     *datamodel.Type
	scope   isolation.Scope
	db      *database.DB
	asking  chan struct{} // has what statements run
	opened  chan struct{} // closed when the rest is known, or failed is

	failed error
	epoch  string

	mu        sync.Mutex
	last      int64 // position of the last event that is here
	recent    []database.Event
	bytes     int // of recent
	wanted    int64
	filling   bool // somebody reads the log
	again     bool // and shall look once more
	groups    map[*group]bool
	shared    map[*question]*group // those that have caught up
	questions map[string]*question
	until     time.Time // asked for
	idle      time.Time // since when nobody subscribes
	ended     bool
}

func newStream(g *Gateway, key streamKey, schema *compiledschema.Schema, t *datamodel.Type) *stream {
	s := &stream{
		streamKey: key, gateway: g, schema: schema, typ: t, opened: make(chan struct{}),
		asking: make(chan struct{}, atATime),
		groups: map[*group]bool{}, shared: map[*question]*group{}, questions: map[string]*question{}, idle: time.Now(),
	}
	return s
}

func (s *stream) id() database.StreamID {
	return database.StreamID{Project: s.project, Model: s.model, Epoch: s.epoch}
}

// open begins the stream: whatever is committed after it is in the stream.
func (s *stream) open() {
	ctx, cancel := context.WithTimeout(s.gateway.ctx, openTime)
	defer cancel()
	s.failed = s.listen(ctx)
	close(s.opened)
	if s.failed != nil {
		s.over(nil)
		return
	}
	s.lookAgain() // what came between
}

func (s *stream) listen(ctx context.Context) (err error) {
	if s.scope, err = isolation.ForProject(s.project, s.placement); err != nil {
		return err
	}
	if s.db, err = s.gateway.Database(s.placement); err != nil {
		return err
	}
	if err := s.gateway.follow(ctx, s); err != nil {
		return err
	}
	until := time.Now().Add(listenFor)
	at, err := s.db.Listen(ctx, s.scope, s.release, s.schema.Layout().Listen(s.typ), until)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch, s.last, s.until = at.Epoch, at.Position, until
	return nil
}

// receive takes an event of the queue.
func (s *stream) receive(e database.Event, whole bool) {
	select {
	case <-s.opened:
	default:
		return // open looks again
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended || s.failed != nil || e.Epoch != s.epoch || e.Position <= s.last:
	case e.Position == s.last+1 && whole:
		s.add(e)
	default:
		s.wanted = max(s.wanted, e.Position)
		s.fill()
	}
}

// add appends the next event. s.mu is held.
func (s *stream) add(e database.Event) {
	s.last = e.Position
	s.recent = append(s.recent, e)
	s.bytes += size(e)
	for len(s.recent) > recentEvents || s.bytes > recentBytes && len(s.recent) > 1 {
		s.bytes -= size(s.recent[0])
		s.recent[0] = database.Event{}
		s.recent = s.recent[1:]
	}
	for g := range s.groups {
		g.wake()
	}
}

func size(e database.Event) int { return 200 + len(e.Before) + len(e.Edges) }

// lookAgain looks for events in the log.
func (s *stream) lookAgain() {
	select {
	case <-s.opened:
	default:
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.fill()
	}
}

// fill reads the log until there is no more in it, and what is wanted is here. s.mu is
// held.
func (s *stream) fill() {
	switch {
	case s.ended:
	case s.filling:
		s.again = true
	default:
		s.filling = true
		s.gateway.goes(s.read)
	}
}

func (s *stream) read() {
	pause := 20 * time.Millisecond
	for {
		s.mu.Lock()
		after := s.last
		s.again = false
		s.mu.Unlock()
		events, err := s.log(after, page)
		s.mu.Lock()
		for _, e := range events {
			if e.Position == s.last+1 {
				s.add(e)
			}
		}
		done := err == nil && len(events) < page && s.last >= s.wanted && !s.again
		if done || s.ended || errors.Is(err, database.ErrGap) {
			s.filling = false
			s.mu.Unlock()
			if errors.Is(err, database.ErrGap) {
				s.over(gap(goneBy))
			}
			return
		}
		s.mu.Unlock()
		if len(events) == page {
			continue
		}
		// The log can't be read, or does not have what was told of yet.
		select {
		case <-s.gateway.ctx.Done():
			return
		case <-time.After(pause):
			pause = min(2*pause, time.Second)
		}
	}
}

// log reads events behind a position.
func (s *stream) log(after int64, limit int) ([]database.Event, error) {
	ctx, cancel := context.WithTimeout(s.gateway.ctx, s.gateway.Timeout)
	defer cancel()
	events, err := s.db.Events(ctx, s.scope, s.model, s.epoch, after, limit)
	if err == nil {
		return events, nil
	}
	if !errors.Is(err, database.ErrGap) && s.gateway.ctx.Err() == nil {
		s.gateway.Log.Warn("events can't be read; trying again", "project", s.project, "error", err)
	}
	return nil, err // what came before the error comes again
}

// next is the event behind a position: known is false when it is too old to be here,
// ok when there is none.
func (s *stream) next(after int64) (e database.Event, ok, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if after >= s.last {
		return e, false, true
	}
	first := s.last - int64(len(s.recent)) + 1
	if after+1 < first {
		return e, false, false
	}
	return s.recent[after+1-first], true, true
}

// behind is a position that only who catches up has not come to.
func (s *stream) behind() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last - aFew
}

// aFew is how many events a group may have before it that are no burden to its members.
const aFew = 16

// join makes a subscription part of the stream: of the group that gets the same
// answers, or of its own when it has something to catch up. It returns the cursor of its
// beginning.
func (s *stream) join(ctx context.Context, q *question, member *subscriber, cursor string) (string, error) {
	if cursor != "" {
		position, err := s.position(cursor)
		if err != nil {
			return "", err
		}
		member.after = position
		if !s.has(position) { // is it still there, or of another process that is ahead of this one?
			if _, err := s.db.Events(ctx, s.scope, s.model, s.epoch, position, 1); errors.Is(err, database.ErrGap) {
				return "", gap(goneBy)
			} else if err != nil {
				return "", err
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return "", &database.Error{Kind: database.OutOfDate, Cause: errors.New("the stream has ended")}
	}
	s.idle = time.Time{}
	if cursor == "" {
		member.after = s.last
	}
	begins := s.cursor(member.after)
	if known := s.questions[q.key]; known != nil {
		q = known
	}
	s.questions[q.key] = q
	if shared := s.shared[q]; shared != nil && shared.add(member) {
		return begins, nil
	}
	own := s.newGroup(q)
	own.position = member.after
	own.add(member)
	s.groups[own] = true
	q.groups++
	if s.shared[q] == nil {
		s.shared[q] = own
	}
	own.wake()
	return begins, nil
}

// has says that all events behind a position are in memory.
func (s *stream) has(position int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return position <= s.last && position >= s.last-int64(len(s.recent))
}

// asked is the question that others ask already, or a new one.
func (s *stream) asked(key string, prepared *operation.Prepared, who authn.Requester) (q *question, isNew bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.questions[key]; q != nil {
		return q, false
	}
	return s.ask(key, prepared, who), true
}

// merge joins a group that has caught up with the one that gets the same answers. It is
// true when nothing is left to do for it.
func (s *stream) merge(own *group) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	shared := s.shared[own.question]
	switch {
	case shared == own:
		return false
	case shared == nil:
		s.shared[own.question] = own
		return false
	}
	own.mu.Lock()
	defer own.mu.Unlock()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.position > own.position {
		return false
	}
	for member := range own.members {
		member.moveTo(shared, own.position)
	}
	own.members = nil
	s.forget(own)
	return true
}

// forget leaves a group out, and its question when nobody else asks it. s.mu is held.
func (s *stream) forget(g *group) {
	if !s.groups[g] {
		return
	}
	delete(s.groups, g)
	if s.shared[g.question] == g {
		delete(s.shared, g.question)
	}
	if g.question.groups--; g.question.groups == 0 {
		delete(s.questions, g.question.key)
	}
	if len(s.groups) == 0 && s.idle.IsZero() {
		s.idle = time.Now()
	}
}

// left forgets a group without members.
func (s *stream) left(g *group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.members) > 0 || !s.groups[g] {
		return
	}
	g.members = nil
	s.forget(g)
}

// unused says that nobody has subscribed for a while.
func (s *stream) unused(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.groups) == 0 && !s.idle.IsZero() && now.Sub(s.idle) > linger
}

func (s *stream) dueAt(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.ended && !s.until.IsZero() && s.until.Sub(now) < extendFrom
}

func (s *stream) extended(until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = until
}

// over ends the stream; with a reason, its subscriptions are told.
func (s *stream) over(reason *subscription.Refusal) {
	g := s.gateway
	g.mu.Lock()
	if delete(g.streams[s.subject], s); len(g.streams[s.subject]) == 0 {
		delete(g.streams, s.subject)
	}
	g.mu.Unlock()
	s.mu.Lock()
	s.ended = true
	groups := make([]*group, 0, len(s.groups))
	for of := range s.groups {
		groups = append(groups, of)
	}
	clear(s.groups)
	clear(s.shared)
	clear(s.questions)
	s.mu.Unlock()
	for _, of := range groups {
		of.over(reason)
	}
	g.unfollow(s)
}
