package migrationrun

import (
	"context"
	"errors"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/relational"
	"icehouse/tenancy/isolation"
)

// ProbeFor picks what tells whether the steps have run; nil when there are none.
func ProbeFor(steps []relational.SchemaChange) *Probe {
	if len(steps) == 0 {
		return nil
	}
	switch last := steps[len(steps)-1].(type) {
	case relational.CreateTable:
		return &Probe{Table: last.Table.Name, Column: last.Table.Columns[0].Name}
	case relational.AddColumn:
		return &Probe{Table: last.Column.Table.Name, Column: last.Column.Name}
	default:
		return nil
	}
}

// holds reads the column: a table or column that is not there is an error of the
// statement, not of the connection.
func (p *Probe) holds(ctx context.Context, db *database.DB, scope isolation.Scope) (bool, error) {
	table := &relational.Table{Name: p.Table}
	table.ID = &relational.Column{Table: table, Name: p.Column, Kind: relational.KindID}
	column := table.ID
	table.Columns = []*relational.Column{column}
	query := db.Dialect().Query(scope.Namespace(), &relational.Query{Fields: []relational.Field{{Key: "n", Value: &relational.Count{
		Select: &relational.Select{Table: table, Where: relational.And{
			relational.IsNull{Column: column}, relational.Not{Predicate: relational.IsNull{Column: column}},
		}},
	}}}})
	_, err := db.Query(ctx, scope, database.Statement{Statement: query})
	var failed *database.Error
	if errors.As(err, &failed) && failed.Kind == database.Internal {
		return false, nil
	}
	return err == nil, err
}
