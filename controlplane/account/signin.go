package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
	"icehouse/tenancy"
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

func emailTaken() error {
	return problem.New(problem.CodeEmailTaken, "This e-mail address is already in use")
}

func invalidCode() error {
	return problem.New(problem.CodeWrongCode, "The code is not valid. It may have been used, or its time is over")
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// signedIn begins a session.
func (s *Service) signedIn(ctx context.Context, c store.Customer) (SignedIn, error) {
	session := store.Session{ID: tenancy.NewID(), Customer: c.ID, Name: "sign-in", CreatedAt: s.now(), ExpiresAt: s.now().Add(sessionLasts)}
	if err := s.Store.AddSession(ctx, session); err != nil {
		return SignedIn{}, err
	}
	token, err := s.Tokens.Session(c.ID, session.ID, "", session.ExpiresAt)
	return SignedIn{c, token}, err
}

// SignUp makes an account. Where mail is sent, the answer is always the empty one: a
// mail goes to the address, with a code that makes the account, or the news that there
// is one. Without mail the account is there at once, and 2017 tells who has one.
func (s *Service) SignUp(ctx context.Context, email, password, name, from string) (SignedIn, error) {
	if s.SignUpClosed {
		return SignedIn{}, &problem.Error{Message: "Sign-up is closed on this installation"}
	}
	address, ok := Email(email)
	if !ok {
		return SignedIn{}, noEmail(email)
	}
	if name = strings.TrimSpace(name); name == "" {
		name, _, _ = strings.Cut(address, "@")
	}
	if err := errors.Join(checkName(name), checkPassword(password)); err != nil {
		return SignedIn{}, err
	}
	if err := s.slow(ctx, limit{key("sign-up", from), signUpsPerAddress}, limit{key("mail", address), mailsPerAccount}); err != nil {
		return SignedIn{}, err
	}
	hash, err := s.Passwords.Hash(ctx, password)
	if err != nil {
		return SignedIn{}, busy(err)
	}
	if s.Mail == nil {
		c, err := s.Store.AddCustomer(ctx, store.Customer{ID: tenancy.NewID(), Name: name, Email: address, Source: "HOMEPAGE",
			PasswordHash: hash, CreatedAt: s.now(), UpdatedAt: s.now()})
		if errors.Is(err, store.ErrEmailTaken) {
			return SignedIn{}, emailTaken()
		}
		if err != nil {
			return SignedIn{}, err
		}
		return s.signedIn(ctx, c)
	}
	return SignedIn{}, s.post(ctx, store.Letter{Purpose: store.SignUp, Email: address, Name: name, PasswordHash: hash}, mailLasts)
}

// oneTime stores what a new code may do.
func (s *Service) oneTime(ctx context.Context, o store.OneTime, lasts time.Duration) (code string, err error) {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	code = base64.RawURLEncoding.EncodeToString(random)
	bearer := ""
	if o.Purpose == store.ChangeEmail {
		bearer = o.Customer
	}
	o.Hash, o.ExpiresAt = codeHash(code, bearer), s.now().Add(lasts)
	return code, s.Store.AddOneTime(ctx, o)
}

// codeHash needs no salt: codes have 256 random bits. bearer is the account whose code
// it is, where nobody else may use it; else "".
func codeHash(code, bearer string) string {
	sum := sha256.Sum256([]byte(code + "\n" + bearer))
	return hex.EncodeToString(sum[:])
}

// VerifyEmail does what a mailed code confirms. For a sign-up its bearer is signed in.
// Another e-mail address is confirmed by who is signed in to the account, and nobody
// else: the code may have gone to a stranger, by a slip of the keys. The token is ""
// then. who is nil for nobody.
func (s *Service) VerifyEmail(ctx context.Context, who *Caller, code, from string) (SignedIn, error) {
	if err := s.slow(ctx, limit{key("address", from), perAddress}); err != nil {
		return SignedIn{}, err
	}
	id := tenancy.NewID()
	c, err := s.Store.Confirm(ctx, codeHash(code, ""), id, s.now(), nil)
	if errors.Is(err, store.ErrNotFound) && who != nil {
		c, err = s.Store.Confirm(ctx, codeHash(code, who.ID), id, s.now(), s.moved(who.Email))
		err = s.posted(err)
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return SignedIn{}, invalidCode()
	case errors.Is(err, store.ErrEmailTaken):
		return SignedIn{}, emailTaken()
	case err != nil:
		return SignedIn{}, err
	case c.ID != id:
		return SignedIn{Customer: c}, nil
	}
	return s.signedIn(ctx, c)
}

// moved is the letter to an account's old address, that it has another one; nil where no
// mail is sent.
func (s *Service) moved(old string) *store.Letter {
	if s.Mail == nil {
		return nil
	}
	return s.news(old, "Your e-mail address was changed", "Your account has another e-mail address now, and this one no longer opens it.\n"+
		"If that was not you, tell the operator of this installation at once.")
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
		return SignedIn{}, busy(err)
	}
	if !ok {
		return SignedIn{}, loginFailed()
	}
	if err := s.Store.ForgetAttempts(ctx, limits[0].key); err != nil {
		return SignedIn{}, err
	}
	return s.signedIn(ctx, c)
}

// verify does not read more of a password than the longest has, and one byte.
func (s *Service) verify(ctx context.Context, hash, password string) (bool, error) {
	return s.Passwords.Verify(ctx, hash, password[:min(len(password), maxPassword+1)])
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
	hash, err := s.Passwords.Hash(ctx, password)
	if err != nil {
		return SignedIn{}, busy(err)
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
