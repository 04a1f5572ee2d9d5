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

// signedIn begins a session.
func (s *Service) signedIn(ctx context.Context, c store.Customer) (SignedIn, error) {
	session := store.Session{ID: tenancy.NewID(), Customer: c.ID, Name: "sign-in", CreatedAt: s.now(), ExpiresAt: s.now().Add(sessionLasts)}
	if err := s.Store.AddSession(ctx, session); err != nil {
		return SignedIn{}, err
	}
	token, err := s.Tokens.Session(c.ID, session.ID, "", session.ExpiresAt)
	return SignedIn{c, token}, err
}
