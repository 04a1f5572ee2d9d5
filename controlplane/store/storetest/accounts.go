package storetest

import (
	"sync"
	"testing"
	"time"

	"icehouse/controlplane/store"
	"icehouse/tenancy"
	"icehouse/tenancy/directory"
)

func (f *fixture) account(email string) store.Customer {
	f.t.Helper()
	c, err := f.AddCustomer(f.t.Context(), store.Customer{ID: tenancy.NewID(), Name: "Bob", Email: email, Source: "DOCS", PasswordHash: "h", CreatedAt: at, UpdatedAt: at})
	f.must(err)
	return c
}

func (f *fixture) session(customer string, expires time.Time) store.Session {
	f.t.Helper()
	s := store.Session{ID: tenancy.NewID(), Customer: customer, Name: "laptop", Scopes: "read data", CreatedAt: at, ExpiresAt: expires}
	f.must(f.AddSession(f.t.Context(), s))
	return s
}

func accounts(t *testing.T, f *fixture) {
	ctx, bob := t.Context(), f.account("bob@example.org")
	f.same(bob, store.Customer{ID: bob.ID, Name: "Bob", Email: "bob@example.org", Source: "DOCS", PasswordHash: "h", CreatedAt: at, UpdatedAt: at})
	_, err := f.AddCustomer(ctx, store.Customer{ID: tenancy.NewID(), Email: "bob@example.org", CreatedAt: at, UpdatedAt: at})
	f.is(err, store.ErrEmailTaken)
	got, err := f.CustomerByEmail(ctx, "bob@example.org")
	f.must(err)
	f.same(got, bob)
	_, err = f.CustomerByEmail(ctx, "nobody@example.org")
	f.is(err, store.ErrNotFound)

	carol := f.account("carol@example.org")
	name, email, later := "Robert", "robert@example.org", at.Add(time.Hour)
	bob, err = f.UpdateCustomer(ctx, bob.ID, &name, nil, later)
	f.must(err)
	f.same(bob, store.Customer{ID: bob.ID, Name: "Robert", Email: "bob@example.org", Source: "DOCS", PasswordHash: "h", CreatedAt: at, UpdatedAt: later})
	bob, err = f.UpdateCustomer(ctx, bob.ID, nil, &email, later)
	f.must(err)
	f.same(bob.Email+bob.Name, "robert@example.orgRobert")
	_, err = f.UpdateCustomer(ctx, bob.ID, nil, &carol.Email, later)
	f.is(err, store.ErrEmailTaken)
	_, err = f.UpdateCustomer(ctx, "cnobody", &name, nil, later)
	f.is(err, store.ErrNotFound)

	p := f.project(bob.ID, "a", "")
	f.is(f.RemoveCustomer(ctx, bob.ID), store.ErrOwns)
	_, err = f.Invite(ctx, p.ID, carol.Email, tenancy.NewID(), at, nil)
	f.must(err)
	s := f.session(carol.ID, time.Time{})
	f.must(f.RemoveCustomer(ctx, carol.ID))
	f.is(f.RemoveCustomer(ctx, carol.ID), store.ErrNotFound)
	_, err = f.Session(ctx, s.ID)
	f.is(err, store.ErrNotFound)
	members, err := f.Members(ctx, p.ID)
	f.must(err)
	f.same(len(members), 1)
}

func oneAddressForManyCallers(t *testing.T, f *fixture) {
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = f.AddCustomer(t.Context(), store.Customer{ID: tenancy.NewID(), Email: "bob@example.org", CreatedAt: at, UpdatedAt: at})
		})
	}
	wg.Wait()
	got := 0
	for _, err := range errs {
		if err == nil {
			got++
			continue
		}
		f.is(err, store.ErrEmailTaken)
	}
	f.same(got, 1)
}

