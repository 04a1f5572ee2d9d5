package sqlitedb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/dialect/sqlite"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

// relay is which files have events that may have to be sent, and what was handed out to
// be. The files remember what was sent, so that another process goes on from there.
type relay struct {
	tell func()

	mu    sync.Mutex
	files map[string]bool // namespaces
	due   due

	turn   sync.Mutex // and all below
	found  bool       // all files of before are among them
	holder string
	until  time.Time
	last   int64 // Relayed.Last of the last turn that handed anything out
	handed map[string]int64
}

// A later process begins with a higher number than the last had.
func newRelay() *relay {
	return &relay{files: map[string]bool{}, due: newDue(), last: time.Now().UnixNano(), handed: map[string]int64{}}
}

func (r *relay) wrote(namespace string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files[namespace] = true
	r.due.mayBe(namespace)
}

// take lists the files, and forgets them: whoever writes from now on names his again.
func (r *relay) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]string, 0, len(r.files))
	for namespace := range r.files {
		out = append(out, namespace)
	}
	clear(r.files)
	return out
}

// Relay implements database.Streamer. One process has the files, so the lease is between
// callers. What the last turn handed out is sent when this one says so, else it is handed
// out again.
func (d *driver) Relay(ctx context.Context, t database.Turn) (database.Relayed, error) {
	r := d.relay
	r.turn.Lock()
	defer r.turn.Unlock()
	out := database.Relayed{Last: t.Sent}
	now := time.Now()
	if r.holder != t.Holder && now.Before(r.until) {
		out.Until = r.until
		return out, nil
	}
	r.holder, r.until = t.Holder, now.Add(t.Lease)
	if err := d.find(); err != nil {
		return out, describe(err, 0)
	}
	if t.Sent >= r.last {
		for namespace, n := range r.handed {
			err := d.in(ctx, namespace, func(_ isolation.Scope, c *conn) error {
				return c.change(ctx, `UPDATE "_event.sent" SET n = max(n, ?1)`, n)
			})
			if err != nil {
				return out, err
			}
			delete(r.handed, namespace)
		}
	}
	clear(r.handed)
	namespaces := r.take()
	for i, namespace := range namespaces {
		err := d.hand(ctx, namespace, t.Limit, &out)
		if err != nil { // they are looked at again
			for _, left := range namespaces[i:] {
				r.wrote(left)
			}
			clear(r.handed)
			return database.Relayed{Last: t.Sent}, err
		}
	}
	if len(out.Events) > 0 {
		r.last++
		out.Last = r.last
		out.Due = true
	}
	return out, nil
}

// hand adds what a file has to send, as far as there is room. A file stays among those to
// be looked at until it has nothing more.
func (d *driver) hand(ctx context.Context, namespace string, limit int, out *database.Relayed) error {
	room := limit - len(out.Events)
	if room <= 0 {
		d.relay.wrote(namespace)
		out.More = true
		return nil
	}
	return d.visit(namespace, func(scope isolation.Scope) error {
		return d.files.use(scope, false, func(f *file) error {
			return f.read(ctx, func(c *conn) error { return d.handFrom(ctx, scope, c, room, out) })
		})
	})
}

func (d *driver) handFrom(ctx context.Context, scope isolation.Scope, c *conn, room int, out *database.Relayed) error {
	last, events, err := c.logged(ctx, scope, `n > (SELECT n FROM "_event.sent") ORDER BY n LIMIT ?1`, int64(room))
	if err != nil || len(events) == 0 {
		return err
	}
	d.relay.wrote(scope.Namespace())
	d.relay.handed[scope.Namespace()] = last
	out.Events = append(out.Events, events...)
	out.More = out.More || len(events) == room
	return nil
}

// in runs do in a transaction of a file that has events.
func (d *driver) in(ctx context.Context, namespace string, do func(isolation.Scope, *conn) error) error {
	return d.visit(namespace, func(scope isolation.Scope) error {
		return d.change(ctx, scope, func(_ *file, c *conn) error { return do(scope, c) })
	})
}

// visit runs do for a project that may be gone: then it has nothing.
func (d *driver) visit(namespace string, do func(isolation.Scope) error) error {
	scope, err := isolation.ForProject(tenancy.ProjectID(namespace), tenancy.DefaultPlacement)
	if err != nil {
		return err
	}
	err = describe(do(scope), 0)
	if err == nil || gone(err) || errors.Is(err, errLeaving) {
		return nil
	}
	return err
}

// find looks for files that have tables of events, once. The relay's turn is held.
func (d *driver) find() error {
	if d.relay.found {
		return nil
	}
	entries, err := os.ReadDir(d.files.config.Folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, err := os.Stat(d.files.mark(e.Name())); err == nil {
			if _, err := isolation.ForProject(tenancy.ProjectID(e.Name()), tenancy.DefaultPlacement); err == nil {
				d.relay.wrote(e.Name())
			}
		}
	}
	d.relay.found = true
	return nil
}

// tidied is how many events a transaction removes, so that writers wait for a moment only.
const tidied = 1000

// Tidy implements database.Streamer.
func (d *driver) Tidy(ctx context.Context, keep time.Duration) error {
	entries, err := os.ReadDir(d.files.config.Folder)
	if err != nil {
		return describe(err, 0)
	}
	now := time.Now()
	d.relay.due.forget(now.Add(-time.Hour))
	for _, e := range entries {
		if _, err := os.Stat(d.files.mark(e.Name())); err != nil {
			continue
		}
		if err := d.in(ctx, e.Name(), func(_ isolation.Scope, c *conn) error { return endUnheard(ctx, c, now) }); err != nil {
			return fmt.Errorf("end streams: %w", err)
		}
		if err := d.forget(ctx, e.Name(), now); err != nil {
			return fmt.Errorf("remove dead letters: %w", err)
		}
		for more := true; more; {
			more = false
			err := d.in(ctx, e.Name(), func(_ isolation.Scope, c *conn) error {
				if err := c.change(ctx, `DELETE FROM "_event.log" WHERE n <= (SELECT min(n) + ?2 FROM "_event.log") AND noted < ?1`, now.Add(-keep).UnixMilli(), int64(tidied)); err != nil {
					return err
				}
				n, err := c.ask(ctx, "SELECT changes()")
				more = n > 0
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// endUnheard ends the streams of a file that nobody listens to.
func endUnheard(ctx context.Context, c *conn, now time.Time) error {
	var models []string
	if err := c.askJSON(ctx, &models, `SELECT json_group_array(model) FROM "_event.stream" WHERE until < ?1`, now.UnixMilli()); err != nil {
		return err
	}
	for _, model := range models {
		if err := dropTriggers(ctx, c, sqlite.TriggerPrefix(model)); err != nil {
			return err
		}
		if err := c.change(ctx, `DELETE FROM "_event.stream" WHERE model = ?1`, model); err != nil {
			return err
		}
	}
	return nil
}
