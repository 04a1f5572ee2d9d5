package kmskeys_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"icehouse/tenancy/secret"
	"icehouse/tenancy/secret/kmskeys"
)

// kms is as much of AWS KMS as is needed here: the JSON protocol of two actions.
type kms struct {
	t      *testing.T
	mu     sync.Mutex
	keys   map[string]wrapped
	denied atomic.Bool
	calls  sync.Map // action: *atomic.Int32
}

type wrapped struct {
	plain []byte
	use   map[string]string
}

type message struct {
	KeyId             string            `json:",omitempty"` //nolint:revive // their name
	KeySpec           string            `json:",omitempty"`
	EncryptionContext map[string]string `json:",omitempty"`
	CiphertextBlob    []byte            `json:",omitempty"`
	Plaintext         []byte            `json:",omitempty"`
}

func (k *kms) count(action string) *atomic.Int32 {
	n, _ := k.calls.LoadOrStore(action, new(atomic.Int32))
	return n.(*atomic.Int32)
}

func (k *kms) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in, out message
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		k.t.Error(err)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	refuse := func(kind string) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"__type":"` + kind + `","message":"no"}`))
	}
	if !strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/kms/") {
		k.t.Errorf("signed as %s", r.Header.Get("Authorization"))
	}
	action := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "TrentService.")
	k.count(action).Add(1)
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.denied.Load():
		refuse("AccessDeniedException")
		return
	case action == "GenerateDataKey" && in.KeySpec == "AES_256":
		out = message{KeyId: in.KeyId, Plaintext: make([]byte, 32), CiphertextBlob: make([]byte, 184)}
		_, _ = rand.Read(out.Plaintext)
		_, _ = rand.Read(out.CiphertextBlob)
		k.keys[string(out.CiphertextBlob)] = wrapped{out.Plaintext, in.EncryptionContext}
	case action == "Decrypt":
		found, ok := k.keys[string(in.CiphertextBlob)]
		if !ok || len(in.EncryptionContext) == 0 || in.EncryptionContext["icehouse"] != found.use["icehouse"] {
			refuse("InvalidCiphertextException")
			return
		}
		out.Plaintext = found.plain
	default:
		k.t.Errorf("unknown action %s", action)
	}
	if err := json.NewEncoder(w).Encode(out); err != nil {
		k.t.Error(err)
	}
}

const arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

func start(t *testing.T) *kms {
	k := &kms{t: t, keys: map[string]wrapped{}}
	server := httptest.NewServer(k)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{"AWS_ENDPOINT_URL_KMS": server.URL, "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key",
		"AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true"} {
		t.Setenv(name, value)
	}
	return k
}

func TestKeys(t *testing.T) {
	k := start(t)
	open := func() *secret.Sealer {
		keys, err := kmskeys.Open(t.Context(), arn)
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
	if made, asked := k.count("GenerateDataKey").Load(), k.count("Decrypt").Load(); made != 1 || asked != 1 {
		t.Errorf("KMS made %d keys and unwrapped %d", made, asked)
	}
	k.denied.Store(true)
	if _, err := open().Open(t.Context(), "ca", "x", sealed[0]); err == nil || errors.Is(err, secret.ErrUnknownKey) || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("denied: %v", err)
	}
	if _, err := open().Seal(t.Context(), "ca", "x", []byte("hush")); err == nil || !strings.Contains(err.Error(), arn) {
		t.Errorf("denied: %v", err)
	}
	k.denied.Store(false)
	k.mu.Lock()
	clear(k.keys)
	k.mu.Unlock()
	if _, err := open().Open(t.Context(), "ca", "x", sealed[0]); !errors.Is(err, secret.ErrUnknownKey) {
		t.Errorf("another installation's: %v", err)
	}
}

func TestRegion(t *testing.T) {
	start(t)
	if _, err := kmskeys.Open(t.Context(), "alias/icehouse"); err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("without a region: %v", err)
	}
}
