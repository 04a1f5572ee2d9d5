package postgresdb_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"icehouse/dataplane/connector/database/postgresdb"
	"icehouse/dataplane/dialect/dialecttest"
	"icehouse/deploy/testbed"
)

// TestPlans asks the server how it would find the rows of common queries, had it
// so many that it must not read them all.
func TestPlans(t *testing.T) {
	l, err := dialecttest.Model()
	if err != nil {
		t.Fatal(err)
	}
	url := testbed.Database(t)
	db := open(t, url, postgresdb.Config{MaxConns: 1})
	scope := provision(t, db)
	for _, step := range l.Create() {
		if err := db.Migrate(t.Context(), scope, db.Dialect().Schema(scope.Namespace(), step)); err != nil {
			t.Fatal(err)
		}
	}
	conn := connect(t, url)
	for _, off := range []string{"seqscan", "bitmapscan"} {
		if _, err := conn.Exec(t.Context(), "SET enable_"+off+" = off"); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range dialecttest.Shapes(l) {
		sql := db.Dialect().Query(scope.Namespace(), s.Query).SQL
		rows, err := conn.Query(t.Context(), "EXPLAIN "+strings.NewReplacer("$1::text", "'x'", "$2::text", "'y'").Replace(sql), pgx.QueryExecModeExec)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		if p := strings.Join(lines, "\n"); !strings.Contains(p, `"`+s.Index+`"`) {
			t.Errorf("%s is not found by %s:\n%s", s.Name, s.Index, p)
		}
	}
}
