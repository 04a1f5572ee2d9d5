package postgresdb_test

import (
	"context"
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
