package postgresdb

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/dialect/postgres"
	"icehouse/tenancy/isolation"
)

// schemaMark begins the comment on a project's schema, the release that its tables
// have come to ends it. A schema without it was not made here and is left alone.
const schemaMark = "icehouse project"

// grants gives a role the rows of a schema: all that it may ever do.
func grants(schema, role string) []string {
	return []string{
		"GRANT USAGE ON SCHEMA " + schema + " TO " + role,
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA " + schema + " TO " + role,
	}
}

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }

// Provision makes the schema and the role. Repeated, it also repairs: a restored
// database comes without roles.
func (d *driver) Provision(ctx context.Context, scope isolation.Scope) error {
	schema, role := quoted(scope.Namespace()), quoted(d.role(scope))
	return d.manage(ctx, scope, func(exists, marked, hasRole bool) ([]string, error) {
		var sql []string
		if exists && !marked {
			return nil, fmt.Errorf("schema %s is there and is no project's", schema)
		}
		if !hasRole {
			sql = append(sql, "CREATE ROLE "+role+" NOLOGIN")
		}
		if !exists {
			sql = append(sql, "CREATE SCHEMA "+schema, "COMMENT ON SCHEMA "+schema+" IS '"+schemaMark+"'")
		}
		sql = append(sql, "GRANT "+role+" TO CURRENT_USER")
		return append(sql, grants(schema, role)...), nil
	})
}

// Drop removes the schema with all rows, what a move left of it, and the role.
func (d *driver) Drop(ctx context.Context, scope isolation.Scope) error {
	schema, role := quoted(scope.Namespace()), quoted(d.role(scope))
	return d.manage(ctx, scope, func(exists, marked, hasRole bool) ([]string, error) {
		var sql []string
		if exists && !marked {
			return nil, fmt.Errorf("schema %s is no project's", schema)
		}
		if exists {
			sql = append(sql, "DROP SCHEMA "+schema+" CASCADE")
		}
		sql = append(sql, "DROP SCHEMA IF EXISTS "+quoted(closed(scope))+" CASCADE", endStreams(scope, nil))
		if hasRole {
			sql = append(sql, "DROP ROLE "+role)
		}
		return sql, nil
	})
}

// Migrate runs DDL as the owner and lets the project's role use what it made.
func (d *driver) Migrate(ctx context.Context, scope isolation.Scope, ddl []string) error {
	if len(ddl) == 0 {
		return nil
	}
	handled, err := d.handled(ctx, scope) // deploys change it, and there is one at a time
	if err != nil {
		return err
	}
	before := []string{giveWay, lockSchema(scope), dropTriggers(scope, handled.Models)}
	sql := append(slices.Clip(before), ddl...)
	sql = append(sql, grants(quoted(scope.Namespace()), quoted(d.role(scope)))...)
	sql = append(sql, endStreams(scope, handled.Models))
	return patiently(ctx, func() error {
		_, err := d.once(ctx, trip{role: login, unnamed: true, statements: plain(sql)})
		return shift(err, len(before))
	})
}

// Advance implements database.Driver. The schema's comment holds the release.
func (d *driver) Advance(ctx context.Context, scope isolation.Scope, release int64, statements []dialect.Statement, handlers []database.Handler) error {
	return patiently(ctx, func() error {
		for {
			if again, err := d.advance(ctx, scope, release, statements, handlers); !again {
				return err
			}
		}
	})
}

