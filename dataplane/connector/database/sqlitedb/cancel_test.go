package sqlitedb_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/database/databasetest"
	"icehouse/dataplane/connector/database/sqlitedb"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/relational"
)

// TestCanceledWriteIsNotKept cancels writes at random moments: what is said to be
// canceled is not there. The engine commits a statement that is a transaction by
// itself before it looks at the context.
func TestCanceledWriteIsNotKept(t *testing.T) {
	db := open(t, sqlitedb.Config{})
	scope := databasetest.Scope(t)
	if err := db.Provision(t.Context(), scope); err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context(), scope, []string{"CREATE TABLE t (id INTEGER PRIMARY KEY)"}); err != nil {
		t.Fatal(err)
	}
	canceled := map[int64]bool{}
	for id := range int64(8000) {
		s := dialect.Statement{SQL: "INSERT INTO t (id) VALUES (?1)", Args: []relational.ArgType{{Kind: relational.ArgInt}}, Writes: true}
		if id%2 == 0 {
			s.SQL, s.Returns = s.SQL+" RETURNING id", true
		}
		ctx, cancel := context.WithCancel(t.Context())
		moment := time.Now().Add(rand.N(60 * time.Microsecond)) //nolint:gosec // no secret
		go func() {
			for time.Now().Before(moment) {
			}
			cancel()
		}()
		_, err := db.Batch(ctx, scope, []database.Statement{{Statement: s, Args: []any{id}}})
		cancel()
		var failure *database.Error
		switch {
		case err == nil:
		case errors.As(err, &failure) && failure.Kind == database.Canceled:
			canceled[id] = true
		default:
			t.Fatal(err)
		}
	}
	out, err := db.Query(t.Context(), scope, database.Statement{Statement: dialect.Statement{SQL: "SELECT json_group_array(id) FROM t", Returns: true}})
	if err != nil {
		t.Fatal(err)
	}
	var kept []int64
	if err := json.Unmarshal(out, &kept); err != nil {
		t.Fatal(err)
	}
	if len(canceled) == 0 || len(kept) == 0 {
		t.Errorf("%d writes were canceled, %d kept: nothing is proved", len(canceled), len(kept))
	}
	for _, id := range kept {
		if canceled[id] {
			t.Errorf("write %d was canceled and kept", id)
		}
	}
}
