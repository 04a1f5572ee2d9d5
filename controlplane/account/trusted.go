package account

import (
	"context"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
	"icehouse/tenancy"
)

// Trusted lets systems of the operator's in, which know the master token; 4021.
func (s *Service) Trusted(ctx context.Context, secret, from string) error {
	ok, err := s.isMaster(ctx, secret, from)
	if err == nil && !ok {
		err = problem.New(problem.CodeWrongSecret, "The secret is wrong")
	}
	return err
}

// TrustedSignUp makes an account for one whose address the operator has confirmed. The
// code is for ResetPassword.
func (s *Service) TrustedSignUp(ctx context.Context, email, name, source, secret, from string) (_ SignedIn, code string, _ error) {
	if err := s.Trusted(ctx, secret, from); err != nil {
		return SignedIn{}, "", err
	}
	address, ok := Email(email)
	if !ok {
		return SignedIn{}, "", noEmail(email)
	}
	if name == "" {
		name, _, _ = strings.Cut(address, "@")
	}
	if err := checkName(name); err != nil {
		return SignedIn{}, "", err
	}
	c, err := s.Store.AddCustomer(ctx, store.Customer{ID: tenancy.NewID(), Name: name, Email: address, Source: source, CreatedAt: s.now(), UpdatedAt: s.now()})
	if errors.Is(err, store.ErrEmailTaken) {
		return SignedIn{}, "", emailTaken()
	}
	return s.trustedIn(ctx, c, err)
}

// TrustedSignIn opens a session for anyone; 2013 when there is no such account.
func (s *Service) TrustedSignIn(ctx context.Context, email, secret, from string) (_ SignedIn, code string, _ error) {
	if err := s.Trusted(ctx, secret, from); err != nil {
		return SignedIn{}, "", err
	}
	address, _ := Email(email)
	c, err := s.Store.CustomerByEmail(ctx, address)
	if errors.Is(err, store.ErrNotFound) {
		return SignedIn{}, "", problem.New(problem.CodeLoginFailed, "There is no account with this e-mail address")
	}
	return s.trustedIn(ctx, c, err)
}

func (s *Service) trustedIn(ctx context.Context, c store.Customer, err error) (SignedIn, string, error) {
	if err != nil {
		return SignedIn{}, "", err
	}
	code, err := s.oneTime(ctx, store.OneTime{Purpose: store.Reset, Customer: c.ID, Email: c.Email}, mailLasts)
	if err != nil {
		return SignedIn{}, "", err
	}
	in, err := s.signedIn(ctx, c)
	return in, code, err
}

// checkTime is how long the check of a master token may take.
const checkTime = 10 * time.Second

// isMaster checks the master token. Only wrong ones count, since systems of the
// operator's send the right one as often as they like; who sent too many is not told
// any more whether one is right. One token is checked at a time, so that nobody tries
// many before the first counts.
func (s *Service) isMaster(ctx context.Context, secret, from string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	s.checking.Lock()
	defer s.checking.Unlock()
	now := s.Now()
	limits := []limit{{key("master token and address", from), perAccountAndAddress}, {key("master token"), perAccount}}
	var until time.Time
	for _, l := range limits {
		n, ends, err := s.Store.Attempts(ctx, l.key, now)
		if err != nil {
			return false, err
		}
		if n >= l.most && ends.After(until) {
			until = ends
		}
	}
	if err := tooMany(until, now); err != nil {
		return false, err
	}
	if s.MasterToken != "" && subtle.ConstantTimeCompare([]byte(secret), []byte(s.MasterToken)) == 1 {
		return true, nil
	}
	return false, s.slow(ctx, limits...)
}
