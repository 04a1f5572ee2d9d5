package postgresstore_test

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"icehouse/controlplane/store"
	"icehouse/controlplane/store/postgresstore"
	"icehouse/controlplane/store/sqlstore"
	"icehouse/controlplane/store/storetest"
	"icehouse/deploy/testbed"
)

func TestMain(m *testing.M) { os.Exit(testbed.Main(m)) }

func TestStore(t *testing.T) {
	storetest.Suite(t, func(t *testing.T) store.Store { return open(t, testbed.Database(t)) })
}

func open(t *testing.T, dsn string) *sqlstore.Store {
	t.Helper()
	s, err := postgresstore.Open(t.Context(), dsn, storetest.Keys)
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
			s, err := postgresstore.Open(t.Context(), dsn, storetest.Keys)
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

// TestConnectionsAreLimited has more callers than the address allows connections.
func TestConnectionsAreLimited(t *testing.T) {
	address, err := url.Parse(testbed.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", address.String())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	options := address.Query()
	options.Set("pool_max_conns", "2")
	options.Set("application_name", "limited")
	address.RawQuery = options.Encode()
	s := open(t, address.String())
	connections := func() (n int) {
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'limited'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for connections() > 1 { // the one of the migrations is going
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	for range 16 {
		callers.Go(func() {
			for ctx.Err() == nil {
				_, err := s.EnsureCustomer(ctx, store.Customer{ID: "c", Email: "a@example.org"})
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}
		})
	}
	most := 0
	for i, began := 0, time.Now(); i < 50 || most < 2 && time.Since(began) < 10*time.Second; i++ {
		most = max(most, connections())
	}
	cancel()
	callers.Wait()
	if most != 2 {
		t.Errorf("%d connections at most, want 2", most)
	}
}
