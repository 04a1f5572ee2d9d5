package postgresdb_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/database/databasetest"
	"icehouse/dataplane/connector/database/postgresdb"
	"icehouse/dataplane/dialect"
	"icehouse/deploy/testbed"
	"icehouse/tenancy/isolation"
)

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func ask[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) (v T) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func returning(sql string) database.Statement {
	return database.Statement{Statement: dialect.Statement{SQL: sql, Returns: true}}
}

func provision(t *testing.T, db *database.DB) isolation.Scope {
	t.Helper()
	scope := databasetest.Scope(t)
	if err := db.Provision(t.Context(), scope); err != nil {
		t.Fatal(err)
	}
	return scope
}

// TestRole looks at what a project's role is to the server.
func TestRole(t *testing.T) {
	url := testbed.Database(t)
	db := open(t, url, postgresdb.Config{MaxConns: 1})
	scope := provision(t, db)
	if err := db.Migrate(t.Context(), scope, []string{`CREATE TABLE "` + scope.Namespace() + `".t (id text)`}); err != nil {
		t.Fatal(err)
	}
	name, err := db.Query(t.Context(), scope, returning("SELECT current_user"))
	if err != nil {
		t.Fatal(err)
	}
	conn := connect(t, url)
	if !ask[bool](t, conn, "SELECT NOT (rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication) FROM pg_roles WHERE rolname = $1", string(name)) {
		t.Errorf("%s may more than it needs", name)
	}
	for what, sql := range map[string]string{
		"owns nothing":                  "SELECT NOT EXISTS (SELECT FROM pg_class WHERE pg_get_userbyid(relowner) = $1)",
		"makes no table in its schema":  "SELECT NOT has_schema_privilege($1, '" + scope.Namespace() + "', 'CREATE')",
		"does not empty tables at once": "SELECT NOT has_table_privilege($1, '" + scope.Namespace() + ".t', 'TRUNCATE')",
		"reads and writes its rows":     "SELECT has_table_privilege($1, '" + scope.Namespace() + ".t', 'SELECT') AND has_table_privilege($1, '" + scope.Namespace() + ".t', 'DELETE')",
	} {
		if !ask[bool](t, conn, sql, string(name)) {
			t.Errorf("not so: the role %s", what)
		}
	}
	for _, sql := range []string{"SELECT pg_read_file('PG_VERSION')", "SELECT pg_sleep(0) FROM pg_authid", "SELECT pg_reload_conf()"} {
		if _, err := db.Query(t.Context(), scope, returning(sql)); err == nil {
			t.Errorf("the role may %s", sql)
		}
	}
}

// TestRoleStaysBehind fails in every way on the only connection, after a project
// was served, and looks who is served next.
func TestRoleStaysBehind(t *testing.T) {
	base := testbed.Database(t)
	for name, option := range map[string]string{"kept": "", "pooled": "&default_query_exec_mode=exec", "simple": "&default_query_exec_mode=simple_protocol"} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			db := open(t, base+option, postgresdb.Config{MaxConns: 1})
			a, b := provision(t, db), provision(t, db)
			user := func(scope isolation.Scope) string {
				out, err := db.Query(ctx, scope, returning("SELECT current_user"))
				if err != nil {
					t.Fatal(err)
				}
				return string(out)
			}
			first, second := user(a), user(b)
			if first == second || !strings.HasSuffix(first, a.Namespace()) || !strings.HasSuffix(second, b.Namespace()) {
				t.Fatalf("the roles are %s and %s", first, second)
			}
			stranger := databasetest.Scope(t)
			broken := returning("SELECT 1/0")
			for what, fail := range map[string]func() error{
				"a statement": func() error { _, err := db.Query(ctx, b, broken); return err },
				"a batch": func() error {
					_, err := db.Batch(ctx, b, []database.Statement{returning("SELECT 1"), broken})
					return err
				},
				"no such role": func() error { _, err := db.Query(ctx, stranger, returning("SELECT current_user")); return err },
				"a migration":  func() error { return db.Migrate(ctx, b, []string{"CREATE NONSENSE"}) },
				"a transaction": func() error {
					return db.Transact(ctx, b, func(tx database.Tx) error { _, err := tx.Batch(ctx, []database.Statement{broken}); return err })
				},
				"its end": func() error {
					return db.Transact(ctx, b, func(tx database.Tx) error {
						_, err := tx.Batch(ctx, []database.Statement{returning("SELECT 1")})
						return errors.Join(err, errors.New("rolled back"))
					})
				},
			} {
				if got := user(a); got != first {
					t.Fatalf("before %s, %s is served as A", what, got)
				}
				if err := fail(); err == nil {
					t.Fatalf("%s did not fail", what)
				}
				if got := user(a); got != first {
					t.Fatalf("after %s, %s is served as A", what, got)
				}
				_ = fail()
				if got := user(b); got != second {
					t.Fatalf("after %s, %s is served as B", what, got)
				}
			}
		})
	}
}

