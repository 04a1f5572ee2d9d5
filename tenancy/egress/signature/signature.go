// Package signature signs messages as Standard Webhooks says (standardwebhooks.com), so that
// a receiver can tell ours from others', and a new one from one that is sent again.
//
// In: a message, and the secrets that its receiver knows. Out: three headers. Callers: those
// who send webhooks.
package signature

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a signed message.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

const (
	prefix      = "whsec_"
	leastBytes  = 24
	mostBytes   = 64
	randomBytes = 32
)

// Secret is what both sides know. It prints as nothing.
type Secret struct{ key []byte }

// NewSecret makes a secret, and the text that its receiver is given.
func NewSecret() (Secret, string) {
	key := make([]byte, randomBytes)
	_, _ = rand.Read(key) // never fails
	return Secret{key}, prefix + base64.StdEncoding.EncodeToString(key)
}

// ParseSecret reads whsec_ and 24 to 64 bytes in base64.
func ParseSecret(text string) (Secret, error) {
	encoded, ok := strings.CutPrefix(text, prefix)
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if !ok || err != nil || len(key) < leastBytes || len(key) > mostBytes {
		return Secret{}, errors.New("a secret is whsec_ and 24 to 64 bytes in base64") // without repeating it
	}
	return Secret{key}, nil
}

// String hides the secret.
func (Secret) String() string { return prefix + "..." }

// GoString hides it too.
func (s Secret) GoString() string { return s.String() }

// Sign sets the headers of a message. An id is the same whenever the message is sent, and
// has no dot; the time is that of the attempt. With several secrets, as while one takes the
// place of another, a receiver needs to know one of them.
func Sign(header http.Header, id string, at time.Time, body []byte, secrets ...Secret) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, len(secrets))
	for i, s := range secrets {
		mac := hmac.New(sha256.New, s.key)
		mac.Write([]byte(id + "." + timestamp + "."))
		mac.Write(body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	header.Set(HeaderID, id)
	header.Set(HeaderTimestamp, timestamp)
	header.Set(HeaderSignature, strings.Join(signatures, " "))
}
