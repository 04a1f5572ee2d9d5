package mail_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"

	"icehouse/controlplane/mail"
	"icehouse/controlplane/mail/mailtest"
	"icehouse/controlplane/store"
	"icehouse/controlplane/store/sqlitestore"
	"icehouse/controlplane/store/storetest"
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

// box is a store with letters.
func box(t *testing.T) store.Store {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"), storetest.Keys)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// clock can be put forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// queue sends what is in a store to a server; the code of each mail is its own.
func queue(t *testing.T, s store.Store, server *mailtest.Server, c *clock, log *slog.Logger) *mail.Queue {
	t.Helper()
	sender, err := mail.NewSMTP("smtp+plain://127.0.0.1:"+server.Port, "a@example.org", nil)
	if err != nil {
		t.Fatal(err)
	}
	return mail.NewQueue(mail.Options{
		Letters: s, Sender: sender, Pause: time.Millisecond, Now: c.now, Log: log,
		Write: func(_ context.Context, l store.Letter) (*mail.Message, error) {
			switch l.Subject {
			case "none":
				return nil, nil
			case "broken":
				return nil, errors.New("what it is about can't be read")
			}
			return &mail.Message{To: l.Email, Subject: l.Subject, Text: "secret " + rand.Text()}, nil
		},
	})
}

func post(t *testing.T, s store.Store, c *clock, subject string) {
	t.Helper()
	err := s.AddLetter(t.Context(), store.Letter{ID: rand.Text(), Email: "ada@example.org", Subject: subject, DueAt: c.now(), ExpiresAt: c.now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
}

// none fails unless no letter waits. Nobody may send meanwhile.
func none(t *testing.T, s store.Store) {
	t.Helper()
	if l, err := s.TakeLetter(t.Context(), time.Now().Add(100*time.Hour), time.Second); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%q is left: %v", l.Subject, err)
	}
}

// logs waits until a line comes that has all of some words.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logs) wait(t *testing.T, words string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !strings.Contains(l.String(), words); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%q is not in the log:\n%s", words, l)
		}
	}
}

func (l *logs) log() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// TestQueue tries again what failed for now, gives up what is refused for good, and
// forgets what is done.
func TestQueue(t *testing.T) {
	server, s, c, lines := mailtest.Start(t, false, true), box(t), new(clock), new(logs)
	var tries atomic.Int64
	server.Fail = func() error {
		if tries.Add(1) < 6 {
			return &smtp.SMTPError{Code: 451, Message: "later"}
		}
		return nil
	}
	q := queue(t, s, server, c, lines.log())
	for _, subject := range []string{"none", "Hello"} {
		post(t, s, c, subject)
	}
	q.Wake()
	if got := server.Next(t); got.To != letter.To || got.Subject != "Hello" || tries.Load() != 6 {
		t.Fatal(got, tries.Load())
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	none(t, s)

	server.Fail = func() error { return &smtp.SMTPError{Code: 550, Message: "there is no such mailbox"} }
	q = queue(t, s, server, c, lines.log())
	post(t, s, c, "Refused")
	q.Wake()
	lines.wait(t, "a mail is given up")
	_ = q.Close()
	none(t, s)
	if strings.Contains(lines.String(), "secret") {
		t.Errorf("secrets are in the log:\n%s", lines)
	}
}

// TestLettersOutliveTheirProcess: while the server is away they wait, and the next
// process sends them, each once, unless nobody wants it any more.
func TestLettersOutliveTheirProcess(t *testing.T) {
	server, s, c, lines := mailtest.Start(t, false, true), box(t), new(clock), new(logs)
	server.Fail = func() error { return &smtp.SMTPError{Code: 421, Message: "away"} }
	first := queue(t, s, server, c, lines.log())
	post(t, s, c, "Hello")
	post(t, s, c, "broken")
	first.Wake()
	lines.wait(t, "away")
	lines.wait(t, "can't be read")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if !server.None() {
		t.Fatal("it was sent")
	}

	server.Fail = nil
	c.ahead.Store(int64(30 * time.Minute)) // the pauses are over
	second, third := queue(t, s, server, c, lines.log()), queue(t, s, server, c, lines.log())
	if got := server.Next(t); got.Subject != "Hello" {
		t.Fatalf("%+v", got)
	}
	c.ahead.Store(int64(2 * time.Hour))
	lines.wait(t, "its time is over")
	if err := errors.Join(second.Close(), third.Close()); err != nil {
		t.Fatal(err)
	}
	if !server.None() {
		t.Error("it was sent twice")
	}
	none(t, s)
}

// TestEachLetterOnce: of several processes one sends a letter.
func TestEachLetterOnce(t *testing.T) {
	server, s, c := mailtest.Start(t, false, true), box(t), new(clock)
	const letters = 50
	for i := range letters {
		post(t, s, c, strconv.Itoa(i))
	}
	var queues []*mail.Queue
	for range 3 {
		queues = append(queues, queue(t, s, server, c, slog.New(slog.DiscardHandler)))
	}
	seen := map[string]bool{}
	for range letters {
		seen[server.Next(t).Subject] = true
	}
	for _, q := range queues {
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != letters || !server.None() {
		t.Errorf("%d letters of %d, and others twice: %v", len(seen), letters, !server.None())
	}
	none(t, s)
}
