// Package memdb is a database for tests of deploys: it remembers which schema
// changes it was given, in words that belong to no engine, and which tables have
// rows. It can be told to fail or to stop.
//
// In and out: package database's Driver. Callers: tests of this room, beside
// those that use real databases.
package memdb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/relational"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

// DB is the driver. Its zero value is empty.
type DB struct {
	mu      sync.Mutex
	places  map[tenancy.ProjectID][]string // statements in order, each once
	rows    map[string]bool                // project/table
	Fail    func(project tenancy.ProjectID, ddl []string) error
	Stuck   error // what Drop answers
	Running int   // Migrate calls at this moment
	Most    int   // and the most there were at once
}

var errUnused = errors.New("memdb: not used by deploys")

// SetRows says that a table has rows, or none.
func (d *DB) SetRows(project tenancy.ProjectID, table string, yes bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.rows == nil {
		d.rows = map[string]bool{}
	}
	d.rows[string(project)+"/"+table] = yes
}

// Statements are the schema changes that a project has seen.
func (d *DB) Statements(project tenancy.ProjectID) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.places[project])
}

// Exists says whether a project has a place.
func (d *DB) Exists(project tenancy.ProjectID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.places[project]
	return ok
}

// Dialect implements database.Driver.
func (d *DB) Dialect() dialect.Dialect { return words{} }

// Query implements database.Driver: whether a table has rows.
func (d *DB) Query(ctx context.Context, scope isolation.Scope, s database.Statement) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.rows[string(scope.Project())+"/"+s.SQL] {
		return []byte(`{"any":{"id":"c"}}`), nil
	}
	return []byte(`{"any":null}`), nil
}

// Provision implements database.Driver.
func (d *DB) Provision(_ context.Context, scope isolation.Scope) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.places == nil {
		d.places = map[tenancy.ProjectID][]string{}
	}
	if _, ok := d.places[scope.Project()]; !ok {
		d.places[scope.Project()] = []string{}
	}
	return nil
}

// Drop implements database.Driver.
func (d *DB) Drop(_ context.Context, scope isolation.Scope) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.Stuck == nil {
		delete(d.places, scope.Project())
	}
	return d.Stuck
}

// Migrate implements database.Driver. Statements may be repeated.
func (d *DB) Migrate(_ context.Context, scope isolation.Scope, ddl []string) error {
	d.mu.Lock()
	d.Running++
	d.Most = max(d.Most, d.Running)
	fail := d.Fail
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		d.Running--
		d.mu.Unlock()
	}()
	if fail != nil {
		if err := fail(scope.Project(), ddl); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.places[scope.Project()]; !ok {
		return &database.Error{Kind: database.Internal, Cause: errors.New("memdb: no such place")}
	}
	for _, s := range ddl {
		if !slices.Contains(d.places[scope.Project()], s) {
			d.places[scope.Project()] = append(d.places[scope.Project()], s)
		}
	}
	return nil
}

// Batch is no part of deploys.
func (d *DB) Batch(context.Context, isolation.Scope, []database.Statement) ([][]byte, error) {
	return nil, errUnused
}

// Transact is no part of deploys.
func (d *DB) Transact(context.Context, isolation.Scope, func(database.Tx) error) error {
	return errUnused
}

// Close implements database.Driver.
func (d *DB) Close() error { return nil }

// words renders schema changes as words.
type words struct{}

func (words) Query(_ string, q *relational.Query) dialect.Statement {
	return dialect.Statement{SQL: q.Fields[0].Value.(*relational.One).Select.Table.Name, Returns: true}
}

func (words) Change(string, relational.Change) dialect.Statement { panic(errUnused) }

func (words) Schema(_ string, c relational.SchemaChange) []string {
	switch c := c.(type) {
	case relational.CreateTable:
		var columns []string
		for _, col := range c.Table.Columns {
			if col.References == nil || c.Table.ID == nil {
				columns = append(columns, column(col))
			}
		}
		return []string{"create table " + c.Table.Name + " (" + strings.Join(columns, ", ") + ")"}
	case relational.AddColumn:
		return []string{"add to " + c.Column.Table.Name + " column " + column(c.Column)}
	default:
		panic(fmt.Sprintf("memdb: unknown change %T", c))
	}
}

var kinds = [...]string{"id", "text", "word", "hash", "int", "float", "bool", "time", "json"}

func column(c *relational.Column) string {
	text := c.Name + " " + kinds[c.Kind]
	if c.Required {
		text += " required"
	}
	if c.Unique {
		text += " unique"
	}
	if c.References != nil {
		text += " -> " + c.References.Name
	}
	return text
}

func (words) ConstraintName(c *relational.Column, _ dialect.ConstraintKind) string { return c.Name }

func (words) Features() dialect.Features { return dialect.Features{} }