// TestOpenAtOnce makes the shared functions from many processes' worth of pools.
func TestOpenAtOnce(t *testing.T) {
	url := testbed.Database(t)
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			db, err := postgresdb.Open(t.Context(), postgresdb.Config{URL: url, MaxConns: 2})
			if err != nil {
				t.Error(err)
				return
			}
			if err := db.Provision(t.Context(), databasetest.Scope(t)); err != nil {
				t.Error(err)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// TestProvisionRepairs restores a database without its roles.
func TestProvisionRepairs(t *testing.T) {
	url := testbed.Database(t)
	db := open(t, url, postgresdb.Config{})
	scope := provision(t, db)
	name, err := db.Query(t.Context(), scope, returning("SELECT current_user"))
	if err != nil {
		t.Fatal(err)
	}
	conn, role := connect(t, url), pgx.Identifier{string(name)}.Sanitize()
	if _, err := conn.Exec(t.Context(), "DROP OWNED BY "+role+"; DROP ROLE "+role); err != nil {
		t.Fatal(err)
	}
	if err := db.Provision(t.Context(), scope); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Query(t.Context(), scope, returning("SELECT 1")); err != nil {
		t.Fatal(err)
	}
}

// TestForeignSchema leaves alone what is no project's.
func TestForeignSchema(t *testing.T) {
	db := open(t, testbed.Database(t), postgresdb.Config{})
	scope, err := isolation.ForProject("public", "default")
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Provision(t.Context(), scope); err == nil {
		t.Error("the schema public became a project")
	}
	if err := db.Drop(t.Context(), scope); err == nil {
		t.Error("the schema public was dropped")
	}
}

func TestOpenErrors(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://u:secret@127.0.0.1:notaport/x":          "can't be read",
		"postgres://u:secret@127.0.0.1:1/x?sslmode=disable": "connect",
	} {
		_, err := postgresdb.Open(t.Context(), postgresdb.Config{URL: url})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// TestRoleOfTheSameName lets a project leave and come back by way of another process:
// connections that held its role hold one that is gone.
func TestRoleOfTheSameName(t *testing.T) {
	url := testbed.Database(t)
	serving, other := open(t, url+"&pool_max_conns=1", postgresdb.Config{}), open(t, url, postgresdb.Config{})
	m := newMoving(t, serving)
	for range 3 {
		if err := m.batch("INSERT INTO $.parent VALUES ('a', '{}', 1)"); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(other.Drop(t.Context(), m.scope), other.Provision(t.Context(), m.scope), other.Migrate(t.Context(), m.scope, m.create)); err != nil {
			t.Fatal(err)
		}
	}
	if err := serving.Transact(t.Context(), m.scope, func(tx database.Tx) error {
		_, err := tx.Batch(t.Context(), []database.Statement{{Statement: dialect.Statement{Writes: true, SQL: `INSERT INTO "` + m.scope.Namespace() + `".parent VALUES ('b', '{}', 2)`}}})
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
