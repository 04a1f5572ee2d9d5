package postgresdb

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/dialect/postgres"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

// What happens to nodes is noted by triggers, in a schema for all tenants (ADR 0022).
// A stream runs while its row is there and its triggers are.

var _ database.Streamer = (*driver)(nil)

// OnEvents implements database.Streamer.
func (d *driver) OnEvents(tell func()) { d.tell = tell }

// committed tells of what a transaction noted, once it is there to be seen.
func (d *driver) committed(s *session) {
	if s.noted && d.tell != nil {
		d.tell()
	}
	s.noted = false
}

// Quietly implements database.Streamer.
func (d *driver) Quietly(ctx context.Context, scope isolation.Scope, statements []database.Statement) ([][]byte, error) {
	if len(statements) == 0 {
		return nil, nil
	}
	out, err := d.once(ctx, trip{role: d.role(scope), statements: append(plain([]string{postgres.Quiet}), statements...)})
	if err != nil {
		return nil, shift(err, 1)
	}
	return out[1:], nil
}

// eventful runs do on a connection as the login user, in a database that has the schema
// of events.
func (d *driver) eventful(ctx context.Context, do func(*pgx.Conn) error) error {
	return moveError(d.plainly(ctx, func(conn *pgx.Conn) error {
		if !d.events.Load() {
			if err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
				return execAll(ctx, tx, append([]string{fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", installLock)}, postgres.Events()...))
			}); err != nil {
				return fmt.Errorf("make the schema of events: %w", err)
			}
			d.events.Store(true)
		}
		return do(conn)
	}))
}

// Listen implements database.Streamer. The triggers of a table wait for who writes to it,
// and keep others from it meanwhile: what is committed afterwards was noted.
func (d *driver) Listen(ctx context.Context, scope isolation.Scope, release int64, model string, ddl []string, until time.Time) (stream database.Stream, err error) {
	err = d.eventful(ctx, func(conn *pgx.Conn) error {
		return patiently(ctx, func() error {
			return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) (err error) {
				stream, err = listen(ctx, tx, scope, release, model, ddl, until)
				return err
			})
		})
	})
	return stream, err
}

func listen(ctx context.Context, tx pgx.Tx, scope isolation.Scope, release int64, model string, ddl []string, until time.Time) (database.Stream, error) {
	var none, stream database.Stream
	if err := execAll(ctx, tx, []string{giveWay, lockSchema(scope)}); err != nil {
		return none, err
	}
	mode := pgx.QueryExecModeExec
	var mark string
	if err := tx.QueryRow(ctx, "SELECT coalesce(obj_description(to_regnamespace($1), 'pg_namespace'), '')", mode, quoted(scope.Namespace())).Scan(&mark); err != nil {
		return none, err
	}
	if at, _ := strconv.ParseInt(strings.TrimPrefix(mark, schemaMark+" "), 10, 64); at > release || !strings.HasPrefix(mark, schemaMark) {
		return none, &database.Error{Kind: database.OutOfDate, Cause: fmt.Errorf("schema %s has come to release %d, not %d", scope.Namespace(), at, release)}
	}
	rows, err := tx.Query(ctx, `UPDATE icehouse_events.stream AS s SET until = greatest(s.until, $3)
		FROM icehouse_events.position AS p WHERE p.epoch = s.epoch AND s.place = $1 AND s.model = $2 RETURNING s.epoch, p.position`, mode, scope.Namespace(), model, until)
	if err != nil {
		return none, err
	}
	running, err := pgx.CollectRows(rows, pgx.RowToStructByPos[database.Stream])
	if err != nil || len(running) == 1 {
		return append(running, none)[0], err
	}
	stream.Epoch = tenancy.NewID()
	triggers := make([]string, len(ddl))
	for i, sql := range ddl {
		triggers[i] = strings.ReplaceAll(sql, postgres.Epoch, stream.Epoch)
	}
	if err := execAll(ctx, tx, triggers); err != nil {
		return none, err
	}
	if _, err := tx.Exec(ctx, "INSERT INTO icehouse_events.position VALUES ($1, 0)", mode, stream.Epoch); err != nil {
		return none, err
	}
	_, err = tx.Exec(ctx, "INSERT INTO icehouse_events.stream (place, model, epoch, until, made) VALUES ($1, $2, $3, $4, $5)", mode, scope.Namespace(), model, stream.Epoch, until, database.Made(ddl))
	return stream, err
}

// lockSchema keeps two changes of one schema apart.
func lockSchema(scope isolation.Scope) string {
	return fmt.Sprintf("SELECT pg_advisory_xact_lock(%d, hashtext('%s'))", advanceLock, scope.Namespace())
}

// noting are the functions in a schema that note what happens, but for those of the types
// that functions are told of.
func noting(scope isolation.Scope, handled []string) string {
	var but []string
	for _, model := range handled {
		but = append(but, postgres.EventFunctions(model)...)
	}
	return "pg_catalog.pg_proc WHERE pronamespace = to_regnamespace('" + quoted(scope.Namespace()) + "') AND starts_with(proname, '" + postgres.EventPrefix +
		"') AND proname <> ALL (" + texts(but) + ")"
}

