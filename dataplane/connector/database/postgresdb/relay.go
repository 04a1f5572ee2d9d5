package postgresdb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/dialect/postgres"
)

// Relay implements database.Streamer. A turn is one transaction, which holds the one row
// of relay: turns are made one after the other.
//
// Only what is committed is seen, so positions follow the commits, although of two
// transactions the one with the higher seq may be the first. What one turn sees is taken
// in the order of seq: a trigger notes a row when it holds its lock, so of two changes of
// one row, or two transactions of which one began after the other had ended, the later
// has the higher seq.
func (d *driver) Relay(ctx context.Context, t database.Turn) (out database.Relayed, err error) {
	err = d.eventful(ctx, func(conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) (err error) {
			out, err = turn(ctx, tx, t)
			return err
		})
	})
	return out, err
}

func turn(ctx context.Context, tx pgx.Tx, t database.Turn) (out database.Relayed, err error) {
	mode := pgx.QueryExecModeExec
	out.Last = t.Sent
	var n, sent int64
	var full, some bool
	err = tx.QueryRow(ctx, `UPDATE icehouse_events.relay SET holder = $1, until = clock_timestamp() + $2::bigint * interval '1 microsecond',
			sent = greatest(sent, least(n, $3)), at = greatest(at, clock_timestamp())
		WHERE holder = $1 OR until < clock_timestamp() RETURNING n, sent, at >= upto, coalesce((SELECT true FROM icehouse_events.outbox ORDER BY seq LIMIT 1), false)`,
		mode, t.Holder, t.Lease.Microseconds(), t.Sent).Scan(&n, &sent, &full, &some)
	if errors.Is(err, pgx.ErrNoRows) {
		var left int64
		err = tx.QueryRow(ctx, "SELECT ceil(extract(epoch FROM until - clock_timestamp()) * 1e6)::bigint FROM icehouse_events.relay", mode).Scan(&left)
		out.Until = time.Now().Add(time.Duration(max(left, 1)) * time.Microsecond)
		return out, err
	}
	if err != nil {
		return out, err
	}
	waiting := n - sent
	if room := int64(t.Limit) - waiting; some && room > 0 {
		if full {
			if err := nextPart(ctx, tx); err != nil {
				return out, err
			}
		}
		moved, err := tx.Exec(ctx, place, mode, room, n)
		if err != nil {
			return out, err
		}
		waiting += moved.RowsAffected()
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM icehouse_events.due WHERE dead IS NULL), EXISTS (SELECT FROM icehouse_events.outbox)", mode).Scan(&out.Due, &out.More); err != nil {
			return out, err
		}
	} else if room <= 0 {
		out.More = some || room < 0
	}
	if waiting == 0 {
		return out, nil
	}
	last, events, err := logged(ctx, tx, "n > $1 ORDER BY n LIMIT $2", sent, t.Limit)
	if len(events) > 0 {
		out.Events, out.Last = events, last
	}
	return out, err
}

// place moves events from outbox to log: at most $1, numbered behind $2. When there are
// more, the places share the room, so that one with many keeps no other waiting; a place is
// found by leaping from one to the next.
const place = `WITH RECURSIVE oldest AS MATERIALIZED (
		SELECT seq FROM icehouse_events.outbox ORDER BY seq LIMIT $1 + 1),
	places AS (
		(SELECT place FROM icehouse_events.outbox WHERE (SELECT count(*) FROM oldest) > $1 ORDER BY place LIMIT 1)
		UNION ALL
		SELECT (SELECT o.place FROM icehouse_events.outbox AS o WHERE o.place > p.place ORDER BY o.place LIMIT 1) FROM places AS p WHERE p.place IS NOT NULL),
	shared AS (
		SELECT o.seq FROM places AS p CROSS JOIN LATERAL (
			SELECT seq FROM icehouse_events.outbox WHERE place = p.place ORDER BY seq LIMIT greatest($1 / (SELECT count(*) FROM places WHERE place IS NOT NULL), 1)) AS o
		ORDER BY o.seq LIMIT $1),
	taken AS (
		DELETE FROM icehouse_events.outbox WHERE seq = ANY (CASE WHEN (SELECT count(*) FROM oldest) > $1 THEN ARRAY(SELECT seq FROM shared) ELSE ARRAY(SELECT seq FROM oldest) END) RETURNING *),
	placed AS (
		SELECT t.*, p.position + row_number() OVER (PARTITION BY t.epoch ORDER BY t.seq) AS position, $2 + row_number() OVER (ORDER BY t.seq) AS n
		FROM taken AS t JOIN icehouse_events.position AS p USING (epoch)),
	counted AS (
		UPDATE icehouse_events.position AS p SET position = l.position
		FROM (SELECT epoch, max(position) AS position FROM placed GROUP BY epoch) AS l WHERE p.epoch = l.epoch),
	told AS (
		INSERT INTO icehouse_events.due (place, function, position, model, epoch, kind, node, given, before, edges, noted)
		SELECT place, function, position, model, epoch, kind, node, given, before, edges, noted FROM placed JOIN icehouse_events.handler USING (place, model) ORDER BY n, function),
	numbered AS (
		UPDATE icehouse_events.relay SET n = greatest(n, (SELECT max(n) FROM placed)))
	INSERT INTO icehouse_events.log (n, place, position, model, epoch, kind, node, given, before, edges, noted, at)
	SELECT n, place, position, model, epoch, kind, node, given, before, edges, noted, (SELECT at FROM icehouse_events.relay) FROM placed`

