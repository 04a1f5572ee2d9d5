// Package executor runs a plan's statements for one request.
//
// In: the tenant's Scope, a planner.Plan and the Prepared request. Out: the
// bytes of data and the errors. A query is one statement; each root field of a
// mutation is one transaction, in order, and a failed one does not stop the next
// (data-api §2.13). Callers: the data plane's pipeline.
package executor

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/internal/operation"
	"icehouse/dataplane/internal/planner"
	"icehouse/dataplane/internal/response"
	"icehouse/tenancy/isolation"
)

// Request is what is run for whom.
type Request struct {
	DB       *database.DB
	Scope    isolation.Scope
	Release  int64 // that the plan was made for
	Plan     *planner.Plan
	Prepared *operation.Prepared
	Now      time.Time
	User     string // the id of the node whose token was sent; "" for nobody
	Planner  Planner
	Current  bool // the plan is known to be of the release that serves
	// Event is what a subscription is told of; nil for requests.
	Event *planner.Event
	// Functions run those of the project, and Hooked is the plan for what hooks returned;
	// nil for events.
	Functions Functions
	Hooked    func(*planner.Hooked) (*planner.Plan, error)
}

// Planner makes another plan for the same request.
type Planner interface {
	// Anonymous is the plan for nobody, which is who sends a token whose node is not
	// there.
	Anonymous() (*planner.Plan, error)
}

// Result is what a request gets.
type Result struct {
	Data   []byte
	Errors []response.Error
}

// Run runs a plan. The error is a *planner.LiteralError when the text is not
// valid after all, an *OutOfDate unless the plan is Current, or the context's.
func Run(ctx context.Context, request Request) (Result, error) {
	r := &run{
		Request: request,
		ctx:     ctx,
		binding: planner.Binding{Prepared: request.Prepared, Now: request.Now.UTC().Truncate(time.Millisecond), User: request.User, Event: request.Event},
	}
	if r.Plan.Read == nil {
		return r.writes()
	}
	result, err := r.read()
	if errors.Is(err, errNotThere) {
		if err = r.becomeNobody(); err == nil {
			result, err = r.read()
		}
	}
	return result, err
}

// errNotThere says that the node is not there whose token was sent.
var errNotThere = errors.New("the requester's node is not there")

// becomeNobody goes on with the plan for nobody.
func (r *run) becomeNobody() error {
	plan, err := r.Planner.Anonymous()
	r.Plan, r.binding.User = plan, ""
	return err
}

// OutOfDate says that a plan was made for a release whose tables are no longer there,
// or demand less than they do now. Nothing was written.
type OutOfDate struct{ cause error }

func (e *OutOfDate) Error() string { return "made for another release: " + e.cause.Error() }

// Unwrap returns the database's error.
func (e *OutOfDate) Unwrap() error { return e.cause }

// outOfDate says that only another release can explain a failure, once all that the
// plan's own could is explained.
func outOfDate(err error) bool {
	var lost *planner.Conflict
	var failure *database.Error
	if errors.As(err, &lost) || !errors.As(err, &failure) || fault.Of(err).Code != 0 {
		return false
	}
	switch failure.Kind {
	case database.OutOfDate, database.MissingValue, database.UniqueViolation, database.MissingReference:
		return true
	default:
		return false
	}
}

type run struct {
	Request
	ctx      context.Context //nolint:containedctx // lives as long as the call
	binding  planner.Binding
	isThere  bool                      // the requester's node was found, in this root field
	wrote    bool                      // a root field is done
	values   map[*planner.Node]*called // of the nodes with a Call
	returned map[string][]byte         // what the function after the write returned
}

func (r *run) statement(s *planner.Step) (database.Statement, error) {
	args, err := r.binding.Args(s.Params)
	return database.Statement{Statement: s.Statement, Args: args}, err
}

func (r *run) read() (Result, error) {
	plan := r.Plan
	data := plan.Read.Constant
	failed, err := r.checks(plan.Read.Checks)
	if err != nil {
		return Result{}, err
	}
	running := &calls{end: func() {}}
	if len(plan.Calls) > 0 && !plan.Read.AsRequester { // else who asks is to be known first
		if running, err = r.call(plan.Calls); err != nil {
			return Result{}, err
		}
	}
	defer func() { running.stop() }()
	if step := plan.Read.Step; step != nil {
		statement, err := r.statement(step)
		if err == nil {
			data, err = r.DB.Read(r.ctx, r.Scope, r.Release, statement)
		}
		if err != nil {
			if stop := r.stops(err); stop != nil {
				return Result{}, stop
			}
			if !r.Current && outOfDate(err) {
				return Result{}, &OutOfDate{err}
			}
			root := plan.Root.Children[0]
			return Result{Data: []byte("null"), Errors: []response.Error{{Fault: planner.ExplainRead(err), Path: []any{root.Key}, Field: root.Field}}}, nil
		}
		var isThere bool
		if data, isThere = plan.Read.Present(data); !isThere {
			return Result{}, errNotThere
		}
	}
	if len(plan.Calls) > 0 {
		if plan.Read.AsRequester {
			if running, err = r.call(plan.Calls); err != nil {
				return Result{}, err
			}
		}
		running.busy.Wait()
		if err := r.ctx.Err(); err != nil {
			return Result{}, err
		}
	}
	if !plan.Read.Rewrite && len(failed) == 0 && !response.AnyNull(data, plan.Read.Watch) && !response.AnyMarked(data, plan.Mark) {
		return Result{Data: data}, nil
	}
	data, errs, err := r.completer(failed).Complete(data, plan.Root)
	if err != nil {
		return Result{Data: []byte("null"), Errors: []response.Error{{Fault: fault.Of(err), Field: -1}}}, nil
	}
	return Result{Data: data, Errors: errs}, nil
}

