// Package secret seals what only the platform may read of what users deploy.
//
// In: bytes, with the project they belong to and what they are. Out: the same bytes,
// encrypted and bound to both, and back. Callers: the platform's store, before bytes
// reach a database and after. The keys are wrapped by a Keyring; its products are in
// folders of their own.
//
//	keyring's key --wraps--> data key --AES-256-GCM--> what is stored
package secret

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"icehouse/tenancy"
)

// KeySize is the length of every key.
const KeySize = 32

// ErrUnknownKey says that something is sealed with a key that is not among those here.
var ErrUnknownKey = errors.New("sealed with a key that is not here")

// Keyring keeps the keys that wrap data keys. It never gives them away.
type Keyring interface {
	// NewKey makes a data key: KeySize random bytes, and the same wrapped.
	NewKey(ctx context.Context) (plain, wrapped []byte, err error)
	// Unwrap is the data key that NewKey wrapped. ErrUnknownKey.
	Unwrap(ctx context.Context, wrapped []byte) (plain []byte, err error)
}

// Chain is several keyrings: the first one wraps, all of them unwrap. Those that need
// not go anywhere to unwrap come last, and are asked first.
type Chain []Keyring

// NewKey implements Keyring.
func (c Chain) NewKey(ctx context.Context) (plain, wrapped []byte, err error) {
	return c[0].NewKey(ctx)
}

// Unwrap implements Keyring.
func (c Chain) Unwrap(ctx context.Context, wrapped []byte) (plain []byte, err error) {
	for i := len(c) - 1; i >= 0; i-- {
		if plain, err = c[i].Unwrap(ctx, wrapped); !errors.Is(err, ErrUnknownKey) {
			return plain, err
		}
	}
	return nil, err
}

const (
	// The first byte says the form. What was never sealed is JSON, and begins with a brace.
	sealed   = 1
	deflated = 2 // and sealed then
	plain    = '{'

	worthDeflating = 512 // bytes

	sealsOfKey = 1024 // values under one data key: random nonces stay apart by far
	openKeys   = 4096 // data keys that are kept unwrapped
	keyTime    = 15 * time.Second
)

// Sealer seals and opens.
type Sealer struct {
	keys   Keyring
	flight singleflight.Group

	making sync.Mutex // holds one who makes a key, and those who wait for it
	now    dataKey
	left   int // how many values now may still seal

	mu     sync.Mutex
	opened map[string]cipher.AEAD // by the wrapped key
	before map[string]cipher.AEAD // those that were in opened when it was full
}

// dataKey is a key in use, and its wrapped form.
type dataKey struct {
	aead    cipher.AEAD
	wrapped []byte
}

// New makes a Sealer over keys.
func New(keys Keyring) *Sealer {
	return &Sealer{keys: keys, opened: map[string]cipher.AEAD{}}
}

// Seal encrypts a value. It opens only for the same project and as the same thing.
// Nothing stays nothing.
func (s *Sealer) Seal(ctx context.Context, project tenancy.ProjectID, what string, value []byte) ([]byte, error) {
	if value == nil {
		return nil, nil
	}
	key, err := s.key(ctx)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	form := byte(sealed)
	if len(value) >= worthDeflating { // databases can't any more, once it is sealed
		form, value = deflated, deflate(value)
	}
	out := make([]byte, 0, 3+len(key.wrapped)+key.aead.NonceSize()+len(value)+key.aead.Overhead())
	out = append(out, form)
	out = binary.BigEndian.AppendUint16(out, uint16(len(key.wrapped))) //nolint:gosec // key looked
	out = append(out, key.wrapped...)
	nonce := out[len(out) : len(out)+key.aead.NonceSize()]
	_, _ = rand.Read(nonce) // never fails
	out = out[:len(out)+len(nonce)]
	return key.aead.Seal(out, nonce, value, boundTo(form, project, what)), nil
}

