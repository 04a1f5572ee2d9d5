package databasetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/relational"
	"icehouse/tenancy"
)

// What noteAll does.
const (
	noteWriters = 8
	noteWrites  = 200 // of each
	noteNodes   = 4   // that they share
)

// noteAll lets many write while relays come and go, some of which never send what they
// were given: each committed change has one position, and is sent.
func noteAll(t *testing.T, h *house) {
	for n := range noteNodes {
		h.must(t, h.a, h.insertOrder(fmt.Sprintf("o%d", n), canary, canary, n+1), h.sets(false, "Order", fmt.Sprintf("o%d", n), "count", int64(0)))
	}
	h.sender(t).all(h.a)
	epochs := map[string]string{}
	for _, model := range []string{"Group", "Order"} {
		epochs[model] = h.listen(t, h.a, model).Epoch
	}
	var created, counted atomic.Int64
	writing, relaying := new(sync.WaitGroup), new(sync.WaitGroup)
	for w := range noteWriters {
		writing.Go(func() {
			for i := range noteWrites {
				if i%2 == 0 {
					h.must(t, h.a, h.insertGroup(fmt.Sprintf("g%d.%d", w, i)))
					created.Add(1)
				} else if h.count(t, fmt.Sprintf("o%d", rand.N(noteNodes)), i%20 != 1) { //nolint:gosec // no secret
					counted.Add(1)
				}
			}
		})
	}
	var mu sync.Mutex
	sent := map[string]map[int64]database.Event{"Group": {}, "Order": {}}
	send := func(events []database.Event) {
		mu.Lock()
		defer mu.Unlock()
		last := map[string]int64{}
		for _, e := range events {
			if e.Project != h.a.Project() {
				continue
			}
			if e.Epoch != epochs[e.Model] || e.Position <= last[e.Model] {
				t.Errorf("out of order: %+v", e)
			}
			last[e.Model] = e.Position
			if before, again := sent[e.Model][e.Position]; again && !reflect.DeepEqual(before, e) {
				t.Errorf("one position for two: %+v and %+v", before, e)
			}
			sent[e.Model][e.Position] = e
		}
	}
	var stop atomic.Bool
	for range 2 {
		relaying.Go(func() {
			turn := database.Turn{Holder: tenancy.NewID(), Lease: 20 * time.Millisecond, Limit: 30}
			for !stop.Load() {
				out, err := h.db.Relay(t.Context(), turn)
				switch {
				case err != nil:
					t.Error(err)
					return
				case !out.Until.IsZero():
					time.Sleep(time.Until(out.Until))
				case rand.N(10) < 3: //nolint:gosec // no secret
					turn.Holder, turn.Sent = tenancy.NewID(), 0 // it was killed before it sent
				default:
					send(out.Events)
					turn.Sent = out.Last
					if !out.More {
						time.Sleep(time.Duration(rand.N(40)) * time.Millisecond) //nolint:gosec // no secret
					}
				}
			}
		})
	}
	writing.Wait()
	stop.Store(true)
	relaying.Wait()
	send(h.sender(t).all(h.a))
	for model, want := range map[string]int64{"Group": created.Load(), "Order": counted.Load()} {
		positions := slices.Sorted(maps.Keys(sent[model]))
		if int64(len(positions)) != want || positions[0] != 1 || positions[want-1] != want {
			t.Errorf("%s: %d changes were sent of %d, from %d to %d", model, len(positions), want, positions[0], positions[len(positions)-1])
		}
	}
	counts := map[string]int{}
	for _, position := range slices.Sorted(maps.Keys(sent["Order"])) {
		e := sent["Order"][position]
		var before struct{ Count int }
		if err := json.Unmarshal(e.Before, &before); err != nil || before.Count != counts[e.Node] {
			t.Fatalf("%v: %s had %d, and not %d", err, e.Node, before.Count, counts[e.Node])
		}
		counts[e.Node]++
	}
}

// count adds one to an order, or takes it back.
func (h *house) count(t *testing.T, id string, keep bool) bool {
	order, ctx := h.table("Order"), t.Context()
	byID := relational.Compare{Column: order.ID, Op: relational.Equal, Arg: 1}
	err := h.db.Transact(ctx, h.a, func(tx database.Tx) error {
		var first []database.Statement
		if h.db.Dialect().Features().ParallelWriters {
			first = append(first, h.render(h.a, change{&relational.Hold{Table: order, IDs: 1, Args: []relational.ArgType{{Kind: relational.ArgID, List: true}}}, []any{[]string{id}}}))
		}
		first = append(first, h.query(h.a, &relational.Select{Table: order, Where: byID}, []any{id}, []relational.ArgType{{Kind: relational.ArgID}}, "count"))
		out, err := tx.Batch(ctx, first)
		if err != nil {
			return err
		}
		var got struct{ Rows []struct{ Count int64 } }
		if err := json.Unmarshal(out[len(out)-1], &got); err != nil {
			return err
		}
		if _, err := tx.Batch(ctx, h.renderAll(h.a, []change{h.sets(false, "Order", id, "count", got.Rows[0].Count+1)})); err != nil {
			return err
		}
		if !keep {
			return errOwn
		}
		return nil
	})
	if err != nil && keep {
		t.Error(err)
	}
	return err == nil
}