func passwords(t *testing.T, f *fixture) {
	ctx, bob, carol := t.Context(), f.account("bob@example.org"), f.account("carol@example.org")
	keep, end, other := f.session(bob.ID, time.Time{}), f.session(bob.ID, at.Add(time.Hour)), f.session(carol.ID, time.Time{})
	reset := store.OneTime{Hash: "r", Purpose: store.Reset, Customer: bob.ID, Email: bob.Email, ExpiresAt: at.Add(time.Hour)}
	f.must(f.AddOneTime(ctx, reset))
	changed, err := f.SetPassword(ctx, bob.ID, "h2", keep.ID, at.Add(time.Minute))
	f.must(err)
	f.same(changed.PasswordHash, "h2")
	left, err := f.SessionsOf(ctx, bob.ID)
	f.must(err)
	f.same(left, []store.Session{keep})
	_, err = f.Session(ctx, end.ID)
	f.is(err, store.ErrNotFound)
	_, err = f.ResetPassword(ctx, "r", "h3", at)
	f.is(err, store.ErrNotFound) // forgotten with the old password

	f.must(f.AddOneTime(ctx, reset))
	_, err = f.ResetPassword(ctx, "r", "h3", at.Add(time.Hour))
	f.is(err, store.ErrNotFound) // too late
	_, err = f.Confirm(ctx, "r", "cx", at, nil)
	f.is(err, store.ErrNotFound) // not for this
	changed, err = f.ResetPassword(ctx, "r", "h3", at)
	f.must(err)
	f.same(changed.ID+changed.PasswordHash, bob.ID+"h3")
	_, err = f.ResetPassword(ctx, "r", "h4", at)
	f.is(err, store.ErrNotFound)
	left, err = f.SessionsOf(ctx, bob.ID)
	f.must(err)
	f.same(len(left), 0)
	got, err := f.Session(ctx, other.ID)
	f.must(err)
	f.same(got, other)
}

func confirmations(t *testing.T, f *fixture) {
	ctx, owner := t.Context(), f.customer()
	p := f.project(owner.ID, "a", "")
	invited, err := f.Invite(ctx, p.ID, "bob@example.org", tenancy.NewID(), at, nil)
	f.must(err)
	signUp := func(hash string) {
		f.must(f.AddOneTime(ctx, store.OneTime{Hash: hash, Purpose: store.SignUp, Email: "bob@example.org", Name: "Bob", PasswordHash: "h", ExpiresAt: at.Add(time.Hour)}))
	}
	signUp("one")
	signUp("two")
	_, err = f.Confirm(ctx, "three", "cbob", at, nil)
	f.is(err, store.ErrNotFound)
	bob, err := f.Confirm(ctx, "one", "cbob", at, nil)
	f.must(err)
	f.same(bob, store.Customer{ID: "cbob", Name: "Bob", Email: "bob@example.org", Source: "HOMEPAGE", PasswordHash: "h", CreatedAt: at, UpdatedAt: at})
	_, err = f.Confirm(ctx, "two", "cother", at, nil)
	f.is(err, store.ErrEmailTaken)
	_, err = f.Confirm(ctx, "two", "cother", at, nil)
	f.is(err, store.ErrNotFound)
	seat, err := f.Seat(ctx, p.ID, bob.ID)
	f.must(err)
	f.same(seat, store.Seat{ID: invited.ID, Project: p.ID, Customer: bob.ID, Status: store.Joined, CreatedAt: at})

	f.must(f.AddOneTime(ctx, store.OneTime{Hash: "mail", Purpose: store.ChangeEmail, Customer: bob.ID, Email: "new@example.org", ExpiresAt: at.Add(time.Hour)}))
	_, err = f.ResetPassword(ctx, "mail", "x", at)
	f.is(err, store.ErrNotFound)
	bob, err = f.Confirm(ctx, "mail", "", at, nil)
	f.must(err)
	f.same(bob.ID+bob.Email, "cbobnew@example.org")
}

func oneUseForManyCallers(t *testing.T, f *fixture) {
	bob := f.account("bob@example.org")
	f.must(f.AddOneTime(t.Context(), store.OneTime{Hash: "r", Purpose: store.Reset, Customer: bob.ID, ExpiresAt: at.Add(time.Hour)}))
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = f.ResetPassword(t.Context(), "r", "h", at) })
	}
	wg.Wait()
	got := 0
	for _, err := range errs {
		if err == nil {
			got++
			continue
		}
		f.is(err, store.ErrNotFound)
	}
	f.same(got, 1)
}

func sessions(t *testing.T, f *fixture) {
	ctx, bob, carol := t.Context(), f.account("bob@example.org"), f.account("carol@example.org")
	a, b := f.session(bob.ID, time.Time{}), f.session(bob.ID, at.Add(time.Hour))
	f.is(f.RemoveSession(ctx, carol.ID, a.ID), store.ErrNotFound)
	f.must(f.RemoveSession(ctx, bob.ID, a.ID))
	f.is(f.RemoveSession(ctx, bob.ID, a.ID), store.ErrNotFound)
	c := f.session(bob.ID, time.Time{})
	f.must(f.Sweep(ctx, at.Add(time.Hour)))
	left, err := f.SessionsOf(ctx, bob.ID)
	f.must(err)
	f.same(left, []store.Session{c})
	_, err = f.Session(ctx, b.ID)
	f.is(err, store.ErrNotFound)
	f.must(f.RemoveSessions(ctx, bob.ID, ""))
	left, err = f.SessionsOf(ctx, bob.ID)
	f.must(err)
	f.same(len(left), 0)
}

