package postgresdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"icehouse/dataplane/connector/database"
	"icehouse/tenancy/isolation"
)

// A schema moves in the steps of Move. While its rows are copied, triggers note the key
// of each row that changes, in a table beside them. What is noted is copied again, in
// rounds: each brings the copy from one state of the schema to a later one. For the last
// round nobody may write. The schema then gets another name, under which nobody looks
// for it: statements that waited find nothing (OutOfDate).
//
// The copy has no foreign keys until then, as rows come table by table.

// closed is the name of a schema that has moved.
func closed(scope isolation.Scope) string { return "moved_" + scope.Namespace() }

// What notes changes. No table of a project begins with an underscore.
const (
	noted      = "_changes"
	notePrefix = "_change_"
)

// The bounds of the end of a move.
const (
	fewChanges = 1000             // are copied while writers wait
	rounds     = 30               // after which it is tried with more
	lastRound  = 15 * time.Second // how long writers wait at most
	lockTries  = 100              // for a moment in which nobody writes
)

// move is a Move on its way.
type move struct {
	from, to *driver
	scope    isolation.Scope
	tell     func(string)
	tables   []movedTable // of the copy
	keys     []foreignKey // of the copy, that it lacks so far
}

type movedTable struct {
	Name    string
	Columns []string
	Key     []string // of the primary key; all are texts
}

type foreignKey struct{ Table, Name, Definition string }

var _ database.Mover = (*driver)(nil)

// Move implements database.Mover.
func (d *driver) Move(ctx context.Context, scope isolation.Scope, to database.Driver, create []string, tell func(string)) error {
	target, ok := to.(*driver)
	if !ok || target == d {
		return &database.Error{Kind: database.Internal, Cause: errors.New("a schema moves to another PostgreSQL database")}
	}
	m := &move{from: d, to: target, scope: scope, tell: tell}
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return m.prepare(ctx, create) }, m.note, m.copyAll, m.catchUp, m.leave,
	} {
		if err := step(ctx); err != nil {
			return moveError(err)
		}
	}
	return nil
}

// moveError is an error of pgx, or of ours, as a caller sees it.
func moveError(err error) error {
	var e *database.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return describe(err, 0)
}

// Left implements database.Mover.
func (d *driver) Left(ctx context.Context, scope isolation.Scope) (left bool, err error) {
	err = d.plainly(ctx, func(conn *pgx.Conn) error {
		var here, gone bool
		err := conn.QueryRow(ctx, "SELECT to_regnamespace($1) IS NOT NULL, to_regnamespace($2) IS NOT NULL", pgx.QueryExecModeExec,
			quoted(scope.Namespace()), quoted(closed(scope))).Scan(&here, &gone)
		if err == nil && !here && !gone {
			err = fmt.Errorf("schema %s was never here", scope.Namespace())
		}
		left = !here
		return err
	})
	return left, moveError(err)
}

// Stay implements database.Mover.
func (d *driver) Stay(ctx context.Context, scope isolation.Scope) error {
	return moveError(d.plainly(ctx, func(conn *pgx.Conn) error {
		return forgetChanges(ctx, conn, scope)
	}))
}

// Arrive implements database.Mover.
func (d *driver) Arrive(ctx context.Context, scope isolation.Scope) error {
	return moveError(d.plainly(ctx, func(conn *pgx.Conn) error {
		var todo []string
		err := readJSON(ctx, conn, &todo, `SELECT coalesce(json_agg(sql ORDER BY n), '[]') FROM (
			SELECT 1 AS n, format('ALTER TABLE %s VALIDATE CONSTRAINT %I', conrelid::regclass, conname) AS sql FROM pg_catalog.pg_constraint
			WHERE connamespace = to_regnamespace($1) AND NOT convalidated
			UNION ALL SELECT 2, format('ANALYZE %s', oid::regclass) FROM pg_catalog.pg_class
			WHERE relnamespace = to_regnamespace($1) AND relkind = 'r') AS todo`, quoted(scope.Namespace()))
		for _, sql := range todo {
			if err == nil {
				_, err = conn.Exec(ctx, sql, pgx.QueryExecModeExec)
			}
		}
		return err
	}))
}

