// Package memdb is a database for tests of deploys: it remembers which schema
// changes it was given, in words that belong to no engine, and which tables have
// rows. It can be told to fail or to stop.
//
// In and out: package database's Driver. Callers: tests of this room, beside
// those that use real databases.
package memdb

import (
	"context"
	"encoding/json"
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
	database.Handling // nil: nobody tells functions of events here; Advance notes who is to be told

	mu       sync.Mutex
	places   map[tenancy.ProjectID][]string // statements in order, each once
	rows     map[string]bool                // project/what is there, as a check says it
	releases map[tenancy.ProjectID]int64
	handlers map[tenancy.ProjectID][]database.Handler
	Fail     func(project tenancy.ProjectID, ddl []string) error
	Stuck    error // what Drop answers
	Running  int   // Migrate calls at this moment
	Most     int   // and the most there were at once
}

var errUnused = errors.New("memdb: not used by deploys")

// SetRows says that rows are there which a check looks for, or none: "Post",
// "Post where no n", "two of Post.n".
func (d *DB) SetRows(project tenancy.ProjectID, what string, yes bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.rows == nil {
		d.rows = map[string]bool{}
	}
	d.rows[string(project)+"/"+what] = yes
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

// Query implements database.Driver for the counts of dry runs: a table has 3 rows, or
// none.
func (d *DB) Query(ctx context.Context, scope isolation.Scope, s database.Statement) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	counts := map[string]int{}
	for name := range strings.FieldsSeq(s.SQL) {
		counts[name] = 0
		if d.rows[string(scope.Project())+"/"+name] {
			counts[name] = 3
		}
	}
	out, err := json.Marshal(counts)
	return out, errors.Join(err, ctx.Err())
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

// Advance implements database.Driver. A place remembers how far it has come.
func (d *DB) Advance(ctx context.Context, scope isolation.Scope, release int64, statements []dialect.Statement, handlers []database.Handler) error {
	d.mu.Lock()
	at := d.releases[scope.Project()]
	d.mu.Unlock()
	if at >= release {
		return nil
	}
	ddl := make([]string, len(statements))
	for i, s := range statements {
		ddl[i] = s.SQL
	}
	if err := d.Migrate(ctx, scope, ddl); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.releases == nil {
		d.releases = map[tenancy.ProjectID]int64{}
	}
	d.releases[scope.Project()] = release
	if d.handlers == nil {
		d.handlers = map[tenancy.ProjectID][]database.Handler{}
	}
	d.handlers[scope.Project()] = handlers
	return nil
}

// Handle implements database.Handling.
func (d *DB) Handle(_ context.Context, scope isolation.Scope, handlers []database.Handler) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.handlers == nil {
		d.handlers = map[tenancy.ProjectID][]database.Handler{}
	}
	d.handlers[scope.Project()] = handlers
	return nil
}

// Handlers are the functions of a project that are told of events: their ids, and the
// types.
func (d *DB) Handlers(project tenancy.ProjectID) (out []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, h := range d.handlers[project] {
		out = append(out, h.Function+" "+h.Model)
	}
	return out
}

// Batch implements database.Driver for the checks of deploys: one holds unless the
// rows that it speaks of are there.
func (d *DB) Batch(ctx context.Context, scope isolation.Scope, statements []database.Statement) ([][]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, s := range statements {
		if d.rows[string(scope.Project())+"/"+strings.TrimPrefix(s.SQL, "no ")] {
			return nil, &database.Error{Kind: database.GuardFailed, Step: i}
		}
	}
	return make([][]byte, len(statements)), ctx.Err()
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
	names := make([]string, len(q.Fields))
	for i, f := range q.Fields {
		names[i] = f.Value.(*relational.Count).Select.Table.Name
	}
	return dialect.Statement{SQL: strings.Join(names, " "), Returns: true}
}

func (words) Change(_ string, c relational.Change) dialect.Statement {
	return dialect.Statement{SQL: "no " + condition(c.(*relational.Guard).Condition), Check: dialect.GuardCheck}
}

// condition says what must not be there.
func condition(p relational.Predicate) string {
	switch p := p.(type) {
	case relational.Not:
		return condition(p.Predicate)
	case relational.Exists:
		text := p.Select.Table.Name
		if p.Select.Skip != 0 {
			text = "two of " + text
		}
		if p.Select.Where != nil {
			text += " where " + condition(p.Select.Where)
		}
		return text
	case relational.Repeated:
		return "two of " + p.Column.Table.Name + "." + p.Column.Name
	case relational.IsNull:
		return "no " + p.Column.Name
	case relational.Word:
		return p.Column.Name + " is " + strings.Join(p.Of, " or ")
	case relational.Or:
		parts := make([]string, len(p))
		for i, part := range p {
			parts[i] = condition(part)
		}
		return strings.Join(parts, " or ")
	default:
		panic(fmt.Sprintf("memdb: unknown condition %T", p))
	}
}

func (words) Schema(_ string, c relational.SchemaChange) []string {
	name := func(c *relational.Column) string { return c.Table.Name + "." + c.Name }
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
		if c.Bare {
			return []string{"add to " + c.Column.Table.Name + " bare column " + column(c.Column)}
		}
		return []string{"add to " + c.Column.Table.Name + " column " + column(c.Column)}
	case relational.Settle:
		if c.Was != nil {
			return []string{"settle " + c.Column.Table.Name + " column " + column(c.Column) + " (was " + column(c.Was) + ")"}
		}
		return []string{"settle " + c.Column.Table.Name + " column " + column(c.Column)}
	case relational.Still:
		return []string{"still " + c.Table.Name}
	case relational.Fill:
		text := "fill " + name(c.Column) + " with " + c.Value.JSON
		if c.Value.Text != nil {
			text += "the text of " + c.Value.Text.Name
		}
		if c.Where != nil {
			text += " where " + condition(c.Where)
		}
		return []string{text}
	case relational.MoveEdges:
		return []string{fmt.Sprintf("move edges %s, %s to %s, %s", name(c.From.A), name(c.From.B), name(c.To.A), name(c.To.B))}
	case relational.DropColumn:
		return []string{"drop column " + name(c.Column)}
	case relational.DropTable:
		return []string{"drop table " + c.Table.Name}
	case relational.Listen:
		return []string{"listen to " + c.Table.Name}
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

func (words) Features() dialect.Features { return dialect.Features{} }
