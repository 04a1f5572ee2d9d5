package deployment_test

import (
	"context"
	"errors"
	"flag"
	"sync"
	"testing"
	"time"

	"icehouse/controlplane/deployment"
	"icehouse/controlplane/deployment/migrationrun"
	"icehouse/controlplane/store"
	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/dialect"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

var kills = flag.Int("kills", 80, "how many deploys TestKilledAtAnyStep kills on each product")

// TestKilledAtAnyStep kills the process before or behind any step of a deploy. The
// next one finishes it, or takes it back: rows and tables are those of the release
// that serves.
func TestKilledAtAnyStep(t *testing.T) {
	for name, open := range products {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			t.Cleanup(func() { _ = db.Close() })
			steps := map[string]int{}
			var m *migrations
			for n := range *kills {
				if n%6 == 0 {
					m = newMigrations(t, db, uint64(1000+n)) //nolint:gosec // not negative
					for range 3 {
						m.step()
					}
				}
				steps[m.kill()]++
				m.step()
			}
			t.Logf("killed: %v", steps)
			for _, step := range []string{"record", "provision", "advance", "publish"} {
				if steps["before "+step]+steps["behind "+step] == 0 {
					t.Errorf("no process died at %s", step)
				}
			}
		})
	}
}

// process is one that dies at its n-th step.
type process struct {
	mu     sync.Mutex
	left   int
	behind bool // the step is done, and nobody hears of it
	dead   string
}

// do runs a step of a process.
func (p *process) do(name string, counts bool, run func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead != "" {
		return errKilled
	}
	if counts {
		if p.left--; p.left == 0 {
			if p.behind {
				p.dead = "behind " + name
				_ = run()
			} else {
				p.dead = "before " + name
			}
			return errKilled
		}
	}
	return run()
}

type mortalStore struct {
	store.Store
	p *process
}

func (s mortalStore) Record(ctx context.Context, id tenancy.ProjectID, holder string, record []byte) error {
	return s.p.do("record", true, func() error { return s.Store.Record(ctx, id, holder, record) })
}

func (s mortalStore) Publish(ctx context.Context, p store.Publication) error {
	return s.p.do("publish", true, func() error { return s.Store.Publish(ctx, p) })
}

func (s mortalStore) Unlock(ctx context.Context, id tenancy.ProjectID, holder string) error {
	return s.p.do("unlock", true, func() error { return s.Store.Unlock(ctx, id, holder) })
}

func (s mortalStore) Extend(ctx context.Context, id tenancy.ProjectID, holder string, ttl time.Duration) error {
	return s.p.do("extend", false, func() error { return s.Store.Extend(ctx, id, holder, ttl) })
}

type mortalDriver struct {
	database.Driver
	p *process
}

func (d mortalDriver) Provision(ctx context.Context, scope isolation.Scope) error {
	return d.p.do("provision", true, func() error { return d.Driver.Provision(ctx, scope) })
}

func (d mortalDriver) Migrate(ctx context.Context, scope isolation.Scope, ddl []string) error {
	return d.p.do("migrate", true, func() error { return d.Driver.Migrate(ctx, scope, ddl) })
}

func (d mortalDriver) Advance(ctx context.Context, scope isolation.Scope, release int64, statements []dialect.Statement, handlers []database.Handler) error {
	return d.p.do("advance", true, func() error { return d.Driver.Advance(ctx, scope, release, statements, handlers) })
}

// kill makes one deploy in a process that dies, lets another find what it left, and
// says where it died.
func (m *migrations) kill() string {
	m.Helper()
	next := m.w.copy()
	touched := map[any]bool{}
	for range 2 + m.w.rand.IntN(3) {
		next.change(touched)
	}
	sdl, was := next.sdl(), m.w.sdl()
	m.w.names = next.names
	p := &process{left: 1 + m.w.rand.IntN(7), behind: m.w.chance(50)}
	alive := m.h.store
	serve := func(s store.Store, db *database.DB) {
		m.h.restart(s)
		databases := func(tenancy.Placement) (*database.DB, error) { return db, nil }
		m.h.deployer.Runner.Databases = databases
		m.h.deployer.Runner.Lease = 100 * time.Millisecond
	}
	serve(mortalStore{alive, p}, m.db.Wrap(func(d database.Driver) database.Driver { return mortalDriver{d, p} }))
	before := m.h.current(m.p).Release
	_, err := m.h.deployer.Push(m.Context(), m.h.current(m.p), deployment.Request{Config: typesOnly(sdl), Force: true, Customer: m.h.owner.ID})
	if err != nil && !errors.Is(err, errKilled) {
		m.Fatalf("seed %d: %v\n%s", m.seed, err, sdl)
	}
	if p.dead == "" {
		p.dead = "not" // it was done, or refused, before
	}
	serve(alive, m.db)
	m.finish(m.h.deployer.Runner)
	if m.h.current(m.p).Release != before {
		if len(next.codes) > 0 {
			m.Fatalf("seed %d: a deploy that should be refused went through\n%s", m.seed, sdl)
		}
		next.deployed()
		m.w = next
	}
	m.sameRows(was, sdl)
	m.sameTables(was, sdl)
	return p.dead
}

// finish waits until nothing is left undone.
func (m *migrations) finish(r *migrationrun.Runner) {
	m.Helper()
	for range 100 {
		if _, err := r.FinishInterrupted(m.Context()); err != nil {
			m.Fatal(err)
		}
		// A lock that a dead process kept ends with its lease.
		left := false
		if err := r.With(m.Context(), m.p.ID, func(context.Context, *migrationrun.Locked) error { return nil }); err != nil {
			m.Fatal(err)
		}
		rest, err := m.h.store.Interrupted(m.Context())
		if err != nil {
			m.Fatal(err)
		}
		if left = len(rest) > 0; !left {
			return
		}
	}
	m.Fatal("an interrupted deploy is never finished")
}
