package dataplanetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/internal/subscription"
	"icehouse/tenancy/isolation"
)

const counted = "type Post @model { id: ID! @isUnique title: String! number: Int } type Other @model { id: ID! @isUnique name: String }"

func (p *Project) createPost(t *testing.T, number int) {
	t.Helper()
	if status, answer := p.Do(t, Request{Query: fmt.Sprintf(`mutation { createPost(title: "p", number: %d) { id } }`, number)}); status != 200 || strings.Contains(answer, "errors") {
		t.Fatalf("HTTP %d: %s", status, answer)
	}
}

func (p *Project) subscribe(t *testing.T, s subscription.Service, cursor string) (*told, *subscription.Subscription) {
	t.Helper()
	sink := &told{news: make(chan struct{}, 1)}
	sub, err := s.Start(t.Context(), subscription.Request{
		Project: string(p.ID), RequestID: "r", Query: "subscription { Post { mutation node { number } } }", Cursor: cursor,
	}, sink)
	if err != nil {
		t.Fatal(err)
	}
	return sink, sub
}

// numbers are those that results tell of, in order.
func numbers(t *testing.T, results []json.RawMessage) (out []int) {
	t.Helper()
	for _, r := range results {
		var in struct {
			Data struct {
				Post struct{ Node struct{ Number int } }
			}
		}
		if err := json.Unmarshal(r, &in); err != nil {
			t.Fatal(err)
		}
		out = append(out, in.Data.Post.Node.Number)
	}
	return out
}

func expectNumbers(t *testing.T, got []int, from, to int) {
	t.Helper()
	if len(got) != to-from+1 {
		t.Fatalf("%d results, want %d to %d: %v", len(got), from, to, got)
	}
	for i, n := range got {
		if n != from+i {
			t.Fatalf("result %d tells of %d, want %d to %d in order: %v", i, n, from, to, got)
		}
	}
}

// TestResume gives a client that comes back what it missed, once, in order; also
// beside one that was there all the time, at another gateway, and far behind what is in
// memory.
func TestResume(t *testing.T) {
	for _, c := range contexts(t) {
		t.Run(c.Name, func(t *testing.T) {
			p := Deploy(t, c, counted)
			s := listen(t, c, p)
			always, stays := p.subscribe(t, s, "")
			defer stays.Stop()
			first, sub := p.subscribe(t, s, "")
			p.createPost(t, 1)
			p.createPost(t, 2)
			expectNumbers(t, numbers(t, first.take(2)), 1, 2)
			sub.Stop()
			cursor := first.cursor
			for i := 3; i <= 30; i++ {
				p.createPost(t, i)
			}
			expectNumbers(t, numbers(t, always.take(30)), 1, 30)
			second, sub := p.subscribe(t, s, cursor)
			expectNumbers(t, numbers(t, second.take(28)), 3, 30)
			p.createPost(t, 31) // both are one group now
			expectNumbers(t, numbers(t, second.take(1)), 31, 31)
			expectNumbers(t, numbers(t, always.take(1)), 31, 31)
			sub.Stop()

			// Another process has nothing in memory.
			other := listen(t, c, p)
			third, sub := p.subscribe(t, other, cursor)
			defer sub.Stop()
			expectNumbers(t, numbers(t, third.take(29)), 3, 31)

			for name, cursor := range map[string]string{
				"of nobody": "cnobody-3", "of the future": cursor[:strings.LastIndexByte(cursor, '-')] + "-999999", "no cursor": "x", "negative": cursor[:strings.LastIndexByte(cursor, '-')] + "--1",
			} {
				_, err := s.Start(t.Context(), subscription.Request{Project: string(p.ID), Query: "subscription { Post { mutation } }", Cursor: cursor}, &told{news: make(chan struct{}, 1)})
				var refused *subscription.Refusal
				if !errors.As(err, &refused) || refused.Kind != subscription.Gap {
					t.Errorf("a cursor %s: %v", name, err)
				}
			}

			// What is too old is a gap, and said so.
			if err := c.DB.Tidy(t.Context(), time.Nanosecond); err != nil {
				t.Fatal(err)
			}
			fresh := listen(t, c, p)
			_, err := fresh.Start(t.Context(), subscription.Request{Project: string(p.ID), Query: "subscription { Post { mutation } }", Cursor: cursor}, &told{news: make(chan struct{}, 1)})
			var refused *subscription.Refusal
			if !errors.As(err, &refused) || refused.Kind != subscription.Gap {
				t.Errorf("behind what is kept: %v", err)
			}
		})
	}
}

