package sqlitedb

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/dialect/sqlite"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

var _ database.Handling = (*driver)(nil)

// due is which files may have something that functions are to be told, and who has which
// function. One process has the files, so that leases are kept in it.
type due struct {
	mu     sync.Mutex
	files  map[string]bool // namespaces
	leases map[database.Waiting]lease
}

// lease is who has a function, or had it last.
type lease struct {
	holder string
	until  time.Time
}

func newDue() due { return due{files: map[string]bool{}, leases: map[database.Waiting]lease{}} }

func (w *due) mayBe(namespace string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.files[namespace] = true
}

// all lists the files, and forgets them: whoever writes from now on names his again.
func (w *due) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := slices.Collect(maps.Keys(w.files))
	clear(w.files)
	return out
}

// take gives leases of functions that nobody has, those first whose turn was the longest
// ago.
func (w *due) take(ready []database.Waiting, holder string, now, until time.Time, limit int) (out []database.Waiting) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ready = slices.DeleteFunc(ready, func(f database.Waiting) bool { return !w.leases[f].until.Before(now) })
	slices.SortStableFunc(ready, func(a, b database.Waiting) int { return w.leases[a].until.Compare(w.leases[b].until) })
	for _, f := range ready[:min(limit, len(ready))] {
		w.leases[f] = lease{holder, until}
		out = append(out, f)
	}
	return out
}

// forget leaves out leases that ended long ago.
func (w *due) forget(before time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.DeleteFunc(w.leases, func(_ database.Waiting, l lease) bool { return l.until.Before(before) })
}

const forever = math.MaxInt64

// Handle implements database.Handling.
func (d *driver) Handle(ctx context.Context, scope isolation.Scope, handlers []database.Handler) error {
	err := describe(d.change(ctx, scope, func(f *file, c *conn) error { return d.handle(ctx, scope, f, c, handlers) }), 0)
	if len(handlers) == 0 && gone(err) {
		return nil
	}
	return err
}

