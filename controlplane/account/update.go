package account

import (
	"context"
	"errors"

	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
)

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
			return store.Customer{}, err
		}
		if !ok {
			return store.Customer{}, problem.New(problem.CodeWrongPassword, "The password is wrong")
		}
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return store.Customer{}, err
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
