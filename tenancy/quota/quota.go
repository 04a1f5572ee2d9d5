// Package quota bounds how much of a node one project takes, so that the others get
// theirs.
//
// In: each request of a project before it is begun, and its end. Out: whether it may
// begin, or else when to try again. Every node counts for itself. Callers: the data
// plane; cmd sets the limits.
package quota

import (
	"sync"
	"time"

	"icehouse/tenancy"
)

// Limits are those of each project on a node. Zero is no limit.
type Limits struct {
	Rate       float64 // requests in a second
	Burst      float64 // requests at once after a time of silence; at least 1
	Concurrent int     // requests that are answered at the same time
}

// Counter counts the requests of projects. Its methods may be used from any goroutine.
type Counter struct {
	limits Limits
	now    func() time.Time
	// A project that was ever asked for takes some hundred bytes.
	projects sync.Map // tenancy.ProjectID to *Share
}

// New makes a counter.
func New(l Limits, now func() time.Time) *Counter {
	l.Burst = max(l.Burst, 1)
	return &Counter{limits: l, now: now}
}

// Share is what a project has of a node.
type Share struct {
	mu      sync.Mutex
	running int
	tokens  float64   // requests that may begin; below 0 what was lent
	at      time.Time // when tokens were counted
}

// Enter begins so many requests that come together. They run to their end: Leave says
// when. Without a share they may not, and may be tried again after a time.
func (c *Counter) Enter(project tenancy.ProjectID, requests int) (*Share, time.Duration) {
	found, ok := c.projects.Load(project)
	if !ok {
		found, _ = c.projects.LoadOrStore(project, &Share{tokens: c.limits.Burst, at: c.now()})
	}
	s := found.(*Share)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.limits.Concurrent > 0 && s.running >= c.limits.Concurrent {
		return nil, time.Second
	}
	if c.limits.Rate > 0 {
		now := c.now()
		if passed := now.Sub(s.at); passed > 0 {
			s.tokens = min(c.limits.Burst, s.tokens+passed.Seconds()*c.limits.Rate)
			s.at = now
		}
		if s.tokens < 1 {
			return nil, time.Duration((1 - s.tokens) / c.limits.Rate * float64(time.Second))
		}
		// A batch may be larger than any burst, so it is lent what it lacks.
		s.tokens -= float64(requests)
	}
	s.running++
	return s, 0
}

// Leave ends what Enter began.
func (s *Share) Leave() {
	s.mu.Lock()
	s.running--
	s.mu.Unlock()
}
