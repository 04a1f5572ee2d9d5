package account

import (
	"context"
	"errors"
	"time"

	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
)

// How long things last.
const (
	sessionLasts = 90 * 24 * time.Hour
	mailLasts    = 24 * time.Hour
	resetLasts   = time.Hour
)

// SignedIn is a customer with a token that is theirs.
type SignedIn struct {
	store.Customer
	Token string
}

func loginFailed() error {
	return problem.New(problem.CodeLoginFailed, "The e-mail address or the password is wrong")
}

// SignIn opens a session; 2013 for whatever is wrong.
func (s *Service) SignIn(ctx context.Context, email, password, from string) (SignedIn, error) {
	address, _ := Email(email)
	limits := signIns(address, from)
	if err := s.slow(ctx, limits...); err != nil {
		return SignedIn{}, err
	}
	c, err := s.Store.CustomerByEmail(ctx, address)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return SignedIn{}, err
	}
	// Without an account this takes as long.
	ok, err := s.verify(ctx, c.PasswordHash, password)
	if err != nil {
		return SignedIn{}, err
	}
	if !ok {
		return SignedIn{}, loginFailed()
	}
	if err := s.Store.ForgetAttempts(ctx, limits[0].key); err != nil {
		return SignedIn{}, err
	}
	return s.signedIn(ctx, c)
}

// RequestReset mails a code for ResetPassword. Nobody can tell whether there is such an
// account.
func (s *Service) RequestReset(ctx context.Context, email, from string) error {
	if s.Mail == nil {
		return &problem.Error{Message: "This installation sends no mail. Its operator can reset your password"}
	}
	address, ok := Email(email)
	if !ok {
		return noEmail(email)
	}
	if err := s.slow(ctx, limit{key("address", from), perAddress}, limit{key("mail", address), mailsPerAccount}); err != nil {
		return err
	}
	return s.post(ctx, store.Letter{Purpose: store.Reset, Email: address}, resetLasts)
}

// ResetPassword sets a password for the bearer of a code and ends all sessions; 2006.
func (s *Service) ResetPassword(ctx context.Context, code, password, from string) (SignedIn, error) {
	if err := checkPassword(password); err != nil {
		return SignedIn{}, err
	}
	if err := s.slow(ctx, limit{key("address", from), perAddress}); err != nil {
		return SignedIn{}, err
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return SignedIn{}, err
	}
	c, err := s.Store.ResetPassword(ctx, codeHash(code, ""), hash, s.now())
	if errors.Is(err, store.ErrNotFound) {
		return SignedIn{}, invalidCode()
	}
	if err != nil {
		return SignedIn{}, err
	}
	return s.signedIn(ctx, c)
}