// stops returns the errors that end the whole request.
func (r *run) stops(err error) error {
	var literal *planner.LiteralError
	if errors.As(err, &literal) {
		return err
	}
	return r.ctx.Err()
}

func (r *run) completer(failed map[*planner.PageCheck]*fault.Fault) *response.Completer {
	return &response.Completer{
		Mark:     r.Plan.Mark,
		Failed:   func(c *planner.PageCheck) *fault.Fault { return failed[c] },
		Inspect:  r.inspect,
		Called:   r.value,
		Returned: r.returned,
	}
}

// inspect writes the value of an introspection field.
func (r *run) inspect(out []byte, f *ast.Field) ([]byte, error) {
	d := r.Prepared.Document
	out, err := d.Schema.WriteIntrospection(out, f, r.Prepared.Variables, d.Fragments)
	if errors.Is(err, compiledschema.ErrIntrospectionTooLarge) {
		return out, &fault.Fault{Code: fault.BadArguments, Message: err.Error(), Cause: err}
	}
	return out, err
}

// checks looks at the pagination arguments of lists. The map is nil when none is
// bad.
func (r *run) checks(checks []*planner.PageCheck) (failed map[*planner.PageCheck]*fault.Fault, err error) {
	for _, check := range checks {
		err := r.binding.Check(check)
		if err == nil {
			continue
		}
		var f *fault.Fault
		if !errors.As(err, &f) {
			return nil, err
		}
		if failed == nil {
			failed = map[*planner.PageCheck]*fault.Fault{}
		}
		failed[check] = f
	}
	return failed, nil
}

func (r *run) writes() (Result, error) {
	if err := r.binding.CheckLiterals(r.Plan); err != nil {
		return Result{}, err
	}
	out := []byte{'{'}
	var errs []response.Error
	isNull := false
	for i := range r.Plan.Writes {
		r.isThere = false // a field before may have deleted the requester's node
		value, failures, err := r.write(r.Plan.Writes[i])
		if errors.Is(err, errNotThere) {
			if err = r.becomeNobody(); err == nil {
				value, failures, err = r.write(r.Plan.Writes[i])
			}
		}
		w := r.Plan.Writes[i]
		if err != nil {
			return Result{}, err
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), w.Node.Key...), `":`...)
		out = append(out, value...)
		errs = append(errs, failures...)
		isNull = isNull || w.Node.NonNull && string(value) == "null"
	}
	if isNull {
		return Result{Data: []byte("null"), Errors: errs}, nil
	}
	return Result{Data: append(out, '}'), Errors: errs}, nil
}

// attempts is how often a root field runs that loses against another request's,
// and pause the time before the second; it doubles.
const (
	attempts = 8
	pause    = time.Millisecond
)

// write runs one root field and returns the JSON of its value.
func (r *run) write(w *planner.Write) ([]byte, []response.Error, error) {
	r.returned, r.binding.Hooked = nil, nil
	value, errs, err := r.once(w)
	for range attempts - 1 {
		if !errors.Is(err, errOtherBranch) {
			break
		}
		value, errs, err = r.once(w)
	}
	if err == nil {
		r.wrote = true
		return value, errs, nil
	}
	if stop := r.stops(err); stop != nil {
		return nil, nil, stop
	}
	if !r.Current && !r.wrote && outOfDate(err) {
		return nil, nil, &OutOfDate{err}
	}
	if errors.Is(err, errNotThere) {
		return nil, nil, err
	}
	return []byte("null"), []response.Error{{Fault: fault.Of(err), Path: []any{w.Node.Key}, Field: w.Node.Field}}, nil
}

// once runs one root field with its functions. What lost against another request kept
// nothing, and runs again with what the functions returned.
func (r *run) once(w *planner.Write) ([]byte, []response.Error, error) {
	if w.Node.Call != nil {
		return r.resolve(w)
	}
	w, err := r.before(w)
	if err != nil {
		return nil, nil, err
	}
	value, errs, err := r.sequence(w)
	for n := range attempts - 1 {
		var lost *planner.Conflict
		if !errors.As(err, &lost) || !r.wait(pause<<n) {
			break
		}
		value, errs, err = r.sequence(w)
	}
	return value, errs, err
}

