package subscription

import (
	"context"
	"encoding/json"
	"errors"
	"sync"

	"github.com/gorilla/websocket"
)

// running is one subscription of a session: the Sink that the service tells.
type running struct {
	session *session
	key     string // the client's id as it was written: "1" and 1 are different
	next    []byte // what stands before a result
	size    int    // of what was asked for

	mu      sync.Mutex
	abandon func() // gives up its beginning; nil after that
	begun   bool   // the client knows that it runs
	waiting []Result
	bytes   int // of them
	ended   *Refusal
	over    bool
	stop    func()
}

// run begins the subscription.
func (r *running) run(ctx context.Context, request Request, ack func(*Subscription) []byte) {
	defer r.giveUp()
	s := r.session
	if ctx.Err() != nil && r.isOver() {
		return
	}
	began, err := s.server.service.Start(ctx, request, r)
	if err != nil {
		s.ended(r, asRefusal(err))
		return
	}
	if s.protocol == todaysProtocol && !began.Expires.IsZero() {
		s.expiresAt(began.Expires)
	}
	r.begin(ack(began), began.Stop)
}

// Next implements Sink.
func (r *running) Next(result Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.over:
	case r.begun:
		r.send(result)
	default:
		o := &r.session.server.options
		if len(r.waiting) >= o.QueueMessages || r.bytes+len(result.JSON) > o.QueueBytes && len(r.waiting) > 0 {
			r.over, r.waiting = true, nil
			r.session.close(websocket.CloseTryAgainLater, "More has happened than can wait.")
			return
		}
		r.waiting, r.bytes = append(r.waiting, result), r.bytes+len(result.JSON)
	}
}

func (r *running) send(result Result) {
	r.session.said()
	r.session.queued(frame{kind: websocket.TextMessage, head: r.next, body: result.JSON})
}

// Busy implements Sink.
func (r *running) Busy() bool {
	r.mu.Lock()
	waiting := len(r.waiting)
	r.mu.Unlock()
	return r.session.busy(waiting)
}

// End implements Sink.
func (r *running) End(reason Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.over:
	case r.begun:
		r.end(reason)
	default:
		r.ended = &reason
	}
}

func (r *running) end(reason Refusal) {
	r.over = true
	r.session.ended(r, &reason)
}

// begin lets the client know, and then hands over what has come meanwhile.
func (r *running) begin(ack []byte, stop func()) {
	r.mu.Lock()
	if r.over { // nobody wants it any more
		r.mu.Unlock()
		stop()
		return
	}
	defer r.mu.Unlock()
	r.stop = stop
	if ack != nil {
		r.session.send(ack)
	}
	r.begun = true
	for _, result := range r.waiting {
		r.send(result)
	}
	r.waiting = nil
	if r.ended != nil {
		r.end(*r.ended)
	}
}

// cancel ends the subscription without a word.
func (r *running) cancel() {
	r.giveUp()
	r.mu.Lock()
	r.over, r.waiting = true, nil
	stop := r.stop
	r.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// giveUp ends the beginning, if it has not ended, and lets go of what belongs to it.
func (r *running) giveUp() {
	r.mu.Lock()
	abandon := r.abandon
	r.abandon = nil
	r.mu.Unlock()
	if abandon != nil {
		abandon()
	}
}

func (r *running) isOver() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.over
}

// asRefusal is the refusal in an error of the service.
func asRefusal(err error) *Refusal {
	var known *Refusal
	if errors.As(err, &known) && len(known.Errors) > 0 {
		return known
	}
	return &Refusal{Kind: Unavailable, Errors: []Error{{Message: "The subscription can't begin now. Please try again."}}}
}

func encoded(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil { // texts and numbers always marshal
		panic(err)
	}
	return text
}
