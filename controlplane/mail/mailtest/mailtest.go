// Package mailtest is a mail server for tests: it speaks SMTP with STARTTLS on a port of
// this machine and keeps what it gets.
//
// In: a test. Out: a Server with its address, its certificate and its mails. Callers:
// the tests of mail, of the control plane and of the server process.
package mailtest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// The account that the server asks for.
const (
	User     = "icehouse"
	Password = "p@ss word"
)

// Mail is one mail that came in.
type Mail struct{ From, To, Subject, Text string }

// Server is a running mail server.
type Server struct {
	Port  string
	Trust *tls.Config // trusts the server's certificate
	// Fail is asked before a mail is taken; its error is the answer.
	Fail func() error

	mails chan Mail
	mu    sync.Mutex
}

// Start runs a server until the test ends. When implicit, it speaks TLS from the
// beginning; when open, it neither speaks TLS nor asks for an account.
func Start(t *testing.T, implicit, open bool) *Server {
	t.Helper()
	// A certificate for 127.0.0.1 and example.com, from the standard library.
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS()
	certificate, root := web.TLS.Certificates[0], web.Certificate()
	web.Close()
	pool := x509.NewCertPool()
	pool.AddCert(root)
	s := &Server{Trust: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, mails: make(chan Mail, 100)}

	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{server: s, in: open}, nil }))
	server.Domain = "mail.example.org"
	if !open {
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, s.Port, _ = net.SplitHostPort(l.Addr().String())
	if implicit {
		l = tls.NewListener(l, server.TLSConfig)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	return s
}

// Next is the next mail that came in. It waits for a while.
func (s *Server) Next(t *testing.T) Mail {
	t.Helper()
	select {
	case m := <-s.mails:
		return m
	case <-time.After(10 * time.Second):
		t.Fatal("no mail came")
		return Mail{}
	}
}

// None says whether no mail came that was not read yet.
func (s *Server) None() bool { return len(s.mails) == 0 }

type session struct {
	server   *Server
	in       bool
	from, to string
}

func (s *session) Reset()        { s.from, s.to = "", "" }
func (s *session) Logout() error { return nil }

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != User || password != Password {
			return smtp.ErrAuthFailed
		}
		s.in = true
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	if !s.in {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return nil
}

func (s *session) Data(r io.Reader) error {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	if s.server.Fail != nil {
		if err := s.server.Fail(); err != nil {
			return err
		}
	}
	message, err := netmail.ReadMessage(r)
	if err != nil {
		return err
	}
	body := message.Body
	if strings.EqualFold(message.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return errors.Join(errors.New("the mail is broken"), err)
	}
	s.server.mails <- Mail{From: s.from, To: s.to, Subject: message.Header.Get("Subject"), Text: strings.ReplaceAll(string(text), "\r\n", "\n")}
	return nil
}
