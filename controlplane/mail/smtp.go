package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	netmail "net/mail"
	"net/url"
	"slices"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// SMTP sends through a server of the operator's.
type SMTP struct {
	from    string
	host    string
	options []gomail.Option
}

// NewSMTP reads an address: smtp://USER:PASSWORD@HOST:PORT for STARTTLS, without which
// nothing is sent; smtps:// for TLS from the beginning; smtp+plain:// for neither, on
// networks that are trusted. from is the sender of all mails. trust may be nil: the
// system's certificates are trusted.
func NewSMTP(address, from string, trust *tls.Config) (*SMTP, error) {
	if _, err := netmail.ParseAddress(from); err != nil {
		return nil, fmt.Errorf("the sender of mails, %q, is no e-mail address", from)
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		// The text may hold a password, so it is not repeated.
		return nil, errors.New("SMTP address: want smtp://USER:PASSWORD@HOST:PORT, or the scheme smtps or smtp+plain")
	}
	port := 587
	var options []gomail.Option
	switch u.Scheme {
	case "smtp":
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case "smtps":
		port = 465
		options = append(options, gomail.WithSSL())
	case "smtp+plain":
		port = 25
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		return nil, errors.New("SMTP address: want the scheme smtp, smtps or smtp+plain")
	}
	if text := u.Port(); text != "" {
		if port, err = strconv.Atoi(text); err != nil || port < 1 || port > 65535 {
			return nil, errors.New("SMTP address: the port is none")
		}
	}
	options = append(options, gomail.WithPort(port))
	if trust != nil {
		trust = trust.Clone()
		trust.ServerName = u.Hostname()
		options = append(options, gomail.WithTLSConfig(trust))
	}
	if u.User != nil {
		if u.Scheme == "smtp+plain" {
			return nil, errors.New("SMTP address: a password is not sent without TLS")
		}
		password, _ := u.User.Password()
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(u.User.Username()), gomail.WithPassword(password))
	}
	s := &SMTP{from: from, host: u.Hostname(), options: options}
	_, err = gomail.NewClient(s.host, s.options...)
	return s, err
}

// Send implements Sender. Each mail has a connection of its own: there are few.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	message := gomail.NewMsg()
	if err := errors.Join(message.From(s.from), message.To(m.To)); err != nil {
		return fmt.Errorf("write mail: %w", err)
	}
	message.Subject(m.Subject)
	message.SetDate()
	message.SetMessageID()
	message.SetGenHeader("Auto-Submitted", "auto-generated")
	message.SetBodyString(gomail.TypeTextPlain, m.Text)
	// The library looks at the context before it connects, and at its own time later.
	limit := patience
	if at, ok := ctx.Deadline(); ok {
		limit = max(time.Until(at), time.Millisecond)
	}
	client, err := gomail.NewClient(s.host, append(slices.Clone(s.options), gomail.WithTimeout(limit))...)
	if err != nil {
		return fmt.Errorf("send mail: %w", err)
	}
	if err := client.DialAndSendWithContext(ctx, message); err != nil {
		return fmt.Errorf("send mail: %w", refused(err))
	}
	return nil
}

// refused marks errors that another attempt would meet, too: there is no such mailbox,
// or this text is not wanted. What a server has against us may be mended.
func refused(err error) error {
	var failed *gomail.SendError
	if !errors.As(err, &failed) || failed.IsTemp() || failed.ErrorCode() < 500 {
		return err
	}
	switch failed.Reason {
	case gomail.ErrSMTPRcptTo, gomail.ErrSMTPData, gomail.ErrSMTPDataClose:
		return errors.Join(ErrRefused, err)
	default:
		return err
	}
}