// nextPart makes the partition of log for what comes from now on. The turn holds the row
// of relay.
func nextPart(ctx context.Context, tx pgx.Tx) error {
	var id int32
	var since, upto time.Time
	err := tx.QueryRow(ctx, `WITH ahead AS (UPDATE icehouse_events.relay SET upto = at + span RETURNING at, upto)
		INSERT INTO icehouse_events.part (since, upto) SELECT at, upto FROM ahead RETURNING n, since, upto`, pgx.QueryExecModeExec).Scan(&id, &since, &upto)
	if err != nil {
		return err
	}
	return execAll(ctx, tx, []string{
		fmt.Sprintf("CREATE TABLE %s (LIKE %s.log)", partName(id), postgres.EventsSchema),
		attach(id, since, upto),
	})
}

func partName(id int32) string { return fmt.Sprintf("%s.log_%d", postgres.EventsSchema, id) }

func attach(id int32, since, upto time.Time) string {
	const exact = "2006-01-02 15:04:05.000000Z07:00"
	return fmt.Sprintf("ALTER TABLE %s.log ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')", postgres.EventsSchema, partName(id), since.Format(exact), upto.Format(exact))
}

// Tidy implements database.Streamer. Events go with their partition, which takes the same
// time however many there are; each is for a quarter of the time that they are kept.
func (d *driver) Tidy(ctx context.Context, keep time.Duration) error {
	return d.eventful(ctx, func(conn *pgx.Conn) error {
		err := patiently(ctx, func() error {
			return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return cut(ctx, tx, keep) })
		})
		if err != nil {
			return err
		}
		if err := endUnheard(ctx, conn); err != nil {
			return err
		}
		for _, sql := range forgotten {
			if _, err := conn.Exec(ctx, sql, pgx.QueryExecModeExec); err != nil {
				return err
			}
		}
		rows, err := conn.Query(ctx, "SELECT n FROM icehouse_events.part WHERE upto < clock_timestamp() - $1::bigint * interval '1 microsecond'", pgx.QueryExecModeExec, keep.Microseconds())
		if err != nil {
			return err
		}
		old, err := pgx.CollectRows(rows, pgx.RowTo[int32])
		if err != nil {
			return err
		}
		steps := make([][]string, len(old))
		for i, id := range old {
			steps[i] = []string{"DROP TABLE IF EXISTS " + partName(id), fmt.Sprintf("DELETE FROM icehouse_events.part WHERE n = %d", id)}
		}
		return stepwise(ctx, conn, steps)
	})
}

// shortest is the shortest span of a partition.
const shortest = 50 * time.Millisecond

// cut sets how long partitions are, and ends the last one when that is much less than it
// was. What counted the events of streams that have ended goes, once all have theirs.
func cut(ctx context.Context, tx pgx.Tx, keep time.Duration) error {
	mode := pgx.QueryExecModeExec
	if err := execAll(ctx, tx, []string{giveWay}); err != nil {
		return err
	}
	var long bool
	err := tx.QueryRow(ctx, `UPDATE icehouse_events.relay SET span = $1::bigint * interval '1 microsecond', at = greatest(at, clock_timestamp())
		RETURNING at < upto AND upto > at + 2 * span`, mode, max(keep/4, shortest).Microseconds()).Scan(&long)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM icehouse_events.position AS p WHERE NOT EXISTS (SELECT FROM icehouse_events.stream AS s WHERE s.epoch = p.epoch)
		AND NOT EXISTS (SELECT FROM icehouse_events.outbox AS o WHERE o.epoch = p.epoch)`, mode); err != nil || !long {
		return err
	}
	var id int32
	var since, upto time.Time
	if err := tx.QueryRow(ctx, `WITH ahead AS (UPDATE icehouse_events.relay SET upto = at + interval '1 microsecond' RETURNING upto)
		UPDATE icehouse_events.part AS p SET upto = ahead.upto FROM ahead WHERE p.n = (SELECT max(n) FROM icehouse_events.part) RETURNING p.n, p.since, p.upto`, mode).Scan(&id, &since, &upto); err != nil {
		return err
	}
	return execAll(ctx, tx, []string{"ALTER TABLE icehouse_events.log DETACH PARTITION " + partName(id), attach(id, since, upto)})
}

// endUnheard ends the streams that nobody listens to. One whose table is in use is left
// to the next time.
func endUnheard(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, "SELECT place, model FROM icehouse_events.stream WHERE until < clock_timestamp()", pgx.QueryExecModeExec)
	if err != nil {
		return err
	}
	type unheard struct{ Place, Model string }
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[unheard])
	if err != nil {
		return err
	}
	for _, s := range all {
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if err := execAll(ctx, tx, append([]string{giveWay}, fmt.Sprintf("SELECT pg_advisory_xact_lock(%d, hashtext('%s'))", advanceLock, s.Place))); err != nil {
				return err
			}
			gone, err := tx.Exec(ctx, "DELETE FROM icehouse_events.stream WHERE place = $1 AND model = $2 AND until < clock_timestamp()", pgx.QueryExecModeExec, s.Place, s.Model)
			if err != nil || gone.RowsAffected() == 0 {
				return err
			}
			return execAll(ctx, tx, postgres.Unlisten(s.Place, s.Model))
		})
		if err != nil && !gaveWay(err) {
			return err
		}
	}
	return nil
}
