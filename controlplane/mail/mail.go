// Package mail sends the platform's mails through an SMTP server.
//
// In: jobs, each of which writes a mail or finds that none is due. Out: mails. Callers:
// account and project. A job runs after its caller is answered, so that nobody can tell
// from an answer or its time whether a mail was written. Jobs wait in memory: one that
// is lost with its process is asked for again by whoever misses the mail.
package mail

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Message is one mail.
type Message struct{ To, Subject, Text string }

// Sender brings mails on their way. SMTP is one.
type Sender interface {
	// Send is given up when the context ends.
	Send(ctx context.Context, m Message) error
}

// ErrFull says that too many mails wait already.
var ErrFull = errors.New("too many mails are waiting")

// Job writes a mail; nil when none is due.
type Job func(ctx context.Context) (*Message, error)

// The bounds of a Queue.
const (
	waiting  = 1000             // jobs at most
	workers  = 4                // mails on their way at once
	patience = 10 * time.Second // of one attempt
	attempts = 3
)

// Queue runs jobs and sends what they write.
type Queue struct {
	sender Sender
	log    *slog.Logger
	pause  time.Duration
	jobs   chan Job
	ctx    context.Context
	stop   context.CancelFunc
	all    sync.WaitGroup
}

// NewQueue starts the workers of a queue. Between two attempts of one job they wait for
// pause, then twice as long. Close ends them.
func NewQueue(sender Sender, pause time.Duration, log *slog.Logger) *Queue {
	ctx, stop := context.WithCancel(context.Background())
	q := &Queue{sender: sender, log: log, pause: pause, jobs: make(chan Job, waiting), ctx: ctx, stop: stop}
	for range workers {
		q.all.Go(q.work)
	}
	return q
}

// Add lets a job run soon. ErrFull when too many wait, or the queue is closed.
func (q *Queue) Add(job Job) error {
	if q.ctx.Err() != nil {
		return ErrFull
	}
	select {
	case q.jobs <- job:
		return nil
	default:
		return ErrFull
	}
}

func (q *Queue) work() {
	for {
		select {
		case <-q.ctx.Done():
			return
		case job := <-q.jobs:
			q.run(job)
		}
	}
}

func (q *Queue) run(job Job) {
	var err error
	for n := range attempts {
		if n > 0 {
			select {
			case <-q.ctx.Done():
				return
			case <-time.After(q.pause << (n - 1)):
			}
		}
		if err = q.attempt(job); err == nil {
			return
		}
	}
	q.log.Error("a mail was not sent", "error", err)
}

func (q *Queue) attempt(job Job) error {
	ctx, cancel := context.WithTimeout(q.ctx, patience)
	defer cancel()
	m, err := job(ctx)
	if err != nil || m == nil {
		return err
	}
	return q.sender.Send(ctx, *m)
}

// Close ends the workers. What still waits is not sent.
func (q *Queue) Close() error {
	q.stop()
	q.all.Wait()
	if n := len(q.jobs); n > 0 {
		q.log.Warn("mails were not sent before the end", "count", n)
	}
	return nil
}
