package directory_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"icehouse/tenancy"
	"icehouse/tenancy/directory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// store is a source that counts, and that can be slow.
type store struct {
	mu      sync.Mutex
	entries map[string]directory.Entry // by id and by alias
	asked   int
	slow    chan struct{} // an answer that is found already waits for it
}

func (s *store) FindProject(_ context.Context, idOrAlias string) (directory.Entry, error) {
	s.mu.Lock()
	s.asked++
	e, ok := s.entries[idOrAlias]
	slow := s.slow
	s.mu.Unlock()
	if slow != nil {
		<-slow
	}
	if !ok {
		return directory.Entry{}, tenancy.ErrUnknownProject
	}
	return e, nil
}

func (s *store) put(project tenancy.ProjectID, alias string, release int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, e := range s.entries {
		if e.Project == project {
			delete(s.entries, name)
		}
	}
	if release == 0 {
		return
	}
	e := directory.Entry{Project: project, Alias: alias, Release: release}
	s.entries[string(project)] = e
	if alias != "" {
		s.entries[alias] = e
	}
}

// world is a directory over a store, in a bubble of time.
type world struct {
	*testing.T
	*store
	*directory.Directory
}

func inWorld(t *testing.T, run func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, store: &store{entries: map[string]directory.Entry{}}}
		w.Directory = directory.New(w.store, directory.Options{})
		defer w.Directory.Close()
		w.put("ca", "alias", 1)
		run(w)
	})
}

// expect looks a name up; release 0 is an unknown one. asked is how often the store
// has been asked since the last time.
func (w *world) expect(name string, release int64, asked int) {
	w.Helper()
	w.mu.Lock()
	w.asked = 0
	w.mu.Unlock()
	e, err := w.Lookup(w.Context(), name)
	if (release == 0) != errors.Is(err, tenancy.ErrUnknownProject) || e.Release != release {
		w.Errorf("%s has release %d (%v), want %d", name, e.Release, err, release)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asked != asked {
		w.Errorf("%s: the store was asked %d times, want %d", name, w.asked, asked)
	}
}

// TestTTL looks at who asks again when nobody tells of changes.
func TestTTL(t *testing.T) {
	inWorld(t, func(w *world) {
		w.expect("ca", 1, 1)
		w.expect("alias", 1, 1) // nobody knew of the alias
		w.expect("alias", 1, 0)
		w.expect("ghost", 0, 1)
		w.expect("ghost", 0, 0)
		w.put("ca", "alias", 2)
		w.put("cb", "ghost", 7)
		time.Sleep(499 * time.Millisecond)
		w.expect("ca", 1, 0)
		w.expect("alias", 1, 0)
		time.Sleep(time.Millisecond)
		w.expect("alias", 2, 1)
		w.expect("ca", 2, 0) // the same entry
		w.expect("ghost", 7, 1)
	})
}

// TestWatch serves longer what was looked up while all changes are told.
func TestWatch(t *testing.T) {
	inWorld(t, func(w *world) {
		w.expect("ca", 1, 1)
		time.Sleep(time.Millisecond)
		w.Watch(true)
		time.Sleep(499 * time.Millisecond)
		w.expect("ca", 1, 1) // from before the watch: it may have missed a change
		w.expect("alias", 1, 1)
		w.expect("ghost", 0, 1)
		time.Sleep(directory.Lease - time.Millisecond)
		w.expect("ca", 1, 0)
		w.expect("alias", 1, 0)
		w.expect("ghost", 0, 0)
		time.Sleep(time.Millisecond)
		w.expect("ca", 1, 1) // never longer than the lease

		time.Sleep(900 * time.Millisecond)
		w.put("ca", "alias", 2)
		w.expect("ca", 1, 0)
		w.Invalidate("ca")
		w.expect("alias", 2, 1) // although the id was told, and not the alias
		w.expect("ca", 2, 0)

		time.Sleep(900 * time.Millisecond)
		w.Watch(false)
		w.expect("ca", 2, 1)
		w.Watch(true) // again: what was missed between is looked for
		w.Watch(false)
		w.Watch(true)
		time.Sleep(900 * time.Millisecond)
		w.expect("ca", 2, 1)
		time.Sleep(900 * time.Millisecond)
		w.expect("ca", 2, 0)
	})
}

// TestAliases lets names go from project to project.
func TestAliases(t *testing.T) {
	inWorld(t, func(w *world) {
		w.Watch(true)
		time.Sleep(time.Millisecond)
		w.expect("alias", 1, 1)
		w.put("ca", "new", 1)
		w.Invalidate("ca")
		w.expect("alias", 0, 1)
		w.expect("new", 1, 1)
		w.expect("alias", 0, 0)
		w.put("cb", "alias", 5)
		w.Invalidate("cb") // who hears of it does not know which name it got
		w.expect("alias", 5, 1)
		w.put("ca", "", 0) // deleted
		w.put("cb", "new", 6)
		w.Invalidate("ca")
		w.Invalidate("cb")
		w.expect("alias", 0, 1)
		w.expect("new", 6, 1)
		w.expect("cb", 6, 0)
		w.expect("ca", 0, 1)
		w.put("ca", "old", 8) // it was unknown under its id
		w.Invalidate("ca")
		w.expect("ca", 8, 1)
		time.Sleep(900 * time.Millisecond)
		w.expect("ca", 8, 0)
	})
}

// TestInvalidateWhileAsking keeps no answer from before, and gives it to nobody who
// comes after.
func TestInvalidateWhileAsking(t *testing.T) {
	for _, name := range []string{"ca", "alias"} {
		inWorld(t, func(w *world) {
			w.slow = make(chan struct{})
			answers := make(chan int64, 2)
			look := func() {
				e, err := w.Lookup(w.Context(), name)
				if err != nil {
					w.Error(err)
				}
				answers <- e.Release
			}
			go look()
			synctest.Wait()
			w.put("ca", "alias", 2)
			w.Invalidate("ca")
			go look()
			synctest.Wait()
			close(w.slow)
			for range 2 {
				if got := <-answers; got != 2 {
					w.Errorf("%s: release %d was served after it was replaced", name, got)
				}
			}
			w.expect(name, 2, 0)
		})
	}
}

// TestManyAskOnce lets all who wait share one question.
func TestManyAskOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		w.slow = make(chan struct{})
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if e, err := w.Lookup(w.Context(), "alias"); err != nil || e.Release != 1 {
					w.Error(fmt.Sprint(e, err))
				}
			})
		}
		synctest.Wait()
		close(w.slow)
		all.Wait()
		if w.asked != 1 {
			w.Errorf("the store was asked %d times", w.asked)
		}
	})
}

// TestNoID asks no source for what no source can hold.
func TestNoID(t *testing.T) {
	d := directory.New(nil, directory.Options{})
	defer d.Close()
	for _, id := range []string{"\x00", "a\x00b", "\xff"} {
		if _, err := d.Lookup(t.Context(), id); !errors.Is(err, tenancy.ErrUnknownProject) {
			t.Errorf("%q: %v", id, err)
		}
	}
}
