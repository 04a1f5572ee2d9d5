package sqlstore

import (
	"context"
	"strings"
	"time"

	"icehouse/controlplane/store/sqlstore/queries"
	"icehouse/tenancy"
	"icehouse/tenancy/meter"
)

// AddUsage implements store.Store.
func (s *Store) AddUsage(ctx context.Context, records []meter.Record) error {
	return s.transact(ctx, func(q *queries.Queries) error {
		for _, r := range records {
			if err := q.AddUsage(ctx, queries.AddUsageParams{
				ProjectID: string(r.Project), BeganAt: moment(r.From), EndedAt: moment(r.To), Requests: r.Requests, ConsoleRequests: r.Console,
				PermissionQueries: r.PermissionQueries, Functions: r.Functions, Features: int64(r.Features), Addresses: strings.Join(r.Addresses, " "),
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// Usage implements store.Store.
func (s *Store) Usage(ctx context.Context, project tenancy.ProjectID, since time.Time) ([]meter.Record, error) {
	rows, err := s.read().UsageOf(ctx, queries.UsageOfParams{ProjectID: string(project), Since: moment(since)})
	out := make([]meter.Record, len(rows))
	for i, r := range rows {
		out[i] = meter.Record{
			Project: project, From: r.BeganAt.Time, To: r.EndedAt.Time, Requests: r.Requests, Console: r.ConsoleRequests,
			PermissionQueries: r.PermissionQueries, Functions: r.Functions, Features: meter.Feature(r.Features), Addresses: strings.Fields(r.Addresses), //nolint:gosec // as it was stored
		}
	}
	return out, err
}
