// Package account knows customers and the tokens they hold.
//
// In: tokens and the installation's master token. Out: customers, new tokens,
// and whether a token may act for a project. Callers: managementapi (who is
// calling), project and deployment (tokens they store), and, through the façade,
// the data plane (IsProjectAdmin).
package account

import (
	"context"
	"errors"
	"time"

	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
	"icehouse/tenancy"
)

// Service answers for accounts.
type Service struct {
	Store  store.Store
	Tokens *Tokens
	// MasterToken opens the installation; "" lets anyone in who can reach it,
	// as a local cluster without one does (platform §4.7).
	MasterToken string
	Now         func() time.Time
}

// Authenticate logs the first customer in, for the one who knows the master
// token. The first call makes that customer.
func (s *Service) Authenticate(ctx context.Context, secret string) (store.Customer, string, error) {
	if s.MasterToken != "" && !same(secret, s.MasterToken) {
		return store.Customer{}, "", &problem.Error{Message: "invalid token for local env"}
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
	now := s.Now().UTC().Truncate(time.Millisecond)
	return s.Store.EnsureCustomer(ctx, store.Customer{
		ID: tenancy.NewID(), Name: "Icehouse", Email: "admin@localhost", Source: "DOCS", CreatedAt: now, UpdatedAt: now,
	})
}

// Caller is the customer behind a platform token; 2001 when there is none.
func (s *Service) Caller(ctx context.Context, token string) (store.Customer, error) {
	id, ok := s.Tokens.ReadPlatform(token)
	if !ok {
		return store.Customer{}, problem.NoSession()
	}
	customer, err := s.Store.Customer(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return store.Customer{}, problem.NoSession()
	}
	return customer, err
}

// HasSeat says whether a customer works on a project.
func (s *Service) HasSeat(ctx context.Context, project tenancy.ProjectID, customer string) (store.Seat, bool, error) {
	seat, err := s.Store.Seat(ctx, project, customer)
	if errors.Is(err, store.ErrNotFound) {
		return store.Seat{}, false, nil
	}
	return seat, err == nil && seat.Status == store.Joined, err
}

// IsProjectAdmin says whether a token has all rights on a project's data: a root
// token that is stored (LQ-D59), or the platform token of a customer with a
// seat (platform §4.4).
func (s *Service) IsProjectAdmin(ctx context.Context, project tenancy.ProjectID, token string) (bool, error) {
	claims, ok := s.Tokens.read(token)
	switch {
	case !ok: // a stranger's token costs no look-up
		return false, nil
	case claims.PermanentAuthTokenID != "":
		if claims.ProjectID != string(project) {
			return false, nil
		}
		return s.isStored(ctx, project, token)
	case !claims.isPlatform():
		return false, nil
	}
	_, ok, err := s.HasSeat(ctx, project, claims.ClientID)
	return ok, err
}

func (s *Service) isStored(ctx context.Context, project tenancy.ProjectID, token string) (bool, error) {
	stored, err := s.Store.RootTokens(ctx, project)
	if err != nil {
		return false, err
	}
	found := false
	for _, t := range stored {
		found = same(t.Token, token) || found
	}
	return found, nil
}

// NewRootToken makes a permanent token; it counts once it is stored.
func (s *Service) NewRootToken(project tenancy.ProjectID, name, customer string) (store.RootToken, error) {
	id := tenancy.NewID()
	text, err := s.Tokens.Root(project, id, customer)
	return store.RootToken{ID: id, Project: project, Name: name, Token: text, CreatedAt: s.Now().UTC().Truncate(time.Millisecond)}, err
}

// Limits of node tokens (platform §4.5).
const (
	defaultNodeToken = 30 * 24 * time.Hour
	longestNodeToken = 100 * 365 * 24 * time.Hour
)

// NodeToken signs a token for a node, for the one who holds a root token, a
// temporary root token or the platform token of a collaborator; 4028 otherwise.
// asked is how the caller named the project.
func (s *Service) NodeToken(ctx context.Context, project tenancy.ProjectID, asked, rootToken, node, model string, lifetime *time.Duration) (string, error) {
	admin := s.Tokens.IsTemporaryRoot(rootToken, project)
	if !admin {
		var err error
		if admin, err = s.IsProjectAdmin(ctx, project, rootToken); err != nil {
			return "", err
		}
	}
	if !admin {
		return "", problem.PATInvalid(asked)
	}
	lasts := defaultNodeToken
	if lifetime != nil {
		lasts = min(*lifetime, longestNodeToken)
	}
	return s.Tokens.Node(project, node, model, lasts)
}
