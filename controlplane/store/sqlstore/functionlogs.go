package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"time"

	"icehouse/controlplane/store"
	"icehouse/controlplane/store/sqlstore/queries"
	"icehouse/tenancy"
	"icehouse/tenancy/functionlog"
)

// AddFunctionLogs implements store.Store.
func (s *Store) AddFunctionLogs(ctx context.Context, entries []functionlog.Entry) error {
	return s.transact(ctx, func(q *queries.Queries) error {
		counts, there := tally{}, map[tenancy.ProjectID]bool{}
		for _, e := range entries {
			if _, asked := there[e.Project]; !asked {
				n, err := q.IDTaken(ctx, string(e.Project))
				if err != nil {
					return err
				}
				there[e.Project] = n > 0
			}
			if !there[e.Project] {
				continue
			}
			n, err := q.AddFunctionLog(ctx, queries.AddFunctionLogParams{ID: e.ID, ProjectID: string(e.Project), FunctionID: e.Function,
				At: moment(e.At), RequestID: e.RequestID, IsSuccess: e.Success, Duration: e.Duration.Milliseconds(), Message: e.Message})
			if err != nil {
				return err
			}
			if n > 0 {
				counts.add(e)
			}
		}
		return counts.store(ctx, q)
	})
}

// tally counts entries.
type tally map[counted]*calls

// counted is what is counted: a function's calls in a time, or all of them when length
// is 0.
type counted struct {
	project, function string
	length            time.Duration
	began             time.Time
}

type calls struct {
	requests, errors int64
	last             time.Time
}

func (t tally) add(e functionlog.Entry) {
	for _, length := range []time.Duration{0, store.FineCount, store.CoarseCount} {
		key := counted{project: string(e.Project), function: e.Function, length: length}
		if length > 0 {
			key.began = e.At.UTC().Truncate(length)
		}
		c := t[key]
		if c == nil {
			c = new(calls)
			t[key] = c
		}
		c.requests++
		if !e.Success {
			c.errors++
		}
		if e.At.After(c.last) {
			c.last = e.At
		}
	}
}

