package executor

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/internal/planner"
	"icehouse/dataplane/internal/response"
)

// Functions run the functions of a project for a request. Errors are *fault.Fault or the
// context's.
type Functions interface {
	// Resolve returns the value of a node with a Call, as JSON of the node's shape. data
	// is what the function is told.
	Resolve(ctx context.Context, n *planner.Node, data []byte) ([]byte, error)
	// Before returns the values that are written instead; nil: those that were given.
	Before(ctx context.Context, h *planner.Hook, data []byte) (map[string]coercion.Value, error)
	// After returns the scalars of the payload as JSON; nil: those that were written.
	After(ctx context.Context, h *planner.AfterHook, data []byte) (map[string][]byte, error)
}

// atATime is how many functions of one request run at a time.
const atATime = 8

// called is what a resolver function gave.
type called struct {
	value []byte
	err   error
}

// calls are resolver functions that run.
type calls struct {
	end  context.CancelFunc
	busy sync.WaitGroup
}

// stop ends those that still run, and waits for that.
func (c *calls) stop() {
	c.end()
	c.busy.Wait()
}

// call begins to run the functions of nodes.
func (r *run) call(nodes []*planner.Node) (*calls, error) {
	data := make([][]byte, len(nodes))
	for i, n := range nodes {
		var err error
		if data[i], err = r.binding.JSON(n.Call.Data); err != nil {
			return nil, err
		}
	}
	ctx, end := context.WithCancel(r.ctx)
	out := &calls{end: end}
	values := make([]called, len(nodes))
	r.values = map[*planner.Node]*called{}
	room := make(chan struct{}, atATime)
	for i, n := range nodes {
		r.values[n] = &values[i]
		out.busy.Go(func() {
			select {
			case room <- struct{}{}:
				defer func() { <-room }()
				defer fault.Recover(&values[i].err)
				values[i].value, values[i].err = r.Functions.Resolve(ctx, n, data[i])
			case <-ctx.Done():
				values[i].err = ctx.Err()
			}
		})
	}
	return out, nil
}

// value is what a resolver function gave for a node.
func (r *run) value(n *planner.Node) ([]byte, *fault.Fault) {
	v := r.values[n]
	if v == nil {
		return nil, fault.Internal(errors.New("a resolver function was not called"))
	}
	return v.value, fault.Of(v.err)
}

// resolve answers a root field of a mutation that a resolver function does.
func (r *run) resolve(w *planner.Write) ([]byte, []response.Error, error) {
	if r.Plan.Requester != nil && !r.isThere {
		if _, err := r.send(nil, r.batch); err != nil {
			return nil, nil, err
		}
	}
	calls, err := r.call([]*planner.Node{w.Node})
	if err != nil {
		return nil, nil, err
	}
	defer calls.end()
	calls.busy.Wait()
	if err := r.ctx.Err(); err != nil {
		return nil, nil, err
	}
	data, errs, err := r.completer(nil).Complete([]byte(`{"`+w.Node.Key+`":null}`), &planner.Node{Children: []*planner.Node{w.Node}})
	if err != nil {
		return nil, nil, fault.Internal(err)
	}
	return inner(data), errs, nil
}

func (r *run) batch(statements []database.Statement) ([][]byte, error) {
	return r.DB.Batch(r.ctx, r.Scope, statements)
}

// before runs what runs before a root field is written, and returns the write of what
// came of that (platform §2.6): the functions see that the write is allowed and
// possible, and run outside of its transaction, which looks once more.
func (r *run) before(w *planner.Write) (*planner.Write, error) {
	if len(w.Found.Hooks) == 0 && (w.Missing == nil || len(w.Missing.Hooks) == 0) {
		return w, nil
	}
	h := &planner.Hooked{Write: slices.Index(r.Plan.Writes, w)}
	s := w.Found
	if w.Choose != nil {
		missing, err := r.missing(w, r.batch)
		if err != nil {
			return nil, err
		}
		if h.Missing = missing; missing {
			s = w.Missing
		}
	}
	if len(s.Hooks) == 0 { // none is for this branch of an updateOrCreate, or nobody may take it
		out := *w
		out.Chosen = h
		return &out, nil
	}
	if err := r.lookAhead(s); err != nil {
		return nil, err
	}
	if err := r.runHooks(s, h); err != nil {
		return nil, err
	}
	plan, err := r.Hooked(h)
	if err != nil {
		return nil, err
	}
	out := *plan.Writes[h.Write]
	out.Chosen = h
	return &out, nil
}

// lookAhead runs the steps that look whether a write is allowed and possible.
func (r *run) lookAhead(s *planner.Sequence) error {
	defer func() { r.isThere = false }() // the transaction looks for itself
	steps, refused := s.Steps[:s.Ahead], error(nil)
	if s.Fault != nil {
		refused = s.Fault
	} else if _, err := r.bind(s.Steps); err != nil {
		refused = err
	}
	if refused != nil {
		steps = s.Permits
	}
	statements, err := r.bind(steps)
	if err != nil {
		return err
	}
	if len(statements) > 0 || r.Plan.Requester != nil {
		if _, err := r.send(statements, r.batch); err != nil {
			if r.ctx.Err() != nil || errors.Is(err, errNotThere) {
				return err
			}
			return planner.ExplainWrite(err, steps, r.Prepared.Document.Schema)
		}
	}
	return refused
}

// runHooks runs the functions of a sequence and notes what they return.
func (r *run) runHooks(s *planner.Sequence, h *planner.Hooked) error {
	data := make([][]byte, len(s.Hooks))
	for i, hook := range s.Hooks {
		var err error
		if data[i], err = r.binding.JSON(hook.Data); err != nil {
			return err
		}
	}
	values := make([]map[string]coercion.Value, len(s.Hooks))
	g, ctx := errgroup.WithContext(r.ctx)
	g.SetLimit(atATime)
	for i, hook := range s.Hooks {
		g.Go(func() (err error) {
			defer fault.Recover(&err)
			values[i], err = r.Functions.Before(ctx, hook, data[i])
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	h.Nodes = make([]planner.HookedNode, len(values))
	for i, v := range values {
		h.Nodes[i].As = v == nil
		for _, name := range slices.Sorted(maps.Keys(v)) {
			h.Nodes[i].Fields = append(h.Nodes[i].Fields, planner.HookedField{Name: name, Null: v[name] == nil})
		}
	}
	r.binding.Hooked = values
	return nil
}

// missing says that the node of an updateOrCreate is not there.
func (r *run) missing(w *planner.Write, batch func([]database.Statement) ([][]byte, error)) (bool, error) {
	probe, err := r.statement(w.Choose)
	if err != nil { // as for a node that would be there: who may not update it is told so first
		return false, nil //nolint:nilerr // the sequence says it
	}
	found, err := r.send([]database.Statement{probe}, batch)
	if err != nil {
		return false, err
	}
	return string(inner(found[0])) == "null", nil
}

// errOtherBranch says that the node of an updateOrCreate came or went while functions
// ran.
var errOtherBranch = errors.New("the node came or went meanwhile")

// after runs what runs after a write that is done.
func (r *run) after(h *planner.AfterHook, results [][]byte) error {
	r.wrote = true
	var err error
	r.returned, err = r.Functions.After(r.ctx, h, inner(results[h.Step]))
	return err
}
