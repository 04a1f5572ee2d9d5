// Package mail sends the platform's mails through an SMTP server.
//
// In: letters, which wait in the platform's store. Out: mails. Callers: account adds
// letters and writes their mails. A letter is added in the transaction of what it tells
// of, and its mail is written after its asker is answered, so that nobody can tell from
// an answer or its time whether there is one. It is sent until a server took it, or
// nobody wants it any more, by whichever process comes first: one at a time, and again
// only where it is not known whether a server took it.
package mail

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"icehouse/controlplane/store"
)

// Message is one mail.
type Message struct{ To, Subject, Text string }

// Sender brings mails on their way. SMTP is one.
type Sender interface {
	// Send is given up when the context ends. ErrRefused when the mail will never be
	// taken.
	Send(ctx context.Context, m Message) error
}

// ErrRefused says that a server will never take a mail.
var ErrRefused = errors.New("the mail is refused")

// Letters is where letters wait. A store.Store is one.
type Letters interface {
	TakeLetter(ctx context.Context, now time.Time, lease time.Duration) (store.Letter, error)
	RemoveLetter(ctx context.Context, l store.Letter) error
	DelayLetter(ctx context.Context, l store.Letter, until time.Time) error
}

// Options are what a Queue needs.
type Options struct {
	Letters Letters
	// Write makes the mail of a letter; nil when none is due.
	Write  func(ctx context.Context, l store.Letter) (*Message, error)
	Sender Sender
	Pause  time.Duration // after the first attempt; it doubles; 0: 5 s
	Now    func() time.Time
	Log    *slog.Logger
}

// The bounds of a Queue.
const (
	workers   = 4                // mails on their way at once
	patience  = 10 * time.Second // of one attempt
	lease     = 6 * patience     // an attempt has ended long before, and so has who began it
	every     = 2 * time.Second  // to look for letters that other processes left
	pause     = 5 * time.Second
	lastPause = 10 * time.Minute
)

// Queue sends letters.
type Queue struct {
	Options
	wake chan struct{}
	ctx  context.Context
	stop context.CancelFunc
	all  sync.WaitGroup
}

// NewQueue starts the workers of a queue. Close ends them.
func NewQueue(o Options) *Queue {
	if o.Pause <= 0 {
		o.Pause = pause
	}
	ctx, stop := context.WithCancel(context.Background())
	q := &Queue{Options: o, wake: make(chan struct{}, 1), ctx: ctx, stop: stop}
	for range workers {
		q.all.Go(q.work)
	}
	return q
}

// Wake says that a letter was added. Without it, it is found after a while.
func (q *Queue) Wake() {
	select {
	case q.wake <- struct{}{}:
	default: // somebody looks soon
	}
}

// Close ends the workers. What they send they send to the end, which takes seconds at
// most; what waits is for the next process.
func (q *Queue) Close() error {
	q.stop()
	q.all.Wait()
	return nil
}

func (q *Queue) work() {
	for {
		wait := every
		for q.ctx.Err() == nil {
			again, ok := q.next()
			if !ok {
				break
			}
			wait = min(wait, again)
		}
		timer := time.NewTimer(wait)
		select {
		case <-q.ctx.Done():
			timer.Stop()
			return
		case <-q.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// next sends the letter that is due, and says when to look for it again. It is false
// when none is due.
func (q *Queue) next() (again time.Duration, ok bool) {
	// An attempt that was begun is brought to its end: nobody knows what became of one
	// that is broken off.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(q.ctx), patience)
	defer cancel()
	l, err := q.Letters.TakeLetter(ctx, q.Now(), lease)
	if err != nil {
		if !errors.Is(err, store.ErrNotFound) {
			q.Log.Warn("letters can't be read", "error", err)
		}
		return every, false
	}
	q.Wake() // there may be more, for others
	again = every
	if q.Now().Before(l.ExpiresAt) {
		err = q.attempt(ctx, l)
	} else {
		err = errTooLate
	}
	after, done := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer done()
	switch {
	case err == nil:
		err = q.Letters.RemoveLetter(after, l)
	case errors.Is(err, errTooLate), errors.Is(err, ErrRefused):
		q.Log.Error("a mail is given up", "letter", l.ID, "attempts", l.Attempts, "error", err)
		err = q.Letters.RemoveLetter(after, l)
	default:
		again = q.pause(l.Attempts)
		q.Log.Warn("a mail is not sent yet", "letter", l.ID, "attempts", l.Attempts, "again", again, "error", err)
		due := q.Now().Add(again)
		if due.After(l.ExpiresAt) {
			due = l.ExpiresAt
		}
		err = q.Letters.DelayLetter(after, l, due)
	}
	if err != nil { // then it is due again when the lease ends
		q.Log.Warn("a letter is not put away", "letter", l.ID, "error", err)
	}
	return again, true
}

var errTooLate = errors.New("its time is over")

func (q *Queue) attempt(ctx context.Context, l store.Letter) error {
	m, err := q.Write(ctx, l)
	if err != nil || m == nil {
		return err
	}
	return q.Sender.Send(ctx, *m)
}

// pause is the time after an attempt that failed.
func (q *Queue) pause(attempts int) time.Duration {
	d := q.Pause
	for range attempts - 1 {
		if d *= 2; d >= lastPause {
			return lastPause
		}
	}
	return d
}