// TestResumeUnderWrites has clients come and go at random while eight others write:
// each has every event once, in the order that all others see.
func TestResumeUnderWrites(t *testing.T) {
	const writers, each, clients = 4, 40, 12
	for _, c := range contexts(t) {
		t.Run(c.Name, func(t *testing.T) {
			p := Deploy(t, c, counted)
			s := listen(t, c, p)
			keep, stays := p.subscribe(t, s, "")
			defer stays.Stop()
			start := stays.Cursor
			var writing, reading sync.WaitGroup
			for w := range writers {
				writing.Go(func() {
					for i := range each {
						p.createPost(t, w*each+i)
					}
				})
			}
			got := make([][]int, clients)
			for i := range clients {
				reading.Go(func() {
					cursor := start
					for len(got[i]) < writers*each && t.Context().Err() == nil {
						sink, sub := p.subscribe(t, s, cursor)
						time.Sleep(time.Duration(1+(i*7+len(got[i])*3)%40) * time.Millisecond)
						sub.Stop()
						sink.mu.Lock()
						got[i] = append(got[i], numbers(t, sink.results)...)
						if sink.cursor != "" {
							cursor = sink.cursor
						}
						sink.mu.Unlock()
					}
				})
			}
			writing.Wait()
			reading.Wait()
			want := numbers(t, keep.take(writers*each))
			seen := map[int]bool{}
			for _, n := range want {
				seen[n] = true
			}
			if len(want) != writers*each || len(seen) != writers*each {
				t.Fatalf("%d results, %d of them different, of %d", len(want), len(seen), writers*each)
			}
			for i := range clients {
				if fmt.Sprint(got[i]) != fmt.Sprint(want) {
					t.Errorf("client %d saw another sequence:\n%v\n%v", i, got[i], want)
				}
			}
		})
	}
}

// calls counts what reaches a database.
type calls struct {
	database.Driver
	database.Streamer
	n atomic.Int64
}

func (c *calls) Dialect() dialect.Dialect { return c.Driver.Dialect() }

func (c *calls) Query(ctx context.Context, scope isolation.Scope, s database.Statement) ([]byte, error) {
	c.n.Add(1)
	return c.Driver.Query(ctx, scope, s)
}

func (c *calls) Batch(ctx context.Context, scope isolation.Scope, s []database.Statement) ([][]byte, error) {
	c.n.Add(1)
	return c.Driver.Batch(ctx, scope, s)
}

func (c *calls) Transact(ctx context.Context, scope isolation.Scope, do func(database.Tx) error) error {
	c.n.Add(1)
	return c.Driver.Transact(ctx, scope, do)
}

func (c *calls) Listen(ctx context.Context, scope isolation.Scope, release int64, model string, ddl []string, until time.Time) (database.Stream, error) {
	c.n.Add(1)
	return c.Streamer.Listen(ctx, scope, release, model, ddl, until)
}

func (c *calls) Extend(ctx context.Context, streams []database.StreamID, until time.Time) ([]database.StreamID, error) {
	c.n.Add(1)
	return c.Streamer.Extend(ctx, streams, until)
}

func (c *calls) Events(ctx context.Context, scope isolation.Scope, model, epoch string, after int64, limit int) ([]database.Event, error) {
	c.n.Add(1)
	return c.Streamer.Events(ctx, scope, model, epoch, after, limit)
}

func (c *calls) Relay(ctx context.Context, t database.Turn) (database.Relayed, error) {
	c.n.Add(1)
	return c.Streamer.Relay(ctx, t)
}

func (c *calls) Tidy(ctx context.Context, keep time.Duration) error {
	c.n.Add(1)
	return c.Streamer.Tidy(ctx, keep)
}

// TestSharedAnswers answers an event once for all who ask the same, and asks the
// database nothing while nothing happens, however many wait.
func TestSharedAnswers(t *testing.T) {
	for _, c := range contexts(t) {
		t.Run(c.Name, func(t *testing.T) {
			counter := &calls{}
			c.DB = c.DB.Wrap(func(d database.Driver) database.Driver {
				counter.Driver, counter.Streamer = d, d.(database.Streamer)
				return counter
			})
			p := Deploy(t, c, counted)
			s := listen(t, c, p)
			const many = 10_000
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			sinks := make([]*told, many)
			for i := range many {
				var sub *subscription.Subscription
				sinks[i], sub = p.subscribe(t, s, "")
				defer sub.Stop()
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			t.Logf("a subscription takes %d bytes of the gateway's and the test's memory", (after.HeapAlloc-before.HeapAlloc)/many)
			p.createPost(t, 1)
			for _, sink := range sinks {
				for len(sink.peek()) == 0 {
					<-sink.news
				}
			}
			asked := counter.n.Load()
			p.createPost(t, 2)
			for _, sink := range sinks {
				for len(sink.peek()) < 2 {
					<-sink.news
				}
			}
			if asked = counter.n.Load() - asked; asked > 20 {
				t.Errorf("an event for %d subscriptions took %d calls", many, asked)
			}
		})
	}
}

func (s *told) peek() []json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.results
}