func attempts(t *testing.T, f *fixture) {
	ctx := t.Context()
	count := func(key string, now time.Time, want int, ends time.Time) {
		t.Helper()
		n, until, err := f.Attempt(ctx, key, now, time.Minute)
		f.must(err)
		f.same(n, want)
		f.same(until, ends)
	}
	first := at.Add(time.Minute)
	count("a", at, 1, first)
	count("a", at.Add(59*time.Second), 2, first)
	count("b", at, 1, first)
	count("a", first, 1, first.Add(time.Minute))
	f.must(f.ForgetAttempts(ctx, "a"))
	count("a", at, 1, first)
	f.must(f.Sweep(ctx, at)) // nothing is over yet
	count("a", at, 2, first)
	f.must(f.Sweep(ctx, first))
	count("a", at, 1, first)

	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, _, err := f.Attempt(ctx, "many", at, time.Minute); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	count("many", at, 9, first)
}

func seats(t *testing.T, f *fixture) {
	ctx, owner, bob := t.Context(), f.customer(), f.account("bob@example.org")
	p, other := f.project(owner.ID, "a", "alias"), f.project(owner.ID, "b", "")
	joined, err := f.Invite(ctx, p.ID, bob.Email, "cseat", at.Add(time.Second), nil)
	f.must(err)
	f.same(joined, store.Member{Email: bob.Email, Name: "Bob", Seat: store.Seat{ID: "cseat", Project: p.ID, Customer: bob.ID, Status: store.Joined, CreatedAt: at.Add(time.Second)}})
	again, err := f.Invite(ctx, p.ID, bob.Email, "cother", at, nil)
	f.must(err)
	f.same(again, joined)
	pending, err := f.Invite(ctx, p.ID, "new@example.org", "cinvite", at.Add(2*time.Second), nil)
	f.must(err)
	f.same(pending, store.Member{Email: "new@example.org", Seat: store.Seat{ID: "cinvite", Project: p.ID, Status: store.Invited, CreatedAt: at.Add(2 * time.Second)}})
	_, err = f.Invite(ctx, "cnowhere", bob.Email, "cx", at, nil)
	f.is(err, store.ErrNotFound)

	for _, m := range []store.Member{joined, pending} {
		of, err := f.ProjectOfSeat(ctx, m.ID)
		f.must(err)
		f.same(of, p.ID)
	}
	_, err = f.ProjectOfSeat(ctx, "cnowhere")
	f.is(err, store.ErrNotFound)

	members, err := f.Members(ctx, p.ID)
	f.must(err)
	f.same(members[1:], []store.Member{joined, pending})
	f.same(members[0].Owner, true)
	members, err = f.Members(ctx, other.ID)
	f.must(err)
	f.same(len(members), 1)

	f.project(bob.ID, "b", "")
	_, err = f.Invite(ctx, other.ID, bob.Email, "cx", at, nil)
	f.is(err, store.ErrNameTaken)

	_, err = f.RemoveMember(ctx, p.ID, owner.Email)
	f.is(err, store.ErrOwner)
	_, err = f.RemoveMember(ctx, p.ID, "nobody@example.org")
	f.is(err, store.ErrNotFound)
	for _, m := range []store.Member{joined, pending} {
		gone, err := f.RemoveMember(ctx, p.ID, m.Email)
		f.must(err)
		f.same(gone, m)
	}
	members, err = f.Members(ctx, p.ID)
	f.must(err)
	f.same(len(members), 1)
	_, err = f.Seat(ctx, p.ID, bob.ID)
	f.is(err, store.ErrNotFound)
}

