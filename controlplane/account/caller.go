package account

import (
	"context"
	"errors"

	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
	"icehouse/tenancy/authn"
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

// Caller is who holds a platform token; 2001 when it is none, or was taken back.
func (s *Service) Caller(ctx context.Context, bearer string) (Caller, error) {
	claims, ok := s.Tokens.Read(bearer, "")
	if !ok || !claims.IsPlatform() {
		return Caller{}, problem.NoSession()
	}
	if ok, err := s.counts(ctx, authn.Account{Customer: claims.ClientID, Session: claims.Session}); err != nil || !ok {
		return Caller{}, errors.Join(err, noSession(err == nil))
	}
	customer, err := s.Store.Customer(ctx, claims.ClientID)
	if errors.Is(err, store.ErrNotFound) {
		return Caller{}, problem.NoSession()
	}
	return Caller{customer, claims.Session, claims.Scopes}, err
}

func noSession(yes bool) error {
	if yes {
		return problem.NoSession()
	}
	return nil
}

// counts says whether the session of a token, if it has one, was not taken back.
func (s *Service) counts(ctx context.Context, a authn.Account) (bool, error) {
	if a.Session == "" {
		return true, nil
	}
	session, err := s.Store.Session(ctx, a.Session)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && session.Customer == a.Customer && !over(session, s.Now()), err
}
