package eventgateway

import (
	"encoding/json"
	"sync"
	"time"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/internal/eventquery"
	"icehouse/dataplane/internal/executor"
	"icehouse/dataplane/internal/operation"
	"icehouse/dataplane/internal/response"
	"icehouse/tenancy/authn"
)

// patience is how long an event is tried that a broken database keeps from being
// answered. Then the subscriptions end; they can resume.
const patience = time.Minute

// What a question keeps of answers, for those who resume and are behind the others.
const (
	maxAnswers  = 2048
	answerBytes = 4 << 20
)

// question is what subscriptions have in common that get the same answers: a text,
// variables, and who asks. Each event is answered once for all of them.
type question struct {
	*eventquery.Query
	stream *stream
	key    string
	groups int // that ask it; under the stream's mu

	mu      sync.Mutex
	answers map[int64]*answer // by position
	order   []int64           // of answers, the oldest first
	bytes   int
}

// answer is what is told of one event.
type answer struct {
	done   chan struct{} // closed when the rest is known
	some   bool          // it passes the filter
	result executor.Result
	err    error
	shared []byte // for all, where there are no errors, which have the id of a subscription
}

// ask makes a question of a request.
func (s *stream) ask(key string, prepared *operation.Prepared, who authn.Requester) *question {
	g := s.gateway
	return &question{
		Query: eventquery.New(eventquery.Place{
			DB: s.db, Scope: s.scope, Release: s.release, Schema: s.schema, Type: s.typ,
			Documents: g.Documents, Mark: g.Mark, Timeout: g.Timeout, Clock: g.Clock,
		}, prepared, who),
		stream: s, key: key, answers: map[int64]*answer{},
	}
}

// answer finds the answer to an event, or makes it. over says that nobody wants it any
// more.
func (q *question) answer(e database.Event, over func() bool) (*answer, error) {
	for {
		q.mu.Lock()
		a := q.answers[e.Position]
		if a == nil {
			a = &answer{done: make(chan struct{})}
			q.answers[e.Position] = a
			q.order = append(q.order, e.Position)
			q.mu.Unlock()
			a.result, a.some, a.err = q.evaluate(e, over)
			if a.some && len(a.result.Errors) == 0 {
				a.shared = rendered(a.result, nil, q.stream.cursor(e.Position))
			}
			q.keep(e.Position, a)
			close(a.done)
			return a, a.err
		}
		q.mu.Unlock()
		select {
		case <-a.done:
		case <-q.stream.gateway.ctx.Done():
			return nil, q.stream.gateway.ctx.Err()
		}
		if a.err == nil {
			return a, nil
		}
		if over() { // whoever made it gave up; perhaps because nobody wanted it there
			return nil, a.err
		}
	}
}

// keep counts an answer among those that are kept, and lets the oldest go.
func (q *question) keep(position int64, a *answer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if a.err != nil {
		delete(q.answers, position)
	}
	q.bytes += len(a.shared) + len(a.result.Data)
	for len(q.order) > maxAnswers || q.bytes > answerBytes && len(q.order) > 1 {
		if old := q.answers[q.order[0]]; old != nil {
			if old != a && !old.known() {
				return // somebody waits for it
			}
			q.bytes -= len(old.shared) + len(old.result.Data)
			delete(q.answers, q.order[0])
		}
		q.order = q.order[1:]
	}
}

func (a *answer) known() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// rendered is the JSON for a subscription.
func (a *answer) rendered(member *subscriber, cursor string) []byte {
	if a.shared != nil {
		return a.shared
	}
	return rendered(a.result, member, cursor)
}

func rendered(r executor.Result, member *subscriber, cursor string) []byte {
	var out []byte
	if len(r.Errors) > 0 {
		out = response.AppendErrors(nil, r.Data, r.Errors, member.request, func(field int) (int, int) { return operation.Locate(member.query, field) })
		out = out[:len(out)-1]
	} else {
		out = append(append(make([]byte, 0, len(r.Data)+100), `{"data":`...), r.Data...)
	}
	text, _ := json.Marshal(cursor)
	return append(append(append(out, `,"extensions":{"cursor":`...), text...), "}}"...)
}

// evaluate answers an event; some is false when it does not pass the filter.
func (q *question) evaluate(e database.Event, over func() bool) (result executor.Result, some bool, err error) {
	g := q.stream.gateway
	for began, pause := time.Now(), 10*time.Millisecond; ; pause = min(2*pause, time.Second) {
		var broken error
		if result, some, broken, err = q.once(e); err != nil || broken == nil {
			break
		}
		if time.Since(began) > patience || over() {
			return result, false, broken
		}
		select {
		case <-g.ctx.Done():
			return result, false, broken
		case <-time.After(pause):
		}
	}
	for _, failed := range result.Errors {
		if !failed.Fault.Public() {
			g.Log.Error("a subscription's field failed", "error", failed.Fault.Cause, "path", failed.Path, "project", q.stream.project)
		}
	}
	return result, some, err
}

// once asks once, when there is room for a statement.
func (q *question) once(e database.Event) (result executor.Result, some bool, broken, err error) {
	s := q.stream
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-s.gateway.ctx.Done():
		return result, false, s.gateway.ctx.Err(), nil
	}
	return q.Answer(s.gateway.ctx, e)
}
