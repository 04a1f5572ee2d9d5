package sqlitestore_test

import (
	"path/filepath"
	"testing"

	"icehouse/controlplane/store"
	"icehouse/controlplane/store/sqlitestore"
	"icehouse/controlplane/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Suite(t, func(t *testing.T) store.Store {
		s, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "platform #1?.db"), storetest.Keys)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
}
