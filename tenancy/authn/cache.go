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
	tokens *otter.Cache[tenancy.ProjectID, []string]
	seats  *otter.Cache[seat, bool]
	of     Grants
}

type seat struct {
	project  tenancy.ProjectID
	customer string
}

// NewCache makes a cache.
func NewCache(of Grants) *Cache {
	return &Cache{
		of: of,
		tokens: otter.Must(&otter.Options[tenancy.ProjectID, []string]{
			MaximumSize: entries, ExpiryCalculator: otter.ExpiryWriting[tenancy.ProjectID, []string](ttl),
		}),
		seats: otter.Must(&otter.Options[seat, bool]{
			MaximumSize: entries, ExpiryCalculator: otter.ExpiryWriting[seat, bool](ttl),
		}),
	}
}

// RootTokens implements Grants.
func (c *Cache) RootTokens(ctx context.Context, project tenancy.ProjectID) ([]string, error) {
	return c.tokens.Get(ctx, project, otter.LoaderFunc[tenancy.ProjectID, []string](func(ctx context.Context, project tenancy.ProjectID) ([]string, error) {
		ctx, cancel := onItsOwn(ctx)
		defer cancel()
		return c.of.RootTokens(ctx, project)
	}))
}

// HasSeat implements Grants.
func (c *Cache) HasSeat(ctx context.Context, project tenancy.ProjectID, customer string) (bool, error) {
	return c.seats.Get(ctx, seat{project, customer}, otter.LoaderFunc[seat, bool](func(ctx context.Context, s seat) (bool, error) {
		ctx, cancel := onItsOwn(ctx)
		defer cancel()
		return c.of.HasSeat(ctx, s.project, s.customer)
	}))
}

// onItsOwn lets a look-up go on for those who wait with the first caller.
func onItsOwn(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), patience)
}

// Close ends the cache's own work.
func (c *Cache) Close() {
	c.tokens.StopAllGoroutines()
	c.seats.StopAllGoroutines()
}
