package meter_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"icehouse/tenancy"
	"icehouse/tenancy/meter"
)

// sink adds up what it takes; it can refuse.
type sink struct {
	mu      sync.Mutex
	refuse  bool
	records []meter.Record
	total   map[tenancy.ProjectID]int64
}

func (s *sink) AddUsage(_ context.Context, records []meter.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse {
		return errors.New("no room")
	}
	s.records = append(s.records, records...)
	for _, r := range records {
		if s.total == nil {
			s.total = map[tenancy.ProjectID]int64{}
		}
		s.total[r.Project] += r.Requests
	}
	return nil
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestRecords(t *testing.T) {
	s, now := &sink{}, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m := meter.New(s, meter.Options{Log: quiet(), Clock: func() time.Time { return now }})
	m.Add("b", meter.Use{Features: meter.Relay})
	for i := range 15 {
		m.Add("a", meter.Use{Features: meter.Simple | meter.Filter, Address: fmt.Sprintf("10.0.0.%d", i%12), Console: i < 2, PermissionQueries: 2, Functions: i % 2})
	}
	now = now.Add(10 * time.Second)
	m.Flush(t.Context())
	if len(s.records) != 2 || s.records[0].Project != "a" {
		t.Fatalf("%+v", s.records)
	}
	a := s.records[0]
	if a.Requests != 15 || a.Console != 2 || a.PermissionQueries != 30 || a.Functions != 7 || len(a.Addresses) != meter.MaxAddresses || a.To.Sub(a.From) != 10*time.Second {
		t.Errorf("%+v", a)
	}
	if got := a.Features.Names(); !slices.Equal(got, []string{"backend/api/simple", "backend/feature/filter"}) {
		t.Error(got)
	}
	m.Flush(t.Context())
	if len(s.records) != 2 {
		t.Error("a project that was not used is recorded")
	}
}

// What the sink does not take is offered again, with the time that it is about.
func TestRefused(t *testing.T) {
	s, now := &sink{refuse: true}, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m := meter.New(s, meter.Options{Log: quiet(), Clock: func() time.Time { return now }})
	m.Add("a", meter.Use{Address: "10.0.0.1", Features: meter.Simple})
	now = now.Add(10 * time.Second)
	m.Flush(t.Context())
	s.refuse = false
	m.Add("a", meter.Use{Address: "10.0.0.2"})
	now = now.Add(10 * time.Second)
	m.Flush(t.Context())
	if len(s.records) != 1 || s.records[0].Requests != 2 || len(s.records[0].Addresses) != 2 || s.records[0].Features != meter.Simple || s.records[0].To.Sub(s.records[0].From) != 20*time.Second {
		t.Errorf("%+v", s.records)
	}
}

// Everything that is counted is recorded once, whatever happens meanwhile.
func TestNothingIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		m := meter.New(s, meter.Options{Every: time.Millisecond, Log: quiet()})
		ctx, stop := context.WithCancel(t.Context())
		var run, work sync.WaitGroup
		run.Go(func() { m.Run(ctx) })
		for range 4 {
			work.Go(func() {
				for n := range 5000 {
					m.Add(tenancy.ProjectID(fmt.Sprintf("p%d", n%3)), meter.Use{Address: fmt.Sprint(n % 20)})
					if n%100 == 0 {
						time.Sleep(time.Millisecond)
						s.mu.Lock()
						s.refuse = n%300 == 0
						s.mu.Unlock()
					}
				}
			})
		}
		work.Wait()
		s.mu.Lock()
		s.refuse = false
		s.mu.Unlock()
		stop()
		run.Wait()
		if sum := s.total["p0"] + s.total["p1"] + s.total["p2"]; sum != 20000 {
			t.Errorf("20000 requests were counted, %d are recorded", sum)
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	m := meter.New(&sink{}, meter.Options{Log: quiet()})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.Add("a", meter.Use{Features: meter.Simple, Address: "10.0.0.1"})
		}
	})
}
