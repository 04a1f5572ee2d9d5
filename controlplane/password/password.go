// Package password turns passwords into hashes that are slow to guess: argon2id.
//
// In: passwords. Out: hashes in the PHC form, which name their own cost; whether a
// password is that of a hash. Caller: account. Each hash takes Memory for a while, so
// only as many are made at once as a Hasher has slots; who waits too long is told so.
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/argon2"
)

// The cost of a hash, as OWASP's cheat sheet on password storage recommends.
const (
	Memory  = 19 << 10 // KiB
	rounds  = 2
	threads = 1
	keySize = 32
	salt    = 16
)

// Bounds of what a stored hash may ask for.
const (
	maxMemory = 1 << 20 // KiB
	maxRounds = 64
)

// ErrBusy says that too many others are signing in.
var ErrBusy = errors.New("too many passwords are being checked")

// Hasher makes and checks hashes.
type Hasher struct {
	slots chan struct{}
	wait  time.Duration
}

// New makes a Hasher that works on so many passwords at once. Who does not get a slot
// within wait gets ErrBusy.
func New(slots int, wait time.Duration) *Hasher {
	return &Hasher{slots: make(chan struct{}, max(slots, 1)), wait: wait}
}

func (h *Hasher) key(ctx context.Context, password string, salt []byte, rounds, memory uint32, threads uint8, size uint32) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, h.wait, ErrBusy)
	defer cancel()
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-h.slots }()
	return argon2.IDKey([]byte(password), salt, rounds, memory, threads, size), nil
}

// Hash makes a new hash.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	random := make([]byte, salt)
	_, _ = rand.Read(random) // never fails
	key, err := h.key(ctx, password, random, rounds, Memory, threads, keySize)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, Memory, rounds, threads, encode(random), encode(key)), nil
}

func encode(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }

// Verify says whether a hash is the password's. Without a hash it takes as long, and
// says no: who asks can't tell whether there is one.
func (h *Hasher) Verify(ctx context.Context, hash, password string) (bool, error) {
	if hash == "" {
		_, err := h.key(ctx, password, make([]byte, salt), rounds, Memory, threads, keySize)
		return false, err
	}
	p, err := parse(hash)
	if err != nil {
		return false, err
	}
	key, err := h.key(ctx, password, p.salt, p.rounds, p.memory, p.threads, uint32(len(p.key))) //nolint:gosec // parse bounds it
	return err == nil && subtle.ConstantTimeCompare(key, p.key) == 1, err
}

type parts struct {
	memory, rounds uint32
	threads        uint8
	salt, key      []byte
}

func parse(hash string) (p parts, err error) {
	var version int
	var salted, key string
	text := []byte(hash)
	for i := range text {
		if text[i] == '$' {
			text[i] = ' ' // what Sscanf parts words at
		}
	}
	_, err = fmt.Sscanf(string(text), " argon2id v=%d m=%d,t=%d,p=%d %s %s", &version, &p.memory, &p.rounds, &p.threads, &salted, &key)
	if err != nil || version != argon2.Version {
		return parts{}, errors.New("a stored password hash is not of a known form")
	}
	var saltErr, keyErr error
	p.salt, saltErr = base64.RawStdEncoding.DecodeString(salted)
	p.key, keyErr = base64.RawStdEncoding.DecodeString(key)
	if saltErr != nil || keyErr != nil || len(p.salt) < 8 || len(p.key) < 16 || len(p.key) > 64 ||
		p.memory > maxMemory || p.rounds == 0 || p.rounds > maxRounds || p.threads == 0 {
		return parts{}, errors.New("a stored password hash is damaged")
	}
	return p, nil
}
