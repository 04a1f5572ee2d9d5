package rabbitqueue

import (
	"context"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"

	"icehouse/dataplane/connector/queue"
)

// The bounds of what waits for a subscriber: sent but not acknowledged (platform
// §6.2), and in the broker. What is above is refused, so that its publisher learns
// that not everybody got it.
const (
	prefetch = 500
	backlog  = 100_000
)

// subscription is a queue of its own, which lives as long as the connection, and the
// topics that lead to it.
type subscription struct {
	driver  *driver
	channel queue.Channel
	link    *link // nil: the driver is closed
	stop    sync.Once

	mu     sync.Mutex
	topics map[string]bool
	ch     *amqp.Channel // nil while there is no connection
	queue  string
}

// Subscribe implements queue.Driver.
func (d *driver) Subscribe(c queue.Channel, topics []string, to queue.Subscriber) queue.Following {
	s := &subscription{driver: d, channel: c, topics: map[string]bool{}}
	for _, topic := range topics {
		s.topics[topic] = true
	}
	s.link = d.connect(func(ch *amqp.Channel, gone <-chan struct{}, ready func()) error {
		messages, err := s.begin(ch)
		if err != nil {
			return err
		}
		defer s.over()
		to.Watching(true)
		defer to.Watching(false)
		ready()
		for {
			select {
			case <-gone:
				return errGone
			case m, ok := <-messages:
				if !ok {
					return errGone
				}
				to.Receive(queue.Message{Topic: m.RoutingKey, Body: m.Body})
				if err := m.Ack(false); err != nil {
					return err
				}
			}
		}
	})
	return s
}

// begin declares the queue, and what leads to it.
func (s *subscription) begin(ch *amqp.Channel) (<-chan amqp.Delivery, error) {
	if err := declare(ch, s.channel); err != nil {
		return nil, err
	}
	if err := ch.Qos(prefetch, 0, false); err != nil {
		return nil, err
	}
	q, err := ch.QueueDeclare("", false, true, true, false, amqp.Table{amqp.QueueMaxLenArg: backlog, amqp.QueueOverflowArg: amqp.QueueOverflowRejectPublish})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for topic := range s.topics {
		if err := ch.QueueBind(q.Name, topic, exchange(s.channel), false, nil); err != nil {
			return nil, err
		}
	}
	s.ch, s.queue = ch, q.Name
	return ch.Consume(q.Name, "", false, true, false, false, nil)
}

func (s *subscription) over() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ch = nil
}

// Add implements queue.Following.
func (s *subscription) Add(ctx context.Context, topic string) error {
	return s.change(ctx, func() { s.topics[topic] = true }, func() error { return s.ch.QueueBind(s.queue, topic, exchange(s.channel), false, nil) })
}

// Remove implements queue.Following.
func (s *subscription) Remove(topic string) {
	ctx, cancel := context.WithTimeout(s.driver.ctx, writeTimeout)
	defer cancel()
	_ = s.change(ctx, func() { delete(s.topics, topic) }, func() error { return s.ch.QueueUnbind(s.queue, topic, exchange(s.channel), nil) })
}

// change tells the broker of a change of the topics, if it is there. What the library
// does with a socket knows no context, so that it is waited for from aside.
func (s *subscription) change(ctx context.Context, note func(), tell func() error) error {
	s.driver.mu.Lock()
	if s.driver.closed {
		s.driver.mu.Unlock()
		return errClosed
	}
	done := make(chan error, 1)
	s.driver.calls.Go(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		note()
		if s.ch == nil {
			done <- nil
			return
		}
		done <- tell()
	})
	s.driver.mu.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-done:
		return err
	}
}

// Stop implements queue.Following.
func (s *subscription) Stop() {
	if s.link != nil {
		s.stop.Do(s.link.stop)
	}
}
