package quota_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"icehouse/tenancy"
	"icehouse/tenancy/quota"
)

func TestRate(t *testing.T) {
	now := time.Unix(0, 0)
	c := quota.New(quota.Limits{Rate: 2, Burst: 3}, func() time.Time { return now })
	enter := func(project tenancy.ProjectID, requests int, want time.Duration) {
		t.Helper()
		share, wait := c.Enter(project, requests)
		if wait != want || (share == nil) != (want > 0) {
			t.Errorf("%s after %v: wait %v, want %v", project, now.Sub(time.Unix(0, 0)), wait, want)
		}
	}
	for range 3 {
		enter("ca", 1, 0)
	}
	enter("ca", 1, 500*time.Millisecond)
	enter("cb", 1, 0) // another's
	now = now.Add(250 * time.Millisecond)
	enter("ca", 1, 250*time.Millisecond)
	now = now.Add(250 * time.Millisecond)
	enter("ca", 1, 0)
	enter("ca", 1, 500*time.Millisecond)
	now = now.Add(time.Hour)
	enter("ca", 2, 0) // no more was saved than a burst
	enter("ca", 10, 0)
	enter("ca", 1, 5*time.Second) // lent
	now = now.Add(-time.Hour)     // a clock that is put back gives nothing and takes nothing
	enter("ca", 1, 5*time.Second)
}

func TestConcurrency(t *testing.T) {
	c := quota.New(quota.Limits{Concurrent: 4}, time.Now)
	var running, most, refused atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 2000 {
				share, wait := c.Enter("ca", 1)
				if share == nil {
					if wait != time.Second {
						t.Errorf("wait %v", wait)
					}
					refused.Add(1)
					continue
				}
				n := running.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				running.Add(-1)
				share.Leave()
			}
		})
	}
	all.Wait()
	if most.Load() > 4 {
		t.Errorf("%d ran at once", most.Load())
	}
	var held []*quota.Share
	for range 4 {
		share, _ := c.Enter("ca", 1)
		held = append(held, share)
	}
	if share, _ := c.Enter("ca", 1); share != nil {
		t.Error("five run at once")
	}
	if share, _ := c.Enter("cb", 1); share == nil {
		t.Error("another project has to wait")
	}
	held[0].Leave()
	if share, _ := c.Enter("ca", 1); share == nil {
		t.Error("a place that was left is not given on")
	}
}

func TestNoLimits(t *testing.T) {
	c := quota.New(quota.Limits{}, time.Now)
	for range 10_000 {
		if share, _ := c.Enter("ca", 100); share == nil {
			t.Fatal("refused")
		}
	}
}