// wait waits between a half and the whole of d, so that two do not meet again.
// It is false when the request ends first.
func (r *run) wait(d time.Duration) bool {
	timer := time.NewTimer(d/2 + rand.N(d/2)) //nolint:gosec // no secret
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.ctx.Done():
		return false
	}
}

func (r *run) sequence(w *planner.Write) ([]byte, []response.Error, error) {
	found := func() ([]byte, []response.Error, error) {
		return r.steps(w, w.Found, r.batch)
	}
	if w.Choose == nil {
		return found()
	}
	var value []byte
	var errs []response.Error
	isThere := r.isThere
	err := r.DB.Transact(r.ctx, r.Scope, func(tx database.Tx) error {
		r.isThere = isThere // one that is lost has found nobody
		batch := func(statements []database.Statement) ([][]byte, error) { return tx.Batch(r.ctx, statements) }
		missing, err := r.missing(w, batch)
		switch {
		case err != nil:
			return err
		case w.Chosen != nil && w.Chosen.Missing != missing:
			return errOtherBranch
		}
		sequence := w.Found
		if missing {
			sequence = w.Missing
		}
		value, errs, err = r.steps(w, sequence, batch)
		return err
	})
	return value, errs, err
}

// send sends statements, the first of a root field with the check that the
// requester's node is there.
func (r *run) send(statements []database.Statement, batch func([]database.Statement) ([][]byte, error)) ([][]byte, error) {
	if r.Plan.Requester == nil || r.isThere {
		return batch(statements)
	}
	check, err := r.statement(r.Plan.Requester)
	if err != nil {
		return nil, err
	}
	results, err := batch(append([]database.Statement{check}, statements...))
	if err == nil {
		r.isThere = true
		return results[1:], nil
	}
	var failure *database.Error
	if !errors.As(err, &failure) {
		return nil, err
	}
	if failure.Step == 0 && failure.Kind == database.GuardFailed {
		return nil, errNotThere
	}
	behind := *failure
	behind.Step--
	return nil, &behind
}

// bind makes the statements of steps.
func (r *run) bind(steps []*planner.Step) ([]database.Statement, error) {
	statements := make([]database.Statement, len(steps))
	for i, step := range steps {
		var err error
		if statements[i], err = r.statement(step); err != nil {
			return nil, err
		}
	}
	return statements, nil
}

func (r *run) steps(w *planner.Write, s *planner.Sequence, batch func([]database.Statement) ([][]byte, error)) ([]byte, []response.Error, error) {
	if len(s.Steps) == 0 && s.Fault == nil { // __typename
		return []byte(`"Mutation"`), nil, nil
	}
	failed, err := r.checks(s.Checks)
	if err != nil {
		return nil, nil, err
	}
	steps, refused := s.Steps, error(nil)
	if s.Fault != nil {
		refused = s.Fault
	}
	statements, err := r.bind(steps)
	if err != nil && refused == nil { // who may not do this at all is told so, whatever the values are
		refused, steps = err, s.Permits
		statements, err = r.bind(steps)
	}
	switch {
	case err != nil:
		return nil, nil, err
	case refused != nil && len(steps) == 0 && (r.Plan.Requester == nil || r.isThere): // else it may be nobody who is refused
		return nil, nil, refused
	}
	results, err := r.send(statements, batch)
	if err != nil {
		if r.ctx.Err() != nil || errors.Is(err, errNotThere) {
			return nil, nil, err
		}
		return nil, nil, planner.ExplainWrite(err, steps, r.Prepared.Document.Schema)
	}
	if refused != nil {
		return nil, nil, refused
	}
	for _, i := range s.Payload {
		if step := s.Steps[i]; results[i] == nil && step.OnNone != nil {
			return nil, nil, step.OnNone(statements[i].Args)
		}
	}
	if s.After != nil {
		if err := r.after(s.After, results); err != nil {
			return nil, nil, err
		}
	}
	payload := s.JoinPayload(results)
	if s.Rewrite || len(failed) > 0 || response.AnyNull(payload, s.Watch) || response.AnyMarked(payload, s.Mark) {
		shape := *s.Node
		shape.Key, shape.Field, shape.NonNull = w.Node.Key, w.Node.Field, w.Node.NonNull
		data, errs, err := r.completer(failed).Complete(payload, &planner.Node{Children: []*planner.Node{&shape}})
		if err != nil {
			return nil, nil, fault.Internal(err)
		}
		return inner(data), errs, nil
	}
	return inner(payload), nil, nil
}

// inner cuts the value out of an object with one key.
func inner(object []byte) []byte {
	i := bytes.IndexByte(object, ':')
	j := bytes.LastIndexByte(object, '}')
	if i < 0 || j < i {
		return []byte("null")
	}
	return bytes.TrimSpace(object[i+1 : j])
}
