package account

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
	"icehouse/tenancy"
	"icehouse/tenancy/token"
)

// Caller is who sent a request: a customer, by a token that may be taken back.
type Caller struct {
	store.Customer
	Session string // "" for a token that can't
	Scopes  token.Scopes
}

// May refuses what the scopes of the caller's token leave out.
func (c Caller) May(what token.Scope) error {
	if c.Scopes.Allow(what) {
		return nil
	}
	return &problem.Error{Message: "This token does not have the scope '" + string(what) + "'"}
}

// UpdatePassword sets another password and ends all other sessions; 2005. Who has none
// yet gives the empty one.
func (s *Service) UpdatePassword(ctx context.Context, c Caller, old, password, from string) (store.Customer, error) {
	if err := checkPassword(password); err != nil {
		return store.Customer{}, err
	}
	if err := s.slow(ctx, signIns(c.ID, from)...); err != nil {
		return store.Customer{}, err
	}
	if c.PasswordHash != "" || old != "" {
		ok, err := s.verify(ctx, c.PasswordHash, old)
		if err != nil {
			return store.Customer{}, busy(err)
		}
		if !ok {
			return store.Customer{}, problem.New(problem.CodeWrongPassword, "The password is wrong")
		}
	}
	hash, err := s.Passwords.Hash(ctx, password)
	if err != nil {
		return store.Customer{}, busy(err)
	}
	return s.Store.SetPassword(ctx, c.ID, hash, c.Session, s.now())
}

// Update changes name and e-mail address. Where mail is sent, a new address counts when
// its code was confirmed, and nobody learns whether another has it; 2017 without mail.
func (s *Service) Update(ctx context.Context, c Caller, name, email *string) (store.Customer, error) {
	if name != nil {
		if err := checkName(*name); err != nil {
			return store.Customer{}, err
		}
	}
	if email != nil {
		address, ok := Email(*email)
		if !ok {
			return store.Customer{}, noEmail(*email)
		}
		email = &address
		if address == c.Email {
			email = nil
		}
	}
	if email != nil && s.Mail != nil {
		if err := s.confirmAddress(ctx, c, *email); err != nil {
			return store.Customer{}, err
		}
		email = nil
	}
	if name == nil && email == nil {
		return c.Customer, nil
	}
	changed, err := s.Store.UpdateCustomer(ctx, c.ID, name, email, s.now())
	if errors.Is(err, store.ErrEmailTaken) {
		return store.Customer{}, emailTaken()
	}
	return changed, err
}

func (s *Service) confirmAddress(ctx context.Context, c Caller, address string) error {
	if err := s.slow(ctx, limit{key("mail", address), mailsPerAccount}, limit{key("mail", c.ID), mailsPerAccount}); err != nil {
		return err
	}
	return s.post(ctx, store.Letter{Purpose: store.ChangeEmail, Customer: c.ID, Email: address}, mailLasts)
}

// Delete forgets the caller's account; 4023 for another's. Accounts that own projects
// stay, and so does the one that the master token opens: 4008.
func (s *Service) Delete(ctx context.Context, c Caller, id string) error {
	if id != c.ID {
		return problem.New(problem.CodeNoAccount, "There is no account with id '%s'", id)
	}
	first, err := s.First(ctx)
	if err != nil {
		return err
	}
	if first.ID == c.ID {
		return problem.New(problem.CodeAccountState, "The first account of an installation can't be deleted")
	}
	err = s.Store.RemoveCustomer(ctx, c.ID)
	if errors.Is(err, store.ErrOwns) {
		return problem.New(problem.CodeAccountState, "The account owns projects. Delete them, or transfer their ownership, first")
	}
	return err
}

// SignOut ends the session of the caller's token, or all sessions and tokens that can be
// taken back.
func (s *Service) SignOut(ctx context.Context, c Caller, everywhere bool) error {
	if everywhere {
		return s.Store.RemoveSessions(ctx, c.ID, "")
	}
	if c.Session == "" {
		return &problem.Error{Message: "This token has no session that could be ended"}
	}
	err := s.Store.RemoveSession(ctx, c.ID, c.Session)
	if errors.Is(err, store.ErrNotFound) {
		return nil // another was faster
	}
	return err
}

// Sessions lists the caller's sessions and tokens that count, oldest first.
func (s *Service) Sessions(ctx context.Context, customer string) ([]store.Session, error) {
	all, err := s.Store.SessionsOf(ctx, customer)
	var out []store.Session
	for _, session := range all {
		if !over(session, s.Now()) {
			out = append(out, session)
		}
	}
	return out, err
}

func over(session store.Session, now time.Time) bool {
	return !session.ExpiresAt.IsZero() && !now.Before(session.ExpiresAt)
}

// NewToken makes a platform token that can be taken back. It may not do more than the
// token that asks for it. lifetime nil is for ever.
func (s *Service) NewToken(ctx context.Context, c Caller, name string, scopes []string, lifetime *time.Duration) (store.Session, string, error) {
	if name = strings.TrimSpace(name); name == "" || checkName(name) != nil || !utf8.ValidString(name) {
		return store.Session{}, "", &problem.Error{Message: "A token has a name of 1 to 256 bytes in one line"}
	}
	wanted := make([]token.Scope, len(scopes))
	for i, scope := range scopes {
		wanted[i] = token.Scope(scope)
	}
	given, ok := token.NewScopes(wanted...)
	if !ok {
		return store.Session{}, "", &problem.Error{Message: "The scopes of a token are read, manage, account and data"}
	}
	if given == "" {
		given = c.Scopes
	}
	for _, scope := range given.List() {
		if err := c.May(token.Scope(scope)); err != nil {
			return store.Session{}, "", err
		}
	}
	session := store.Session{ID: tenancy.NewID(), Customer: c.ID, Name: name, Scopes: string(given), CreatedAt: s.now()}
	if lifetime != nil {
		if *lifetime < time.Second {
			return store.Session{}, "", &problem.Error{Message: "A token is valid for at least a second"}
		}
		session.ExpiresAt = s.now().Add(min(*lifetime, longestNodeToken))
	}
	if err := s.Store.AddSession(ctx, session); err != nil {
		return store.Session{}, "", err
	}
	text, err := s.Tokens.Session(c.ID, session.ID, given, session.ExpiresAt)
	return session, text, err
}

// DeleteToken takes a session or a token of the caller back; 2000.
func (s *Service) DeleteToken(ctx context.Context, c Caller, id string) error {
	err := store.ErrNotFound
	if tenancy.ValidNodeID(id) {
		err = s.Store.RemoveSession(ctx, c.ID, id)
	}
	if errors.Is(err, store.ErrNotFound) {
		return problem.New(problem.CodeNoToken, "No token with id '%s'", id)
	}
	return err
}
