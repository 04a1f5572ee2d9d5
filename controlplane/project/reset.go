package project

import (
	"context"
	"errors"
	"fmt"

	"icehouse/controlplane/deployment/migrationrun"
	"icehouse/controlplane/elements"
	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
	"icehouse/dataplane/connector/database"
	"icehouse/tenancy/isolation"
)

// resetTries is how often a reset begins when others write at the same time.
const resetTries = 3

// Reset deletes all nodes and edges of a project, in one transaction: all or none. What
// the project is made of stays. No functions run and nobody is told (platform §3.8). No
// deploy of the project runs meanwhile.
func (s *Service) Reset(ctx context.Context, customer store.Customer, idOrAlias string) (store.Project, error) {
	found, err := s.Get(ctx, customer, idOrAlias)
	if err != nil {
		return store.Project{}, err
	}
	var p store.Project
	err = s.Runner.With(ctx, found.ID, func(ctx context.Context, _ *migrationrun.Locked) error {
		var err error
		if p, err = s.Find(ctx, string(found.ID)); err != nil || p.Release == 0 {
			return err
		}
		scope, db, err := s.Runner.Place(p.ID, p.Placement)
		if err != nil {
			return err
		}
		snap, err := elements.Served(ctx, s.Store, p)
		if err != nil {
			return err
		}
		var batch []database.Statement
		for _, c := range snap.Release.Layout.Empty() {
			batch = append(batch, database.Statement{Statement: db.Dialect().Change(scope.Namespace(), c)})
		}
		if len(batch) == 0 {
			return nil
		}
		return empty(ctx, db, scope, batch)
	})
	return p, err
}

// empty runs the statements. A row that another writes between two of them may point at
// one that goes: then it begins again.
func empty(ctx context.Context, db *database.DB, scope isolation.Scope, batch []database.Statement) error {
	for try := 1; ; try++ {
		_, err := db.Quietly(ctx, scope, batch)
		var e *database.Error
		if !errors.As(err, &e) || e.Kind != database.Conflict && e.Kind != database.MissingReference {
			if err != nil {
				return fmt.Errorf("delete the project's rows: %w", err)
			}
			return nil
		}
		if try == resetTries {
			return &problem.Error{Message: "Others write to this project at the same time; nothing was deleted. Try again.", Cause: err}
		}
	}
}
