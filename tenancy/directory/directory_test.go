package directory_test

import (
	"errors"
	"testing"

	"icehouse/tenancy"
	"icehouse/tenancy/directory"
)

// TestNoID asks no source for what no source can hold.
func TestNoID(t *testing.T) {
	d := directory.New(nil, directory.Options{})
	for _, id := range []string{"\x00", "a\x00b", "\xff"} {
		if _, err := d.Lookup(t.Context(), id); !errors.Is(err, tenancy.ErrUnknownProject) {
			t.Errorf("%q: %v", id, err)
		}
	}
}