// plainly runs do on a connection as the login user.
func (d *driver) plainly(ctx context.Context, do func(*pgx.Conn) error) error {
	conn, err := d.acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if d.keep {
		sessionOf(conn.Conn().PgConn()).known = false
		if _, err := conn.Exec(ctx, "RESET ROLE", pgx.QueryExecModeExec); err != nil {
			return err
		}
	}
	return do(conn.Conn())
}

// readJSON runs a query whose one value is JSON.
func readJSON(ctx context.Context, q interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}, into any, sql string, args ...any) error {
	var text string
	if err := q.QueryRow(ctx, sql, append([]any{pgx.QueryExecModeExec}, args...)...).Scan(&text); err != nil {
		return err
	}
	return json.Unmarshal([]byte(text), into)
}

func execAll(ctx context.Context, tx pgx.Tx, sql []string) error {
	for _, s := range sql {
		if _, err := tx.Exec(ctx, s, pgx.QueryExecModeExec); err != nil {
			return err
		}
	}
	return nil
}

// name writes the name of something in the schema.
func (m *move) name(of string) string { return quoted(m.scope.Namespace()) + "." + quoted(of) }

// prepare makes the tables at the other end, without foreign keys.
func (m *move) prepare(ctx context.Context, create []string) error {
	m.tell("making the tables")
	if err := m.to.Drop(ctx, m.scope); err != nil {
		return err
	}
	if err := m.to.Provision(ctx, m.scope); err != nil {
		return err
	}
	if err := m.to.Migrate(ctx, m.scope, create); err != nil {
		return err
	}
	return m.to.plainly(ctx, func(conn *pgx.Conn) error {
		schema := quoted(m.scope.Namespace())
		if err := readJSON(ctx, conn, &m.tables, `SELECT coalesce(json_agg(json_build_object('Name', c.relname,
			'Columns', (SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
			'Key', (SELECT json_agg(a.attname ORDER BY k.n) FROM pg_catalog.pg_index AS i CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k (attnum, n)
				JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum WHERE i.indrelid = c.oid AND i.indisprimary)) ORDER BY c.relname), '[]')
			FROM pg_catalog.pg_class AS c WHERE c.relnamespace = to_regnamespace($1) AND c.relkind = 'r'`, schema); err != nil {
			return err
		}
		if err := readJSON(ctx, conn, &m.keys, `SELECT coalesce(json_agg(json_build_object('Table', c.relname, 'Name', k.conname, 'Definition', pg_get_constraintdef(k.oid))), '[]')
			FROM pg_catalog.pg_constraint AS k JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid WHERE k.connamespace = to_regnamespace($1) AND k.contype = 'f'`, schema); err != nil {
			return err
		}
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			drop := make([]string, len(m.keys))
			for i, k := range m.keys {
				drop[i] = "ALTER TABLE " + m.name(k.Table) + " DROP CONSTRAINT " + quoted(k.Name)
			}
			return execAll(ctx, tx, drop)
		})
	})
}

// note lets the rows here note that they change.
func (m *move) note(ctx context.Context) error {
	table := m.name(noted)
	steps := [][]string{{"CREATE TABLE " + table + " (t integer NOT NULL, k text[] NOT NULL)"}}
	for i, t := range m.tables {
		key := func(row string) string {
			columns := make([]string, len(t.Key))
			for n, c := range t.Key {
				columns[n] = row + "." + quoted(c) + "::text"
			}
			return "ARRAY[" + strings.Join(columns, ", ") + "]"
		}
		insert := func(row string) string {
			return fmt.Sprintf("INSERT INTO %s VALUES (%d, %s);", table, i, key(row))
		}
		function := m.name(fmt.Sprintf("%s%d", notePrefix, i))
		steps = append(steps, []string{
			"CREATE FUNCTION " + function + "() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $note$ BEGIN " +
				"IF TG_OP = 'INSERT' THEN " + insert("NEW") + " ELSE " + insert("OLD") +
				" IF TG_OP = 'UPDATE' THEN IF " + key("NEW") + " <> " + key("OLD") + " THEN " + insert("NEW") + " END IF; END IF; END IF; RETURN NULL; END $note$",
			"CREATE TRIGGER " + quoted(noted) + " AFTER INSERT OR UPDATE OR DELETE ON " + m.name(t.Name) + " FOR EACH ROW EXECUTE FUNCTION " + function + "()",
		})
	}
	return m.from.plainly(ctx, func(conn *pgx.Conn) error {
		if err := forgetChanges(ctx, conn, m.scope); err != nil {
			return err
		}
		return stepwise(ctx, conn, steps)
	})
}