// store adds the counts to those that are there, in an order that all processes keep, so
// that no two wait for each other.
func (t tally) store(ctx context.Context, q *queries.Queries) error {
	keys := slices.SortedFunc(maps.Keys(t), func(a, b counted) int {
		return cmp.Or(cmp.Compare(a.project, b.project), cmp.Compare(a.function, b.function), cmp.Compare(a.length, b.length), a.began.Compare(b.began))
	})
	for _, key := range keys {
		var err error
		if c := t[key]; key.length == 0 {
			err = q.NoteFunctionLogs(ctx, queries.NoteFunctionLogsParams{ProjectID: key.project, FunctionID: key.function, LastAt: moment(c.last), Added: c.requests})
		} else {
			err = q.CountFunctionCalls(ctx, queries.CountFunctionCallsParams{ProjectID: key.project, Seconds: seconds(key.length), BeganAt: moment(key.began),
				FunctionID: key.function, Requests: c.requests, Errors: c.errors})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

func logEntry(l queries.FunctionLog) functionlog.Entry {
	return functionlog.Entry{ID: l.ID, Project: tenancy.ProjectID(l.ProjectID), Function: l.FunctionID, RequestID: l.RequestID,
		Success: l.IsSuccess, Duration: time.Duration(l.Duration) * time.Millisecond, At: l.At.Time, Message: l.Message}
}

// FunctionLog implements store.Store.
func (s *Store) FunctionLog(ctx context.Context, id string) (functionlog.Entry, error) {
	row, err := s.read().FunctionLog(ctx, id)
	return logEntry(row), found(err)
}

// FunctionLogs implements store.Store.
func (s *Store) FunctionLogs(ctx context.Context, p store.LogPage) ([]functionlog.Entry, error) {
	down := queries.FunctionLogsDownParams{ProjectID: string(p.Project), FunctionID: p.Function, Most: int32(p.Limit), //nolint:gosec // a page's length
		OlderAt: moment(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)), NewerAt: moment(time.Unix(0, 0).UTC())}
	if p.After != nil {
		down.OlderAt, down.OlderID = moment(p.After.At), p.After.ID
	}
	if p.Before != nil {
		down.NewerAt, down.NewerID = moment(p.Before.At), p.Before.ID
	}
	var rows []queries.FunctionLog
	var err error
	if p.Oldest {
		rows, err = s.read().FunctionLogsUp(ctx, queries.FunctionLogsUpParams(down))
		slices.Reverse(rows)
	} else {
		rows, err = s.read().FunctionLogsDown(ctx, down)
	}
	out := make([]functionlog.Entry, len(rows))
	for i, row := range rows {
		out[i] = logEntry(row)
	}
	return out, err
}

// times are when the first bucket of a period's histogram begins, and its last count.
func times(p store.Period, now time.Time) (first, last time.Time) {
	bucket := time.Duration(p)
	return now.UTC().Truncate(bucket).Add(-(store.Buckets - 1) * bucket), now.UTC().Truncate(p.Count())
}

// FunctionStats implements store.Store.
func (s *Store) FunctionStats(ctx context.Context, id tenancy.ProjectID, now time.Time) (map[string]store.FunctionStats, error) {
	out := map[string]store.FunctionStats{}
	q := s.read()
	logged, err := q.FunctionsLogged(ctx, string(id))
	if err != nil {
		return nil, err
	}
	for _, row := range logged {
		out[row.FunctionID] = store.FunctionStats{Histogram: make([]int, store.Buckets), Last: row.LastAt.Time}
	}
	first, last := times(store.HalfHour, now)
	counts, err := q.FunctionCounts(ctx, queries.FunctionCountsParams{ProjectID: string(id), Seconds: seconds(store.FineCount), Since: moment(first), Until: moment(last)})
	if err != nil {
		return nil, err
	}
	for _, row := range counts {
		if f, ok := out[row.FunctionID]; ok { // else it logged for the first time between the queries
			f.Histogram[row.BeganAt.Sub(first)/time.Duration(store.HalfHour)] += int(row.Requests)
		}
	}
	first, last = times(store.Day, now)
	sums, err := q.FunctionSums(ctx, queries.FunctionSumsParams{ProjectID: string(id), Seconds: seconds(store.CoarseCount), Since: moment(first), Until: moment(last)})
	if err != nil {
		return nil, err
	}
	for _, row := range sums {
		if f, ok := out[row.FunctionID]; ok {
			f.Requests, f.Errors = int(row.Requests), int(row.Errors)
			out[row.FunctionID] = f
		}
	}
	return out, nil
}

// FunctionHistogram implements store.Store.
func (s *Store) FunctionHistogram(ctx context.Context, id tenancy.ProjectID, p store.Period, now time.Time) ([]int, error) {
	first, last := times(p, now)
	counts, err := s.read().ProjectCounts(ctx, queries.ProjectCountsParams{ProjectID: string(id), Seconds: seconds(p.Count()), Since: moment(first), Until: moment(last)})
	out := make([]int, store.Buckets)
	for _, row := range counts {
		out[row.BeganAt.Sub(first)/time.Duration(p)] += int(row.Requests)
	}
	return out, err
}

// sweepRows is how many rows of a kind one call of SweepFunctionLogs removes.
const sweepRows = 1000

// SweepFunctionLogs implements store.Store.
func (s *Store) SweepFunctionLogs(ctx context.Context, now time.Time) (more bool, err error) {
	q := s.read()
	full := func(n int64, err error) error {
		more = more || n == sweepRows
		return err
	}
	return more, errors.Join(
		full(q.RemoveOldFunctionLogs(ctx, queries.RemoveOldFunctionLogsParams{Before: moment(now.Add(-functionlog.KeptFor)), Most: sweepRows})),
		full(q.RemoveOldFunctionCounts(ctx, queries.RemoveOldFunctionCountsParams{Seconds: seconds(store.FineCount), Before: moment(now.Add(-store.FineFor)), Most: sweepRows})),
		full(q.RemoveOldFunctionCounts(ctx, queries.RemoveOldFunctionCountsParams{Seconds: seconds(store.CoarseCount), Before: moment(now.Add(-store.CoarseFor)), Most: sweepRows})),
		s.thin(ctx, &more),
	)
}

// thin removes entries of the function that has most of them, if that are too many.
func (s *Store) thin(ctx context.Context, more *bool) error {
	return s.transact(ctx, func(q *queries.Queries) error {
		f, err := q.CrowdedFunction(ctx, functionlog.Kept)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		*more = true
		if _, err := q.RemoveSurplusFunctionLogs(ctx, queries.RemoveSurplusFunctionLogsParams{ProjectID: f.ProjectID, FunctionID: f.FunctionID,
			Keep: functionlog.Kept, Most: sweepRows}); err != nil {
			return err
		}
		return q.RecountFunctionLogs(ctx, queries.RecountFunctionLogsParams{ProjectID: f.ProjectID, FunctionID: f.FunctionID})
	})
}
