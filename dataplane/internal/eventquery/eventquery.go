// Package eventquery answers what a subscription asks about an event (data-api §4.3).
//
// In: a prepared subscription, who asks, and an event of the outbox. Out: what is told of
// the event, or that the subscription's filter leaves it out. Callers: the event gateway
// asks for clients, eventhandler for functions.
package eventquery

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/internal/executor"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/internal/operation"
	"icehouse/dataplane/internal/planner"
	"icehouse/tenancy/authn"
	"icehouse/tenancy/isolation"
)

// maxPlans is how many plans a query keeps: one for each set of fields that updates were
// given.
const maxPlans = 64

// Place is where the nodes of a type are under a release.
type Place struct {
	DB      *database.DB
	Scope   isolation.Scope
	Release int64
	Schema  *compiledschema.Schema
	Type    *datamodel.Type

	Documents *operation.Cache
	Mark      string        // of values that may not be read
	Timeout   time.Duration // of one attempt
	Clock     func() time.Time
}

// Query is a subscription's question. Use New.
type Query struct {
	Place
	prepared *operation.Prepared
	who      authn.Requester
	fields   []field

	mu    sync.Mutex
	plans map[string]*planner.Plan
}

// field is a scalar of the type, and the name of its column.
type field struct{ name, column string }

// New makes a query of a subscription to the place's type.
func New(p Place, prepared *operation.Prepared, who authn.Requester) *Query {
	q := &Query{Place: p, prepared: prepared, who: who, plans: map[string]*planner.Plan{}}
	for _, f := range p.Type.Fields {
		if !f.IsRelation() {
			q.fields = append(q.fields, field{f.Name, p.Schema.Layout().Column(f).Name})
		}
	}
	return q
}

// Try plans for each kind of event, and makes a statement's arguments, so that what can't
// be answered is known at once. An update of all fields is one that a filter for some of
// them lets pass.
func (q *Query) Try() error {
	all := make([]string, len(q.fields))
	for i, f := range q.fields {
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
		binding := planner.Binding{Prepared: q.prepared, Now: q.Clock(), User: q.who.Node, Event: &about}
		if _, err := binding.Args(plan.Read.Step.Params); err != nil {
			return err
		}
	}
	return nil
}

// Answer answers an event; some is false when it does not pass the filter. broken is a
// failure that may be over soon; fields may have failed for other reasons.
func (q *Query) Answer(ctx context.Context, e database.Event) (result executor.Result, some bool, broken error, err error) {
	var given []string // in the order of the type
	for _, f := range q.fields {
		if slices.Contains(e.Given, f.column) {
			given = append(given, f.name)
		}
	}
	plan, err := q.plan(e.Kind, given)
	if plan == nil || err != nil {
		return result, false, nil, err
	}
	about := &planner.Event{Kind: e.Kind, Node: e.Node, Given: given, Before: string(e.Before)}
	if len(e.Edges) > 0 {
		if err := json.Unmarshal(e.Edges, &about.Edges); err != nil {
			return result, false, nil, err
		}
	}
	result, broken = q.run(ctx, plan, about)
	for _, failed := range result.Errors {
		if broken == nil && !failed.Fault.Public() && mayPass(failed.Fault) {
			broken = failed.Fault
		}
	}
	key := plan.Root.Children[0].Key
	return result, len(result.Errors) > 0 || string(result.Data) != `{"`+key+`":null}`, broken, nil
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

func (q *Query) run(ctx context.Context, plan *planner.Plan, about *planner.Event) (executor.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, q.Timeout)
	defer cancel()
	return executor.Run(ctx, executor.Request{
		DB: q.DB, Scope: q.Scope, Release: q.Release, Plan: plan, Prepared: q.prepared,
		Now: q.Clock(), User: q.who.Node, Event: about,
		Planner: &anonymous{query: q, event: about},
	})
}

// anonymous plans for nobody, which is who asks when the node of a token has gone.
type anonymous struct {
	query *Query
	event *planner.Event
}

func (a *anonymous) Anonymous() (*planner.Plan, error) {
	q := a.query
	plan, err := planner.MakeForEvent(q.prepared, q.target(planner.Requester{}), a.event.Kind, a.event.Given)
	if plan == nil && err == nil {
		err = errors.New("a filter that depends on who asks")
	}
	return plan, err
}

func (q *Query) target(who planner.Requester) planner.Target {
	return planner.Target{
		Dialect: q.DB.Dialect(), Namespace: q.Scope.Namespace(), Requester: who, Mark: q.Mark,
		Queries: func(text string) (*operation.Document, error) { return q.Documents.Permission(q.Schema, text) },
	}
}

// plan finds or makes the plan for a kind of event; nil when none of them passes the
// filter.
func (q *Query) plan(kind database.EventKind, given []string) (*planner.Plan, error) {
	key := string(rune(kind)) + strings.Join(given, ",")
	q.mu.Lock()
	defer q.mu.Unlock()
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

func (q *Query) make(kind database.EventKind, given []string) (*planner.Plan, error) {
	who := planner.Requester{Admin: q.who.Admin, Type: q.who.Type}.In(q.Schema)
	return planner.MakeForEvent(q.prepared, q.target(who), kind, given)
}
