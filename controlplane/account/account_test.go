package account_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"icehouse/controlplane/account"
	"icehouse/controlplane/store/sqlitestore"
)

func service(t *testing.T, master string) *account.Service {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	tokens, err := account.NewTokens("a secret of sixteen bytes", time.Now)
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

func TestTokensOfOneKindAreNoOther(t *testing.T) {
	s := service(t, "")
	root, err := s.Tokens.Root("cproject", "ctoken", "ccustomer")
	if err != nil {
		t.Fatal(err)
	}
	node, err := s.Tokens.Node("cproject", "cnode", "User", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	platform, err := s.Tokens.Platform("ccustomer")
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{"root": root, "node": node} {
		if _, ok := s.Tokens.ReadPlatform(token); ok {
			t.Errorf("a %s token is a platform token", name)
		}
	}
	for name, token := range map[string]string{"root": root, "node": node, "platform": platform} {
		if s.Tokens.IsTemporaryRoot(token, "cproject") {
			t.Errorf("a %s token is a temporary root token", name)
		}
	}
	if customer, ok := s.Tokens.ReadPlatform(platform); !ok || customer != "ccustomer" {
		t.Error("the platform token is none")
	}
	if _, ok := s.Tokens.ReadPlatform(strings.Repeat("x", 9<<10)); ok {
		t.Error("a long text is a token")
	}
}

func TestShortSecret(t *testing.T) {
	if _, err := account.NewTokens("short", time.Now); err == nil {
		t.Fatal("a secret that can be guessed is taken")
	}
}
