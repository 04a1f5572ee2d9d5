// Package storetest is the specification of store.Store: every engine's store
// passes Suite.
//
// In: a function that opens an empty store. Out: test failures. Callers: the
// tests of the stores.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"icehouse/controlplane/store"
	"icehouse/tenancy"
	"icehouse/tenancy/meter"
)

// Suite runs every case against a fresh store. After each read of one project
// the same read of another must find nothing of it.
func Suite(t *testing.T, open func(t *testing.T) store.Store) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *fixture)
	}{
		{"FirstCustomer", firstCustomer},
		{"FirstCustomerOfManyCallers", firstCustomerOfManyCallers},
		{"Projects", projects},
		{"NamesAndAliases", namesAndAliases},
		{"OneNameForManyCallers", oneNameForManyCallers},
		{"Eject", eject}, {"Withdraw", withdraw},
		{"Publish", publish},
		{"PublishIsAtomic", publishIsAtomic},
		{"RootTokens", rootTokens},
		{"Lock", lock},
		{"LockExpires", lockExpires},
		{"RecordOutlivesItsDeploy", recordOutlives},
		{"Usage", usage},
		{"OneLockForManyCallers", oneLockForManyCallers},
		{"Accounts", accounts},
		{"OneAddressForManyCallers", oneAddressForManyCallers},
		{"Passwords", passwords},
		{"Confirmations", confirmations},
		{"OneUseForManyCallers", oneUseForManyCallers},
		{"Letters", letters},
		{"OneSenderForALetter", oneSenderForALetter},
		{"Sessions", sessions},
		{"Attempts", attempts},
		{"Seats", seats},
		{"Ownership", ownership},
		{"ChangeProject", changeProject},
		{"Placements", placements}, {"Relocate", relocate},
		{"Audit", audit},
		{"FunctionLogs", functionLogs}, {"FunctionStats", functionStats},
		{"FunctionLogsAreKept", functionLogsAreKept}, {"FunctionCountsOfManyCallers", functionCountsOfManyCallers},
		{"CanceledContext", canceledContext},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, &fixture{Store: open(t), t: t}) })
	}
}

type fixture struct {
	store.Store
	t *testing.T
}

var at = time.Date(2017, 9, 15, 12, 0, 0, int(7*time.Millisecond), time.UTC)

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) is(err, want error) {
	f.t.Helper()
	if !errors.Is(err, want) {
		f.t.Fatalf("error %v, want %v", err, want)
	}
}

func (f *fixture) same(got, want any) {
	f.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		f.t.Fatalf("(-want +got):\n%s", diff)
	}
}

func (f *fixture) customer() store.Customer {
	f.t.Helper()
	c, err := f.EnsureCustomer(f.t.Context(), store.Customer{ID: tenancy.NewID(), Name: "Ada", Email: "ada@example.org", Source: "DOCS", CreatedAt: at, UpdatedAt: at})
	f.must(err)
	return c
}

func newProject(owner, name, alias string) (store.Project, store.Seat) {
	id := tenancy.ProjectID(tenancy.NewID())
	return store.Project{ID: id, Name: name, Alias: alias, Owner: owner, Placement: "default", Region: "EU_WEST_1",
			AllowQueries: true, AllowMutations: true, Ejected: true, CreatedAt: at, UpdatedAt: at},
		store.Seat{ID: tenancy.NewID(), Project: id, Customer: owner, Owner: true, Status: store.Joined, CreatedAt: at}
}

func (f *fixture) project(owner, name, alias string) store.Project {
	f.t.Helper()
	p, seat := newProject(owner, name, alias)
	f.must(f.AddProject(f.t.Context(), p, seat))
	return p
}

func firstCustomer(t *testing.T, f *fixture) {
	first := f.customer()
	f.same(first, store.Customer{ID: first.ID, Name: "Ada", Email: "ada@example.org", Source: "DOCS", CreatedAt: at, UpdatedAt: at})
	f.same(f.customer(), first)
	got, err := f.Customer(t.Context(), first.ID)
	f.must(err)
	f.same(got, first)
	_, err = f.Customer(t.Context(), "cnobody")
	f.is(err, store.ErrNotFound)
}

