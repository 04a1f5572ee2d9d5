package postgresdb

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/dialect/postgres"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

var _ database.Handling = (*driver)(nil)

// handled is what a place notes for functions.
type handled struct {
	Models  []string          `json:"models"`  // that functions are told of
	Streams map[string]string `json:"streams"` // that run, and from what their triggers were made
}

// handled reads what a place notes for functions.
func (d *driver) handled(ctx context.Context, scope isolation.Scope) (out handled, err error) {
	err = d.eventful(ctx, func(conn *pgx.Conn) error {
		var text string
		if err := conn.QueryRow(ctx, `SELECT json_build_object(
				'models', coalesce((SELECT json_agg(DISTINCT model) FROM icehouse_events.handler WHERE place = $1), '[]'),
				'streams', coalesce((SELECT json_object_agg(model, made) FROM icehouse_events.stream WHERE place = $1), '{}'))::text`,
			pgx.QueryExecModeExec, scope.Namespace()).Scan(&text); err != nil {
			return err
		}
		return json.Unmarshal([]byte(text), &out)
	})
	return out, err
}

// nothing is what is done in a database that only needs the schema of events.
func nothing(*pgx.Conn) error { return nil }

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// texts writes an array.
func texts(all []string) string {
	quoted := make([]string, len(all))
	for i, s := range all {
		quoted[i] = literal(s)
	}
	return "ARRAY[" + strings.Join(quoted, ", ") + "]::text[]"
}

// unfit are the types that functions are told of now and whose triggers don't fit the new
// tables, or that none is told of any more.
func (h handled) unfit(handlers []database.Handler) (models []string) {
	for _, model := range h.Models {
		if !slices.ContainsFunc(handlers, func(o database.Handler) bool { return o.Model == model && h.Streams[model] == database.Made(o.DDL) }) {
			models = append(models, model)
		}
	}
	return models
}

// handle are the statements that make these the functions that are told of a project's
// events. Triggers that note what the new tables have stay as they are, the others are
// made anew, with another stream. The rows that others may wait for come last.
func handle(scope isolation.Scope, handlers []database.Handler, before handled) []string {
	if len(handlers)+len(before.Models) == 0 {
		return nil
	}
	place := literal(scope.Namespace())
	var triggers, rows, models, pairs []string
	seen := map[string]bool{}
	for _, h := range handlers {
		pairs = append(pairs, "("+place+", "+literal(h.Model)+", "+literal(h.Function)+")")
		for _, former := range h.Formerly { // only the relay still has something of it
			pairs = append(pairs, "("+place+", "+literal(former)+", "+literal(h.Function)+")")
			if !seen[former] && slices.Contains(before.Models, former) {
				triggers = append(triggers, postgres.Unlisten(scope.Namespace(), former)...)
				rows = append(rows, "DELETE FROM icehouse_events.stream WHERE place = "+place+" AND model = "+literal(former))
			}
			seen[former] = true
		}
		if seen[h.Model] {
			continue
		}
		seen[h.Model] = true
		models = append(models, h.Model)
		if before.Streams[h.Model] == database.Made(h.DDL) {
			continue
		}
		epoch := tenancy.NewID()
		triggers = append(triggers, postgres.Unlisten(scope.Namespace(), h.Model)...)
		for _, sql := range h.DDL {
			triggers = append(triggers, strings.ReplaceAll(sql, postgres.Epoch, epoch))
		}
		rows = append(rows,
			"INSERT INTO icehouse_events.position VALUES ("+literal(epoch)+", 0)",
			"DELETE FROM icehouse_events.stream WHERE place = "+place+" AND model = "+literal(h.Model),
			"INSERT INTO icehouse_events.stream (place, model, epoch, until, made) VALUES ("+place+", "+literal(h.Model)+", "+literal(epoch)+", 'infinity', "+literal(database.Made(h.DDL))+")")
	}
	of := "DELETE FROM icehouse_events.handler WHERE place = " + place
	if len(pairs) > 0 {
		of += " AND (place, model, function) NOT IN (VALUES " + strings.Join(pairs, ", ") + ")"
	}
	out := append(triggers, of)
	if len(pairs) > 0 {
		out = append(out, "INSERT INTO icehouse_events.handler (place, model, function) VALUES "+strings.Join(pairs, ", ")+" ON CONFLICT DO NOTHING")
	}
	out = append(out, "DELETE FROM icehouse_events.due AS d WHERE place = "+place+
		" AND NOT EXISTS (SELECT FROM icehouse_events.handler AS h WHERE h.place = d.place AND h.function = d.function)")
	out = append(out, rows...)
	return append(out, "UPDATE icehouse_events.stream SET until = CASE WHEN model = ANY ("+texts(models)+") THEN 'infinity' WHEN until = 'infinity' THEN clock_timestamp() ELSE until END WHERE place = "+place)
}

// Handle implements database.Handling.
func (d *driver) Handle(ctx context.Context, scope isolation.Scope, handlers []database.Handler) error {
	return patiently(ctx, func() error {
		before, err := d.handled(ctx, scope)
		if err != nil {
			return err
		}
		_, err = d.once(ctx, trip{role: login, unnamed: true, statements: plain(append([]string{giveWay, lockSchema(scope)}, handle(scope, handlers, before)...))})
		return err
	})
}

