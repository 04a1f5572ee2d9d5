package postgresdb_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/database/postgresdb"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/relational"
	"icehouse/deploy/testbed"
	"icehouse/tenancy/isolation"
)

// taking is a read with one number as its argument.
func taking(sql string, n int64) database.Statement {
	return database.Statement{Statement: dialect.Statement{SQL: sql, Returns: true, Args: []relational.ArgType{{Kind: relational.ArgInt}}}, Args: []any{n}}
}

// learn runs a statement until all connections know it and know it to be quick.
func learn(t *testing.T, db *database.DB, scope isolation.Scope, s database.Statement) {
	t.Helper()
	for range 50 {
		if _, err := db.Query(t.Context(), scope, s); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSharedTrips lets two projects meet, with statements that fail and that reach
// for the other's rows among them: everybody gets the own answer, as the own role.
func TestSharedTrips(t *testing.T) {
	for name, option := range map[string]string{"kept": "", "pooled": "&default_query_exec_mode=exec"} {
		t.Run(name, func(t *testing.T) {
			url := testbed.Database(t)
			db := open(t, url+option, postgresdb.Config{MaxConns: 10})
			scopes := []isolation.Scope{provision(t, db), provision(t, db)}
			for _, scope := range scopes {
				if err := db.Migrate(t.Context(), scope, []string{`CREATE TABLE "` + scope.Namespace() + `".t AS SELECT 'of ' || '` + scope.Namespace() + `' AS v`}); err != nil {
					t.Fatal(err)
				}
			}
			const (
				who   = "SELECT concat(current_user, ' ', $1)"
				ratio = "SELECT 100 / $1"
			)
			rows := func(scope isolation.Scope) string { return `SELECT v FROM "` + scope.Namespace() + `".t` }
			for _, scope := range scopes {
				learn(t, db, scope, taking(who, 1))
				learn(t, db, scope, taking(ratio, 1))
				learn(t, db, scope, returning(rows(scope)))
			}
			before := commits(t, url)
			const askers, questions = 40, 50
			var all sync.WaitGroup
			for n := range askers {
				all.Go(func() {
					mine, other := scopes[n%2], scopes[(n+1)%2]
					for i := range questions {
						number := int64(n*questions + i)
						text, err := db.Query(t.Context(), mine, taking(who, number))
						if want := fmt.Sprintf("%s %d", mine.Namespace(), number); err != nil || !strings.HasSuffix(string(text), want) {
							t.Errorf("asked as %s, %s answers (%v)", want, text, err)
						}
						if i%10 == 0 {
							var failure *database.Error
							if text, err := db.Query(t.Context(), mine, taking(ratio, 0)); !errors.As(err, &failure) || failure.Kind != database.Internal {
								t.Errorf("100 / 0 is %s (%v)", text, err)
							}
							if text, err := db.Query(t.Context(), mine, returning(rows(other))); err == nil {
								t.Errorf("another project's row is read: %s", text)
							}
						}
						text, err = db.Query(t.Context(), mine, returning(rows(mine)))
						if want := "of " + mine.Namespace(); err != nil || string(text) != want {
							t.Errorf("the row is %s (%v), not %s", text, err, want)
						}
					}
				})
			}
			all.Wait()
			if err := db.Close(); err != nil { // the server counts what a connection did when it ends
				t.Fatal(err)
			}
			if trips := commits(t, url) - before; trips >= 2*askers*questions {
				t.Errorf("%d reads took %d trips: nobody shared", 2*askers*questions, trips)
			}
		})
	}
}

// commits is how many transactions the database has seen.
func commits(t *testing.T, url string) int64 {
	t.Helper()
	conn := connect(t, url)
	for { // until the connections that were closed are gone
		if ask[int64](t, conn, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'icehouse' AND state IS DISTINCT FROM 'idle'") == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return ask[int64](t, conn, "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
}

// TestSlowCompany blocks statements that have always been quick: strangers are
// answered nevertheless, and who leaves is not held.
func TestSlowCompany(t *testing.T) {
	url := testbed.Database(t)
	db := open(t, url, postgresdb.Config{MaxConns: 10})
	scope := provision(t, db)
	const lock, blocked = 4711, 4
	slow, fast := taking("SELECT 'locked' FROM (SELECT pg_advisory_xact_lock_shared($1)) AS l", lock), taking("SELECT $1::text", 5)
	learn(t, db, scope, slow)
	learn(t, db, scope, fast)
	holder := connect(t, url)
	if ask[bool](t, holder, "SELECT pg_try_advisory_lock($1)", lock) != true {
		t.Fatal("the lock is taken")
	}
	type result struct {
		text []byte
		err  error
	}
	late, left := make(chan result, blocked), make(chan error, 1)
	leaving, leave := context.WithCancel(t.Context())
	waiting := connect(t, url)
	for n := range blocked + 1 { // one after the other, so that all lanes are taken
		go func() {
			if n == 1 {
				_, err := db.Query(leaving, scope, slow)
				left <- err
				return
			}
			text, err := db.Query(t.Context(), scope, slow)
			late <- result{text, err}
		}()
		for ask[int64](t, waiting, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())") < min(int64(n)+1, 2) {
			time.Sleep(time.Millisecond)
		}
	}
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			for range 20 {
				if text, err := db.Query(t.Context(), scope, fast); err != nil || string(text) != "5" {
					t.Errorf("in slow company: %s, %v", text, err)
				}
			}
		})
	}
	all.Wait()
	leave()
	var failure *database.Error
	if err := <-left; !errors.As(err, &failure) || failure.Kind != database.Canceled {
		t.Errorf("who leaves gets %v", err)
	}
	if len(late) > 0 {
		t.Fatalf("a blocked statement was answered: %v", <-late)
	}
	if !ask[bool](t, holder, "SELECT pg_advisory_unlock($1)", lock) {
		t.Fatal("the lock is gone")
	}
	for range blocked {
		if r := <-late; r.err != nil || string(r.text) != "locked" {
			t.Errorf("after the lock: %s, %v", r.text, r.err)
		}
	}
}