func firstCustomerOfManyCallers(t *testing.T, f *fixture) {
	ids := make([]string, 8)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			c, err := f.EnsureCustomer(t.Context(), store.Customer{ID: tenancy.NewID(), Email: "ada@example.org", CreatedAt: at, UpdatedAt: at})
			if err != nil {
				t.Error(err)
			}
			ids[i] = c.ID
		})
	}
	wg.Wait()
	for _, id := range ids {
		f.same(id, ids[0])
	}
}

func projects(t *testing.T, f *fixture) {
	owner := f.customer().ID
	a, b := f.project(owner, "a", "first"), f.project(owner, "b", "")
	for _, key := range []string{string(a.ID), "first"} {
		got, err := f.Project(t.Context(), key)
		f.must(err)
		f.same(got, a)
	}
	got, err := f.Project(t.Context(), string(b.ID))
	f.must(err)
	f.same(got, b)
	_, err = f.Project(t.Context(), "")
	f.is(err, store.ErrNotFound)
	_, err = f.Project(t.Context(), "FIRST")
	f.is(err, store.ErrNotFound)

	all, err := f.ProjectsOf(t.Context(), owner)
	f.must(err)
	f.same(all, []store.Project{a, b})
	none, err := f.ProjectsOf(t.Context(), "cnobody")
	f.must(err)
	f.same(len(none), 0)

	seat, err := f.Seat(t.Context(), a.ID, owner)
	f.must(err)
	f.same(seat, store.Seat{ID: seat.ID, Project: a.ID, Customer: owner, Owner: true, Status: store.Joined, CreatedAt: at})
	_, err = f.Seat(t.Context(), a.ID, "cnobody")
	f.is(err, store.ErrNotFound)
}

func namesAndAliases(t *testing.T, f *fixture) {
	owner := f.customer().ID
	a := f.project(owner, "a", "first")
	for _, c := range []struct {
		name, alias string
		want        error
	}{
		{"a", "", store.ErrNameTaken},
		{"b", "first", store.ErrAliasTaken},
		{"b", string(a.ID), store.ErrAliasIsID},
	} {
		p, seat := newProject(owner, c.name, c.alias)
		f.is(f.AddProject(t.Context(), p, seat), c.want)
		_, err := f.Project(t.Context(), string(p.ID))
		f.is(err, store.ErrNotFound)
	}
	f.project(owner, "A", "First")
}

func oneNameForManyCallers(t *testing.T, f *fixture) {
	owner := f.customer().ID
	errs := make([]error, 6)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			p, seat := newProject(owner, "same", "")
			errs[i] = f.AddProject(t.Context(), p, seat)
		})
	}
	wg.Wait()
	done := 0
	for _, err := range errs {
		if err == nil {
			done++
			continue
		}
		f.is(err, store.ErrNameTaken)
	}
	f.same(done, 1)
}

func eject(t *testing.T, f *fixture) {
	owner := f.customer().ID
	ids := []tenancy.ProjectID{"a", "b"}
	for _, id := range ids {
		p := store.Project{ID: id, Name: string(id), Owner: owner, Placement: tenancy.DefaultPlacement, Region: "EU_WEST_1", CreatedAt: at, UpdatedAt: at}
		f.must(f.AddProject(t.Context(), p, store.Seat{ID: "seat" + string(id), Project: id, Customer: owner, Owner: true, Status: store.Joined, CreatedAt: at}))
	}
	for range 2 {
		f.must(f.Eject(t.Context(), ids[0], at))
	}
	for i, want := range []bool{true, false} {
		now, err := f.Project(t.Context(), string(ids[i]))
		f.must(err)
		f.same(now.Ejected, want)
	}
}

