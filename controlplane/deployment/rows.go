package deployment

import (
	"context"
	"errors"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/relational"
	"icehouse/tenancy/isolation"
)

// checkRows holds the plan's checks against the rows that are there (platform §3.5).
func (d *Deployer) checkRows(ctx context.Context, a *attempt) error {
	if len(a.plan.Checks) == 0 {
		return nil
	}
	scope, err := isolation.ForProject(a.project.ID, a.project.Placement)
	if err != nil {
		return err
	}
	db, err := d.Databases(a.project.Placement)
	if err != nil {
		return err
	}
	for _, check := range a.plan.Checks {
		guard := &relational.Guard{Condition: check.Condition, Args: check.Types}
		_, err := db.Batch(ctx, scope, []database.Statement{{Statement: db.Dialect().Change(scope.Namespace(), guard), Args: check.Args}})
		var failed *database.Error
		switch {
		case errors.As(err, &failed) && failed.Kind == database.GuardFailed:
			a.problems = append(a.problems, check.Otherwise)
		case err != nil:
			return err
		}
	}
	return nil
}
