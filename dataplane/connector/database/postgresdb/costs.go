package postgresdb

import (
	"hash/maphash"
	"sync/atomic"
	"time"

	"icehouse/dataplane/connector/database"
)

// costs remembers how long the server took for statements lately, by their text.
// Texts that share a place are taken for one another, which only makes one run
// alone that could share, or the other way round for a while.
type costs struct {
	seed    maphash.Seed
	places  [4096]atomic.Int64 // 0: not known
	journey atomic.Int64       // of way
}

// A new measurement counts by 1/less where it is less than what was known, else by
// 1/more: what a statement costs by itself is what it takes when nothing else keeps
// the server busy.
const (
	less = 4
	more = 16
)

func (c *costs) place(sql string) *atomic.Int64 {
	return &c.places[maphash.String(c.seed, sql)%uint64(len(c.places))]
}

// of is what a statement costs the server; false: nobody knows yet.
func (c *costs) of(sql string) (time.Duration, bool) {
	cost := c.place(sql).Load()
	return time.Duration(cost), cost != 0
}

// note takes in that a trip with these statements took so long. The server
// answers all of a trip at once, so what several took is shared out as it was
// expected.
func (c *costs) note(statements []database.Statement, took time.Duration) {
	took = max(took-c.way(), 1)
	if len(statements) == 1 {
		c.mix(c.place(statements[0].SQL), took)
		return
	}
	expected := time.Duration(0)
	for _, s := range statements {
		cost, _ := c.of(s.SQL)
		expected += cost
	}
	for _, s := range statements {
		if p := c.place(s.SQL); expected > 0 && p.Load() > 0 {
			c.mix(p, time.Duration(float64(took)*float64(p.Load())/float64(expected)))
		}
	}
}

func (c *costs) mix(p *atomic.Int64, took time.Duration) {
	if cost := time.Duration(p.Load()); cost != 0 {
		if took < cost {
			took = cost + (took-cost)/less
		} else {
			took = cost + (took-cost)/more
		}
	}
	p.Store(max(int64(took), 1))
}

// forget makes a statement's cost unknown, so that it runs alone next time.
func (c *costs) forget(sql string) { c.place(sql).Store(0) }

// arrived takes in how long the way to the server and back is, as a new connection
// found it. The shortest counts, since others waited for something; it gives way
// by a quarter at most, so that it follows a network that becomes slower.
func (c *costs) arrived(way time.Duration) {
	if known := c.way(); known > 0 {
		way = min(way, known+known/4)
	}
	c.journey.Store(int64(way))
}

// way is the time of a round trip that gives the server next to nothing to do; 0
// before the first connection.
func (c *costs) way() time.Duration { return time.Duration(c.journey.Load()) }
