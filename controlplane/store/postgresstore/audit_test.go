package postgresstore

import (
	"strings"
	"testing"
	"time"

	"icehouse/controlplane/store"
	"icehouse/deploy/testbed"
)

// TestAuditOnlyGrows: not even a statement of our own changes the log.
func TestAuditOnlyGrows(t *testing.T) {
	s, err := Open(t.Context(), testbed.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.AddAudit(t.Context(), store.Audit{At: time.Now(), Action: "push"}); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"UPDATE audit SET action = 'x'", "DELETE FROM audit", "TRUNCATE audit"} {
		if _, err := s.pool.Exec(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "only grows") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}
