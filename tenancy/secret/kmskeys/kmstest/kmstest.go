// Package kmstest is a key of AWS KMS for tests.
//
// In: requests of package kmskeys. Out: the answers of KMS: its JSON protocol, two of
// its actions. Callers: tests.
package kmstest

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Key is the only one that is there.
const Key = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

// Server is KMS.
type Server struct {
	Made, Asked atomic.Int32 // data keys that were made, and unwrapped
	Denied      atomic.Bool  // nobody may use the key

	t    *testing.T
	mu   sync.Mutex
	keys map[string]wrapped
}

type wrapped struct {
	plain []byte
	use   map[string]string
}

// message has the fields of all requests and answers.
type message struct {
	KeyID             string            `json:"KeyId,omitempty"`
	KeySpec           string            `json:",omitempty"`
	EncryptionContext map[string]string `json:",omitempty"`
	CiphertextBlob    []byte            `json:",omitempty"`
	Plaintext         []byte            `json:",omitempty"`
}

// Start starts a server, and sets the variables that lead every client of this process
// to it.
func Start(t *testing.T) *Server {
	s := &Server{t: t, keys: map[string]wrapped{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_KMS": server.URL, "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key",
		"AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(name, value)
	}
	return s
}

// Forget forgets every data key, as another account's KMS has never seen them.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.keys)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in message
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		s.t.Error(err)
	}
	if !strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/kms/") {
		s.t.Errorf("signed as %s", r.Header.Get("Authorization"))
	}
	out, refusal := s.answer(strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "TrentService."), in)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if refusal != "" {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"__type":"` + refusal + `","message":"no"}`))
		return
	}
	if err := json.NewEncoder(w).Encode(out); err != nil {
		s.t.Error(err)
	}
}

func (s *Server) answer(action string, in message) (out message, refusal string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.Denied.Load():
		return out, "AccessDeniedException"
	case action == "GenerateDataKey" && in.KeySpec == "AES_256" && in.KeyID == Key:
		s.Made.Add(1)
		out = message{KeyID: in.KeyID, Plaintext: make([]byte, 32), CiphertextBlob: make([]byte, 184)}
		_, _ = rand.Read(out.Plaintext)
		_, _ = rand.Read(out.CiphertextBlob)
		s.keys[string(out.CiphertextBlob)] = wrapped{out.Plaintext, in.EncryptionContext}
		return out, ""
	case action == "Decrypt":
		s.Asked.Add(1)
		found, ok := s.keys[string(in.CiphertextBlob)]
		if !ok || !maps.Equal(found.use, in.EncryptionContext) {
			return out, "InvalidCiphertextException"
		}
		return message{KeyID: Key, Plaintext: found.plain}, ""
	}
	s.t.Errorf("unknown action %s for %s", action, in.KeyID)
	return out, "NotFoundException"
}
