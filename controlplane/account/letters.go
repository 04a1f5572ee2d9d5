package account

import (
	"context"
	"errors"
	"fmt"

	"icehouse/controlplane/mail"
	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
)

// post lets a mail be written when its asker is answered.
func (s *Service) post(job mail.Job) error {
	err := s.Mail.Add(job)
	if errors.Is(err, mail.ErrFull) {
		return &problem.Error{Message: "Too many mails are on their way. Try again in a minute", Cause: err}
	}
	return err
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

// TellInvited writes to one who got a seat or an invitation. Nothing is said where no
// mail is sent.
func (s *Service) TellInvited(ctx context.Context, by store.Customer, p store.Project, m store.Member) error {
	if s.Mail == nil {
		return nil
	}
	text := fmt.Sprintf("%s invites you to work on the project %s.\n", by.Email, p.Name)
	if m.Status == store.Invited {
		text += "Sign up with this e-mail address to accept."
	} else {
		text += "You find it among your projects."
	}
	return s.post(func(context.Context) (*mail.Message, error) {
		return s.write(m.Email, "Invitation to a project", text, ""), nil
	})
}

// SlowInvitations bounds how many invitations an account sends.
func (s *Service) SlowInvitations(ctx context.Context, by store.Customer) error {
	return s.slow(ctx, limit{key("invitations", by.ID), invitationsPerHost})
}
