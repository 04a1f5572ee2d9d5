package postgresdb

import (
	"hash/maphash"
	"testing"
	"time"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/dialect"
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
	trip(way, "nothing")
	trip(way+400*time.Microsecond, "A")
	between("A", 350*time.Microsecond, 400*time.Microsecond)
	trip(way+8400*time.Microsecond, "A") // one that is slow for once counts an eighth
	between("A", 1300*time.Microsecond, 1500*time.Microsecond)
	for range 40 {
		trip(way+400*time.Microsecond, "A")
	}
	between("A", 300*time.Microsecond, 500*time.Microsecond)

	// Of a shared trip everybody gets a part, as was expected.
	trip(way+100*time.Microsecond, "B")
	for range 40 {
		trip(way+5*time.Millisecond, "A", "B", "never alone")
	}
	between("A", 3*time.Millisecond, 5*time.Millisecond)
	between("B", 500*time.Microsecond, 2*time.Millisecond)
	if _, known := c.of("never alone"); known {
		t.Error("a statement's cost is known that never ran alone")
	}

	c.forget("A")
	if _, known := c.of("A"); known {
		t.Error("a forgotten cost is known")
	}

	// The network became slower: after a while that is no work any more.
	for range 20_000 {
		trip(2*way, "B")
	}
	between("B", 1, 500*time.Microsecond)
}
