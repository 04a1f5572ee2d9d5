package compiledschema

import (
	"context"
	"fmt"
	"time"

	"github.com/maypok86/otter/v2"

	"icehouse/tenancy"
)

// Releases reads a published release as EncodeRelease wrote it.
type Releases interface {
	Release(ctx context.Context, project tenancy.ProjectID, number int64) ([]byte, error)
}

// Cache keeps the compiled schemas of projects in use. A release never changes,
// so that an entry is right for as long as it is kept. The cache is bounded in
// bytes: what an entry takes is estimated from the size of its release.
type Cache struct {
	releases Releases
	schemas  *otter.Cache[releaseKey, cached]
}

type releaseKey struct {
	project tenancy.ProjectID
	number  int64
}

type cached struct {
	schema *Schema
	bytes  uint32
}

// releaseFactor is about how many bytes of schema a byte of release becomes, as
// measured by BenchmarkRetained.
const releaseFactor = 3

// NewCache makes a cache of about this many bytes.
func NewCache(releases Releases, bytes uint64) *Cache {
	return &Cache{
		releases: releases,
		schemas: otter.Must(&otter.Options[releaseKey, cached]{
			MaximumWeight: bytes,
			Weigher:       func(_ releaseKey, c cached) uint32 { return c.bytes },
		}),
	}
}

// Bytes says how full the cache is and how full it may get.
func (c *Cache) Bytes() (used, limit uint64) {
	return c.schemas.WeightedSize(), c.schemas.GetMaximum()
}

// Get returns the schema of a release, compiling it when it isn't there. Callers
// that ask for the same one at the same time wait for one compilation.
func (c *Cache) Get(ctx context.Context, project tenancy.ProjectID, number int64) (*Schema, error) {
	key := releaseKey{project, number}
	if e, ok := c.schemas.GetIfPresent(key); ok {
		return e.schema, nil
	}
	e, err := c.schemas.Get(ctx, key, otter.LoaderFunc[releaseKey, cached](func(ctx context.Context, key releaseKey) (cached, error) {
		// The first caller's end must not be the end of those that wait with it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return c.load(ctx, key)
	}))
	return e.schema, err
}

func (c *Cache) load(ctx context.Context, key releaseKey) (cached, error) {
	data, err := c.releases.Release(ctx, key.project, key.number)
	if err != nil {
		return cached{}, fmt.Errorf("load release %d: %w", key.number, err)
	}
	release, err := DecodeRelease(data)
	if err != nil {
		return cached{}, fmt.Errorf("release %d: %w", key.number, err)
	}
	schema, err := release.Compile()
	if err != nil {
		return cached{}, fmt.Errorf("compile release %d: %w", key.number, err)
	}
	return cached{schema: schema, bytes: uint32(releaseFactor*len(data) + 1024)}, nil //nolint:gosec // releases are far below 4 GiB
}
