package deployment

import (
	"bytes"
	"context"
	"errors"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/relational"
	"icehouse/tenancy/isolation"
)

// checkRows holds the plan's checks against the rows that are there.
// (platform §3.5).
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
		query := &relational.Query{Fields: []relational.Field{{Key: "any", Value: &relational.One{
			Select: &relational.Select{Table: check.Table},
			Fields: []relational.Field{{Key: "id", Value: relational.ColumnValue{Column: check.Table.ID}}},
		}}}}
		answer, err := db.Query(ctx, scope, database.Statement{Statement: db.Dialect().Query(scope.Namespace(), query)})
		if err != nil {
			return err
		}
		switch {
		case bytes.Contains(answer, []byte(`"id"`)):
			a.problems = append(a.problems, check.Otherwise)
		case !bytes.Contains(answer, []byte("null")):
			return errors.New("check for rows: unexpected answer")
		}
	}
	return nil
}
