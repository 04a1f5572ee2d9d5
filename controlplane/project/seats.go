package project

import (
	"context"
	"errors"

	"icehouse/controlplane/account"
	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
)

// Members lists who works on a project, and who is invited to.
func (s *Service) Members(ctx context.Context, p store.Project) ([]store.Member, error) {
	return s.Store.Members(ctx, p.ID)
}

// Invite gives whoever has an e-mail address a seat, or an invitation until they sign
// up. 2036 when it is no address, 2037 when they have a project of this name.
func (s *Service) Invite(ctx context.Context, by store.Customer, p store.Project, email string) (store.Member, error) {
	address, ok := account.Email(email)
	if !ok {
		return store.Member{}, problem.New(problem.CodeNoUser, "'%s' is not the e-mail address of a user", email)
	}
	if err := s.Accounts.SlowInvitations(ctx, by); err != nil {
		return store.Member{}, err
	}
	m, err := s.Accounts.Invite(ctx, by, p, address)
	switch {
	case errors.Is(err, store.ErrNameTaken):
		return store.Member{}, hasName(address, p)
	case errors.Is(err, store.ErrNotFound):
		return store.Member{}, problem.NoService(string(p.ID))
	}
	return m, err
}

// RemoveMember takes a seat or an invitation back; 4027 when there is none. The owner
// stays.
func (s *Service) RemoveMember(ctx context.Context, p store.Project, email string) (store.Member, error) {
	address, _ := account.Email(email)
	m, err := s.Store.RemoveMember(ctx, p.ID, address)
	switch {
	case errors.Is(err, store.ErrOwner):
		return store.Member{}, &problem.Error{Message: "The owner of a project can't be removed from it. Transfer the ownership first"}
	case errors.Is(err, store.ErrNotFound):
		return store.Member{}, problem.New(problem.CodeNoSeat, "No seat with the e-mail address '%s'", email)
	}
	return m, err
}

// Transfer makes another member the owner: 4052 when the customer is not the owner, 4053
// when the other has not joined, 4054 when they are it already.
func (s *Service) Transfer(ctx context.Context, customer store.Customer, p store.Project, email string) error {
	if p.Owner != customer.ID {
		return problem.OwnerOnly()
	}
	address, _ := account.Email(email)
	if address == customer.Email {
		return problem.New(problem.CodeIsOwner, "'%s' is the owner of the project already", address)
	}
	all, err := s.Store.Members(ctx, p.ID)
	if err != nil {
		return err
	}
	to := ""
	for _, m := range all {
		if m.Email == address && m.Status == store.Joined {
			to = m.Customer
		}
	}
	err = store.ErrNotFound
	if to != "" {
		err = s.Store.TransferOwnership(ctx, p.ID, customer.ID, to, s.now())
	}
	switch {
	case errors.Is(err, store.ErrOwner):
		return problem.OwnerOnly()
	case errors.Is(err, store.ErrNotFound):
		return problem.New(problem.CodeNotJoined, "'%s' has not joined the project", email)
	case errors.Is(err, store.ErrNameTaken):
		return hasName(address, p)
	}
	return err
}

func hasName(address string, p store.Project) error {
	return problem.New(problem.CodeMemberHasName, "'%s' has a project with the name '%s' already", address, p.Name)
}
