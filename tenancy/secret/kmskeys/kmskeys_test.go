package kmskeys_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"icehouse/tenancy/secret"
	"icehouse/tenancy/secret/kmskeys"
	"icehouse/tenancy/secret/kmskeys/kmstest"
)

func TestKeys(t *testing.T) {
	k := kmstest.Start(t)
	open := func() *secret.Sealer {
		keys, err := kmskeys.Open(t.Context(), kmstest.Key)
		if err != nil {
			t.Fatal(err)
		}
		return secret.New(keys)
	}
	s := open()
	var sealed [][]byte
	for range 100 {
		one, err := s.Seal(t.Context(), "ca", "x", []byte("hush"))
		if err != nil || bytes.Contains(one, []byte("hush")) {
			t.Fatal(err)
		}
		sealed = append(sealed, one)
	}
	other := open()
	for _, one := range sealed {
		if got, err := other.Open(t.Context(), "ca", "x", one); err != nil || string(got) != "hush" {
			t.Fatal(string(got), err)
		}
	}
	if made, asked := k.Made.Load(), k.Asked.Load(); made != 1 || asked != 1 {
		t.Errorf("KMS made %d keys and unwrapped %d", made, asked)
	}
	k.Denied.Store(true)
	if _, err := open().Open(t.Context(), "ca", "x", sealed[0]); err == nil || errors.Is(err, secret.ErrUnknownKey) || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("denied: %v", err)
	}
	if _, err := open().Seal(t.Context(), "ca", "x", []byte("hush")); err == nil || !strings.Contains(err.Error(), kmstest.Key) {
		t.Errorf("denied: %v", err)
	}
	k.Denied.Store(false)
	k.Forget()
	if _, err := open().Open(t.Context(), "ca", "x", sealed[0]); !errors.Is(err, secret.ErrUnknownKey) {
		t.Errorf("another installation's: %v", err)
	}
}

func TestRegion(t *testing.T) {
	kmstest.Start(t)
	if _, err := kmskeys.Open(t.Context(), "alias/icehouse"); err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("without a region: %v", err)
	}
}
