package eventgateway

import (
	"errors"
	"sync"
	"time"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/internal/subscription"
)

// group is subscriptions that get the same answers.
type group struct {
	stream   *stream
	question *question

	mu       sync.Mutex
	position int64 // of the last event that was dealt with
	members  map[*subscriber]bool
	running  bool
	more     bool
}

// subscriber is one subscription.
type subscriber struct {
	sink    subscription.Sink
	request string // id of its request, for errors
	query   string
	after   int64 // it gets what is behind this position

	mu      sync.Mutex
	group   *group // changes under the mu of both groups too
	stopped bool
}

func (s *stream) newGroup(q *question) *group {
	return &group{stream: s, question: q, members: map[*subscriber]bool{}}
}

// add makes a subscription a member; false when the group is no more.
func (g *group) add(member *subscriber) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.members == nil || g.position > member.after {
		return false
	}
	member.moveTo(g, member.after)
	return true
}

// stop ends a subscription. Nothing is delivered to it after that.
func (m *subscriber) stop() {
	m.mu.Lock()
	m.stopped = true
	m.mu.Unlock()
	for {
		of := m.memberOf()
		of.mu.Lock()
		moved := m.memberOf() != of // merged meanwhile
		if !moved {
			delete(of.members, m)
		}
		empty := len(of.members) == 0
		of.mu.Unlock()
		if empty {
			of.stream.left(of)
		}
		if !moved {
			return
		}
	}
}

func (m *subscriber) memberOf() *group {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.group
}

// moveTo makes the subscription a member of another group. The mu of both is held.
func (m *subscriber) moveTo(g *group, after int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.group, m.after = g, max(m.after, after)
	g.members[m] = true
}

// deliver hands on a result, unless the subscription was stopped.
func (m *subscriber) deliver(result subscription.Result) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.stopped {
		m.sink.Next(result)
	}
}

// wake sees to it that the group deals with what is there.
func (g *group) wake() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.members == nil {
		return
	}
	if g.running {
		g.more = true
		return
	}
	g.running = true
	g.stream.gateway.goes(g.run)
}

// run deals with events until there are none.
func (g *group) run() {
	for {
		g.mu.Lock()
		position := g.position
		empty := len(g.members) == 0
		g.more = false
		g.mu.Unlock()
		if empty {
			g.stream.left(g)
		}
		e, ok, known := g.stream.next(position)
		switch {
		case empty:
			if g.rests() {
				return
			}
		case !known:
			if !g.catchUp(position) {
				return
			}
		case ok:
			if !g.answer(e) {
				return
			}
		case g.stream.merge(g):
			return
		default:
			if g.rests() {
				return
			}
		}
	}
}

// rests ends the run, unless there is more to do.
func (g *group) rests() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.more {
		return false
	}
	g.running = false
	return true
}

// catchUp deals with events of the log. It is false when the group is over.
func (g *group) catchUp(position int64) bool {
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		events, err := g.stream.log(position, page)
		for _, e := range events {
			if !g.answer(e) {
				return false
			}
		}
		switch {
		case err == nil && len(events) > 0:
			return true
		case errors.Is(err, database.ErrGap):
			g.over(gap(goneBy))
			return false
		}
		select {
		case <-g.stream.gateway.ctx.Done():
			return false
		case <-time.After(pause):
		}
	}
}

// answer deals with one event. It is false when the group is over.
func (g *group) answer(e database.Event) bool {
	if !g.paced() {
		return false
	}
	a, err := g.question.answer(e, g.isOver)
	if err != nil {
		g.over(refusal(subscription.Unavailable, "The subscription can't go on now. Subscribe again with the last cursor."))
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.members == nil {
		return false
	}
	g.position = e.Position
	if !a.some {
		return true
	}
	cursor := g.stream.cursor(e.Position)
	for member := range g.members {
		if e.Position > member.after {
			member.deliver(subscription.Result{JSON: a.rendered(member, cursor), Cursor: cursor})
		}
	}
	return true
}

// pace is how long a group that catches up waits for its client's writer.
const pace = 2 * time.Millisecond

// paced lets who catches up read what was sent before. The others wait for nobody. It is
// false when the group is over.
func (g *group) paced() bool {
	for {
		behind := g.stream.behind()
		g.mu.Lock()
		busy := len(g.members) == 1 && g.position < behind
		for member := range g.members {
			busy = busy && member.sink.Busy()
		}
		over := g.members == nil
		g.mu.Unlock()
		if over || !busy {
			return !over
		}
		select {
		case <-g.stream.gateway.ctx.Done():
			return false
		case <-time.After(pace):
		}
	}
}

func (g *group) isOver() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.members == nil
}

// over ends the group; with a reason, its members are told.
func (g *group) over(reason *subscription.Refusal) {
	g.mu.Lock()
	members := g.members
	g.members = nil
	g.mu.Unlock()
	g.stream.mu.Lock()
	g.stream.forget(g)
	g.stream.mu.Unlock()
	if reason == nil {
		return
	}
	for member := range members {
		member.mu.Lock()
		if !member.stopped {
			member.stopped = true
			member.sink.End(*reason)
		}
		member.mu.Unlock()
	}
}
