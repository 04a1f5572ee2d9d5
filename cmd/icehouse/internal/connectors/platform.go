package connectors

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"icehouse/cmd/icehouse/internal/config"
	"icehouse/cmd/icehouse/internal/rungroup"
	"icehouse/controlplane/store"
	"icehouse/controlplane/store/postgresstore"
	"icehouse/controlplane/store/sqlitestore"
	"icehouse/tenancy/secret"
	"icehouse/tenancy/secret/keyfile"
	"icehouse/tenancy/secret/kmskeys"
)

// openStore opens what keeps the platform's own rows, with the keys that seal some of
// them.
func openStore(ctx context.Context, c config.Config, closers *rungroup.Closers) (s store.Store, keys secret.Keyring, err error) {
	open := func(ctx context.Context, fresh bool) (_ secret.Keyring, err error) {
		keys, err = openKeys(ctx, c, fresh)
		return keys, err
	}
	if folder := c.SQLiteFolder(); folder != "" {
		if err = os.MkdirAll(folder, 0o700); err != nil {
			return nil, nil, err
		}
		s, err = sqlitestore.Open(ctx, filepath.Join(folder, "platform.db"), open)
	} else {
		s, err = postgresstore.Open(ctx, c.DatabaseURL, open)
	}
	if errors.Is(err, store.ErrOtherKeys) {
		return nil, nil, fmt.Errorf("the platform's database is sealed with keys that are not in %s: start with those of the installation's other processes", whose(c))
	}
	if err != nil {
		return nil, nil, err
	}
	closers.Push("platform store", s.Close)
	return s, keys, nil
}

// whose is where the keys of a process are.
func whose(c config.Config) string {
	switch {
	case c.KMSKey == "":
		return c.SecretKeyFile
	case c.SecretKeyFile == "":
		return "AWS KMS"
	default:
		return "AWS KMS or " + c.SecretKeyFile
	}
}

// openKeys opens the keys that seal what users deploy. A file is made only while nothing
// is sealed: another one would open nothing, and hide that the right one is missing.
func openKeys(ctx context.Context, c config.Config, fresh bool) (secret.Keyring, error) {
	var rings secret.Chain
	if c.KMSKey != "" {
		keys, err := kmskeys.Open(ctx, c.KMSKey)
		if err != nil {
			return nil, err
		}
		rings = append(rings, keys)
	}
	if c.SecretKeyFile != "" {
		if fresh && c.MakeKeys && c.KMSKey == "" {
			if err := keyfile.Make(c.SecretKeyFile); err != nil {
				return nil, fmt.Errorf("make the key file: %w", err)
			}
		}
		keys, err := keyfile.Open(c.SecretKeyFile)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, missing(c.SecretKeyFile, fresh)
		}
		if err != nil {
			return nil, fmt.Errorf("key file: %w", err)
		}
		rings = append(rings, keys)
	}
	return rings, nil
}

func missing(path string, fresh bool) error {
	if fresh {
		return fmt.Errorf("there is no key file %s: make one with \"icehouse admin secrets add-key %[1]s\", and give each process of the installation a copy", path)
	}
	return fmt.Errorf("there is no key file %s, and what services were deployed with is sealed with the keys that were in it: copy it from another process of the installation, or from your backup", path)
}

// sealOlder seals what was stored before there was sealing. Where other processes may be
// of a version that can't read it yet, an operator says when.
func sealOlder(ctx context.Context, c config.Config, s store.Store, log *slog.Logger) error {
	done, err := s.IsSealed(ctx)
	if err != nil || done {
		return err
	}
	if c.SQLiteFolder() == "" {
		log.Warn(`some of what services were deployed with is not sealed; when all processes are of this version, run "icehouse admin secrets seal"`)
		return nil
	}
	n, err := s.SealAnew(ctx)
	if err != nil {
		return fmt.Errorf("seal what was deployed before: %w", err)
	}
	log.Info("sealed what was deployed before", "releases", n)
	return nil
}

// Seal seals all that services were deployed with anew, beside the processes that serve.
func Seal(ctx context.Context, c config.Config) (n int, err error) {
	var closers rungroup.Closers
	defer func() { err = errors.Join(err, closers.Close()) }()
	s, _, err := openStore(ctx, c, &closers)
	if err != nil {
		return 0, err
	}
	return s.SealAnew(ctx)
}
