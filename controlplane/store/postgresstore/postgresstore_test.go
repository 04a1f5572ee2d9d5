package postgresstore_test

import (
	"os"
	"sync"
	"testing"

	"icehouse/controlplane/store"
	"icehouse/controlplane/store/postgresstore"
	"icehouse/controlplane/store/storetest"
	"icehouse/deploy/testbed"
)

func TestMain(m *testing.M) { os.Exit(testbed.Main(m)) }

func TestStore(t *testing.T) {
	storetest.Suite(t, func(t *testing.T) store.Store { return open(t, testbed.Database(t)) })
}

func open(t *testing.T, dsn string) *postgresstore.Store {
	t.Helper()
	s, err := postgresstore.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestSeveralProcessesStart lets several bring an empty database up to date.
func TestSeveralProcessesStart(t *testing.T) {
	dsn := testbed.Database(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := postgresstore.Open(t.Context(), dsn)
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
