package rabbitqueue

import (
	"context"
	"maps"
	"slices"
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
	wanted map[string]bool // topics, in the order of the calls; never locked for long

	telling sync.Mutex    // held while the broker is told
	ch      *amqp.Channel // nil while there is no connection
	queue   string
	bound   map[string]bool // what the broker was told of wanted
}

// Subscribe implements queue.Driver.
func (d *driver) Subscribe(c queue.Channel, topics []string, to queue.Subscriber) queue.Following {
	s := &subscription{driver: d, channel: c, wanted: map[string]bool{}}
	for _, topic := range topics {
		s.wanted[topic] = true
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
	s.telling.Lock()
	defer s.telling.Unlock()
	s.ch, s.queue, s.bound = ch, q.Name, map[string]bool{}
	s.mu.Lock()
	wanted := slices.Collect(maps.Keys(s.wanted))
	s.mu.Unlock()
	for _, topic := range wanted {
		if err := s.tell(topic); err != nil {
			s.ch = nil
			return nil, err
		}
	}
	return ch.Consume(q.Name, "", false, true, false, false, nil)
}

func (s *subscription) over() {
	s.telling.Lock()
	defer s.telling.Unlock()
	s.ch = nil
}

// Add implements queue.Following.
func (s *subscription) Add(ctx context.Context, topic string) error {
	s.mu.Lock()
	s.wanted[topic] = true
	s.mu.Unlock()
	return s.changed(ctx, topic)
}

// Remove implements queue.Following.
func (s *subscription) Remove(topic string) {
	s.mu.Lock()
	delete(s.wanted, topic)
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(s.driver.ctx, writeTimeout)
	defer cancel()
	_ = s.changed(ctx, topic)
}

// changed has the broker told of a change of wanted, if it is there. What the library
// does with a socket knows no context, so that it is waited for from aside. A call that
// is given up may thus be late: it tells what is wanted by then.
func (s *subscription) changed(ctx context.Context, topic string) error {
	s.driver.mu.Lock()
	if s.driver.closed {
		s.driver.mu.Unlock()
		return errClosed
	}
	done := make(chan error, 1)
	s.driver.calls.Go(func() {
		s.telling.Lock()
		defer s.telling.Unlock()
		done <- s.tell(topic)
	})
	s.driver.mu.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-done:
		return err
	}
}

// tell brings the broker to what is wanted of a topic. The caller holds telling.
func (s *subscription) tell(topic string) error {
	s.mu.Lock()
	wanted := s.wanted[topic]
	s.mu.Unlock()
	if s.ch == nil || wanted == s.bound[topic] {
		return nil
	}
	if !wanted {
		delete(s.bound, topic)
		return s.ch.QueueUnbind(s.queue, topic, exchange(s.channel), nil)
	}
	if err := s.ch.QueueBind(s.queue, topic, exchange(s.channel), false, nil); err != nil {
		return err
	}
	s.bound[topic] = true
	return nil
}

// Stop implements queue.Following.
func (s *subscription) Stop() {
	if s.link != nil {
		s.stop.Do(s.link.stop)
	}
}
