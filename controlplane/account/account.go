// Package account knows customers, how they sign up and in, and the tokens they hold.
//
// In: e-mail addresses, passwords, mailed codes, tokens and the installation's master
// token. Out: customers, new tokens, and the rights that can be taken back
// (authn.Grants). Callers: managementapi (who is calling), project and deployment
// (tokens they store), and, through the façade, the data plane.
//
// Where mail is sent, an account begins to be there when the code that was mailed to its
// address comes back: every account's address is its owner's. What is asked about an
// address is answered before anything is looked up, so that no answer and no time tells
// whether it has an account (platform §4.7).
package account

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"icehouse/controlplane/mail"
	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
	"icehouse/tenancy"
	"icehouse/tenancy/authn"
	"icehouse/tenancy/token"
)

// Service answers for accounts.
type Service struct {
	Store  store.Store
	Tokens *token.Keys
	// MasterToken opens the installation; "" lets anyone in who can reach it,
	// as a local cluster without one does (platform §4.7).
	MasterToken string
	Now         func() time.Time

	Passwords Passwords
	// Mail sends what Write writes. It is nil where no mail is sent: sign-ups count at
	// once, and passwords can't be reset by mail.
	Mail *mail.Queue
	// Links is the page that takes mailed codes, "" for none: mails have a link to it.
	Links string
	// SignUpClosed lets nobody sign up but by TrustedSignUp.
	SignUpClosed bool

	checking sync.Mutex // held while a master token is checked
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// Authenticate logs the first customer in, for the one who knows the master
// token. The first call makes that customer.
func (s *Service) Authenticate(ctx context.Context, secret, from string) (store.Customer, string, error) {
	if s.MasterToken != "" {
		if ok, err := s.isMaster(ctx, secret, from); err != nil || !ok {
			return store.Customer{}, "", cmp.Or(err, error(&problem.Error{Message: "invalid token for local env"}))
		}
	}
	customer, err := s.First(ctx)
	if err != nil {
		return store.Customer{}, "", err
	}
	token, err := s.Tokens.Platform(customer.ID)
	return customer, token, err
}

// First is the installation's first customer, made when there is none.
func (s *Service) First(ctx context.Context) (store.Customer, error) {
	now := s.now()
	return s.Store.EnsureCustomer(ctx, store.Customer{
		ID: tenancy.NewID(), Name: "Icehouse", Email: "admin@localhost", Source: "DOCS", CreatedAt: now, UpdatedAt: now,
	})
}

// Seat is a customer's place in a project; false when they have none that counts.
func (s *Service) Seat(ctx context.Context, project tenancy.ProjectID, customer string) (store.Seat, bool, error) {
	seat, err := s.Store.Seat(ctx, project, customer)
	if errors.Is(err, store.ErrNotFound) {
		return store.Seat{}, false, nil
	}
	return seat, err == nil && seat.Status == store.Joined, err
}

// HasSeat implements authn.Grants.
func (s *Service) HasSeat(ctx context.Context, project tenancy.ProjectID, a authn.Account) (bool, error) {
	if ok, err := s.counts(ctx, a); err != nil || !ok {
		return false, err
	}
	_, ok, err := s.Seat(ctx, project, a.Customer)
	return ok, err
}

// RootTokens implements authn.Grants.
func (s *Service) RootTokens(ctx context.Context, project tenancy.ProjectID) ([]string, error) {
	stored, err := s.Store.RootTokens(ctx, project)
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(stored))
	for i, t := range stored {
		texts[i] = t.Token
	}
	return texts, nil
}

// NewRootToken makes a permanent token; it counts once it is stored.
func (s *Service) NewRootToken(project tenancy.ProjectID, name, customer string) (store.RootToken, error) {
	id := tenancy.NewID()
	text, err := s.Tokens.Root(project, id, customer)
	return store.RootToken{ID: id, Project: project, Name: name, Token: text, CreatedAt: s.now()}, err
}
