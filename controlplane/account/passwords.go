package account

import (
	"context"
	"errors"

	"icehouse/controlplane/password"
	"icehouse/controlplane/problem"
)

// Passwords makes and checks hashes. A *password.Hasher is one.
type Passwords interface {
	Hash(ctx context.Context, password string) (string, error)
	// Verify takes as long without a hash as with one, and says no.
	Verify(ctx context.Context, hash, password string) (bool, error)
}

func (s *Service) hash(ctx context.Context, password string) (string, error) {
	hash, err := s.Passwords.Hash(ctx, password)
	return hash, busy(err)
}

// verify does not read more of a password than the longest has, and one byte.
func (s *Service) verify(ctx context.Context, hash, password string) (bool, error) {
	ok, err := s.Passwords.Verify(ctx, hash, password[:min(len(password), maxPassword+1)])
	return ok, busy(err)
}

// busy tells clients that too many passwords are checked at once.
func busy(err error) error {
	if errors.Is(err, password.ErrBusy) {
		return &problem.Error{Message: "Too many people sign in at this moment. Try again in a few seconds"}
	}
	return err
}
