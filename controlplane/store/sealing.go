package store

import (
	"context"
	"errors"

	"icehouse/tenancy/secret"
)

// ErrOtherKeys says that the platform's database is sealed with keys that this process
// does not have.
var ErrOtherKeys = errors.New("store: the platform's database is sealed with other keys")

// OpenKeys opens the keys that seal what users deploy. Nothing is sealed yet when fresh,
// so new ones may be made; otherwise these must be those of the installation.
type OpenKeys func(ctx context.Context, fresh bool) (secret.Keyring, error)

// Sealing is how a Store keeps what users deploy: definitions and payloads of releases,
// and records of deploys, are sealed on their way to the database and opened on their
// way back.
type Sealing interface {
	// IsSealed says that nothing is there that was stored before there was sealing.
	IsSealed(ctx context.Context) (bool, error)
	// SealAnew seals all that is there with the key that seals now, whichever did before
	// or none, and says how many releases that were. It may be repeated, and run while
	// others read and write.
	SealAnew(ctx context.Context) (int, error)
}
