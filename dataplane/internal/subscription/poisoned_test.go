package subscription

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkPoisoned says how soon an event reaches each of those who subscribe to it, with
// and without one among them that reads nothing: the first that is told, whose connection
// is full. An operation is one event that all others have read.
func BenchmarkPoisoned(b *testing.B) {
	const subscribers = 1000
	for _, poisoned := range []bool{false, true} {
		b.Run(fmt.Sprintf("poisoned=%t", poisoned), func(b *testing.B) {
			// It would be sent away, and then harm nobody: here it stays.
			w := serve(b, Options{WriteTime: time.Hour, QueueMessages: 1 << 30, QueueBytes: 1 << 40})
			var all []*begun
			readers := subscribers
			if poisoned {
				readers--
				say(b, w.open(b, newProtocol), `{"id":"1","type":"start","payload":{"query":"{ Poisoned }"}}`)
				all = append(all, w.last(b, "Poisoned"))
				w.clog(b, all[0])
			}
			var sent atomic.Int64
			var got sync.WaitGroup
			began := time.Now()
			took := make([][]time.Duration, readers)
			for i := range readers {
				conn := w.open(b, newProtocol)
				say(b, conn, startPost)
				go func() {
					for {
						if _, _, err := conn.ReadMessage(); err != nil {
							return
						}
						took[i] = append(took[i], time.Since(began)-time.Duration(sent.Load()))
						got.Done()
					}
				}()
			}
			w.until(b, "they are begun", func() bool { return len(w.begun["Post"]) == readers })
			all = append(all, w.begun["Post"]...)
			event := big(300)
			for b.Loop() {
				got.Add(readers)
				sent.Store(int64(time.Since(began)))
				for _, one := range all {
					one.next(event)
				}
				got.Wait()
			}
			if poisoned && w.waiting() == 0 {
				b.Error("it has read")
			}
			every := slices.Concat(took...)
			slices.Sort(every)
			for name, q := range map[string]float64{"ms-p50": .5, "ms-p99": .99, "ms-max": 1} {
				b.ReportMetric(every[int(q*float64(len(every)-1))].Seconds()*1000, name)
			}
		})
	}
}

// clog delivers to a client that reads nothing until its connection takes no more.
func (w *world) clog(t testing.TB, to *begun) {
	t.Helper()
	for range 32 {
		to.next(big(1 << 20))
	}
	before := -1
	for limit := time.Now().Add(patience); ; time.Sleep(quietTime) {
		now := w.waiting()
		if now > 0 && now == before {
			return
		}
		if before = now; time.Now().After(limit) {
			t.Fatalf("%d bytes wait", now)
		}
	}
}
