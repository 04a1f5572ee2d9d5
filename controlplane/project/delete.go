package project

import (
	"context"
	"errors"
	"fmt"
	"time"

	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
	"icehouse/tenancy"
)

// abandon removes a project that never came to life.
func (s *Service) abandon(ctx context.Context, p store.Project) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := s.remove(ctx, p); err != nil {
		s.Logger.WarnContext(ctx, "a project that could not be made is not removed yet", "project", p.ID, "error", err)
	}
}

// Delete takes a project out of service, then removes its rows and files. Only
// its owner may. The last project of an account may go too (LQ-29).
func (s *Service) Delete(ctx context.Context, customer store.Customer, idOrAlias string) (tenancy.ProjectID, error) {
	p, seat, err := s.get(ctx, customer, idOrAlias)
	if err != nil {
		return "", err
	}
	if !seat.Owner {
		return "", problem.OwnerOnly()
	}
	return p.ID, s.remove(ctx, p)
}

// remove runs in this order so that nobody is served from a place that is going:
// withdraw, tell, drop, forget. FinishDeletes goes on where it stopped.
func (s *Service) remove(ctx context.Context, p store.Project) error {
	if err := s.Registry.Withdraw(ctx, p, s.Now()); err != nil {
		return err
	}
	// A deploy or a move that is running ends first: it can't publish any more, and must
	// not make tables again that are gone.
	return s.Runner.Alone(ctx, p.ID, func(ctx context.Context) error {
		now, err := s.Store.Project(ctx, string(p.ID))
		if errors.Is(err, store.ErrNotFound) {
			now = p // it never came to life
		} else if err != nil {
			return err
		}
		scope, db, err := s.Runner.Place(now.ID, now.Placement)
		if err != nil {
			return err
		}
		if err := db.Handle(ctx, scope, nil); err != nil {
			return err
		}
		if err := db.Drop(ctx, scope); err != nil {
			return fmt.Errorf("drop the project's tables: %w", err)
		}
		if err := s.RemoveFiles(ctx, scope); err != nil {
			return err
		}
		return s.Store.RemoveWithdrawn(ctx, p.ID)
	})
}

// FinishDeletes removes what is left of projects whose deletion was interrupted.
func (s *Service) FinishDeletes(ctx context.Context) error {
	left, err := s.Store.Withdrawn(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range left {
		errs = append(errs, s.remove(ctx, p))
	}
	return errors.Join(errs...)
}
