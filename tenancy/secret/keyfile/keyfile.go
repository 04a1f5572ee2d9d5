// Package keyfile keeps the keys of package secret in a file.
//
// In: a path. Out: a secret.Keyring. Callers: cmd, which picks it by the configuration,
// and makes files and keys for operators. Each line of the file is a key: 32 random bytes
// in base64 (URL-safe, no padding); lines that begin with # are for people. The first key
// wraps; all unwrap.
package keyfile

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"icehouse/tenancy/secret"
)

// Keys are the keys of a file.
type Keys struct{ keys []key }

type key struct {
	id   [idSize]byte
	aead cipher.AEAD
}

// idSize is how many bytes of a hash name a key in what it wrapped.
const idSize = 8

const maxFile = 1 << 20

// Open reads the keys of a file.
func Open(path string) (*Keys, error) {
	info, err := os.Stat(path)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxFile) {
		err = fmt.Errorf("%s is no file of keys", path)
	}
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path) //nolint:gosec // the operator's choice
	if err != nil {
		return nil, err
	}
	k := &Keys{}
	for number, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		plain, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(line), "="))
		if err != nil || len(plain) != secret.KeySize {
			// The line may be a key with a typing mistake, so it is not repeated.
			return nil, fmt.Errorf("%s: line %d is not %d bytes in base64", path, number+1, secret.KeySize)
		}
		one, err := newKey(plain)
		if err != nil {
			return nil, err
		}
		k.keys = append(k.keys, one)
	}
	if len(k.keys) == 0 {
		return nil, fmt.Errorf("%s has no key", path)
	}
	return k, nil
}

func newKey(plain []byte) (k key, err error) {
	hash := sha256.Sum256(append([]byte("icehouse: name of a key\x00"), plain...))
	copy(k.id[:], hash[:])
	block, err := aes.NewCipher(plain)
	if err != nil {
		return k, err
	}
	k.aead, err = cipher.NewGCM(block)
	return k, err
}

// use separates what is wrapped here from whatever else a key may be used for.
var use = []byte("icehouse: data key")

// NewKey implements secret.Keyring.
func (k *Keys) NewKey(context.Context) (plain, wrapped []byte, err error) {
	first := k.keys[0]
	plain = make([]byte, secret.KeySize)
	nonce := make([]byte, first.aead.NonceSize())
	_, _ = rand.Read(plain) // never fails
	_, _ = rand.Read(nonce)
	wrapped = append(first.id[:], nonce...)
	return plain, first.aead.Seal(wrapped, nonce, plain, use), nil
}

// Unwrap implements secret.Keyring.
func (k *Keys) Unwrap(_ context.Context, wrapped []byte) ([]byte, error) {
	for _, one := range k.keys {
		rest, ok := bytes.CutPrefix(wrapped, one.id[:])
		if !ok || len(rest) < one.aead.NonceSize() {
			continue
		}
		nonce, text := rest[:one.aead.NonceSize()], rest[one.aead.NonceSize():]
		return one.aead.Open(nil, nonce, text, use)
	}
	return nil, secret.ErrUnknownKey
}

// Make makes a file with one key, unless there is one. The file appears whole or not at
// all; of two who make it at once, both use the first one's.
func Make(path string) error {
	draft, err := write(path, line())
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(draft) }()
	if err := os.Link(draft, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Add makes a file with one key, or adds one at the end of a file, where it unwraps only.
func Add(path string) error {
	before, err := os.ReadFile(path) //nolint:gosec // the operator's choice
	if errors.Is(err, fs.ErrNotExist) {
		return Make(path)
	}
	if err != nil {
		return err
	}
	if _, err := Open(path); err != nil {
		return err
	}
	if !bytes.HasSuffix(before, []byte("\n")) {
		before = append(before, '\n')
	}
	draft, err := write(path, string(before)+line())
	if err != nil {
		return err
	}
	return os.Rename(draft, path)
}

func line() string {
	plain := make([]byte, secret.KeySize)
	_, _ = rand.Read(plain) // never fails
	return base64.RawURLEncoding.EncodeToString(plain) + "\n"
}

// write writes a draft beside path that only its owner can read.
func write(path, text string) (draft string, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-*")
	if err != nil {
		return "", err
	}
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return "", errors.Join(err, os.Remove(file.Name()))
	}
	return file.Name(), nil
}
