package account

import (
	"context"
	"errors"
	"strings"

	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
	"icehouse/tenancy"
)

func emailTaken() error {
	return problem.New(problem.CodeEmailTaken, "This e-mail address is already in use")
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
	hash, err := s.hash(ctx, password)
	if err != nil {
		return SignedIn{}, err
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
