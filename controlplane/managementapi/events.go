package managementapi

import (
	"context"
	"fmt"
	"strconv"

	"icehouse/controlplane/elements"
	"icehouse/controlplane/problem"
	"icehouse/dataplane/connector/database"
	"icehouse/tenancy/token"
)

// deadNode is an event that a function failed at for the last time.
type deadNode struct {
	database.Due
	name string // of the function
}

// deadAtOnce is how many of them are in an answer.
const deadAtOnce = 100

// place finds the database with a project's events.
func (a *API) place(ctx context.Context, p *projectNode) (*database.DB, *elements.Snapshot, error) {
	snap, err := p.served(ctx)
	if err != nil {
		return nil, nil, err
	}
	_, db, err := a.Deployer.Runner.Place(p.ID, p.Placement)
	return db, snap, err
}

// deadEvents are the dead letters of a project's functions, the oldest first: behind the
// one with an id, at most 100.
func (p *projectNode) deadEvents(ctx context.Context, args input) (any, error) {
	if _, err := signedIn(ctx, token.Data); err != nil {
		return nil, err
	}
	limit := deadAtOnce
	if n, given := args["first"].(int); given {
		if n < 0 {
			return nil, problem.New(problem.CodeFirstNegative, "'first' must not be negative")
		}
		limit = min(n, limit)
	}
	after := int64(0)
	if text := args.text("after"); text != "" {
		var err error
		if after, err = deadID(text); err != nil {
			return nil, err
		}
	}
	db, snap, err := p.api.place(ctx, p)
	if err != nil || limit == 0 {
		return []deadNode{}, err
	}
	dead, err := db.Dead(ctx, p.ID, after, limit)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, f := range snap.Definition.Functions {
		names[snap.FunctionID(f.Name)] = f.Name
	}
	out := make([]deadNode, len(dead))
	for i, d := range dead {
		out[i] = deadNode{d, names[d.Function]}
	}
	return out, nil
}

func deadID(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 0 {
		return 0, problem.New(problem.CodeArgument, "'%s' is not the id of an event", text)
	}
	return id, nil
}

// replayEvents lets functions be told of dead letters again: of those with the ids, or
// those of a function, or all.
func (a *API) replayEvents(ctx context.Context, in input) (payload, error) {
	_, found, err := a.own(ctx, in.text("projectId"))
	if err != nil {
		return nil, err
	}
	p := a.projectNode(found)
	db, snap, err := a.place(ctx, p)
	if err != nil {
		return nil, err
	}
	function := ""
	if name := in.text("functionName"); name != "" {
		if snap.Definition.Function(name) == nil {
			return nil, problem.New(problem.CodeArgument, "The project has no function '%s'", name)
		}
		function = snap.FunctionID(name)
	}
	var ids []int64
	if in["ids"] != nil {
		ids = []int64{}
		for _, text := range in.texts("ids") {
			id, err := deadID(text)
			if err != nil {
				return nil, err
			}
			ids = append(ids, id)
		}
	}
	n, err := db.Replay(ctx, p.ID, function, ids)
	if err != nil {
		return nil, fmt.Errorf("replay events: %w", err)
	}
	if n > 0 && a.OnDue != nil {
		a.OnDue(p.Placement)
	}
	return payload{"project": p, "count": n}, nil
}

// changes are the words for what happened to a node.
var changes = map[database.EventKind]string{database.Created: "CREATED", database.Updated: "UPDATED", database.Deleted: "DELETED"}

func deadFields() fields {
	return fields{
		"id":           value(func(d deadNode) any { return strconv.FormatInt(d.ID, 10) }),
		"functionName": value(func(d deadNode) any { return d.name }),
		"modelName":    value(func(d deadNode) any { return d.Model }),
		"nodeId":       value(func(d deadNode) any { return d.Node }),
		"mutation":     value(func(d deadNode) any { return changes[d.Kind] }),
		"attempts":     value(func(d deadNode) any { return d.Attempts }),
		"error":        value(func(d deadNode) any { return d.Failed }),
		"happenedAt":   value(func(d deadNode) any { return d.At }),
		"deadAt":       value(func(d deadNode) any { return d.GivenUp }),
	}
}
