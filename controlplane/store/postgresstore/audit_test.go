package postgresstore_test

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"icehouse/controlplane/store"
	"icehouse/deploy/testbed"
)

// TestAuditOnlyGrows: not even a statement of our own changes the log.
func TestAuditOnlyGrows(t *testing.T) {
	dsn := testbed.Database(t)
	s := open(t, dsn)
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := s.AddAudit(t.Context(), store.Audit{At: time.Now(), Action: "push"}); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"UPDATE audit SET action = 'x'", "DELETE FROM audit", "TRUNCATE audit"} {
		if _, err := db.ExecContext(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "only grows") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}
