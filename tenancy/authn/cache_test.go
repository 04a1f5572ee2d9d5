package authn_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"icehouse/tenancy"
	"icehouse/tenancy/authn"
)

// slow are grants that take a while. What they answer is what was true when they were
// asked.
type slow struct {
	takes time.Duration
	mu    sync.Mutex
	asked int
	now   []string
}

func (s *slow) RootTokens(ctx context.Context, _ tenancy.ProjectID) ([]string, error) {
	s.mu.Lock()
	s.asked++
	found := s.now
	s.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(s.takes):
		return found, nil
	}
}

func (s *slow) HasSeat(ctx context.Context, p tenancy.ProjectID, _ authn.Account) (bool, error) {
	found, err := s.RootTokens(ctx, p)
	return len(found) > 0, err
}

func (s *slow) set(tokens ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = tokens
}

// TestOneLookUpForMany: all who come at once wait for one look-up, and whoever leaves,
// first or not, takes nobody along.
func TestOneLookUpForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{takes: 100 * time.Millisecond, now: []string{"a"}}
		cache := authn.NewCache(s)
		defer cache.Close()
		first, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { _, _ = cache.RootTokens(first, "cp") })
		synctest.Wait()
		for range 100 {
			all.Go(func() {
				if found, err := cache.RootTokens(t.Context(), "cp"); err != nil || len(found) != 1 {
					t.Error("one who waited got", found, err)
				}
			})
		}
		synctest.Wait()
		leave()
		all.Wait()
		if s.asked != 1 {
			t.Errorf("%d look-ups", s.asked)
		}
	})
}

// TestSlowLookUp: a right that was taken back while it was looked up is not kept on.
func TestSlowLookUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{takes: 900 * time.Millisecond, now: []string{"a"}}
		cache := authn.NewCache(s)
		defer cache.Close()
		var first sync.WaitGroup
		first.Go(func() { _, _ = cache.RootTokens(t.Context(), "cp") })
		first.Go(func() { _, _ = cache.HasSeat(t.Context(), "cp", authn.Account{Customer: "cc"}) })
		synctest.Wait()
		s.set()
		first.Wait()
		time.Sleep(time.Millisecond)
		if found, err := cache.RootTokens(t.Context(), "cp"); err != nil || len(found) > 0 {
			t.Error("found", found, err)
		}
		if found, err := cache.HasSeat(t.Context(), "cp", authn.Account{Customer: "cc"}); err != nil || found {
			t.Error("a seat is still there", err)
		}
	})
}

// TestLateComers: who comes long after a look-up began is not answered by it, and they
// share one of their own.
func TestLateComers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{takes: 8 * time.Second, now: []string{"a"}}
		cache := authn.NewCache(s)
		defer cache.Close()
		var all sync.WaitGroup
		all.Go(func() {
			if found, err := cache.RootTokens(t.Context(), "cp"); err != nil || len(found) != 1 {
				t.Error("the first got", found, err)
			}
		})
		synctest.Wait()
		s.set()
		time.Sleep(7 * time.Second)
		for range 100 {
			all.Go(func() {
				if found, err := cache.RootTokens(t.Context(), "cp"); err != nil || len(found) > 0 {
					t.Error("seven seconds later still found", found, err)
				}
			})
		}
		all.Wait()
		if s.asked != 2 {
			t.Errorf("%d look-ups", s.asked)
		}
	})
}

// TestForget: what this process changes counts at once, also while it is looked up.
func TestForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{takes: 10 * time.Millisecond, now: []string{"a"}}
		cache := authn.NewCache(s)
		defer cache.Close()
		want := func(n int) {
			t.Helper()
			if found, err := cache.RootTokens(t.Context(), "cp"); err != nil || len(found) != n {
				t.Error("found", found, err)
			}
		}
		want(1)
		s.set("a", "b")
		cache.Forget("cp")
		want(2)

		cache.Forget("cp")
		var first sync.WaitGroup
		first.Go(func() { _, _ = cache.RootTokens(t.Context(), "cp") })
		synctest.Wait()
		s.set()
		cache.Forget("cp")
		want(0)
		first.Wait()
		want(0)
	})
}
