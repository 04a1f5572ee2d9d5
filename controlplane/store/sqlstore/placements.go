package sqlstore

import (
	"context"
	"errors"
	"time"

	"icehouse/controlplane/store"
	"icehouse/controlplane/store/sqlstore/queries"
	"icehouse/tenancy"
)

// Placements implements store.Placements.
func (s *Store) Placements(ctx context.Context) ([]store.Placement, error) {
	rows, err := s.read().Placements(ctx)
	out := make([]store.Placement, len(rows))
	for i, r := range rows {
		out[i] = store.Placement{Name: tenancy.Placement(r.Name), Region: r.Region, URL: r.Url, ReaderURL: r.ReaderUrl,
			Capacity: r.Capacity, Open: r.IsOpen, CreatedAt: r.CreatedAt.Time, Projects: r.Projects}
	}
	return out, err
}

// AddPlacement implements store.Placements.
func (s *Store) AddPlacement(ctx context.Context, p store.Placement) error {
	n, err := s.read().AddPlacement(ctx, queries.AddPlacementParams{Name: string(p.Name), Region: p.Region, Url: p.URL, ReaderUrl: p.ReaderURL,
		Capacity: p.Capacity, IsOpen: p.Open, CreatedAt: moment(p.CreatedAt)})
	return errors.Join(err, when(err == nil && n == 0, store.ErrNameTaken))
}

// ChangePlacement implements store.Placements.
func (s *Store) ChangePlacement(ctx context.Context, p store.Placement) error {
	n, err := s.read().ChangePlacement(ctx, queries.ChangePlacementParams{Name: string(p.Name), Region: p.Region, Url: p.URL, ReaderUrl: p.ReaderURL,
		Capacity: p.Capacity, IsOpen: p.Open})
	return errors.Join(err, when(err == nil && n == 0, store.ErrNotFound))
}

// RemovePlacement implements store.Placements.
func (s *Store) RemovePlacement(ctx context.Context, name tenancy.Placement) error {
	return s.transact(ctx, func(q *queries.Queries) error {
		n, err := q.RemovePlacement(ctx, string(name))
		if err != nil || n > 0 {
			return err
		}
		rows, err := q.Placements(ctx)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if r.Name == string(name) {
				return store.ErrInUse
			}
		}
		return store.ErrNotFound
	})
}

// Relocate implements store.Placements.
func (s *Store) Relocate(ctx context.Context, id tenancy.ProjectID, holder string, from, to tenancy.Placement, at time.Time) error {
	n, err := s.read().RelocateProject(ctx, queries.RelocateProjectParams{ID: string(id), Holder: holder, Origin: string(from), Destination: string(to), UpdatedAt: moment(at)})
	return errors.Join(err, when(err == nil && n == 0, store.ErrLockLost))
}
