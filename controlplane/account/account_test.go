package account_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"icehouse/controlplane/account"
	"icehouse/controlplane/password"
	"icehouse/controlplane/store/sqlitestore"
	"icehouse/controlplane/store/storetest"
	"icehouse/tenancy/token"
)

func service(t *testing.T, master string) *account.Service {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"), storetest.Keys)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	tokens, err := token.NewKeys("a secret of sixteen bytes", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return &account.Service{Store: s, Tokens: tokens, MasterToken: master, Now: time.Now}
}

func TestMasterToken(t *testing.T) {
	for _, c := range []struct {
		master, given string
		ok            bool
	}{{"m", "m", true}, {"m", "", false}, {"m", "mm", false}, {"", "anything", true}, {"", "", true}} {
		s := service(t, c.master)
		customer, token, err := s.Authenticate(t.Context(), c.given, "here")
		if (err == nil) != c.ok {
			t.Fatalf("%+v: %v", c, err)
		}
		if err != nil {
			if err.Error() != "invalid token for local env" {
				t.Fatal(err)
			}
			continue
		}
		again, _, err := s.Authenticate(t.Context(), c.given, "here")
		if err != nil || again.ID != customer.ID {
			t.Fatal("another customer", err)
		}
		if caller, err := s.Caller(t.Context(), token); err != nil || caller.ID != customer.ID {
			t.Fatal(err)
		}
	}
}

// counted counts what takes time.
type counted struct {
	*password.Hasher
	checks int
}

func (c *counted) Verify(ctx context.Context, hash, given string) (bool, error) {
	c.checks++
	return c.Hasher.Verify(ctx, hash, given)
}

// TestUnknownTakesAsLong: who signs in to an account that is not there waits for one
// check of a password, as everybody does (package password makes it as slow).
func TestUnknownTakesAsLong(t *testing.T) {
	s := service(t, "")
	passwords := &counted{Hasher: password.New(1, time.Minute)}
	s.Passwords = passwords
	if _, err := s.SignUp(t.Context(), "bob@example.org", "correct horse", "Bob", "address"); err != nil {
		t.Fatal(err)
	}
	for email, given := range map[string]string{"bob@example.org": "guess", "nobody@example.org": "guess", "no address": "guess", "": ""} {
		passwords.checks = 0
		if _, err := s.SignIn(t.Context(), email, given, "address"); err == nil || !strings.Contains(err.Error(), "wrong") || passwords.checks != 1 {
			t.Errorf("%q: %d checks, %v", email, passwords.checks, err)
		}
	}
}
