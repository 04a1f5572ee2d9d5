package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"icehouse/controlplane/mail"
	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
	"icehouse/tenancy"
)

// newsLasts is how long a mail without a code is worth sending.
const newsLasts = 7 * 24 * time.Hour

// post adds a letter, whose mail is written when its asker is answered. Where the code
// in it lasts for a time, the letter does, too.
func (s *Service) post(ctx context.Context, l store.Letter, lasts time.Duration) error {
	l.ID, l.DueAt, l.ExpiresAt = tenancy.NewID(), s.now(), s.now().Add(lasts)
	return s.posted(s.Store.AddLetter(ctx, l))
}

// posted lets letters go that were added.
func (s *Service) posted(err error) error {
	if errors.Is(err, store.ErrFull) {
		return &problem.Error{Message: "Too many mails are on their way. Try again in a minute", Cause: err}
	}
	if s.Mail != nil {
		s.Mail.Wake()
	}
	return err
}

// news is a letter without a code.
func (s *Service) news(to, subject, text string) *store.Letter {
	return &store.Letter{ID: tenancy.NewID(), Email: to, Subject: subject, Text: text, DueAt: s.now(), ExpiresAt: s.now().Add(newsLasts)}
}

// Write makes the mail of a letter; nil when none is due. Its code begins to be there
// now, so that no code waits in the store.
func (s *Service) Write(ctx context.Context, l store.Letter) (*mail.Message, error) {
	switch l.Purpose {
	case store.SignUp:
		return s.writeSignUp(ctx, l)
	case store.ChangeEmail:
		code, err := s.oneTime(ctx, store.OneTime{Purpose: store.ChangeEmail, Customer: l.Customer, Email: l.Email}, mailLasts)
		return s.write(l.Email, "Confirm your e-mail address", "This code makes this the e-mail address of your account, while you are signed in to it. It is valid for a day.\n"+
			"If you did not ask for it, throw this mail away: nothing happens.", code), err
	case store.Reset:
		c, err := s.Store.CustomerByEmail(ctx, l.Email)
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		code, err := s.oneTime(ctx, store.OneTime{Purpose: store.Reset, Customer: c.ID, Email: l.Email}, resetLasts)
		return s.write(l.Email, "Reset your password", "This code lets you choose a new password. It is valid for an hour.\n"+
			"If you did not ask for it, throw this mail away: your password stays.", code), err
	default:
		return s.write(l.Email, l.Subject, l.Text, ""), nil
	}
}

func (s *Service) writeSignUp(ctx context.Context, l store.Letter) (*mail.Message, error) {
	_, err := s.Store.CustomerByEmail(ctx, l.Email)
	if err == nil {
		return s.write(l.Email, "You have an account already", "Somebody wants to sign up with this e-mail address, which has an account already.\n"+
			"If it was you: sign in, or reset your password if you forgot it.", ""), nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	code, err := s.oneTime(ctx, store.OneTime{Purpose: store.SignUp, Email: l.Email, Name: l.Name, PasswordHash: l.PasswordHash}, mailLasts)
	return s.write(l.Email, "Confirm your e-mail address", "Welcome! This code confirms your e-mail address and opens your account. It is valid for a day.\n"+
		"If you did not sign up, throw this mail away: nothing happens.", code), err
}

// write makes a mail, with a code if there is one. What people chose themselves stands
// in no mail to others, so that nobody can write mails through this installation.
func (s *Service) write(to, subject, text, code string) *mail.Message {
	if code != "" {
		text += "\n\nYour code:\n\n" + code
		if s.Links != "" {
			text += "\n\nOr open:\n\n" + s.Links + "#code=" + code
		}
	}
	return &mail.Message{To: to, Subject: subject + " (Icehouse)", Text: text + "\n"}
}

// Invite gives an e-mail address a seat or an invitation, and writes to it where mail is
// sent. Errors are those of store.Invite.
func (s *Service) Invite(ctx context.Context, by store.Customer, p store.Project, address string) (store.Member, error) {
	var tell func(store.Member) *store.Letter
	if s.Mail != nil {
		tell = func(m store.Member) *store.Letter {
			text := fmt.Sprintf("%s invites you to work on the project %s.\n", by.Email, p.Name)
			if m.Status == store.Invited {
				text += "Sign up with this e-mail address to accept."
			} else {
				text += "You find it among your projects."
			}
			return s.news(m.Email, "Invitation to a project", text)
		}
	}
	m, err := s.Store.Invite(ctx, p.ID, address, tenancy.NewID(), s.now(), tell)
	return m, s.posted(err)
}

// SlowInvitations bounds how many invitations an account sends.
func (s *Service) SlowInvitations(ctx context.Context, by store.Customer) error {
	return s.slow(ctx, limit{key("invitations", by.ID), invitationsPerHost})
}