func ownership(t *testing.T, f *fixture) {
	ctx, owner, bob := t.Context(), f.customer(), f.account("bob@example.org")
	p := f.project(owner.ID, "a", "")
	f.is(f.TransferOwnership(ctx, p.ID, owner.ID, bob.ID, at), store.ErrNotFound)
	_, err := f.Invite(ctx, p.ID, bob.Email, "cseat", at, nil)
	f.must(err)
	f.is(f.TransferOwnership(ctx, p.ID, bob.ID, bob.ID, at), store.ErrOwner)
	f.must(f.TransferOwnership(ctx, p.ID, owner.ID, bob.ID, at))
	f.is(f.TransferOwnership(ctx, p.ID, owner.ID, bob.ID, at), store.ErrOwner)
	got, err := f.Project(ctx, string(p.ID))
	f.must(err)
	f.same(got.Owner, bob.ID)
	for _, c := range []store.Customer{owner, bob} {
		seat, err := f.Seat(ctx, p.ID, c.ID)
		f.must(err)
		f.same(seat.Owner, c.ID == bob.ID)
	}
	f.project(owner.ID, "a", "") // the name is free again
	f.is(f.TransferOwnership(ctx, p.ID, bob.ID, owner.ID, at), store.ErrNameTaken)
}

func changeProject(t *testing.T, f *fixture) {
	ctx, owner := t.Context(), f.customer()
	p, other := f.project(owner.ID, "a", "alias"), f.project(owner.ID, "b", "taken")
	text := func(s string) *string { return &s }
	no := false
	change := func(c store.ProjectChange) error {
		got, err := f.ChangeProject(ctx, p.ID, c, at.Add(time.Hour))
		if err == nil {
			p = got
			stored, err := f.Project(ctx, string(p.ID))
			f.must(err)
			f.same(stored, got)
		}
		return err
	}
	f.is(change(store.ProjectChange{Name: text("b")}), store.ErrNameTaken)
	f.is(change(store.ProjectChange{Alias: text("taken")}), store.ErrAliasTaken)
	f.is(change(store.ProjectChange{Alias: text(string(other.ID))}), store.ErrAliasIsID)
	f.must(change(store.ProjectChange{Name: text("c"), AllowQueries: &no}))
	f.same(p.Name+p.Alias, "calias")
	f.same([]bool{p.AllowQueries, p.AllowMutations}, []bool{false, true})
	f.same(p.UpdatedAt, at.Add(time.Hour))
	yes := true
	f.same(p.Exceeded, directory.Exceeded{})
	f.must(change(store.ProjectChange{Exceeded: store.ExceededChange{Requests: &yes, Invocations: &yes}}))
	f.must(change(store.ProjectChange{Exceeded: store.ExceededChange{Requests: &no, Database: &yes}}))
	f.same(p.Exceeded, directory.Exceeded{Database: true, Invocations: true})
	f.must(change(store.ProjectChange{Alias: text(""), AllowMutations: &no}))
	f.same(p.Exceeded, directory.Exceeded{Database: true, Invocations: true})
	f.same(p.Alias, "")
	f.must(change(store.ProjectChange{Alias: text("alias")}))
	f.must(change(store.ProjectChange{Alias: text("alias"), Name: text("c")}))
	got, err := f.Project(ctx, "taken")
	f.must(err)
	f.same(got, other)
	_, err = f.ChangeProject(ctx, "cnowhere", store.ProjectChange{}, at)
	f.is(err, store.ErrNotFound)
}

func audit(t *testing.T, f *fixture) {
	ctx := t.Context()
	for i, a := range []store.Audit{
		{Customer: "c1", Project: "p1", Action: "push", Result: "ok"},
		{Customer: "c2", Project: "p1", Action: "push", Result: "refused", Code: 2040, Target: "p1", Session: "s", Address: "::1", RequestID: "r"},
		{Customer: "c1", Project: "p2", Action: "deleteProject", Result: "failed"},
	} {
		a.At = at.Add(time.Duration(i) * time.Second)
		f.must(f.AddAudit(ctx, a))
	}
	read := func(filter store.AuditFilter) []store.Audit {
		all, err := f.Audits(ctx, filter)
		f.must(err)
		return all
	}
	p1 := read(store.AuditFilter{Project: "p1", Limit: 10})
	f.same(len(p1), 2)
	f.same(p1[0], store.Audit{Number: p1[0].Number, At: at.Add(time.Second), Customer: "c2", Project: "p1", Action: "push", Result: "refused", Code: 2040, Target: "p1", Session: "s", Address: "::1", RequestID: "r"})
	f.same(read(store.AuditFilter{Project: "p1", Limit: 1}), p1[:1])
	f.same(read(store.AuditFilter{Project: "p1", Limit: 9, Before: p1[0].Number}), p1[1:])
	f.same(len(read(store.AuditFilter{Customer: "c1", Limit: 10})), 2)
	f.same(len(read(store.AuditFilter{Project: "p3", Limit: 10})), 0)
}