// key is a data key for one more value.
func (s *Sealer) key(ctx context.Context) (dataKey, error) {
	s.making.Lock()
	defer s.making.Unlock()
	if s.left == 0 {
		ctx, cancel := context.WithTimeout(ctx, keyTime) // others wait meanwhile
		defer cancel()
		plain, wrapped, err := s.keys.NewKey(ctx)
		if err != nil {
			return dataKey{}, err
		}
		if len(wrapped) > 0xffff {
			return dataKey{}, fmt.Errorf("a wrapped key has %d bytes", len(wrapped))
		}
		aead, err := newAEAD(plain)
		if err != nil {
			return dataKey{}, err
		}
		s.now, s.left = dataKey{aead, wrapped}, sealsOfKey
		s.keep(string(wrapped), aead)
	}
	s.left--
	return s.now, nil
}

// Open is the value that Seal was given. A value that was never sealed is returned as it
// is.
func (s *Sealer) Open(ctx context.Context, project tenancy.ProjectID, what string, value []byte) ([]byte, error) {
	if len(value) == 0 || value[0] == plain {
		return value, nil
	}
	wrapped, nonce, text, ok := parts(value)
	if !ok {
		return nil, fmt.Errorf("open the %s of project %s: not in a form that is known here", what, project)
	}
	aead, err := s.unwrapped(ctx, wrapped)
	if err == nil {
		text, err = aead.Open(nil, nonce, text, boundTo(value[0], project, what))
	}
	if err == nil && value[0] == deflated {
		text, err = io.ReadAll(flate.NewReader(bytes.NewReader(text)))
	}
	if err != nil {
		return nil, fmt.Errorf("open the %s of project %s: %w", what, project, err)
	}
	return text, nil
}

const nonceSize = 12

func parts(value []byte) (wrapped, nonce, text []byte, ok bool) {
	if len(value) < 3 || value[0] != sealed && value[0] != deflated {
		return nil, nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(value[1:]))
	if value = value[3:]; len(value) < n+nonceSize {
		return nil, nil, nil, false
	}
	return value[:n], value[n : n+nonceSize], value[n+nonceSize:], true
}

// boundTo is what a sealed value is bound to. Ids have no zeros.
func boundTo(form byte, project tenancy.ProjectID, what string) []byte {
	return []byte(string(rune(form)) + string(project) + "\x00" + what)
}

func deflate(value []byte) []byte {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestSpeed)
	if err == nil {
		_, err = w.Write(value)
		err = errors.Join(err, w.Close())
	}
	if err != nil { // the level is known, and a buffer takes everything
		panic("secret: " + err.Error())
	}
	return out.Bytes()
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("a data key has %d bytes, want %d", len(key), KeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// unwrapped is a data key. Those who want the same at once wait for one of them, which
// goes on when its caller has gone.
func (s *Sealer) unwrapped(ctx context.Context, wrapped []byte) (cipher.AEAD, error) {
	name := string(wrapped)
	if aead := s.kept(name); aead != nil {
		return aead, nil
	}
	result := s.flight.DoChan(name, func() (any, error) {
		if aead := s.kept(name); aead != nil { // since the look above
			return aead, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keyTime)
		defer cancel()
		plain, err := s.keys.Unwrap(ctx, wrapped)
		if err != nil {
			return nil, err
		}
		aead, err := newAEAD(plain)
		if err == nil {
			s.keep(name, aead)
		}
		return aead, err
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-result:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(cipher.AEAD), nil
	}
}

// kept finds a key, and keeps it for longer.
func (s *Sealer) kept(name string) cipher.AEAD {
	s.mu.Lock()
	aead, ok := s.opened[name]
	if !ok {
		aead = s.before[name]
	}
	s.mu.Unlock()
	if !ok && aead != nil {
		s.keep(name, aead)
	}
	return aead
}

// keep keeps a key. When there are many, those that nobody asked for since are
// forgotten.
func (s *Sealer) keep(name string, aead cipher.AEAD) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.opened) >= openKeys/2 {
		s.opened, s.before = map[string]cipher.AEAD{}, s.opened
	}
	s.opened[name] = aead
}