// dropTriggers removes what notes what happens in a schema: before it changes, or a
// trigger would meet a column that is gone. The streams end with endStreams, the last
// statement of the transaction: others wait for their rows.
func dropTriggers(scope isolation.Scope, handled []string) string {
	return "DO $end$ DECLARE f regprocedure; BEGIN FOR f IN SELECT oid::regprocedure FROM " + noting(scope, handled) +
		" LOOP EXECUTE format('DROP FUNCTION %s CASCADE', f); END LOOP; END $end$"
}

func endStreams(scope isolation.Scope, handled []string) string {
	return "DO $end$ BEGIN IF to_regclass('icehouse_events.stream') IS NOT NULL THEN DELETE FROM icehouse_events.stream WHERE place = '" +
		scope.Namespace() + "' AND model <> ALL (" + texts(handled) + "); END IF; END $end$"
}

// Extend implements database.Streamer.
func (d *driver) Extend(ctx context.Context, streams []database.StreamID, until time.Time) (ended []database.StreamID, err error) {
	places, models, epochs := make([]string, len(streams)), make([]string, len(streams)), make([]string, len(streams))
	for i, s := range streams {
		places[i], models[i], epochs[i] = string(s.Project), s.Model, s.Epoch
	}
	var running []database.StreamID
	err = d.eventful(ctx, func(conn *pgx.Conn) error {
		// In the order of their names, so that two of these never wait for each other.
		rows, err := conn.Query(ctx, `WITH held AS (SELECT s.place, s.model FROM icehouse_events.stream AS s
				JOIN unnest($1::text[], $2::text[], $3::text[]) AS w (place, model, epoch) USING (place, model, epoch) ORDER BY s.place, s.model FOR UPDATE OF s)
			UPDATE icehouse_events.stream AS s SET until = greatest(s.until, $4) FROM held WHERE s.place = held.place AND s.model = held.model RETURNING s.place, s.model, s.epoch`,
			pgx.QueryExecModeExec, places, models, epochs, until)
		if err != nil {
			return err
		}
		running, err = pgx.CollectRows(rows, pgx.RowToStructByPos[database.StreamID])
		return err
	})
	if err != nil {
		return nil, err
	}
	runs := map[database.StreamID]bool{}
	for _, s := range running {
		runs[s] = true
	}
	for _, s := range streams {
		if !runs[s] {
			ended = append(ended, s)
		}
	}
	return ended, nil
}

// Events implements database.Streamer.
func (d *driver) Events(ctx context.Context, scope isolation.Scope, model, epoch string, after int64, limit int) (events []database.Event, err error) {
	err = d.eventful(ctx, func(conn *pgx.Conn) error {
		return pgx.BeginTxFunc(ctx, conn, steady, func(tx pgx.Tx) error {
			var last int64
			err := tx.QueryRow(ctx, `SELECT coalesce((SELECT p.position FROM icehouse_events.stream AS s JOIN icehouse_events.position AS p USING (epoch)
				WHERE s.place = $1 AND s.model = $2 AND s.epoch = $3), -1)`, pgx.QueryExecModeExec, scope.Namespace(), model, epoch).Scan(&last)
			if err != nil {
				return err
			}
			if after > last || after < 0 {
				return database.ErrGap
			}
			if _, events, err = logged(ctx, tx, "epoch = $1 AND position > $2 ORDER BY position LIMIT $3", epoch, after, limit); err != nil {
				return err
			}
			if after < last && limit > 0 && (len(events) == 0 || events[0].Position != after+1) {
				return database.ErrGap
			}
			return nil
		})
	})
	return events, err
}

// logged reads events that have a position, and the number of the last among all.
func logged(ctx context.Context, tx pgx.Tx, where string, args ...any) (last int64, events []database.Event, err error) {
	rows, err := tx.Query(ctx, "SELECT n, place, model, epoch, position, kind, node, given, before, edges, noted FROM icehouse_events.log WHERE "+where,
		append([]any{pgx.QueryExecModeExec}, args...)...)
	if err != nil {
		return 0, nil, err
	}
	var given, before, edges *string
	var e database.Event
	_, err = pgx.ForEachRow(rows, []any{&last, &e.Project, &e.Model, &e.Epoch, &e.Position, &e.Kind, &e.Node, &given, &before, &edges, &e.At}, func() error {
		e.Given, e.Before, e.Edges = nil, nil, nil
		if given != nil {
			if err := json.Unmarshal([]byte(*given), &e.Given); err != nil {
				return err
			}
		}
		if before != nil {
			e.Before = []byte(*before)
		}
		if edges != nil {
			e.Edges = []byte(*edges)
		}
		events = append(events, e)
		return nil
	})
	return last, events, err
}
