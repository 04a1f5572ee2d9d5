package rabbitqueue

import (
	"context"
	"errors"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"

	"icehouse/dataplane/connector/queue"
)

// publisher is the link that messages go out by.
type publisher struct {
	mu    sync.Mutex
	now   *session
	ready chan struct{} // closed when now is set
}

// session is one connection's channel in confirm mode.
type session struct {
	ch       *amqp.Channel
	gone     <-chan struct{}
	mu       sync.Mutex
	declared map[string]bool
}

var errRefused = errors.New("the broker did not take the message")

func newPublisher(d *driver) *publisher {
	p := &publisher{ready: make(chan struct{})}
	d.connect(func(ch *amqp.Channel, gone <-chan struct{}, ready func()) error {
		if err := ch.Confirm(false); err != nil {
			return err
		}
		p.begin(&session{ch: ch, gone: gone, declared: map[string]bool{}})
		ready()
		<-gone
		p.over()
		return errGone
	})
	return p
}

func (p *publisher) begin(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = s
	close(p.ready)
}

func (p *publisher) over() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now, p.ready = nil, make(chan struct{})
}

// session waits for a connection that stands.
func (p *publisher) session(ctx context.Context) (*session, error) {
	for {
		p.mu.Lock()
		now, ready := p.now, p.ready
		p.mu.Unlock()
		if now != nil {
			select {
			case <-now.gone: // over is about to be called
			default:
				return now, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-ready:
		}
	}
}

// Publish implements queue.Driver. What the library does with a socket knows no
// context, so that it is waited for from aside; deadlines of the socket end it.
func (d *driver) Publish(ctx context.Context, c queue.Channel, messages []queue.Message) error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return errClosed
	}
	done := make(chan error, 1)
	d.calls.Go(func() { done <- d.out.publish(ctx, c, messages) })
	d.mu.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-d.ctx.Done():
		return errClosed
	case err := <-done:
		return err
	}
}

// publish tries until the messages are taken or ctx ends.
func (p *publisher) publish(ctx context.Context, c queue.Channel, messages []queue.Message) error {
	var last error
	for {
		s, err := p.session(ctx)
		if err != nil {
			return errors.Join(last, err)
		}
		if last = s.publish(ctx, c, messages); last == nil || ctx.Err() != nil {
			return last
		}
		if errors.Is(last, errRefused) {
			return last
		}
		// Whatever failed, this session is not trusted again.
		_ = s.ch.Close()
		<-s.gone
	}
}

// publish sends all messages and then waits until each is confirmed.
func (s *session) publish(ctx context.Context, c queue.Channel, messages []queue.Message) error {
	if err := s.declare(c); err != nil {
		return err
	}
	confirms := make([]*amqp.DeferredConfirmation, len(messages))
	for i, m := range messages {
		var err error
		confirms[i], err = s.ch.PublishWithDeferredConfirmWithContext(ctx, exchange(c), m.Topic, false, false, amqp.Publishing{
			DeliveryMode: amqp.Transient, Body: m.Body,
		})
		if err != nil {
			return err
		}
	}
	for _, confirm := range confirms {
		taken, err := confirm.WaitContext(ctx)
		if err != nil {
			return err
		}
		if taken {
			continue
		}
		select {
		case <-s.gone: // nobody knows
			return errGone
		default:
			return errRefused
		}
	}
	return nil
}

// declare makes the channel's exchange once a connection.
func (s *session) declare(c queue.Channel) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.declared[c.Name] {
		return nil
	}
	if err := declare(s.ch, c); err != nil {
		return err
	}
	s.declared[c.Name] = true
	return nil
}