// Claim implements database.Handling. A function is found by leaping from one to the next.
func (d *driver) Claim(ctx context.Context, holder string, lease time.Duration, limit int) (waiting []database.Waiting, err error) {
	err = d.eventful(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `WITH RECURSIVE waiting AS (
				(SELECT place, function FROM icehouse_events.due WHERE dead IS NULL ORDER BY place, function LIMIT 1)
				UNION ALL
				SELECT n.place, n.function FROM waiting AS w CROSS JOIN LATERAL (SELECT d.place, d.function FROM icehouse_events.due AS d
					WHERE d.dead IS NULL AND (d.place, d.function) > (w.place, w.function) ORDER BY d.place, d.function LIMIT 1) AS n)
			INSERT INTO icehouse_events.handling AS h (place, function, holder, until)
			SELECT w.place, w.function, $1, clock_timestamp() + $2::bigint * interval '1 microsecond' FROM waiting AS w LEFT JOIN icehouse_events.handling AS o USING (place, function)
			WHERE (o.until IS NULL OR o.until < clock_timestamp())
				AND EXISTS (SELECT FROM icehouse_events.due AS d WHERE d.place = w.place AND d.function = w.function AND d.dead IS NULL AND d.after < clock_timestamp())
			ORDER BY o.until NULLS FIRST LIMIT $3
			ON CONFLICT (place, function) DO UPDATE SET holder = excluded.holder, until = excluded.until WHERE h.until < clock_timestamp()
			RETURNING h.place, h.function`, pgx.QueryExecModeExec, holder, lease.Microseconds(), limit)
		if err != nil {
			return err
		}
		waiting, err = pgx.CollectRows(rows, pgx.RowToStructByPos[database.Waiting])
		return err
	})
	return waiting, err
}

// Keep implements database.Handling.
func (d *driver) Keep(ctx context.Context, holder string, w database.Waiting, lease time.Duration) (kept bool, err error) {
	err = d.eventful(ctx, func(conn *pgx.Conn) error {
		done, err := conn.Exec(ctx, `UPDATE icehouse_events.handling SET until = clock_timestamp() + $4::bigint * interval '1 microsecond'
			WHERE place = $1 AND function = $2 AND holder = $3 AND until > clock_timestamp()`, pgx.QueryExecModeExec, string(w.Project), w.Function, holder, lease.Microseconds())
		kept = done.RowsAffected() == 1
		return err
	})
	return kept, err
}

// GiveBack implements database.Handling. When it was says whose turn is next.
func (d *driver) GiveBack(ctx context.Context, holder string, w database.Waiting) error {
	return d.eventful(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "UPDATE icehouse_events.handling SET until = clock_timestamp() WHERE place = $1 AND function = $2 AND holder = $3",
			pgx.QueryExecModeExec, string(w.Project), w.Function, holder)
		return err
	})
}

// Due implements database.Handling.
func (d *driver) Due(ctx context.Context, w database.Waiting, after int64, limit int) ([]database.Due, error) {
	return d.due(ctx, `dead IS NULL AND place = $1 AND function = $2 AND id > $3 AND after < clock_timestamp() AND NOT EXISTS (
			SELECT FROM icehouse_events.due AS e WHERE e.dead IS NULL AND e.after > '-infinity' AND e.after >= clock_timestamp()
				AND e.place = d.place AND e.function = d.function AND e.node = d.node AND e.id < d.id)
		ORDER BY id LIMIT $4`, string(w.Project), w.Function, after, limit)
}

// Dead implements database.Handling.
func (d *driver) Dead(ctx context.Context, project tenancy.ProjectID, after int64, limit int) ([]database.Due, error) {
	return d.due(ctx, "dead IS NOT NULL AND place = $1 AND id > $2 ORDER BY id LIMIT $3", string(project), after, limit)
}

