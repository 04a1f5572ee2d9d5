package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"icehouse/controlplane/store"
	"icehouse/tenancy"
)

func letters(t *testing.T, f *fixture) {
	ctx, owner := t.Context(), f.customer()
	p := f.project(owner.ID, "a", "")
	take := func(after time.Duration, want store.Letter) store.Letter {
		t.Helper()
		l, err := f.TakeLetter(ctx, at.Add(after), time.Minute)
		f.must(err)
		f.same(l, want)
		return l
	}
	idle := func(after time.Duration) {
		t.Helper()
		_, err := f.TakeLetter(ctx, at.Add(after), time.Minute)
		f.is(err, store.ErrNotFound)
	}
	idle(0)
	code := store.Letter{ID: "lcode", Purpose: store.ChangeEmail, Customer: owner.ID, Email: "new@example.org", DueAt: at.Add(time.Second), ExpiresAt: at.Add(time.Hour)}
	news := store.Letter{ID: "lnews", Email: "bob@example.org", Name: "Bob", PasswordHash: "hash", Subject: "Hello", Text: "You there.", DueAt: at, ExpiresAt: at.Add(time.Hour)}
	f.must(f.AddLetter(ctx, code))
	f.must(f.AddLetter(ctx, news))
	if err := f.AddLetter(ctx, news); err == nil || errors.Is(err, store.ErrFull) {
		t.Fatal("one letter is there twice", err)
	}

	// The one that is due the longest comes first, and nobody gets it twice.
	news.Attempts, news.DueAt = 1, at.Add(time.Minute)
	first := take(0, news)
	idle(0)
	code.Attempts, code.DueAt = 1, at.Add(time.Minute+time.Second)
	second := take(time.Second, code)
	idle(time.Minute - 1)

	// A lease that ended is another's, and its holder can do nothing more.
	news.Attempts, news.DueAt = 2, at.Add(2*time.Minute)
	again := take(time.Minute, news)
	f.must(f.RemoveLetter(ctx, first))
	f.must(f.DelayLetter(ctx, first, at))
	idle(time.Minute)
	f.must(f.DelayLetter(ctx, again, at.Add(time.Hour)))
	f.must(f.RemoveLetter(ctx, second))
	idle(time.Hour - 1)
	news.Attempts, news.DueAt = 3, at.Add(time.Hour+time.Minute)
	f.must(f.RemoveLetter(ctx, take(time.Hour, news)))
	idle(100 * time.Hour)

	// What was to be mailed to an account's secrets goes with them, and with it.
	for what, forget := range map[string]func() error{
		"another password": func() error { _, err := f.SetPassword(ctx, owner.ID, "hash", "", at); return err },
		"another address": func() error {
			address := tenancy.NewID() + "@example.org"
			_, err := f.UpdateCustomer(ctx, owner.ID, nil, &address, at)
			return err
		},
	} {
		code.ID = tenancy.NewID()
		f.must(f.AddLetter(ctx, code))
		f.must(forget())
		if _, err := f.TakeLetter(ctx, at.Add(time.Hour), time.Minute); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}

	// A letter is there if what it tells of is, and only then.
	tell := func(m store.Member) *store.Letter {
		return &store.Letter{ID: tenancy.NewID(), Email: m.Email, Subject: m.Status, DueAt: at, ExpiresAt: at.Add(time.Hour)}
	}
	told := func(email, subject string) {
		t.Helper()
		l, err := f.TakeLetter(ctx, at, time.Hour)
		f.must(err)
		f.same(l.Email+" "+l.Subject, email+" "+subject)
		f.must(f.RemoveLetter(ctx, l))
		idle(0)
	}
	for range 2 { // who is invited again is told again
		_, err := f.Invite(ctx, p.ID, "bob@example.org", tenancy.NewID(), at, tell)
		f.must(err)
		told("bob@example.org", store.Invited)
	}
	_, err := f.Invite(ctx, "cnowhere", "bob@example.org", tenancy.NewID(), at, tell)
	f.is(err, store.ErrNotFound)
	idle(0)
	f.must(f.AddOneTime(ctx, store.OneTime{Hash: "h", Purpose: store.ChangeEmail, Customer: owner.ID, Email: "next@example.org", ExpiresAt: at.Add(time.Hour)}))
	_, err = f.Confirm(ctx, "other", "", at, tell(store.Member{Email: "old@example.org"}))
	f.is(err, store.ErrNotFound)
	idle(0)
	_, err = f.Confirm(ctx, "h", "", at, tell(store.Member{Email: "old@example.org"}))
	f.must(err)
	told("old@example.org", "")

	for i := range store.MaxLetters {
		f.must(f.AddLetter(ctx, store.Letter{ID: fmt.Sprint("l", i), DueAt: at, ExpiresAt: at}))
	}
	f.is(f.AddLetter(ctx, news), store.ErrFull)
	_, err = f.Invite(ctx, p.ID, "carol@example.org", tenancy.NewID(), at, tell)
	f.is(err, store.ErrFull)
	members, err := f.Members(ctx, p.ID)
	f.must(err)
	f.same(len(members), 2) // the owner and Bob: who can't be told is not invited
}

func oneSenderForALetter(t *testing.T, f *fixture) {
	const all = 40
	for i := range all {
		f.must(f.AddLetter(t.Context(), store.Letter{ID: fmt.Sprint("l", i), DueAt: at, ExpiresAt: at.Add(time.Hour)}))
	}
	var mu sync.Mutex
	taken := map[string]int{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				l, err := f.TakeLetter(t.Context(), at, time.Minute)
				if errors.Is(err, store.ErrNotFound) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				taken[l.ID]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	f.same(len(taken), all)
	for id, n := range taken {
		if n != 1 {
			t.Errorf("%s was taken %d times", id, n)
		}
	}
}
