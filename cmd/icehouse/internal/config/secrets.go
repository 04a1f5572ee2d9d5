package config

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The files of a data folder that keep the secrets dev made.
const (
	MasterTokenFile = "master-token"
	jwtSecretFile   = "jwt-secret"
)

// keyFile is the name of the key file that is made where none is given.
const keyFile = "secret-keys"

// completeKeys says where the keys that seal are. Where one machine has the database for
// itself, and for dev, a file is made that lives where the database does. Elsewhere each
// process must be given the same one.
func (c *Config) completeKeys(dir string) error {
	folder := c.SQLiteFolder()
	c.MakeKeys = folder != "" || c.Dev
	switch {
	case c.SecretKeyFile != "":
		c.SecretKeyFile = resolve(dir, c.SecretKeyFile)
	case c.KMSKey != "":
	case folder != "":
		c.SecretKeyFile = filepath.Join(folder, keyFile)
	case c.Dev:
		c.SecretKeyFile = filepath.Join(c.DataDir, keyFile)
	default:
		return errors.New("no key to seal what services are deployed with: give every process of the installation the same --secret-key-file " +
			"(ICEHOUSE_SECRET_KEY_FILE; \"icehouse admin secrets add-key FILE\" makes one), or --kms-key (ICEHOUSE_KMS_KEY)")
	}
	return nil
}

// fillSecret sets a missing secret: to the kept one, or to a new one that it
// keeps.
func fillSecret(secret *string, folder, name string) error {
	if *secret != "" {
		return nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	path := filepath.Join(folder, name)
	kept, err := readSecret(path)
	if errors.Is(err, fs.ErrNotExist) {
		kept, err = newSecret(path)
	}
	if err != nil {
		return fmt.Errorf("secret of the data folder: %w", err)
	}
	*secret = kept
	return nil
}

// readSecret reads a kept secret and takes it from other users' eyes.
func readSecret(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" {
		return "", fmt.Errorf("%s is empty; remove it to get a new one", path)
	}
	return secret, os.Chmod(path, 0o600)
}

// RandomSecret is the text of 32 random bytes.
func RandomSecret() string {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(random[:])
}

// newSecret keeps a random secret. The file appears whole or not at
// all; of two processes that make it at once, both use the first one's.
func newSecret(path string) (string, error) {
	draft, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-*")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.Remove(draft.Name()) }()
	_, err = draft.WriteString(RandomSecret() + "\n")
	if err = errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return "", err
	}
	if err := os.Link(draft.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return readSecret(path)
}
