package postgresdb_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/database/databasetest"
	"icehouse/dataplane/connector/database/postgresdb"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/relational"
	"icehouse/deploy/testbed"
)

// TestLostConnections ends all connections again and again, as a server does that
// fails over: no read fails, and no write happens twice or is answered and lost.
func TestLostConnections(t *testing.T) {
	url := testbed.Database(t)
	db := open(t, url, postgresdb.Config{})
	scope := databasetest.Scope(t)
	if err := db.Provision(t.Context(), scope); err != nil {
		t.Fatal(err)
	}
	place := `"` + scope.Namespace() + `".t`
	if err := db.Migrate(t.Context(), scope, []string{"CREATE TABLE " + place + " (v text)"}); err != nil {
		t.Fatal(err)
	}
	killer, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = killer.Close(context.WithoutCancel(t.Context())) }()

	done := make(chan struct{})
	var work sync.WaitGroup
	var reads, writes, unknown atomic.Int64
	for range 3 {
		work.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				_, err := db.Query(t.Context(), scope, database.Statement{Statement: dialect.Statement{SQL: "SELECT to_json(count(*)) FROM " + place, Returns: true}})
				if err != nil {
					t.Errorf("a read failed: %v", err)
					return
				}
				reads.Add(1)
			}
		})
	}
	var kept sync.Map
	for i := range 3 {
		work.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				v := fmt.Sprintf("%d.%d", i, n)
				_, err := db.Batch(t.Context(), scope, []database.Statement{{
					Statement: dialect.Statement{SQL: "INSERT INTO " + place + " VALUES ($1::text)", Writes: true, Args: []relational.ArgType{{Kind: relational.ArgText}}}, Args: []any{v}}})
				if err != nil {
					unknown.Add(1)
					continue
				}
				kept.Store(v, true)
				writes.Add(1)
			}
		})
	}
	ended := 0
	for range 60 {
		time.Sleep(20 * time.Millisecond)
		var n int
		if err := killer.QueryRow(t.Context(), "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		ended += n
	}
	close(done)
	work.Wait()
	rows, err := killer.Query(t.Context(), "SELECT v FROM "+place)
	if err != nil {
		t.Fatal(err)
	}
	values, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]int{}
	for _, v := range values {
		if there[v]++; there[v] > 1 {
			t.Errorf("%s was written twice", v)
		}
	}
	kept.Range(func(v, _ any) bool {
		if there[v.(string)] == 0 {
			t.Errorf("%s was answered and is lost", v)
		}
		return true
	})
	t.Logf("%d connections ended under %d reads and %d writes; of %d writes nobody knows", ended, reads.Load(), writes.Load(), unknown.Load())
	if ended < 60 || reads.Load() < 100 || writes.Load() < 100 {
		t.Error("too little happened")
	}
}

// TestLostTransactions does a transaction again, as a whole, whose connection was ended
// on the way, and keeps it once.
func TestLostTransactions(t *testing.T) {
	url := testbed.Database(t)
	db := open(t, url, postgresdb.Config{MaxConns: 1}) // another connection might be lost too
	scope := provision(t, db)
	place := `"` + scope.Namespace() + `".t`
	if err := db.Migrate(t.Context(), scope, []string{"CREATE TABLE " + place + " (v text)"}); err != nil {
		t.Fatal(err)
	}
	killer, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = killer.Close(context.WithoutCancel(t.Context())) }()
	write := func(v string) []database.Statement {
		return []database.Statement{{Statement: dialect.Statement{SQL: "INSERT INTO " + place + " VALUES ('" + v + "')", Writes: true}}}
	}
	errOwn := errors.New("own")
	for at, want := range map[string]struct {
		calls int
		kept  string
		err   error
	}{
		"before it begins":      {1, "[1, 2]", nil}, // nobody has used the connection yet
		"after the first batch": {2, "[1, 2]", nil},
		"never":                 {1, "[1, 2]", nil},
		"its own error":         {1, "[]", errOwn},
	} {
		t.Run(at, func(t *testing.T) {
			calls := 0
			end := func(now string) {
				if now != at || calls > 1 {
					return
				}
				if _, err := killer.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"); err != nil {
					t.Error(err)
				}
			}
			end("before it begins")
			err := db.Transact(t.Context(), scope, func(tx database.Tx) error {
				calls++
				if _, err := tx.Batch(t.Context(), write("1")); err != nil {
					return fmt.Errorf("first: %w", err)
				}
				end("after the first batch")
				if at == "its own error" {
					return errOwn
				}
				_, err := tx.Batch(t.Context(), write("2"))
				return err
			})
			if !errors.Is(err, want.err) || want.err == nil && err != nil || at != "before it begins" && calls != want.calls {
				t.Errorf("%d calls: %v", calls, err)
			}
			kept, err := db.Query(t.Context(), scope, returning("SELECT coalesce(jsonb_agg(v::int ORDER BY v), '[]') FROM "+place))
			if err != nil || string(kept) != want.kept {
				t.Errorf("kept %s, %v", kept, err)
			}
			if _, err := db.Batch(t.Context(), scope, []database.Statement{{Statement: dialect.Statement{SQL: "DELETE FROM " + place, Writes: true}}}); err != nil {
				t.Fatal(err)
			}
		})
	}
}
