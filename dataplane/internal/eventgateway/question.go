package eventgateway

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/internal/executor"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/internal/operation"
	"icehouse/dataplane/internal/planner"
	"icehouse/dataplane/internal/response"
	"icehouse/tenancy/authn"
)

// patience is how long an event is tried that a broken database keeps from being
// answered. Then the subscriptions end; they can resume.
const patience = time.Minute

// What a question keeps: plans, one for each set of fields that updates were given, and
// answers, for those who resume and are behind the others.
const (
	maxPlans    = 64
	maxAnswers  = 2048
	answerBytes = 4 << 20
)

// question is what subscriptions have in common that get the same answers: a text,
// variables, and who asks. Each event is answered once for all of them.
type question struct {
	stream   *stream
	key      string
	prepared *operation.Prepared
	who      authn.Requester
	groups   int // that ask it; under the stream's mu

	planning sync.Mutex
	plans    map[string]*planner.Plan

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
	return &question{stream: s, key: key, prepared: prepared, who: who, plans: map[string]*planner.Plan{}, answers: map[int64]*answer{}}
}

// try plans for each kind of event, and makes a statement's arguments, so that what
// can't be answered is known at once. An update of all fields is one that a filter for
// some of them lets pass.
func (q *question) try() error {
	all := make([]string, len(q.stream.fields))
	for i, f := range q.stream.fields {
		all[i] = f.name
	}
	for _, about := range []planner.Event{{Kind: database.Created}, {Kind: database.Updated}, {Kind: database.Updated, Given: all}, {Kind: database.Deleted}} {
		plan, err := q.make(about.Kind, about.Given)
		if err != nil {
			return err
		}
		if plan == nil || plan.Read.Step == nil {
			continue
		}
		binding := planner.Binding{Prepared: q.prepared, Now: q.stream.gateway.Clock(), User: q.who.Node, Event: &about}
		if _, err := binding.Args(plan.Read.Step.Params); err != nil {
			return err
		}
	}
	return nil
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
	var given []string // in the order of the type
	for _, f := range q.stream.fields {
		if slices.Contains(e.Given, f.column) {
			given = append(given, f.name)
		}
	}
	plan, err := q.plan(e.Kind, given)
	if plan == nil || err != nil {
		return result, false, err
	}
	about := &planner.Event{Kind: e.Kind, Node: e.Node, Given: given, Before: string(e.Before)}
	if len(e.Edges) > 0 {
		if err := json.Unmarshal(e.Edges, &about.Edges); err != nil {
			return result, false, err
		}
	}
	for began, pause := time.Now(), 10*time.Millisecond; ; pause = min(2*pause, time.Second) {
		result, err = q.once(plan, about)
		broken := err
		for _, failed := range result.Errors {
			if broken == nil && !failed.Fault.Public() && mayPass(failed.Fault) {
				broken = failed.Fault
			}
		}
		if broken == nil {
			break
		}
		if time.Since(began) > patience || over() {
			return result, false, broken
		}
		select {
		case <-q.stream.gateway.ctx.Done():
			return result, false, broken
		case <-time.After(pause):
		}
	}
	for _, failed := range result.Errors {
		if !failed.Fault.Public() {
			q.stream.gateway.Log.Error("a subscription's field failed", "error", failed.Fault.Cause, "path", failed.Path, "project", q.stream.project)
		}
	}
	key := plan.Root.Children[0].Key
	return result, len(result.Errors) > 0 || string(result.Data) != `{"`+key+`":null}`, nil
}

// mayPass says that a failure is the database's, and may be over soon.
func mayPass(f *fault.Fault) bool {
	var broken *database.Error
	if !errors.As(f.Cause, &broken) {
		return false
	}
	switch broken.Kind {
	case database.Unavailable, database.Canceled, database.Conflict, database.OutOfDate:
		return true
	default:
		return false
	}
}

func (q *question) once(plan *planner.Plan, about *planner.Event) (executor.Result, error) {
	s := q.stream
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-s.gateway.ctx.Done():
		return executor.Result{}, s.gateway.ctx.Err()
	}
	ctx, cancel := context.WithTimeout(s.gateway.ctx, s.gateway.Timeout)
	defer cancel()
	return executor.Run(ctx, executor.Request{
		DB: s.db, Scope: s.scope, Release: s.release, Plan: plan, Prepared: q.prepared,
		Now: s.gateway.Clock(), User: q.who.Node, Event: about,
		Planner: &anonymous{question: q, event: about},
	})
}

// anonymous plans for nobody, which is who asks when the node of a token has gone.
type anonymous struct {
	question *question
	event    *planner.Event
}

func (a *anonymous) Anonymous() (*planner.Plan, error) {
	q := a.question
	plan, err := planner.MakeForEvent(q.prepared, q.target(planner.Requester{}), a.event.Kind, a.event.Given)
	if plan == nil && err == nil {
		err = errors.New("a filter that depends on who asks")
	}
	return plan, err
}

func (q *question) target(who planner.Requester) planner.Target {
	s := q.stream
	return planner.Target{
		Dialect: s.db.Dialect(), Namespace: s.scope.Namespace(), Requester: who, Mark: s.gateway.Mark,
		Queries: func(text string) (*operation.Document, error) { return s.gateway.Documents.Permission(s.schema, text) },
	}
}

// plan finds or makes the plan for a kind of event; nil when none of them passes the
// filter.
func (q *question) plan(kind database.EventKind, given []string) (*planner.Plan, error) {
	key := string(rune(kind)) + strings.Join(given, ",")
	q.planning.Lock()
	defer q.planning.Unlock()
	if plan, ok := q.plans[key]; ok {
		return plan, nil
	}
	plan, err := q.make(kind, given)
	if err != nil {
		return nil, err
	}
	if len(q.plans) >= maxPlans {
		clear(q.plans)
	}
	q.plans[key] = plan
	return plan, nil
}

func (q *question) make(kind database.EventKind, given []string) (*planner.Plan, error) {
	who := planner.Requester{Admin: q.who.Admin, Type: q.who.Type}.In(q.stream.schema)
	return planner.MakeForEvent(q.prepared, q.target(who), kind, given)
}