func withdraw(t *testing.T, f *fixture) {
	owner := f.customer().ID
	a, b := f.project(owner, "a", "first"), f.project(owner, "b", "second")
	f.release(a, 0)
	f.release(b, 0)
	for range 2 {
		f.must(f.Withdraw(t.Context(), a.ID, at))
	}
	_, err := f.Project(t.Context(), "first")
	f.is(err, store.ErrNotFound)
	gone, err := f.Project(t.Context(), string(a.ID))
	f.must(err)
	if !gone.Withdrawn || gone.Release != 0 {
		t.Fatalf("withdrawn project still serves: %+v", gone)
	}
	f.project(owner, "a", "first") // its name and alias are free

	// A deploy that runs meanwhile can't bring it back.
	_, err = f.Lock(t.Context(), a.ID, "late", time.Minute)
	f.must(err)
	f.is(f.Publish(t.Context(), publication(a, 0, "late")), store.ErrLockLost)

	waiting, err := f.Withdrawn(t.Context())
	f.must(err)
	f.same(len(waiting), 1)
	f.same(waiting[0].ID, a.ID)

	f.must(f.RemoveWithdrawn(t.Context(), b.ID)) // is not withdrawn
	for range 2 {
		f.must(f.RemoveWithdrawn(t.Context(), a.ID))
	}
	_, err = f.Project(t.Context(), string(a.ID))
	f.is(err, store.ErrNotFound)
	_, err = f.Payload(t.Context(), a.ID, 1)
	f.is(err, store.ErrNotFound)
	still, err := f.Project(t.Context(), "second")
	f.must(err)
	f.same(still.Release, int64(1))
}

func publication(p store.Project, previous int64, holder string) store.Publication {
	n := previous + 1
	return store.Publication{Previous: previous, Holder: holder, Release: store.Release{Project: p.ID, Number: n,
		Definition: fmt.Appendf(nil, "definition %d", n), Payload: fmt.Appendf(nil, "payload %d", n), CreatedAt: at}}
}

func (f *fixture) release(p store.Project, previous int64) {
	f.t.Helper()
	_, err := f.Lock(f.t.Context(), p.ID, "holder", time.Minute)
	f.must(err)
	f.must(f.Publish(f.t.Context(), publication(p, previous, "holder")))
	f.must(f.Unlock(f.t.Context(), p.ID, "holder"))
}

func publish(t *testing.T, f *fixture) {
	owner := f.customer().ID
	a, b := f.project(owner, "a", ""), f.project(owner, "b", "")
	f.release(a, 0)
	f.release(a, 1)
	p, err := f.Project(t.Context(), string(a.ID))
	f.must(err)
	f.same(p.Release, int64(2))
	for n := int64(1); n <= 2; n++ { // releases stay
		r, err := f.Release(t.Context(), a.ID, n)
		f.must(err)
		f.same(r, publication(a, n-1, "").Release)
		payload, err := f.Payload(t.Context(), a.ID, n)
		f.must(err)
		f.same(payload, r.Payload)
		_, err = f.Release(t.Context(), b.ID, n)
		f.is(err, store.ErrNotFound)
		_, err = f.Payload(t.Context(), b.ID, n)
		f.is(err, store.ErrNotFound)
	}
}

func token(p store.Project, name, text string) store.RootToken {
	return store.RootToken{ID: tenancy.NewID(), Project: p.ID, Name: name, Token: text, CreatedAt: at}
}

