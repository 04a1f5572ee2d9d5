package postgresdb

import (
	"hash/maphash"
	"testing"
	"time"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/dialect"
	"icehouse/deploy/testbed"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

func TestCosts(t *testing.T) {
	c := costs{seed: maphash.MakeSeed()}
	trip := func(took time.Duration, texts ...string) {
		statements := make([]database.Statement, len(texts))
		for i, sql := range texts {
			statements[i].Statement = dialect.Statement{SQL: sql}
		}
		c.note(statements, took)
	}
	between := func(sql string, low, high time.Duration) {
		t.Helper()
		if cost, known := c.of(sql); !known || cost < low || cost > high {
			t.Errorf("%s costs %v (known: %v), not %v to %v", sql, cost, known, low, high)
		}
	}
	const way = 10 * time.Millisecond
	if _, known := c.of("A"); known {
		t.Error("a cost is known before anything ran")
	}
	c.arrived(3 * way)
	c.arrived(way)
	c.arrived(5 * way) // it waited for something
	c.arrived(way)
	trip(way+400*time.Microsecond, "A")
	between("A", 350*time.Microsecond, 400*time.Microsecond)
	trip(way+8400*time.Microsecond, "A") // one that is slow for once counts a sixteenth
	between("A", 800*time.Microsecond, 1000*time.Microsecond)
	for range 12 {
		trip(way+400*time.Microsecond, "A")
	}
	between("A", 300*time.Microsecond, 420*time.Microsecond)

	// Of a shared trip everybody gets a part, as was expected.
	trip(way+100*time.Microsecond, "B")
	for range 40 {
		trip(way+5*time.Millisecond, "A", "B", "never alone")
	}
	between("A", 2*time.Millisecond, 5*time.Millisecond)
	between("B", 500*time.Microsecond, 2*time.Millisecond)
	if _, known := c.of("never alone"); known {
		t.Error("a statement's cost is known that never ran alone")
	}

	c.forget("A")
	if _, known := c.of("A"); known {
		t.Error("a forgotten cost is known")
	}

	for range 40 { // the network became slower
		c.arrived(3 * way)
	}
	if got := c.way(); got != 3*way {
		t.Errorf("the way is %v, not %v", got, 3*way)
	}
}

// TestOnlySlow asks nothing quick, from which the way could be guessed.
func TestOnlySlow(t *testing.T) {
	d, err := newDriver(t.Context(), Config{MaxConns: 10}, testbed.Database(t))
	if err == nil {
		err = d.install(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	scope, err := isolation.ForProject("cslow", tenancy.DefaultPlacement)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Provision(t.Context(), scope); err != nil {
		t.Fatal(err)
	}
	slow := database.Statement{Statement: dialect.Statement{SQL: "SELECT 'x' FROM pg_sleep(0.02)", Returns: true}}
	for range 10 {
		if _, err := d.Query(t.Context(), scope, slow); err != nil {
			t.Fatal(err)
		}
		if cost, known := d.costs.of(slow.SQL); known && cost <= quick {
			t.Fatalf("20 ms are taken for %v and a way of %v", cost, d.costs.way())
		}
	}
	if _, known := d.costs.of(slow.SQL); !known {
		t.Error("nobody knows what it costs")
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}
