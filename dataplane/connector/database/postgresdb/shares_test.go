package postgresdb_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/database/postgresdb"
	"icehouse/deploy/testbed"
)

// TestOneTenantLeavesConnections: one that keeps all that it can get does not keep
// others waiting.
func TestOneTenantLeavesConnections(t *testing.T) {
	const pool, most = 5, 3
	db := open(t, testbed.Database(t), postgresdb.Config{MaxConns: pool})
	greedy, other := provision(t, db), provision(t, db)
	held, leave := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	for range 2 * pool {
		all.Go(func() {
			err := db.Transact(t.Context(), greedy, func(tx database.Tx) error {
				if _, err := tx.Batch(t.Context(), []database.Statement{returning("SELECT '1'")}); err != nil {
					return err
				}
				held <- struct{}{}
				<-leave
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	for range most {
		<-held
	}
	for range 20 {
		if got, err := db.Query(t.Context(), other, returning("SELECT 'mine'")); err != nil || string(got) != "mine" {
			t.Fatalf("%s %v", got, err)
		}
	}
	select {
	case <-held:
		t.Error("one tenant has more connections than its share")
	default:
	}
	// Who waits for a share can give up.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	var failure *database.Error
	if err := db.Transact(ctx, greedy, func(database.Tx) error { return nil }); !errors.As(err, &failure) || failure.Kind != database.Canceled {
		t.Errorf("waiting ended with %v", err)
	}
	for range 2*pool - most { // all get their turn
		leave <- struct{}{}
		<-held
	}
	for range most {
		leave <- struct{}{}
	}
	all.Wait()
}