func publishIsAtomic(t *testing.T, f *fixture) {
	owner := f.customer().ID
	a, b := f.project(owner, "a", ""), f.project(owner, "b", "")
	_, err := f.Lock(t.Context(), a.ID, "me", time.Minute)
	f.must(err)

	p := publication(a, 0, "someone")
	p.AddTokens = []store.RootToken{token(a, "ops", "t1")}
	f.is(f.Publish(t.Context(), p), store.ErrLockLost)
	p.Holder, p.Previous = "me", 7
	f.is(f.Publish(t.Context(), p), store.ErrLockLost)
	p.Previous = 0
	twice := p
	one, two := token(a, "ops", "t1"), token(a, "more", "t2")
	two.ID = one.ID
	twice.AddTokens = []store.RootToken{one, two}
	if f.Publish(t.Context(), twice) == nil {
		t.Fatal("two tokens with one id were stored")
	}
	unchanged, err := f.Project(t.Context(), string(a.ID))
	f.must(err)
	f.same(unchanged.Release, int64(0))
	_, err = f.Payload(t.Context(), a.ID, 1)
	f.is(err, store.ErrNotFound)
	tokens, err := f.RootTokens(t.Context(), a.ID)
	f.must(err)
	f.same(len(tokens), 0)

	f.must(f.Record(t.Context(), a.ID, "me", []byte("plan")))
	f.must(f.Publish(t.Context(), p))
	tokens, err = f.RootTokens(t.Context(), a.ID)
	f.must(err)
	f.same(tokens, p.AddTokens)
	others, err := f.RootTokens(t.Context(), b.ID)
	f.must(err)
	f.same(len(others), 0)

	next := publication(a, 1, "me")
	next.RemoveTokens = []string{"ops"}
	next.AddTokens = []store.RootToken{token(a, "ops", "t3")}
	f.must(f.Publish(t.Context(), next))
	tokens, err = f.RootTokens(t.Context(), a.ID)
	f.must(err)
	f.same(tokens, next.AddTokens)

	again := publication(a, 2, "me")
	again.AddTokens = []store.RootToken{token(a, "ops", "another text")}
	f.must(f.Publish(t.Context(), again)) // a name that is there keeps its token
	tokens, err = f.RootTokens(t.Context(), a.ID)
	f.must(err)
	f.same(tokens, next.AddTokens)

	f.must(f.Unlock(t.Context(), a.ID, "me"))
	record, err := f.Lock(t.Context(), a.ID, "you", time.Minute)
	f.must(err)
	f.same(len(record), 0) // publishing cleared it
}

func rootTokens(t *testing.T, f *fixture) {
	owner := f.customer().ID
	a, b := f.project(owner, "a", ""), f.project(owner, "b", "")
	one := token(a, "ops", "t1")
	f.must(f.AddRootToken(t.Context(), one))
	f.is(f.AddRootToken(t.Context(), token(a, "ops", "t2")), store.ErrNameTaken)
	f.must(f.AddRootToken(t.Context(), token(b, "ops", "t3")))
	f.is(f.RemoveRootToken(t.Context(), b.ID, one.ID), store.ErrNotFound)
	tokens, err := f.RootTokens(t.Context(), a.ID)
	f.must(err)
	f.same(tokens, []store.RootToken{one})
	found, err := f.RootToken(t.Context(), one.ID)
	f.must(err)
	f.same(found, one)
	_, err = f.RootToken(t.Context(), "nobody")
	f.is(err, store.ErrNotFound)
	f.must(f.RemoveRootToken(t.Context(), a.ID, one.ID))
	f.is(f.RemoveRootToken(t.Context(), a.ID, one.ID), store.ErrNotFound)
	tokens, err = f.RootTokens(t.Context(), a.ID)
	f.must(err)
	f.same(len(tokens), 0)
}

func lock(t *testing.T, f *fixture) {
	owner := f.customer().ID
	a, b := f.project(owner, "a", ""), f.project(owner, "b", "")
	_, err := f.Lock(t.Context(), a.ID, "me", time.Minute)
	f.must(err)
	_, err = f.Lock(t.Context(), a.ID, "you", time.Minute)
	f.is(err, store.ErrLocked)
	_, err = f.Lock(t.Context(), b.ID, "you", time.Minute) // another project's deploy goes on
	f.must(err)
	f.must(f.Extend(t.Context(), a.ID, "me", time.Minute))
	f.is(f.Extend(t.Context(), a.ID, "you", time.Minute), store.ErrLockLost)
	f.is(f.Record(t.Context(), a.ID, "you", []byte("x")), store.ErrLockLost)
	f.must(f.Unlock(t.Context(), a.ID, "you")) // has no say
	_, err = f.Lock(t.Context(), a.ID, "you", time.Minute)
	f.is(err, store.ErrLocked)
	for range 2 {
		f.must(f.Unlock(t.Context(), a.ID, "me"))
	}
	_, err = f.Lock(t.Context(), a.ID, "you", time.Minute)
	f.must(err)
}

