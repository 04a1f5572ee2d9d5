package project

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"icehouse/controlplane/definition"
	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
)

// AddRootToken makes a permanent token for a project.
func (s *Service) AddRootToken(ctx context.Context, customer store.Customer, p store.Project, name string) (store.RootToken, error) {
	if !definition.IsRootTokenName(name) {
		return store.RootToken{}, &problem.Error{Message: "The name of a root token has 1 to 1000 bytes, none of them NUL."}
	}
	token, err := s.Accounts.NewRootToken(p.ID, name, customer.ID)
	if err != nil {
		return store.RootToken{}, err
	}
	err = s.Store.AddRootToken(ctx, token)
	s.Registry.Changed(p) // after an error too: it may have been done
	if errors.Is(err, store.ErrNameTaken) {
		return store.RootToken{}, problem.RootTokenTaken(name)
	}
	return token, err
}

// RootToken finds a permanent token by its id; 2000 unless it is one of a project in
// which the customer has a seat, so that a stranger's is as one that is not there
// (LQ-30).
func (s *Service) RootToken(ctx context.Context, customer store.Customer, id string) (store.RootToken, error) {
	if strings.ContainsRune(id, 0) || !utf8.ValidString(id) {
		return store.RootToken{}, problem.NoRootToken(id)
	}
	token, err := s.Store.RootToken(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return store.RootToken{}, problem.NoRootToken(id)
	}
	if err != nil {
		return store.RootToken{}, err
	}
	_, ok, err := s.Accounts.Seat(ctx, token.Project, customer.ID)
	if err == nil && !ok {
		err = problem.NoRootToken(id)
	}
	if err != nil {
		return store.RootToken{}, err
	}
	return token, nil
}

// DeleteRootToken takes a permanent token back; 2000 as RootToken.
func (s *Service) DeleteRootToken(ctx context.Context, customer store.Customer, id string) (store.Project, error) {
	token, err := s.RootToken(ctx, customer, id)
	if err != nil {
		return store.Project{}, err
	}
	p, err := s.Get(ctx, customer, string(token.Project))
	if err != nil {
		return store.Project{}, err
	}
	err = s.Store.RemoveRootToken(ctx, p.ID, id)
	s.Registry.Changed(p) // after an error too: it may have been done
	if errors.Is(err, store.ErrNotFound) {
		err = problem.NoRootToken(id)
	}
	return p, err
}
