package mail_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"

	"icehouse/controlplane/mail"
	"icehouse/controlplane/mail/mailtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const account = "icehouse:p%40ss%20word@"

var letter = mail.Message{To: "ada@example.org", Subject: "Hello", Text: "Your code is äöü = 1.\n" + strings.Repeat("long ", 40) + "\n"}

func TestSMTP(t *testing.T) {
	starttls, implicit, open := mailtest.Start(t, false, false), mailtest.Start(t, true, false), mailtest.Start(t, false, true)
	for name, c := range map[string]struct {
		server  *mailtest.Server
		address string
		trusts  bool
		want    bool
	}{
		"STARTTLS":                      {starttls, "smtp://" + account, true, true},
		"STARTTLS, wrong certificate":   {starttls, "smtp://" + account, false, false},
		"STARTTLS, wrong password":      {starttls, "smtp://icehouse:x@", true, false},
		"STARTTLS, no password":         {starttls, "smtp://", true, false},
		"implicit":                      {implicit, "smtps://" + account, true, true},
		"implicit, wrong certificate":   {implicit, "smtps://" + account, false, false},
		"plain":                         {open, "smtp+plain://", false, true},
		"TLS where the server has none": {open, "smtp://", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			trust := c.server.Trust
			if !c.trusts {
				trust = nil
			}
			s, err := mail.NewSMTP(c.address+"127.0.0.1:"+c.server.Port, "Icehouse <no-reply@example.org>", trust)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Send(t.Context(), letter); (err == nil) != c.want {
				t.Fatal(err)
			}
			if !c.want {
				if !c.server.None() {
					t.Fatal("it was sent all the same")
				}
				return
			}
			if got, want := c.server.Next(t), (mailtest.Mail{From: "no-reply@example.org", To: letter.To, Subject: letter.Subject, Text: letter.Text}); got.From != want.From || got.To != want.To || got.Subject != want.Subject || strings.TrimSpace(got.Text) != strings.TrimSpace(want.Text) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"smtp://mail.example.org": true, "smtps://u:p@mail.example.org:465": true, "smtp+plain://localhost": true,
		"": false, "mail.example.org": false, "http://mail.example.org": false, "smtp://": false, "smtp://h/x": false, "smtp://h?x=y": false,
		"smtp://h:0": false, "smtp://h:99999": false, "smtp+plain://u:p@h": false, "smtp://%zz": false,
	} {
		if _, err := mail.NewSMTP(address, "a@example.org", nil); (err == nil) != want {
			t.Errorf("%q: %v", address, err)
		}
	}
	if _, err := mail.NewSMTP("smtp://h", "nobody", nil); err == nil {
		t.Error("a sender that is no address is taken")
	}
}

// TestSilentServer: one who accepts and says nothing holds nobody longer than the
// context.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	s, err := mail.NewSMTP("smtp://127.0.0.1:"+port, "a@example.org", nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := s.Send(ctx, letter); err == nil || time.Since(began) > 5*time.Second {
		t.Fatal(err, time.Since(began))
	}
}

func TestQueue(t *testing.T) {
	server := mailtest.Start(t, false, true)
	var tries atomic.Int64
	server.Fail = func() error {
		if tries.Add(1) < 3 {
			return &smtp.SMTPError{Code: 451, Message: "later"}
		}
		return nil
	}
	s, err := mail.NewSMTP("smtp+plain://127.0.0.1:"+server.Port, "a@example.org", nil)
	if err != nil {
		t.Fatal(err)
	}
	q := mail.NewQueue(s, time.Millisecond, slog.New(slog.DiscardHandler))
	for _, job := range []mail.Job{
		func(context.Context) (*mail.Message, error) { return nil, nil },
		func(context.Context) (*mail.Message, error) { return nil, errors.New("the store is away") },
		func(context.Context) (*mail.Message, error) { return &letter, nil },
	} {
		if err := q.Add(job); err != nil {
			t.Fatal(err)
		}
	}
	if got := server.Next(t); got.To != letter.To || tries.Load() != 3 {
		t.Fatal(got, tries.Load())
	}

	// With all workers held and the queue full, another is refused.
	release := make(chan struct{})
	var once sync.Once
	defer once.Do(func() { close(release) })
	hold := func(context.Context) (*mail.Message, error) { <-release; return nil, nil }
	full := false
	for range 2000 {
		if err := q.Add(hold); errors.Is(err, mail.ErrFull) {
			full = true
			break
		}
	}
	if !full {
		t.Error("the queue has no end")
	}
	once.Do(func() { close(release) })
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if err := q.Add(hold); !errors.Is(err, mail.ErrFull) {
		t.Error("a closed queue takes mails")
	}
}
