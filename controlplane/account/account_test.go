package account_test

import (
	"path/filepath"
	"testing"
	"time"

	"icehouse/controlplane/account"
	"icehouse/controlplane/store/sqlitestore"
	"icehouse/tenancy/token"
)

func service(t *testing.T, master string) *account.Service {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"))
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
		customer, token, err := s.Authenticate(t.Context(), c.given)
		if (err == nil) != c.ok {
			t.Fatalf("%+v: %v", c, err)
		}
		if err != nil {
			if err.Error() != "invalid token for local env" {
				t.Fatal(err)
			}
			continue
		}
		again, _, err := s.Authenticate(t.Context(), c.given)
		if err != nil || again.ID != customer.ID {
			t.Fatal("another customer", err)
		}
		if caller, err := s.Caller(t.Context(), token); err != nil || caller.ID != customer.ID {
			t.Fatal(err)
		}
	}
}