// advance ends the project's streams, when there are any and tables change, and else
// advances. That is a transaction of its own: readers wait for one that removes triggers.
// Those of types that functions are told of stay until the end, and note nothing of what
// the statements do.
func (d *driver) advance(ctx context.Context, scope isolation.Scope, release int64, statements []dialect.Statement, handlers []database.Handler) (again bool, err error) {
	handled, err := d.handled(ctx, scope)
	if err != nil {
		return false, err
	}
	conn, err := d.acquire(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Release()
	t := &tx{driver: d, conn: conn, role: login}
	defer t.end(ctx)
	schema := quoted(scope.Namespace())
	out, err := t.batchPlain(ctx, []string{
		giveWay,
		lockSchema(scope),
		"SELECT coalesce(obj_description(to_regnamespace('" + schema + "'), 'pg_namespace'), '')",
		"SELECT count(*) FROM " + noting(scope, handled.Models),
		postgres.Quiet,
	})
	if err != nil {
		return false, err
	}
	mark := string(out[2])
	if !strings.HasPrefix(mark, schemaMark) {
		return false, &database.Error{Kind: database.Internal, Cause: fmt.Errorf("schema %s is no project's", schema)}
	}
	if at, _ := strconv.ParseInt(strings.TrimPrefix(mark, schemaMark+" "), 10, 64); at >= release {
		return false, nil
	}
	if string(out[3]) != "0" && len(statements) > 0 {
		if _, err := t.batchPlain(ctx, []string{dropTriggers(scope, handled.Models), endStreams(scope, handled.Models)}); err != nil {
			return false, err
		}
		err := t.commit(ctx)
		return err == nil, err
	}
	if len(statements) > 0 { // they may remove what triggers know; who reads the table waits
		drop, end := []string(nil), handled.unfit(handlers)
		for _, model := range end {
			drop = append(drop, postgres.Unlisten(scope.Namespace(), model)...)
			delete(handled.Streams, model)
		}
		if len(end) > 0 {
			drop = append(drop, "DELETE FROM icehouse_events.stream WHERE place = "+literal(scope.Namespace())+" AND model = ANY ("+texts(end)+")")
			if _, err := t.batchPlain(ctx, drop); err != nil {
				return false, err
			}
		}
	}
	all := make([]database.Statement, 0, len(statements)+3)
	for _, s := range statements {
		all = append(all, database.Statement{Statement: s})
	}
	all = append(all, plain(append(grants(schema, quoted(d.role(scope))), fmt.Sprintf("COMMENT ON SCHEMA %s IS '%s %d'", schema, schemaMark, release)))...)
	all = append(all, plain(handle(scope, handlers, handled))...)
	if _, err := d.run(ctx, conn, trip{inBlock: true, role: login, unnamed: true, statements: all}); err != nil {
		t.failed = err
		return false, err
	}
	return false, t.commit(ctx)
}

// giveWay says how long a change of schema waits for a table that others use, and
// all who come after wait behind it. It is shorter than the time after which the
// server looks for deadlocks (1 s), so that the change gives way and no request.
const giveWay = "SELECT set_config('lock_timeout', '400ms', true)"

// advanceLock is the class of the advisory locks that keep two changes of one
// schema apart.
const advanceLock = 0x1ceb

// patiently tries again what gave way.
func patiently(ctx context.Context, do func() error) error {
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := do()
		if !gaveWay(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause/2 + rand.N(pause/2)): //nolint:gosec // no secret
		}
	}
}

// gaveWay says that somebody else had what was to be changed.
func gaveWay(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "55P03" || pg.Code == "40P01")
}

// shift makes an error's step that of the caller, who was not asked for the first n.
func shift(err error, n int) error {
	var e *database.Error
	if errors.As(err, &e) {
		e.Step = max(e.Step-n, 0)
	}
	return err
}

// manage looks at what there is and runs what plan makes of it, in one
// transaction that no other of its kind overlaps.
func (d *driver) manage(ctx context.Context, scope isolation.Scope, plan func(exists, marked, hasRole bool) ([]string, error)) error {
	conn, err := d.acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	t := &tx{driver: d, conn: conn, role: login}
	defer t.end(ctx)
	out, err := t.batchPlain(ctx, []string{
		fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", installLock),
		"SELECT concat_ws(',', (SELECT coalesce(obj_description(oid, 'pg_namespace'), '') LIKE '" + schemaMark + "%' FROM pg_catalog.pg_namespace WHERE nspname = '" + scope.Namespace() + "'), " +
			"(SELECT 'role' FROM pg_catalog.pg_roles WHERE rolname = '" + d.role(scope) + "'))",
	})
	if err != nil {
		return err
	}
	var exists, marked, hasRole bool
	switch string(out[1]) {
	case "t", "t,role":
		exists, marked = true, true
	case "f", "f,role":
		exists = true
	}
	hasRole = len(out[1]) >= 4 && string(out[1][len(out[1])-4:]) == "role"
	sql, err := plan(exists, marked, hasRole)
	if err != nil {
		return &database.Error{Kind: database.Internal, Cause: err}
	}
	if len(sql) > 0 {
		if _, err := t.batchPlain(ctx, sql); err != nil {
			return err
		}
	}
	if err := t.commit(ctx); err != nil {
		return err
	}
	d.roleChanges.Add(1)
	return nil
}

// batchPlain runs statements without arguments, as the login user.
func (t *tx) batchPlain(ctx context.Context, sql []string) ([][]byte, error) {
	out, err := t.driver.run(ctx, t.conn, trip{begin: !t.begun, inBlock: t.begun, role: login, unnamed: true, statements: plain(sql)})
	t.begun, t.failed = true, err
	return out, err
}

func plain(sql []string) []database.Statement {
	statements := make([]database.Statement, len(sql))
	for i, s := range sql {
		statements[i].Statement = dialect.Statement{SQL: s, Returns: len(s) > 6 && s[:6] == "SELECT"}
	}
	return statements
}
