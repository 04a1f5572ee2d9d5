package eventhandler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/internal/eventquery"
	"icehouse/dataplane/internal/executor"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/internal/functionhook"
	"icehouse/dataplane/internal/operation"
	"icehouse/dataplane/internal/planner"
	"icehouse/tenancy"
	"icehouse/tenancy/authn"
	"icehouse/tenancy/directory"
	"icehouse/tenancy/meter"
)

// How a turn works.
const (
	page       = 50                     // of what is due, read at once
	atATime    = 4                      // calls of one function
	settleTime = 5 * time.Second        // to note what came of calls
	settleWith = 200 * time.Millisecond // what came of a call is noted no later than that
	endTime    = 5 * time.Second        // for what runs when the process ends
	step       = 5 * time.Second        // the wait before the second attempt; each is one longer (platform §6.2)
	pause      = time.Second            // before what could not be tried is tried again
	patience   = time.Minute            // for a release to come that knows the function
	oldest     = 24 * time.Hour         // an event that could never be tried is given up then
	maxWhy     = 1000                   // bytes of a reason that are kept
)

// turn is what is done for a function now.
type turn struct {
	*place
	database.Waiting
	entry  directory.Entry
	schema *compiledschema.Schema
	ctx    context.Context // of calls
	until  time.Time       // no call begins after
	ending <-chan struct{}

	mu       sync.Mutex
	query    *eventquery.Query // that the function has
	outcomes []database.Outcome
	first    time.Time // when the first of outcomes came
	calls    int
	came     bool  // something is settled for good
	dead     int   // events that were given up
	warned   bool  // the log says why something is not
	failed   error // outcomes can't be noted
}

// turn tells a function of what is due, for a while. It is true when something came of it.
func (p *place) turn(ctx context.Context, w database.Waiting) bool {
	calls, cancel := context.WithTimeout(context.WithoutCancel(ctx), longest)
	var keeping sync.WaitGroup
	keeping.Go(func() { p.keep(calls, w, cancel) })
	defer keeping.Wait()
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(endTime, cancel) })()
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
		defer cancel()
		if err := p.db.GiveBack(ctx, p.holder, w); err != nil {
			p.Log.Warn("a function waits for its turn until the lease ends", "project", w.Project, "function", w.Function, "error", err)
		}
	}()
	t := &turn{place: p, Waiting: w, ctx: calls, until: time.Now().Add(slice), ending: ctx.Done()}
	if err := t.run(); err != nil && ctx.Err() == nil {
		p.Log.Warn("a function can't be told of events; trying again", "project", w.Project, "function", w.Function, "error", err)
	}
	if t.dead > 0 {
		p.dead.Add(ctx, int64(t.dead))
		p.Log.Warn("a function failed at events for the last time", "project", w.Project, "function", w.Function, "events", t.dead)
	}
	if t.calls > 0 {
		p.Used(w.Project, meter.Use{Functions: t.calls})
	}
	return t.came
}

// keep renews the lease of a turn until its context ends, and ends the turn when somebody
// else may have the function.
func (p *place) keep(ctx context.Context, w database.Waiting, end func()) {
	ticker := time.NewTicker(lease / 3)
	defer ticker.Stop()
	for until := time.Now().Add(lease); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		began := time.Now()
		kept, err := p.db.Keep(ctx, p.holder, w, lease)
		switch {
		case err == nil && kept:
			until = began.Add(lease)
		case err == nil || time.Until(until) < lease/3:
			end()
			return
		}
	}
}

func (t *turn) run() error {
	for after := int64(0); !t.over(); {
		due, err := t.db.Due(t.ctx, t.Waiting, after, page)
		if err != nil || len(due) == 0 {
			return err
		}
		after = due[len(due)-1].ID
		if err := t.look(); err != nil {
			return t.postpone(due, err)
		}
		if t.entry.Exceeded.Invocations && t.Clock().Sub(due[0].At) < oldest { // until the plan allows for more
			return t.failed
		}
		t.tell(due)
		t.settle()
	}
	return t.failed
}

