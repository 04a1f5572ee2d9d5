package authn

import (
	"context"
	"time"

	"github.com/maypok86/otter/v2"

	"icehouse/tenancy"
)

// What a Cache keeps: a right that was taken back ends within a second.
const (
	ttl      = 500 * time.Millisecond
	entries  = 50_000
	patience = 10 * time.Second // of a look-up, whoever waits for it
)

// Cache is Grants that are looked up at most once in half a second, however many
// requests ask.
type Cache struct {
	tokens *otter.Cache[tenancy.ProjectID, answer[[]string]]
	seats  *otter.Cache[seat, answer[bool]]
	of     Grants
}

// answer is what a look-up found. It ages from the moment it was asked for: what
// changes while the store is slow to answer may not be in it.
type answer[T any] struct {
	found T
	asked time.Time
}

// keep says how long an answer is kept.
func keep[K comparable, T any]() otter.ExpiryCalculator[K, answer[T]] {
	return otter.ExpiryWritingFunc(func(e otter.Entry[K, answer[T]]) time.Duration {
		return max(ttl-time.Since(e.Value.asked), 1)
	})
}

type seat struct {
	project tenancy.ProjectID
	account Account
}

// NewCache makes a cache.
func NewCache(of Grants) *Cache {
	return &Cache{
		of: of,
		tokens: otter.Must(&otter.Options[tenancy.ProjectID, answer[[]string]]{
			MaximumSize: entries, ExpiryCalculator: keep[tenancy.ProjectID, []string](),
		}),
		seats: otter.Must(&otter.Options[seat, answer[bool]]{
			MaximumSize: entries, ExpiryCalculator: keep[seat, bool](),
		}),
	}
}

// RootTokens implements Grants.
func (c *Cache) RootTokens(ctx context.Context, project tenancy.ProjectID) ([]string, error) {
	return look(ctx, c.tokens, project, c.of.RootTokens)
}

// HasSeat implements Grants.
func (c *Cache) HasSeat(ctx context.Context, project tenancy.ProjectID, a Account) (bool, error) {
	return look(ctx, c.seats, seat{project, a}, func(ctx context.Context, s seat) (bool, error) {
		return c.of.HasSeat(ctx, s.project, s.account)
	})
}

// look answers from the cache, or asks once for all who wait. Who waited for a look-up
// that had begun long before they came asks again: a right may have gone between.
func look[K comparable, T any](ctx context.Context, cache *otter.Cache[K, answer[T]], key K, ask func(context.Context, K) (T, error)) (T, error) {
	came := time.Now()
	tooOld := func(a answer[T]) bool { return came.Sub(a.asked) >= ttl }
	for {
		got, err := cache.Get(ctx, key, otter.LoaderFunc[K, answer[T]](func(ctx context.Context, key K) (answer[T], error) {
			ctx, cancel := onItsOwn(ctx)
			defer cancel()
			asked := time.Now()
			found, err := ask(ctx, key)
			return answer[T]{found, asked}, err
		}))
		if err != nil || !tooOld(got) {
			return got.found, err
		}
		cache.ComputeIfPresent(key, func(kept answer[T]) (answer[T], otter.ComputeOp) {
			if tooOld(kept) {
				return kept, otter.InvalidateOp
			}
			return kept, otter.CancelOp // another has asked again already
		})
	}
}

// Forget drops what is known of a project's root tokens: after it returns, nobody is
// answered from before.
func (c *Cache) Forget(project tenancy.ProjectID) { c.tokens.Invalidate(project) }

// onItsOwn lets a look-up go on for those who wait with the first caller.
func onItsOwn(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), patience)
}

// Close ends the cache's own work.
func (c *Cache) Close() {
	c.tokens.StopAllGoroutines()
	c.seats.StopAllGoroutines()
}
