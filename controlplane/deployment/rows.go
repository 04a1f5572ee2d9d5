package deployment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/relational"
)

// checkRows holds the plan's checks against the rows that are there (platform §3.5).
func (d *Deployer) checkRows(ctx context.Context, a *attempt) error {
	if len(a.plan.Checks) == 0 {
		return nil
	}
	scope, db, err := d.Runner.Place(a.project.ID, a.project.Placement)
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

// steps tells a plan's steps with the rows that they go through now.
func (d *Deployer) steps(ctx context.Context, a *attempt) ([]Step, error) {
	planned := a.plan.Steps()
	rows := map[*relational.Table]int64{}
	query := &relational.Query{}
	for _, step := range planned {
		if _, known := rows[step.Table]; step.Table != nil && !known {
			rows[step.Table] = 0
			query.Fields = append(query.Fields, relational.Field{Key: step.Table.Name, Value: &relational.Count{Select: &relational.Select{Table: step.Table}}})
		}
	}
	if len(query.Fields) > 0 {
		scope, db, err := d.Runner.Place(a.project.ID, a.project.Placement)
		if err != nil {
			return nil, err
		}
		answer, err := db.Query(ctx, scope, database.Statement{Statement: db.Dialect().Query(scope.Namespace(), query)})
		if err != nil {
			return nil, err
		}
		counts := map[string]int64{}
		if err := json.Unmarshal(answer, &counts); err != nil {
			return nil, fmt.Errorf("count rows: %w", err)
		}
		for table := range rows {
			rows[table] = counts[table.Name]
		}
	}
	out := make([]Step, len(planned))
	for i, step := range planned {
		out[i] = Step{Does: step.Does, Lock: step.Lock, Rows: rows[step.Table]}
	}
	return out, nil
}