func lockExpires(t *testing.T, f *fixture) {
	p := f.project(f.customer().ID, "a", "")
	_, err := f.Lock(t.Context(), p.ID, "dead", 20*time.Millisecond)
	f.must(err)
	for {
		if _, err = f.Lock(t.Context(), p.ID, "next", time.Minute); err == nil {
			break
		}
		f.is(err, store.ErrLocked)
		time.Sleep(5 * time.Millisecond)
	}
	f.is(f.Extend(t.Context(), p.ID, "dead", time.Minute), store.ErrLockLost)
	f.is(f.Publish(t.Context(), publication(p, 0, "dead")), store.ErrLockLost)
	f.must(f.Publish(t.Context(), publication(p, 0, "next")))
}

func recordOutlives(t *testing.T, f *fixture) {
	owner := f.customer().ID
	p, other := f.project(owner, "a", ""), f.project(owner, "b", "")
	_, err := f.Lock(t.Context(), p.ID, "me", time.Minute)
	f.must(err)
	f.must(f.Record(t.Context(), p.ID, "me", []byte("half done")))
	f.must(f.Unlock(t.Context(), p.ID, "me"))
	record, err := f.Lock(t.Context(), p.ID, "you", time.Minute)
	f.must(err)
	f.same(record, []byte("half done"))
	interrupted := func(want ...tenancy.ProjectID) {
		t.Helper()
		got, err := f.Interrupted(t.Context())
		f.must(err)
		f.same(len(got), len(want))
		for i := range want {
			f.same(got[i], want[i])
		}
	}
	interrupted() // somebody is at it
	f.must(f.Unlock(t.Context(), p.ID, "you"))
	interrupted(p.ID)
	_, err = f.Lock(t.Context(), p.ID, "you", time.Minute)
	f.must(err)
	// A release can be published with something left to do behind it.
	unfinished := publication(p, 0, "you")
	unfinished.Unfinished = true
	f.must(f.Publish(t.Context(), unfinished))
	f.must(f.Unlock(t.Context(), p.ID, "you"))
	interrupted(p.ID)
	record, err = f.Lock(t.Context(), p.ID, "you", time.Minute)
	f.must(err)
	f.same(record, []byte("half done"))
	record, err = f.Lock(t.Context(), other.ID, "you", time.Minute)
	f.must(err)
	f.same(len(record), 0)
	f.must(f.Record(t.Context(), p.ID, "you", nil))
	f.must(f.Unlock(t.Context(), p.ID, "you"))
	record, err = f.Lock(t.Context(), p.ID, "me", time.Minute)
	f.must(err)
	f.same(len(record), 0)
}

func oneLockForManyCallers(t *testing.T, f *fixture) {
	p := f.project(f.customer().ID, "a", "")
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = f.Lock(t.Context(), p.ID, fmt.Sprint("holder", i), time.Minute) })
	}
	wg.Wait()
	got := 0
	for _, err := range errs {
		if err == nil {
			got++
			continue
		}
		f.is(err, store.ErrLocked)
	}
	f.same(got, 1)
}

func canceledContext(t *testing.T, f *fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Project(ctx, "x"); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Fatalf("a read with an ended context answered %v", err)
	}
}

func usage(t *testing.T, f *fixture) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	record := func(p tenancy.ProjectID, minute int) meter.Record {
		return meter.Record{Project: p, From: at.Add(time.Duration(minute-1) * time.Minute), To: at.Add(time.Duration(minute) * time.Minute), Requests: 7, Console: 1,
			PermissionQueries: 3, Functions: 2, Features: meter.Relay | meter.Filter, Addresses: []string{"10.0.0.1", "[::1]"}}
	}
	one, two, other := record("gone", 2), record("gone", 1), record("other", 1)
	f.must(f.AddUsage(t.Context(), []meter.Record{one, two, other}))
	f.must(f.AddUsage(t.Context(), nil))
	got, err := f.Usage(t.Context(), "gone", at)
	f.must(err)
	f.same(got, []meter.Record{two, one})
	got, err = f.Usage(t.Context(), "gone", at.Add(time.Minute))
	f.must(err)
	f.same(got, []meter.Record{one})
	got, err = f.Usage(t.Context(), "nobody", at)
	f.must(err)
	f.same(len(got), 0)
}
