package sqlitedb

import (
	"cmp"
	"context"
	sqldriver "database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/dialect/sqlite"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

// What happens to nodes is noted by triggers in the project's own file (ADR 0022), which
// give each event its position at once: one transaction writes at a time. A stream runs
// while its row is there and its triggers are.

var _ database.Streamer = (*driver)(nil)

// eventsMark is a file beside a project's that has tables of events, by which those files
// are found without opening them.
const eventsMark = "events"

func (s *files) mark(namespace string) string {
	return filepath.Join(s.config.Folder, namespace, eventsMark)
}

// marked says whether a file with this path has tables of events.
func marked(path string) bool {
	_, err := os.Stat(filepath.Join(filepath.Dir(path), eventsMark))
	return err == nil
}

// OnEvents implements database.Streamer.
func (d *driver) OnEvents(tell func()) { d.relay.tell = tell }

// wrote notes a committed write.
func (d *driver) wrote(scope isolation.Scope, f *file) {
	if f.events.Load() {
		d.relay.wrote(scope.Namespace())
		if d.relay.tell != nil {
			d.relay.tell()
		}
	}
}

// Quietly implements database.Streamer.
func (d *driver) Quietly(ctx context.Context, scope isolation.Scope, statements []database.Statement) (out [][]byte, err error) {
	if !writes(statements) {
		return d.Batch(ctx, scope, statements)
	}
	err = d.change(ctx, scope, func(f *file, c *conn) error {
		return c.quietly(ctx, f, func() (err error) {
			out, err = c.run(ctx, statements)
			return err
		})
	})
	if err != nil {
		return nil, describe(err, len(statements)-1)
	}
	return out, nil
}

// quietly runs do, of which nothing is noted, in a transaction.
func (c *conn) quietly(ctx context.Context, f *file, do func() error) error {
	noting, err := c.noting(ctx, f)
	if err != nil {
		return err
	}
	if !noting {
		return do()
	}
	if err := c.exec(ctx, `INSERT INTO "_event.quiet" VALUES (1)`); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return c.exec(ctx, `DELETE FROM "_event.quiet"`)
}

// noting says whether a file has tables of events. The mark comes before them.
func (c *conn) noting(ctx context.Context, f *file) (bool, error) {
	if !f.events.Load() {
		return false, nil
	}
	n, err := c.ask(ctx, `SELECT count(*) FROM sqlite_schema WHERE name = '_event.stream'`)
	return n > 0, err
}

// change runs do in a transaction that writes.
func (d *driver) change(ctx context.Context, scope isolation.Scope, do func(*file, *conn) error) error {
	return d.files.use(scope, false, func(f *file) error {
		return f.write(ctx, false, func(c *conn) error {
			return c.transact(ctx, "BEGIN IMMEDIATE", func() error { return do(f, c) })
		})
	})
}

// eventful makes the tables of events. The mark is first: a file without it is not looked
// at.
func (d *driver) eventful(ctx context.Context, scope isolation.Scope, f *file, c *conn) error {
	if !f.events.Load() {
		if err := os.WriteFile(d.files.mark(scope.Namespace()), nil, 0o600); err != nil {
			return err
		}
		f.events.Store(true)
	}
	for _, sql := range sqlite.Events() {
		if err := c.exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// Listen implements database.Streamer.
func (d *driver) Listen(ctx context.Context, scope isolation.Scope, release int64, model string, ddl []string, until time.Time) (stream database.Stream, err error) {
	err = d.change(ctx, scope, func(f *file, c *conn) error {
		at, err := c.ask(ctx, "SELECT user_version FROM pragma_user_version")
		if err != nil {
			return err
		}
		if at > release {
			return &database.Error{Kind: database.OutOfDate, Cause: fmt.Errorf("%s has come to release %d, not %d", scope.Namespace(), at, release)}
		}
		if err := d.eventful(ctx, scope, f, c); err != nil {
			return err
		}
		if err := c.change(ctx, `UPDATE "_event.stream" SET until = max(until, ?2) WHERE model = ?1`, model, until.UnixMilli()); err != nil {
			return err
		}
		stream = database.Stream{}
		running, err := c.values(ctx, `SELECT epoch, position FROM "_event.stream" WHERE model = ?1`, model)
		if err != nil {
			return err
		}
		if len(running) == 2 {
			stream.Epoch, _ = running[0].(string)
			stream.Position, _ = running[1].(int64)
			return nil
		}
		for _, sql := range ddl {
			if err := c.exec(ctx, sql); err != nil {
				return err
			}
		}
		stream.Epoch = tenancy.NewID()
		return c.change(ctx, `INSERT INTO "_event.stream" VALUES (?1, ?2, 0, ?3)`, model, stream.Epoch, until.UnixMilli())
	})
	return stream, describe(err, 0)
}

// endStreams removes what notes what happens in a file: before its tables change, or a
// trigger would meet a column that is gone. Events stay, to be sent. So do the streams of
// types that functions are told of: handle makes them anew.
func (d *driver) endStreams(ctx context.Context, scope isolation.Scope, f *file, c *conn) error {
	if noting, err := c.noting(ctx, f); err != nil || !noting {
		return err
	}
	if err := d.eventful(ctx, scope, f, c); err != nil {
		return err
	}
	const unhandled = `"_event.stream" WHERE model NOT IN (SELECT model FROM "_event.handler")`
	var models []string
	if err := c.askJSON(ctx, &models, "SELECT json_group_array(model) FROM "+unhandled); err != nil {
		return err
	}
	for _, model := range models {
		if err := dropTriggers(ctx, c, sqlite.TriggerPrefix(model)); err != nil {
			return err
		}
	}
	return c.exec(ctx, "DELETE FROM "+unhandled)
}

func dropTriggers(ctx context.Context, c *conn, prefix string) error {
	var drop []string
	if err := c.askJSON(ctx, &drop, `SELECT json_group_array('DROP TRIGGER "' || name || '"') FROM sqlite_schema WHERE type = 'trigger' AND substr(name, 1, length(?1)) = ?1`, prefix); err != nil {
		return err
	}
	for _, sql := range drop {
		if err := c.exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// Extend implements database.Streamer.
func (d *driver) Extend(ctx context.Context, streams []database.StreamID, until time.Time) (ended []database.StreamID, err error) {
	for _, s := range streams {
		scope, err := isolation.ForProject(s.Project, tenancy.DefaultPlacement)
		if err != nil {
			return nil, err
		}
		runs := int64(0)
		err = d.change(ctx, scope, func(f *file, c *conn) error {
			if noting, err := c.noting(ctx, f); err != nil || !noting {
				return err
			}
			if err := c.change(ctx, `UPDATE "_event.stream" SET until = max(until, ?3) WHERE model = ?1 AND epoch = ?2`, s.Model, s.Epoch, until.UnixMilli()); err != nil {
				return err
			}
			runs, err = c.ask(ctx, `SELECT count(*) FROM "_event.stream" WHERE model = ?1 AND epoch = ?2`, s.Model, s.Epoch)
			return err
		})
		if err = describe(err, 0); err != nil && !gone(err) {
			return nil, err
		}
		if runs == 0 {
			ended = append(ended, s)
		}
	}
	return ended, nil
}

// gone says that a project has no file, or one without tables of events.
func gone(err error) bool {
	var e *database.Error
	return errors.As(err, &e) && e.Kind == database.OutOfDate
}

// Events implements database.Streamer.
func (d *driver) Events(ctx context.Context, scope isolation.Scope, model, epoch string, after int64, limit int) (events []database.Event, err error) {
	err = d.files.use(scope, false, func(f *file) error {
		return f.read(ctx, func(c *conn) error {
			return c.transact(ctx, "BEGIN", func() error {
				if noting, err := c.noting(ctx, f); err != nil || !noting {
					return cmp.Or(err, database.ErrGap)
				}
				at, err := c.values(ctx, `SELECT position FROM "_event.stream" WHERE model = ?1 AND epoch = ?2`, model, epoch)
				if err != nil {
					return err
				}
				if len(at) == 0 {
					return database.ErrGap
				}
				last, _ := at[0].(int64)
				if after > last || after < 0 {
					return database.ErrGap
				}
				if _, events, err = c.logged(ctx, scope, "epoch = ?1 AND position > ?2 ORDER BY position LIMIT ?3", epoch, after, int64(limit)); err != nil {
					return err
				}
				if after < last && limit > 0 && (len(events) == 0 || events[0].Position != after+1) {
					return database.ErrGap
				}
				return nil
			})
		})
	})
	if errors.Is(err, database.ErrGap) {
		return nil, database.ErrGap
	}
	return events, describe(err, 0)
}

// logged reads events, and the number of the last in the file.
func (c *conn) logged(ctx context.Context, scope isolation.Scope, where string, args ...any) (last int64, events []database.Event, err error) {
	var rows []struct {
		N, Position, Noted   int64
		Model, Epoch, Node   string
		Kind                 database.EventKind
		Given, Before, Edges *string
	}
	err = c.askJSON(ctx, &rows, `SELECT json_group_array(json_object('n', n, 'model', model, 'epoch', epoch, 'position', position, 'kind', kind, 'node', node,
		'given', given, 'before', before, 'edges', edges, 'noted', noted)) FROM (SELECT * FROM "_event.log" WHERE `+where+")", args...)
	if err != nil {
		return 0, nil, err
	}
	for _, r := range rows {
		e := database.Event{Project: scope.Project(), Model: r.Model, Epoch: r.Epoch, Position: r.Position, Kind: r.Kind, Node: r.Node, At: time.UnixMilli(r.Noted)}
		if r.Given != nil {
			if err := json.Unmarshal([]byte(*r.Given), &e.Given); err != nil {
				return 0, nil, err
			}
		}
		if r.Before != nil {
			e.Before = []byte(*r.Before)
		}
		if r.Edges != nil {
			e.Edges = []byte(*r.Edges)
		}
		last, events = r.N, append(events, e)
	}
	return last, events, nil
}

// values returns the columns of the first row of a query, none when there is no row.
func (c *conn) values(ctx context.Context, sql string, args ...any) ([]sqldriver.Value, error) {
	stmt, err := c.prepare(ctx, sql)
	if err != nil {
		return nil, err
	}
	return firstRow(ctx, stmt, named(args))
}

// change runs a statement with arguments.
func (c *conn) change(ctx context.Context, sql string, args ...any) error {
	stmt, err := c.prepare(ctx, sql)
	if err != nil {
		return err
	}
	e, ok := stmt.(sqldriver.StmtExecContext)
	if !ok {
		return errors.New("this engine can't execute what it prepared")
	}
	_, err = e.ExecContext(ctx, named(args))
	return err
}

// ask runs a query for a number.
func (c *conn) ask(ctx context.Context, sql string, args ...any) (int64, error) {
	values, err := c.values(ctx, sql, args...)
	if err != nil || len(values) == 0 {
		return 0, err
	}
	n, _ := values[0].(int64)
	return n, nil
}

// askJSON runs a query for a JSON text.
func (c *conn) askJSON(ctx context.Context, into any, sql string, args ...any) error {
	values, err := c.values(ctx, sql, args...)
	if err != nil || len(values) == 0 {
		return err
	}
	text, _ := values[0].(string)
	return json.Unmarshal([]byte(text), into)
}

func named(args []any) []sqldriver.NamedValue {
	out := make([]sqldriver.NamedValue, len(args))
	for i, v := range args {
		out[i] = sqldriver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return out
}
