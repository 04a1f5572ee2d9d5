package store

import (
	"context"
	"time"

	"icehouse/tenancy"
	"icehouse/tenancy/functionlog"
)

// Calls of functions are counted beside their entries: of those only the last ones are
// kept, and a histogram of a month needs them all. There are counts of two lengths of
// time, because every period that is asked for has buckets that are a multiple of one of
// them, and so no function has more than some 6,000 counts, however often it is called.
const (
	FineCount   = 10 * time.Second  // for 30 minutes and an hour; kept for FineFor
	CoarseCount = 480 * time.Second // for a day, a week and a month; kept for CoarseFor
	FineFor     = Buckets * 2 * FineCount
	CoarseFor   = Buckets * 30 * CoarseCount
)

// Buckets is the length of every histogram (platform §4.6).
const Buckets = 180

// Period is what a histogram is of, by the length of one of its buckets, of which the
// last is the one that goes on.
type Period time.Duration

// The periods.
const (
	HalfHour = Period(FineCount)
	Hour     = Period(2 * FineCount)
	Day      = Period(CoarseCount)
	Week     = Period(7 * CoarseCount)
	Month    = Period(30 * CoarseCount)
)

// Count is the length of the counts that a period's buckets are made of.
func (p Period) Count() time.Duration {
	if p < Day {
		return FineCount
	}
	return CoarseCount
}

// FunctionStats is how a function is used.
type FunctionStats struct {
	Histogram        []int // of HalfHour
	Requests, Errors int   // of a day, which is one of Day
	Last             time.Time
}

// LogPage says which entries of a function to read: the newest, or the oldest, of those
// that are older than After and newer than Before. Of these entries At and ID count; nil
// bounds nothing.
type LogPage struct {
	Project       tenancy.ProjectID
	Function      string
	After, Before *functionlog.Entry
	Oldest        bool
	Limit         int
}

// FunctionLogs is the part of a Store that keeps what functions log.
type FunctionLogs interface {
	// AddFunctionLogs keeps entries and counts them. Those that are there already, or
	// whose project is not there any more, change nothing.
	AddFunctionLogs(ctx context.Context, entries []functionlog.Entry) error
	// FunctionLog finds an entry by its id. ErrNotFound.
	FunctionLog(ctx context.Context, id string) (functionlog.Entry, error)
	// FunctionLogs reads entries, the newest first.
	FunctionLogs(ctx context.Context, p LogPage) ([]functionlog.Entry, error)
	// FunctionStats says how the functions of a project are used, by their ids. One that
	// never logged is not there.
	FunctionStats(ctx context.Context, project tenancy.ProjectID, now time.Time) (map[string]FunctionStats, error)
	// FunctionHistogram counts the calls of all functions of a project.
	FunctionHistogram(ctx context.Context, project tenancy.ProjectID, p Period, now time.Time) ([]int, error)
	// SweepFunctionLogs removes a bounded number of entries and counts that are not to
	// be kept any more, and says whether there may be others.
	SweepFunctionLogs(ctx context.Context, now time.Time) (more bool, err error)
}
