package sqlitestore

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"icehouse/controlplane/store"
	"icehouse/controlplane/store/storetest"
)

// TestAuditOnlyGrows: not even a statement of our own changes the log.
func TestAuditOnlyGrows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.db")
	s, err := Open(t.Context(), path, storetest.Keys)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	db, err := open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := s.AddAudit(t.Context(), store.Audit{At: time.Now(), Action: "push"}); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"UPDATE audit SET action = 'x'", "DELETE FROM audit"} {
		if _, err := db.ExecContext(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "only grows") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}
