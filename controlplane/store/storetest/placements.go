package storetest

import (
	"testing"
	"time"

	"icehouse/controlplane/store"
	"icehouse/tenancy"
)

func (f *fixture) placements() []store.Placement {
	f.t.Helper()
	all, err := f.Placements(f.t.Context())
	f.must(err)
	for i := range all {
		if all[i].Name == tenancy.DefaultPlacement {
			all[i].CreatedAt = at // of the installation
		}
	}
	return all
}

func placements(t *testing.T, f *fixture) {
	first := store.Placement{Name: "default", Region: "EU_WEST_1", Capacity: 10000, Open: true, CreatedAt: at}
	f.same(f.placements(), []store.Placement{first})
	second := store.Placement{Name: "second", Region: "US_WEST_2", URL: "a", ReaderURL: "b", Capacity: 7, Open: true, CreatedAt: at}
	f.must(f.AddPlacement(t.Context(), second))
	f.is(f.AddPlacement(t.Context(), second), store.ErrNameTaken)
	f.same(f.placements(), []store.Placement{first, second})

	f.project(f.customer().ID, "a", "")
	first.Projects = 1
	second.Region, second.URL, second.ReaderURL, second.Capacity, second.Open = "EU_WEST_1", "c", "", 8, false
	f.must(f.ChangePlacement(t.Context(), second))
	f.same(f.placements(), []store.Placement{first, second})
	f.is(f.ChangePlacement(t.Context(), store.Placement{Name: "third"}), store.ErrNotFound)

	f.is(f.RemovePlacement(t.Context(), "default"), store.ErrInUse)
	f.is(f.RemovePlacement(t.Context(), "third"), store.ErrNotFound)
	f.must(f.RemovePlacement(t.Context(), "second"))
	f.same(f.placements(), []store.Placement{first})
}

func relocate(t *testing.T, f *fixture) {
	owner := f.customer().ID
	a, b := f.project(owner, "a", ""), f.project(owner, "b", "")
	f.must(f.AddPlacement(t.Context(), store.Placement{Name: "second", Capacity: 1, CreatedAt: at}))
	later := at.Add(time.Hour)
	f.is(f.Relocate(t.Context(), a.ID, "h", "default", "second", later), store.ErrLockLost)
	_, err := f.Lock(t.Context(), a.ID, "h", time.Minute)
	f.must(err)
	f.is(f.Relocate(t.Context(), a.ID, "another", "default", "second", later), store.ErrLockLost)
	f.is(f.Relocate(t.Context(), b.ID, "h", "default", "second", later), store.ErrLockLost)
	f.is(f.Relocate(t.Context(), a.ID, "h", "second", "default", later), store.ErrLockLost)
	f.is(f.Relocate(t.Context(), a.ID, "h", "default", "third", later), store.ErrLockLost)
	f.must(f.Relocate(t.Context(), a.ID, "h", "default", "second", later))
	for _, want := range []struct {
		id tenancy.ProjectID
		at tenancy.Placement
	}{{a.ID, "second"}, {b.ID, "default"}} {
		now, err := f.Project(t.Context(), string(want.id))
		f.must(err)
		f.same(now.Placement, want.at)
	}
	f.is(f.RemovePlacement(t.Context(), "second"), store.ErrInUse)
}
