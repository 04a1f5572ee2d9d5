package egress

import (
	"errors"
	"testing"
)

// TestControl passes by the checks before it.
func TestControl(t *testing.T) {
	c := New(Policy{})
	for address, want := range map[string]error{"8.8.8.8:443": nil, "127.0.0.1:80": ErrRefused, "[::1]:80": ErrRefused, "[::ffff:10.0.0.1]:80": ErrRefused, "[fe80::1%eth0]:80": ErrRefused} {
		if err := c.control("tcp", address, nil); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", address, err, want)
		}
	}
	_, err := c.dialOne(t.Context(), "tcp", "127.0.0.1:9", 1)
	if !errors.Is(err, ErrRefused) {
		t.Errorf("the dialer goes by it: %v", err)
	}
}
