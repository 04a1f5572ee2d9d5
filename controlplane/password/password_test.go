package password_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"icehouse/controlplane/password"
)

func TestHashes(t *testing.T) {
	h := password.New(2, time.Minute)
	first, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	second, err := h.Hash(t.Context(), "correct horse")
	if err != nil || first == second || !strings.HasPrefix(first, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatal(first, second, err)
	}
	// Made by the reference implementation: argon2 somesalt -id -t 2 -m 16 -p 1 (2^16 KiB).
	const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	for _, c := range []struct {
		hash, given string
		want        bool
	}{
		{first, "correct horse", true},
		{second, "correct horse", true},
		{first, "Correct horse", false},
		{first, "", false},
		{"", "", false},
		{"", "correct horse", false},
		{reference, "password", true},
		{reference, "passwore", false},
	} {
		if got, err := h.Verify(t.Context(), c.hash, c.given); got != c.want || err != nil {
			t.Errorf("%q with %q: %v %v", c.hash, c.given, got, err)
		}
	}
	for _, bad := range []string{
		"x", "$argon2i$v=19$m=64,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=16$m=64,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=64,t=2,p=0$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=4000000000,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ$", "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ$AA",
		"$argon2id$v=19$m=64,t=2,p=1$*$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	} {
		if ok, err := h.Verify(t.Context(), bad, "password"); ok || err == nil {
			t.Errorf("%q is taken: %v", bad, err)
		}
	}
}

// TestBounded: one who comes while all slots are taken waits, and not for ever.
func TestBounded(t *testing.T) {
	h := password.New(1, time.Nanosecond)
	busy, err := 0, error(nil)
	done := make(chan error, 16)
	for range cap(done) {
		go func() {
			_, err := h.Hash(t.Context(), "x")
			done <- err
		}()
	}
	for range cap(done) {
		if err = <-done; errors.Is(err, password.ErrBusy) {
			busy++
		} else if err != nil {
			t.Error(err)
		}
	}
	if busy == 0 {
		t.Error("sixteen hashes were made at once")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h = password.New(1, time.Minute)
	if _, err := h.Hash(ctx, "x"); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
