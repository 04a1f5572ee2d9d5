package placement_test

import (
	"context"
	"errors"
	"testing"

	"icehouse/controlplane/placement"
	"icehouse/controlplane/store"
	"icehouse/tenancy"
)

// known are placements that are there.
type known struct {
	others
	all []store.Placement
}

type others = store.Placements

func (k known) Placements(context.Context) ([]store.Placement, error) { return k.all, nil }

func TestLeastFull(t *testing.T) {
	eu := func(name tenancy.Placement, projects, capacity int64) store.Placement {
		return store.Placement{Name: name, Region: "EU_WEST_1", Projects: projects, Capacity: capacity, Open: true}
	}
	us := eu("us", 9, 10)
	us.Region = "US_WEST_2"
	closed := eu("closed", 0, 10)
	closed.Open = false
	for name, c := range map[string]struct {
		all    []store.Placement
		except tenancy.Placement
		region string
		want   tenancy.Placement
	}{
		"the only one":              {all: []store.Placement{eu("a", 3, 10)}, want: "a"},
		"for its capacity":          {all: []store.Placement{eu("a", 3, 10), eu("b", 20, 100)}, want: "b"},
		"of two alike the first":    {all: []store.Placement{eu("b", 1, 10), eu("a", 1, 10)}, want: "a"},
		"the region counts most":    {all: []store.Placement{eu("a", 0, 10), us}, region: "US_WEST_2", want: "us"},
		"another region is better":  {all: []store.Placement{eu("a", 10, 10), us}, want: "us"},
		"unknown regions":           {all: []store.Placement{eu("a", 0, 10), us}, region: "AP_NORTHEAST_1", want: "a"},
		"closed ones take nothing":  {all: []store.Placement{closed, eu("a", 9, 10)}, want: "a"},
		"not where it is":           {all: []store.Placement{eu("a", 0, 10), eu("b", 9, 10)}, except: "a", want: "b"},
		"full ones take nothing":    {all: []store.Placement{eu("a", 10, 10), closed}},
		"more than full is no room": {all: []store.Placement{eu("a", 11, 10)}},
		"nothing":                   {},
	} {
		t.Run(name, func(t *testing.T) {
			if c.region == "" {
				c.region = "EU_WEST_1"
			}
			got, err := placement.LeastFull(t.Context(), known{all: c.all}, c.region, c.except)
			if got != c.want || (c.want == "") != errors.Is(err, placement.ErrFull) {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}