// forgetChanges removes what notes changes.
func forgetChanges(ctx context.Context, conn *pgx.Conn, scope isolation.Scope) error {
	schema := quoted(scope.Namespace())
	var steps [][]string
	if err := readJSON(ctx, conn, &steps, `SELECT coalesce(json_agg(json_build_array(format('DROP FUNCTION %s CASCADE', oid::regprocedure))), '[]')
		FROM pg_catalog.pg_proc WHERE pronamespace = to_regnamespace($1) AND starts_with(proname, $2)`, schema, notePrefix); err != nil {
		return err
	}
	return stepwise(ctx, conn, append(steps, []string{"DROP TABLE IF EXISTS " + schema + "." + quoted(noted)}))
}

// stepwise changes one table at a time, each when its users let it: with several at once
// it would meet writers that come from the other side.
func stepwise(ctx context.Context, conn *pgx.Conn, steps [][]string) error {
	for _, step := range steps {
		err := patiently(ctx, func() error {
			return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return execAll(ctx, tx, append([]string{giveWay}, step...)) })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// steady reads one state, however long it takes.
var steady = pgx.TxOptions{IsoLevel: pgx.RepeatableRead}

// both runs do with a transaction at each end. The one at the other end is committed
// first: what was copied there may be copied again.
func (m *move) both(ctx context.Context, options pgx.TxOptions, do func(here, there pgx.Tx) error) error {
	return m.from.plainly(ctx, func(from *pgx.Conn) error {
		return m.to.plainly(ctx, func(to *pgx.Conn) error {
			return pgx.BeginTxFunc(ctx, from, options, func(here pgx.Tx) error {
				return pgx.BeginFunc(ctx, to, func(there pgx.Tx) error { return do(here, there) })
			})
		})
	})
}

// copyAll copies all rows, as they are at one moment.
func (m *move) copyAll(ctx context.Context) error {
	return m.both(ctx, steady, func(here, there pgx.Tx) error {
		for _, t := range m.tables {
			n, err := m.copyRows(ctx, here, there, t, "")
			if err != nil {
				return err
			}
			m.tell(fmt.Sprintf("%s: %d rows", t.Name, n))
		}
		return nil
	})
}

// copyRows copies the rows of a table for which a condition holds on t.
func (m *move) copyRows(ctx context.Context, here, there pgx.Tx, t movedTable, where string) (int64, error) {
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = quoted(c)
	}
	list := strings.Join(columns, ", ")
	r, w := io.Pipe()
	read := make(chan error, 1)
	go func() {
		_, err := here.Conn().PgConn().CopyTo(ctx, w, "COPY (SELECT "+list+" FROM "+m.name(t.Name)+" AS t"+where+") TO STDOUT (FORMAT binary)")
		_ = w.CloseWithError(err) // it never fails
		read <- err
	}()
	tag, err := there.Conn().PgConn().CopyFrom(ctx, r, "COPY "+m.name(t.Name)+" ("+list+") FROM STDIN (FORMAT binary)")
	_ = r.CloseWithError(io.ErrClosedPipe) // nobody waits for a reader that is gone
	if failed := <-read; failed != nil && !errors.Is(failed, io.ErrClosedPipe) {
		return 0, failed
	}
	return tag.RowsAffected(), err
}

// catchUp copies what changed, until little changes between two rounds.
func (m *move) catchUp(ctx context.Context) error {
	for range rounds {
		changes := 0
		err := m.both(ctx, steady, func(here, there pgx.Tx) (err error) {
			changes, err = m.round(ctx, here, there)
			return err
		})
		if err != nil {
			return err
		}
		m.tell(fmt.Sprintf("%d changes", changes))
		if changes < fewChanges {
			return nil
		}
	}
	return nil
}

// round brings the copy to the state that here sees, and returns how many rows were
// noted.
func (m *move) round(ctx context.Context, here, there pgx.Tx) (int, error) {
	changes := 0
	var changed []movedTable
	var which []string
	for i, t := range m.tables {
		var keys [][]string
		if err := readJSON(ctx, here, &keys, fmt.Sprintf("SELECT coalesce(json_agg(k), '[]') FROM (SELECT DISTINCT k FROM %s WHERE t = %d) AS n", m.name(noted), i)); err != nil {
			return 0, err
		}
		if len(keys) == 0 {
			continue
		}
		changes += len(keys)
		columns, lists, args := make([]string, len(t.Key)), make([]string, len(t.Key)), []any{pgx.QueryExecModeExec}
		parts := make([]string, len(t.Key))
		for n, c := range t.Key {
			list := make([]string, len(keys))
			for j, key := range keys {
				list[j] = key[n]
			}
			columns[n], lists[n], parts[n] = "t."+quoted(c), fmt.Sprintf("$%d::text[]", n+1), fmt.Sprintf("n.k[%d]", n+1)
			args = append(args, list)
		}
		key := "(" + strings.Join(columns, ", ") + ")"
		if _, err := there.Exec(ctx, "DELETE FROM "+m.name(t.Name)+" AS t WHERE "+key+" IN (SELECT * FROM unnest("+strings.Join(lists, ", ")+"))", args...); err != nil {
			return 0, err
		}
		changed = append(changed, t)
		which = append(which, fmt.Sprintf(" WHERE %s IN (SELECT %s FROM %s AS n WHERE n.t = %d)", key, strings.Join(parts, ", "), m.name(noted), i))
	}
	// All that changed is gone before any comes, or a value that went from one row to
	// another would be there twice.
	for i, t := range changed {
		if _, err := m.copyRows(ctx, here, there, t, which[i]); err != nil {
			return 0, err
		}
	}
	if changes == 0 {
		return 0, nil
	}
	_, err := here.Exec(ctx, "DELETE FROM "+m.name(noted), pgx.QueryExecModeExec)
	return changes, err
}

// leave brings over what is left, with writers waiting, and closes the schema.
func (m *move) leave(ctx context.Context) error {
	m.tell("switching")
	for n := 1; ; n++ {
		err := m.close(ctx)
		if err == nil {
			return m.hand(ctx)
		}
		if n == lockTries || !gaveWay(err) {
			return err
		}
		select { // those who were kept waiting go on meanwhile
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
		if err := m.catchUp(ctx); err != nil {
			return err
		}
	}
}

func (m *move) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lastRound)
	defer cancel()
	return m.both(ctx, pgx.TxOptions{}, func(here, there pgx.Tx) error {
		still := []string{giveWay}
		if len(m.tables) > 0 {
			names := make([]string, len(m.tables))
			for i, t := range m.tables {
				names[i] = m.name(t.Name)
			}
			still = append(still, "LOCK TABLE "+strings.Join(names, ", ")+" IN SHARE ROW EXCLUSIVE MODE")
		}
		if err := execAll(ctx, here, still); err != nil {
			return err
		}
		if _, err := m.round(ctx, here, there); err != nil {
			return err
		}
		var mark string
		schema := quoted(m.scope.Namespace())
		if err := here.QueryRow(ctx, "SELECT obj_description(to_regnamespace($1), 'pg_namespace')", pgx.QueryExecModeExec, schema).Scan(&mark); err != nil {
			return err
		}
		var last []string
		for _, k := range m.keys {
			last = append(last, "ALTER TABLE "+m.name(k.Table)+" ADD CONSTRAINT "+quoted(k.Name)+" "+k.Definition+" NOT VALID")
		}
		last = append(last, "COMMENT ON SCHEMA "+schema+" IS '"+strings.ReplaceAll(mark, "'", "''")+"'")
		if err := execAll(ctx, there, last); err != nil {
			return err
		}
		return execAll(ctx, here, []string{
			"DROP SCHEMA IF EXISTS " + quoted(closed(m.scope)) + " CASCADE",
			"ALTER SCHEMA " + schema + " RENAME TO " + quoted(closed(m.scope)),
			endStreams(m.scope, nil), // their triggers stay where nobody writes any more
		})
	})
}
