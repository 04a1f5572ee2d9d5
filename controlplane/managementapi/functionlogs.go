package managementapi

import (
	"context"
	"errors"

	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
	"icehouse/tenancy/functionlog"
)

// logNode is what one call of a function left.
type logNode struct{ functionlog.Entry }

func (logNode) typeName() string    { return "Log" }
func (l logNode) elementID() string { return l.ID }

func (l logNode) status() any {
	if l.Success {
		return "SUCCESS"
	}
	return "FAILURE"
}

// How much is read of logs: messages may be long.
const (
	logsAtOnce = 50       // entries that are read together
	logBytes   = 16 << 20 // of messages in an answer
)

// logs is a page of what the function logged, the newest entry first. Without before,
// last means the newest entries, too: it is how the command line asks for the last lines
// of a log (platform §4.3). A page that would be too long for an answer ends earlier, and
// says that there is a next one.
func (f functionNode) logs(ctx context.Context, args input) (any, error) {
	limit := functionlog.Kept
	for name, code := range map[string]int{"first": problem.CodeFirstNegative, "last": problem.CodeLastNegative} {
		n, given := args[name].(int)
		if n < 0 {
			return nil, problem.New(code, "'%s' must not be negative", name)
		}
		if given {
			limit = min(limit, n)
		}
	}
	page := store.LogPage{Project: f.project.ID, Function: f.id}
	for name, bound := range map[string]**functionlog.Entry{"after": &page.After, "before": &page.Before} {
		cursor, given := args[name].(string)
		if !given {
			continue
		}
		e, err := f.project.api.Store.FunctionLog(ctx, cursor)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if err == nil && e.Project == page.Project && e.Function == page.Function { // else it cuts nothing, as in any list
			*bound = &e
		}
	}
	page.Oldest = args["first"] == nil && args["last"] != nil && page.Before != nil
	entries, more, err := f.project.api.readLogs(ctx, page, limit)
	if err != nil {
		return nil, err
	}
	edges := make([]map[string]any, len(entries))
	for i, e := range entries {
		edges[i] = edgeOf(e.ID, logNode{e})
	}
	info := map[string]any{"hasNextPage": more && !page.Oldest, "hasPreviousPage": more && page.Oldest}
	if len(edges) > 0 {
		info["startCursor"], info["endCursor"] = edges[0]["cursor"], edges[len(edges)-1]["cursor"]
	}
	return map[string]any{"pageInfo": info, "edges": edges}, nil
}

// readLogs reads at most limit entries, newest first, and says whether there are others.
func (a *API) readLogs(ctx context.Context, page store.LogPage, limit int) (all []functionlog.Entry, more bool, err error) {
	c := ctx.Value(callerKey{}).(*caller)
	if c.logs >= logBytes {
		return nil, false, problem.New(problem.CodeArgument, "The logs that you ask for are too long for one answer: ask for fewer")
	}
	for {
		page.Limit = min(logsAtOnce, limit+1-len(all)) // one more tells whether there are others
		part, err := a.Store.FunctionLogs(ctx, page)
		if err != nil {
			return nil, false, err
		}
		kept := 0
		for kept < len(part) && len(all)+kept < limit && c.logs < logBytes {
			i := kept
			if page.Oldest {
				i = len(part) - 1 - kept
			}
			c.logs += len(part[i].Message)
			kept++
		}
		if page.Oldest {
			all = append(part[len(part)-kept:len(part):len(part)], all...)
		} else {
			all = append(all, part[:kept]...)
		}
		if kept < len(part) || len(part) < page.Limit {
			return all, kept < len(part), nil
		}
		if page.Oldest {
			page.Before = &all[0]
		} else {
			page.After = &all[len(all)-1]
		}
	}
}

// findLog finds an entry of the caller's projects; nil when it is not there.
func (a *API) findLog(ctx context.Context, c store.Customer, list []store.Project, id string) (any, error) {
	e, err := a.Store.FunctionLog(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	for _, p := range list {
		if p.ID == e.Project {
			if node, err := a.ownOrNil(ctx, c, p); node == nil || err != nil {
				return nil, err
			}
			return logNode{e}, nil
		}
	}
	return nil, err
}

// used says how the project's functions are used: of all of them at once, so that who
// asks for each one costs no more.
func (p *projectNode) used(ctx context.Context) (map[string]store.FunctionStats, error) {
	p.statsOnce.Do(func() { p.stats, p.statsErr = p.api.Store.FunctionStats(ctx, p.ID, p.api.Accounts.Now()) })
	return p.stats, p.statsErr
}

func (f functionNode) stats(ctx context.Context) (any, error) {
	all, err := f.project.used(ctx)
	if err != nil {
		return nil, err
	}
	s, ever := all[f.id]
	if !ever {
		s.Histogram = make([]int, store.Buckets)
	}
	out := map[string]any{"requestHistogram": s.Histogram, "requestCount": s.Requests, "errorCount": s.Errors}
	if !s.Last.IsZero() {
		out["lastRequest"] = s.Last
	}
	return out, nil
}

var periods = map[string]store.Period{"HALF_HOUR": store.HalfHour, "HOUR": store.Hour, "DAY": store.Day, "WEEK": store.Week, "MONTH": store.Month}

func (p *projectNode) histogram(ctx context.Context, args input) (any, error) {
	return p.api.Store.FunctionHistogram(ctx, p.ID, periods[args.text("period")], p.api.Accounts.Now())
}

func logFields() fields {
	return fields{
		"requestId": value(func(l logNode) any {
			if l.RequestID == "" {
				return nil
			}
			return l.RequestID
		}),
		"duration":  value(func(l logNode) any { return int(l.Duration.Milliseconds()) }),
		"status":    value(logNode.status),
		"timestamp": value(func(l logNode) any { return l.At }),
		"message":   value(func(l logNode) any { return string(l.Message) }),
	}
}