func (d *driver) due(ctx context.Context, where string, args ...any) (out []database.Due, err error) {
	err = d.eventful(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT id, place, function, model, epoch, position, kind, node, coalesce(given, 'null'), coalesce(before, ''), coalesce(edges, ''), noted,
				attempts, failed, coalesce(dead, '-infinity') FROM icehouse_events.due AS d WHERE `+where, append([]any{pgx.QueryExecModeExec}, args...)...)
		if err != nil {
			return err
		}
		var e database.Due
		var given, before, edges string
		var dead infinite
		_, err = pgx.ForEachRow(rows, []any{&e.ID, &e.Project, &e.Function, &e.Model, &e.Epoch, &e.Position, &e.Kind, &e.Node, &given, &before, &edges, &e.At, &e.Attempts, &e.Failed, &dead}, func() error {
			e.Given, e.Before, e.Edges, e.GivenUp = nil, nil, nil, dead.Time
			if before != "" {
				e.Before = []byte(before)
			}
			if edges != "" {
				e.Edges = []byte(edges)
			}
			if err := json.Unmarshal([]byte(given), &e.Given); err != nil {
				return fmt.Errorf("what an update was given: %w", err)
			}
			out = append(out, e)
			return nil
		})
		return err
	})
	return out, err
}

// Settle implements database.Handling.
func (d *driver) Settle(ctx context.Context, project tenancy.ProjectID, outcomes []database.Outcome) error {
	return d.eventful(ctx, func(conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			var done []int64
			for _, o := range outcomes {
				switch {
				case o.Postponed:
					if _, err := tx.Exec(ctx, "UPDATE icehouse_events.due SET after = clock_timestamp() + $3::bigint * interval '1 microsecond' WHERE place = $1 AND id = $2",
						pgx.QueryExecModeExec, string(project), o.ID, o.After.Microseconds()); err != nil {
						return err
					}
				case o.Attempts > 0:
					if _, err := tx.Exec(ctx, `UPDATE icehouse_events.due SET attempts = $3, failed = $4, after = clock_timestamp() + $5::bigint * interval '1 microsecond',
							dead = CASE WHEN $6 THEN clock_timestamp() END WHERE place = $1 AND id = $2`,
						pgx.QueryExecModeExec, string(project), o.ID, o.Attempts, printable(o.Failed), o.After.Microseconds(), o.Dead); err != nil {
						return err
					}
				default:
					done = append(done, o.ID)
				}
			}
			_, err := tx.Exec(ctx, "DELETE FROM icehouse_events.due WHERE place = $1 AND id = ANY ($2)", pgx.QueryExecModeExec, string(project), done)
			return err
		})
	})
}

// printable is what the engine takes for text.
func printable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// Replay implements database.Handling.
func (d *driver) Replay(ctx context.Context, project tenancy.ProjectID, function string, ids []int64) (n int, err error) {
	err = d.eventful(ctx, func(conn *pgx.Conn) error {
		done, err := conn.Exec(ctx, `WITH again AS (DELETE FROM icehouse_events.due WHERE place = $1 AND dead IS NOT NULL AND ($2 = '' OR function = $2) AND ($3::bigint[] IS NULL OR id = ANY ($3)) RETURNING *)
			INSERT INTO icehouse_events.due (place, function, position, model, epoch, kind, node, given, before, edges, noted)
			SELECT place, function, position, model, epoch, kind, node, given, before, edges, noted FROM again ORDER BY id`,
			pgx.QueryExecModeExec, string(project), function, ids)
		n = int(done.RowsAffected())
		return err
	})
	return n, err
}

// handedAtOnce is how many rows of due a transaction brings to another place.
const handedAtOnce = 5000

// hand brings what functions were not told yet, and dead letters, to the other end of a
// move. What the relay still has comes to be due here, and is told from here.
func (m *move) hand(ctx context.Context) error {
	if err := m.from.eventful(ctx, nothing); err != nil {
		return err
	}
	if err := m.to.eventful(ctx, nothing); err != nil {
		return err
	}
	for more := true; more; {
		if err := m.both(ctx, pgx.TxOptions{}, func(here, there pgx.Tx) error {
			var rows string
			if err := here.QueryRow(ctx, `WITH gone AS (DELETE FROM icehouse_events.due WHERE id = ANY (ARRAY(SELECT id FROM icehouse_events.due WHERE place = $1 ORDER BY id LIMIT $2)) RETURNING *)
				SELECT coalesce(json_agg(gone ORDER BY id), '[]')::text FROM gone`, pgx.QueryExecModeExec, m.scope.Namespace(), handedAtOnce).Scan(&rows); err != nil {
				return err
			}
			const columns = "place, function, position, model, epoch, kind, node, given, before, edges, noted, attempts, failed, after, dead"
			came, err := there.Exec(ctx, "INSERT INTO icehouse_events.due ("+columns+") SELECT "+columns+" FROM json_populate_recordset(NULL::icehouse_events.due, $1::json) ORDER BY id", pgx.QueryExecModeExec, rows)
			more = came.RowsAffected() == handedAtOnce
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// forgotten are the statements that remove what nobody needs: dead letters of long ago,
// and what is said of places that are gone, once all their events have their positions.
var forgotten = []string{
	fmt.Sprintf("DELETE FROM icehouse_events.due WHERE dead < clock_timestamp() - %d * interval '1 second'", int(database.DeadTime/time.Second)),
	`DELETE FROM icehouse_events.handler AS h WHERE to_regnamespace(quote_ident(h.place)) IS NULL
		AND NOT EXISTS (SELECT FROM icehouse_events.outbox AS o WHERE o.place = h.place)`,
	`DELETE FROM icehouse_events.handling AS h WHERE until < clock_timestamp() - interval '1 hour'
		AND NOT EXISTS (SELECT FROM icehouse_events.due AS d WHERE d.place = h.place AND d.function = h.function AND d.dead IS NULL)`,
}

// infinite is a time, of which -infinity is none.
type infinite struct{ time.Time }

// ScanTimestamptz implements pgtype.TimestamptzScanner.
func (i *infinite) ScanTimestamptz(v pgtype.Timestamptz) error {
	i.Time = time.Time{}
	if v.InfinityModifier == pgtype.Finite {
		i.Time = v.Time
	}
	return nil
}