// handle makes these the functions that are told of a project's events. Triggers that note
// what the new tables have stay as they are, the others are made anew, with another
// stream.
func (d *driver) handle(ctx context.Context, scope isolation.Scope, f *file, c *conn, handlers []database.Handler) error {
	if noting, err := c.noting(ctx, f); err != nil || !noting && len(handlers) == 0 {
		return err
	}
	if err := d.eventful(ctx, scope, f, c); err != nil {
		return err
	}
	streams := map[string]string{}
	if err := c.askJSON(ctx, &streams, `SELECT json_group_object(model, coalesce(made, '')) FROM "_event.stream" LEFT JOIN "_event.made" USING (model)`); err != nil {
		return err
	}
	if err := c.exec(ctx, `DELETE FROM "_event.handler"`); err != nil {
		return err
	}
	for _, h := range handlers {
		if err := c.change(ctx, `INSERT INTO "_event.handler" (model, function) VALUES (?1, ?2)`, h.Model, h.Function); err != nil {
			return err
		}
		if streams[h.Model] == database.Made(h.DDL) {
			continue
		}
		streams[h.Model] = database.Made(h.DDL)
		if err := dropTriggers(ctx, c, sqlite.TriggerPrefix(h.Model)); err != nil {
			return err
		}
		for _, sql := range h.DDL {
			if err := c.exec(ctx, sql); err != nil {
				return err
			}
		}
		if err := c.change(ctx, `INSERT OR REPLACE INTO "_event.stream" VALUES (?1, ?2, 0, ?3)`, h.Model, tenancy.NewID(), int64(forever)); err != nil {
			return err
		}
		if err := c.change(ctx, `INSERT OR REPLACE INTO "_event.made" VALUES (?1, ?2)`, h.Model, database.Made(h.DDL)); err != nil {
			return err
		}
	}
	for _, sql := range []string{
		`DELETE FROM "_event.due" WHERE function NOT IN (SELECT function FROM "_event.handler")`,
		`DELETE FROM "_event.made" WHERE model NOT IN (SELECT model FROM "_event.handler")`,
		`UPDATE "_event.stream" SET until = CAST(unixepoch('subsec') * 1000 AS INTEGER) WHERE until = 9223372036854775807 AND model NOT IN (SELECT model FROM "_event.handler")`,
	} {
		if err := c.exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// unfit ends the streams of types whose triggers don't fit the new tables, or that no
// function is told of any more.
func (d *driver) unfit(ctx context.Context, f *file, c *conn, handlers []database.Handler) error {
	if keeps, err := c.keeps(ctx, f); err != nil || !keeps {
		return err
	}
	handled := map[string]string{}
	if err := c.askJSON(ctx, &handled, `SELECT json_group_object(model, made) FROM "_event.made"`); err != nil {
		return err
	}
	for model, from := range handled {
		if slices.ContainsFunc(handlers, func(h database.Handler) bool { return h.Model == model && from == database.Made(h.DDL) }) {
			continue
		}
		if err := dropTriggers(ctx, c, sqlite.TriggerPrefix(model)); err != nil {
			return err
		}
		if err := c.change(ctx, `DELETE FROM "_event.stream" WHERE model = ?1`, model); err != nil {
			return err
		}
	}
	return nil
}

// keeps says whether a file has the table of what is due.
func (c *conn) keeps(ctx context.Context, f *file) (bool, error) {
	if !f.events.Load() {
		return false, nil
	}
	n, err := c.ask(ctx, `SELECT count(*) FROM sqlite_schema WHERE name = '_event.due'`)
	return n > 0, err
}

// look reads what is due in a project's file. A project that is gone has nothing.
func (d *driver) look(ctx context.Context, project tenancy.ProjectID, do func(*conn) error) error {
	return d.visit(string(project), func(scope isolation.Scope) error {
		return d.files.use(scope, false, func(f *file) error {
			return f.read(ctx, func(c *conn) error {
				if keeps, err := c.keeps(ctx, f); err != nil || !keeps {
					return err
				}
				return do(c)
			})
		})
	})
}

// alter is look for what writes.
func (d *driver) alter(ctx context.Context, project tenancy.ProjectID, do func(*conn) error) error {
	return d.visit(string(project), func(scope isolation.Scope) error {
		return d.change(ctx, scope, func(f *file, c *conn) error {
			if keeps, err := c.keeps(ctx, f); err != nil || !keeps {
				return err
			}
			return do(c)
		})
	})
}

// Claim implements database.Handling.
func (d *driver) Claim(ctx context.Context, holder string, lease time.Duration, limit int) ([]database.Waiting, error) {
	d.relay.turn.Lock()
	err := d.find()
	d.relay.turn.Unlock()
	if err != nil {
		return nil, describe(err, 0)
	}
	w, now := &d.relay.due, time.Now()
	var ready []database.Waiting
	for _, namespace := range w.all() {
		var functions []struct {
			Function string
			Ready    int
		}
		failed := d.look(ctx, tenancy.ProjectID(namespace), func(c *conn) error {
			return c.askJSON(ctx, &functions, `SELECT json_group_array(json_object('function', function, 'ready', EXISTS (
					SELECT 1 FROM "_event.due" AS d WHERE d.function = f.function AND d.dead IS NULL AND d.after <= ?1)))
				FROM (SELECT DISTINCT function FROM "_event.due" WHERE dead IS NULL) AS f`, now.UnixMilli())
		})
		if failed != nil || len(functions) > 0 {
			w.mayBe(namespace)
		}
		err = errors.Join(err, failed)
		for _, f := range functions {
			if f.Ready > 0 {
				ready = append(ready, database.Waiting{Project: tenancy.ProjectID(namespace), Function: f.Function})
			}
		}
	}
	return w.take(ready, holder, now, now.Add(lease), limit), err
}

// Keep implements database.Handling.
func (d *driver) Keep(_ context.Context, holder string, f database.Waiting, most time.Duration) (bool, error) {
	w, now := &d.relay.due, time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	has := w.leases[f]
	if has.holder != holder || !now.Before(has.until) {
		return false, nil
	}
	w.leases[f] = lease{holder, now.Add(most)}
	return true, nil
}

// GiveBack implements database.Handling.
func (d *driver) GiveBack(_ context.Context, holder string, f database.Waiting) error {
	w := &d.relay.due
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.leases[f].holder == holder {
		w.leases[f] = lease{holder, time.Now()}
	}
	return nil
}

// Due implements database.Handling.
func (d *driver) Due(ctx context.Context, w database.Waiting, after int64, limit int) (out []database.Due, err error) {
	err = d.look(ctx, w.Project, func(c *conn) error {
		out, err = c.due(ctx, w.Project, `dead IS NULL AND function = ?1 AND id > ?2 AND after <= ?3 AND NOT EXISTS (
				SELECT 1 FROM "_event.due" AS e WHERE e.dead IS NULL AND e.after > 0 AND e.after > ?3 AND e.function = d.function AND e.node = d.node AND e.id < d.id)
			ORDER BY id LIMIT ?4`, w.Function, after, time.Now().UnixMilli(), int64(limit))
		return err
	})
	return out, err
}

// Dead implements database.Handling.
func (d *driver) Dead(ctx context.Context, project tenancy.ProjectID, after int64, limit int) (out []database.Due, err error) {
	err = d.look(ctx, project, func(c *conn) error {
		out, err = c.due(ctx, project, "dead IS NOT NULL AND id > ?1 ORDER BY id LIMIT ?2", after, int64(limit))
		return err
	})
	return out, err
}

func (c *conn) due(ctx context.Context, project tenancy.ProjectID, where string, args ...any) ([]database.Due, error) {
	var rows []struct {
		ID, Position, Noted, Attempts        int64
		Model, Epoch, Node, Function, Failed string
		Kind                                 database.EventKind
		Given, Before, Edges                 *string
		Dead                                 *int64
	}
	err := c.askJSON(ctx, &rows, `SELECT json_group_array(json_object('id', id, 'function', function, 'model', model, 'epoch', epoch, 'position', position, 'kind', kind, 'node', node,
		'given', given, 'before', before, 'edges', edges, 'noted', noted, 'attempts', attempts, 'failed', failed, 'dead', dead)) FROM (SELECT * FROM "_event.due" AS d WHERE `+where+")", args...)
	if err != nil {
		return nil, err
	}
	out := make([]database.Due, len(rows))
	for i, r := range rows {
		e := &out[i]
		e.Event = database.Event{Project: project, Model: r.Model, Epoch: r.Epoch, Position: r.Position, Kind: r.Kind, Node: r.Node, At: time.UnixMilli(r.Noted)}
		e.ID, e.Function, e.Attempts, e.Failed = r.ID, r.Function, int(r.Attempts), r.Failed
		if r.Given != nil {
			if err := json.Unmarshal([]byte(*r.Given), &e.Given); err != nil {
				return nil, err
			}
		}
		if r.Before != nil {
			e.Before = []byte(*r.Before)
		}
		if r.Edges != nil {
			e.Edges = []byte(*r.Edges)
		}
		if r.Dead != nil {
			e.GivenUp = time.UnixMilli(*r.Dead)
		}
	}
	return out, nil
}

// Settle implements database.Handling.
func (d *driver) Settle(ctx context.Context, project tenancy.ProjectID, outcomes []database.Outcome) error {
	return d.alter(ctx, project, func(c *conn) error {
		now := time.Now()
		for _, o := range outcomes {
			var err error
			switch then := now.Add(o.After).UnixMilli(); {
			case o.Postponed:
				err = c.change(ctx, `UPDATE "_event.due" SET after = ?2 WHERE id = ?1`, o.ID, then)
			case o.Attempts > 0:
				var dead any
				if o.Dead {
					dead = now.UnixMilli()
				}
				err = c.change(ctx, `UPDATE "_event.due" SET attempts = ?2, failed = ?3, after = ?4, dead = ?5 WHERE id = ?1`,
					o.ID, int64(o.Attempts), strings.ToValidUTF8(o.Failed, "\uFFFD"), then, dead)
			default:
				err = c.change(ctx, `DELETE FROM "_event.due" WHERE id = ?1`, o.ID)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Replay implements database.Handling.
func (d *driver) Replay(ctx context.Context, project tenancy.ProjectID, function string, ids []int64) (int, error) {
	n := int64(0)
	chosen, err := json.Marshal(ids)
	if err != nil {
		return 0, err
	}
	err = d.alter(ctx, project, func(c *conn) error {
		const again = `dead IS NOT NULL AND (?1 = '' OR function = ?1) AND (?2 = 'null' OR id IN (SELECT value FROM json_each(?2)))`
		if err := c.change(ctx, `INSERT INTO "_event.due" (function, model, epoch, position, kind, node, given, before, edges, noted)
			SELECT function, model, epoch, position, kind, node, given, before, edges, noted FROM "_event.due" WHERE `+again+" ORDER BY id", function, string(chosen)); err != nil {
			return err
		}
		if err := c.change(ctx, `DELETE FROM "_event.due" WHERE `+again, function, string(chosen)); err != nil {
			return err
		}
		n, err = c.ask(ctx, "SELECT changes()")
		return err
	})
	d.relay.due.mayBe(string(project))
	return int(n), err
}

// forget removes dead letters of long ago.
func (d *driver) forget(ctx context.Context, namespace string, now time.Time) error {
	return d.alter(ctx, tenancy.ProjectID(namespace), func(c *conn) error {
		return c.change(ctx, `DELETE FROM "_event.due" WHERE dead < ?1`, now.Add(-database.DeadTime).UnixMilli())
	})
}
