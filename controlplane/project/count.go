package project

import (
	"context"
	"encoding/json"
	"fmt"

	"icehouse/controlplane/store"
	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
)

// Count is the number of nodes in a table of a project.
func (s *Service) Count(ctx context.Context, p store.Project, table *relational.Table) (int, error) {
	return s.count(ctx, p, &relational.Select{Table: table})
}

// HasEdges says that a relation of a project connects nodes.
func (s *Service) HasEdges(ctx context.Context, p store.Project, layout *relational.Layout, r *datamodel.Relation) (bool, error) {
	link := layout.Link(r.A())
	rows := &relational.Select{}
	if link.Join != nil {
		rows.Table = link.Join.Table
	} else {
		column := link.Parent
		if column == nil {
			column = link.Child
		}
		rows.Table, rows.Where = column.Table, relational.IsNull{Column: column, Not: true}
	}
	n, err := s.count(ctx, p, rows)
	return n > 0, err
}

func (s *Service) count(ctx context.Context, p store.Project, rows *relational.Select) (int, error) {
	scope, db, err := s.Runner.Place(p.ID, p.Placement)
	if err != nil {
		return 0, err
	}
	query := &relational.Query{Fields: []relational.Field{{Key: "rows", Value: &relational.Count{Select: rows}}}}
	answer, err := db.Query(ctx, scope, database.Statement{Statement: db.Dialect().Query(scope.Namespace(), query)})
	if err != nil {
		return 0, err
	}
	var out struct{ Rows int }
	if err := json.Unmarshal(answer, &out); err != nil {
		return 0, fmt.Errorf("count rows: %w", err)
	}
	return out.Rows, nil
}