// over says that no call may begin any more.
func (t *turn) over() bool {
	select {
	case <-t.ending:
		return true
	default:
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Now().After(t.until)
}

// look finds the release that serves.
func (t *turn) look() (err error) {
	if t.schema != nil {
		return nil
	}
	if t.entry, err = t.Directory.Lookup(t.ctx, string(t.Project)); err != nil {
		return err
	}
	t.schema, err = t.Schemas.Get(t.ctx, t.entry.Project, t.entry.Release)
	return err
}

// postpone leaves a page for later. Nobody waits for what a project left that is gone.
func (t *turn) postpone(due []database.Due, why error) error {
	gone := errors.Is(why, tenancy.ErrUnknownProject)
	for _, d := range due {
		t.note(database.Outcome{ID: d.ID, Postponed: !gone || t.Clock().Sub(d.At) < patience, After: pause})
	}
	t.settle()
	if gone {
		return t.failed
	}
	return errors.Join(why, t.failed)
}

// tell deals with a page: several nodes at a time, each in its order.
func (t *turn) tell(due []database.Due) {
	var order []string
	lines := map[string][]database.Due{}
	for _, d := range due {
		if lines[d.Node] == nil {
			order = append(order, d.Node)
		}
		lines[d.Node] = append(lines[d.Node], d)
	}
	var g errgroup.Group
	g.SetLimit(atATime)
	for _, node := range order {
		g.Go(func() error {
			for _, d := range lines[node] {
				if t.over() {
					return nil
				}
				o, ok := t.one(d)
				if ok {
					t.note(o)
				}
				if !ok || o.Postponed || o.Attempts > 0 && !o.Dead { // what is behind it waits
					return nil
				}
			}
			return nil
		})
	}
	_ = g.Wait() // no error is returned
}

// one deals with one event. It is false when nothing came of it: it is told again.
func (t *turn) one(d database.Due) (database.Outcome, bool) {
	done, later := database.Outcome{ID: d.ID}, database.Outcome{ID: d.ID, Postponed: true, After: pause}
	age := t.Clock().Sub(d.At)
	f := t.schema.Handler(d.Function)
	switch {
	case f == nil && age < patience: // the tables may be ahead of the release
		t.Directory.Invalidate(t.Project)
		return later, true
	case f == nil || !f.Hears(d.Model): // it hangs elsewhere now
		return done, true
	}
	q, err := t.asks(f)
	if err != nil {
		return t.broken(d, later, age, err)
	}
	result, some, broken, err := q.Answer(t.ctx, d.Event)
	switch {
	case err != nil || broken != nil:
		var outOfDate *executor.OutOfDate
		if errors.As(broken, &outOfDate) {
			t.Directory.Invalidate(t.Project)
		}
		return t.broken(d, later, age, errors.Join(err, broken))
	case len(result.Errors) > 0:
		f := result.Errors[0].Fault
		if !f.Public() {
			t.Log.Error("a function's query failed", "error", f.Cause, "path", result.Errors[0].Path, "project", t.Project, "function", d.Function)
			return t.failure(d, 0, "The query of the function could not be answered."), true
		}
		return t.failure(d, 0, "The query of the function could not be answered: "+f.Message), true
	case !some:
		return done, true
	}
	t.mu.Lock()
	t.calls++
	t.mu.Unlock()
	notNow, err := t.Functions.Tell(t.ctx, functionhook.Event{
		Project: t.entry, Function: f, ID: fmt.Sprintf("%s-%d-%s", d.Epoch, d.Position, d.Function), RequestID: t.RequestID(), Data: result.Data,
	})
	switch {
	case err == nil:
		return done, true
	case t.ctx.Err() != nil:
		return done, false
	case notNow:
		t.Directory.Invalidate(t.Project) // another version may serve
		t.rest()
		return t.broken(d, database.Outcome{ID: d.ID, Postponed: true, After: step}, age, err)
	default:
		return t.failure(d, f.Retries, fault.Of(err).Message), true
	}
}

// broken is what comes of an event that could not be tried.
func (t *turn) broken(d database.Due, later database.Outcome, age time.Duration, err error) (database.Outcome, bool) {
	if t.ctx.Err() != nil {
		return later, false
	}
	if age < oldest {
		t.mu.Lock()
		defer t.mu.Unlock()
		if !t.warned {
			t.Log.Warn("a function can't be told of events; trying again", "project", t.Project, "function", d.Function, "error", err)
		}
		t.warned = true
		return later, true
	}
	t.Log.Error("a function could not be told of an event for a day; it is given up", "project", t.Project, "function", d.Function, "error", err)
	return t.failure(d, 0, "The function could not be called for a day."), true
}

// rest ends the turn, as other calls would fail too.
func (t *turn) rest() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until = time.Time{}
}

// failure is what comes of an attempt that failed.
func (t *turn) failure(d database.Due, retries int, why string) database.Outcome {
	if len(why) > maxWhy {
		why = strings.ToValidUTF8(why[:maxWhy], "") + " ..."
	}
	attempts := d.Attempts + 1
	return database.Outcome{ID: d.ID, Attempts: attempts, Failed: why, Dead: attempts > retries, After: time.Duration(attempts) * step}
}

// asks finds or makes the query of the function.
func (t *turn) asks(f *compiledschema.Function) (*eventquery.Query, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.query != nil {
		return t.query, nil
	}
	prepared, err := t.Documents.Prepare(t.schema, operation.Request{Query: f.Query})
	if err != nil {
		return nil, err
	}
	of, ok := planner.Subscribed(prepared)
	if !ok {
		return nil, fmt.Errorf("the query of the function %s asks for no type", f.Name)
	}
	scope, err := t.entry.Scope()
	if err != nil {
		return nil, err
	}
	db, err := t.Database(t.entry.Placement)
	if err != nil {
		return nil, err
	}
	t.query = eventquery.New(eventquery.Place{
		DB: db, Scope: scope, Release: t.entry.Release, Schema: t.schema, Type: of,
		Documents: t.Documents, Mark: t.Mark, Timeout: t.Timeout, Clock: t.Clock,
	}, prepared, authn.Requester{Admin: true})
	return t.query, nil
}

// note keeps what came of an event, and has it settled soon.
func (t *turn) note(o database.Outcome) {
	t.mu.Lock()
	if len(t.outcomes) == 0 {
		t.first = time.Now()
	}
	t.outcomes = append(t.outcomes, o)
	t.came = t.came || !o.Postponed
	if o.Dead {
		t.dead++
	}
	due := time.Since(t.first) > settleWith
	t.mu.Unlock()
	if due {
		t.settle()
	}
}

// settle notes what came of events. What can't be noted is told again.
func (t *turn) settle() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.outcomes) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), settleTime)
	defer cancel()
	if err := t.db.Settle(ctx, t.Project, t.outcomes); err != nil {
		t.failed, t.until = err, time.Time{}
	}
	t.outcomes = nil
}
