// Package memqueue carries messages within one process.
//
// In: messages. Out: the same messages at the subscribers of this process, which
// are always connected. Callers: cmd opens it where no queue is set up, tests.
package memqueue

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"icehouse/dataplane/connector/queue"
)

// backlog is how many messages wait for a subscriber before it misses some.
const backlog = 1024

// Open makes a queue.
func Open(log *slog.Logger) (*queue.Queue, error) { return queue.Open(new(driver), log) }

type driver struct {
	mu          sync.Mutex
	closed      bool
	subscribers map[*subscription]bool
}

type subscription struct {
	queue.Subscriber
	driver     *driver
	channel    string
	topics     map[string]bool // under driver.mu
	end, ended chan struct{}
	stopping   sync.Once
	wake       chan struct{}

	mu      sync.Mutex
	waiting []queue.Message
	missed  bool
}

var errClosed = errors.New("the queue is closed")

func (d *driver) Publish(_ context.Context, c queue.Channel, messages []queue.Message) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errClosed
	}
	for s := range d.subscribers {
		if s.channel != c.Name {
			continue
		}
		for _, m := range messages {
			if s.topics[queue.All] || s.topics[m.Topic] {
				s.add(m)
			}
		}
	}
	return nil
}

func (d *driver) Subscribe(c queue.Channel, topics []string, to queue.Subscriber) queue.Following {
	s := &subscription{
		Subscriber: to, driver: d, channel: c.Name, topics: map[string]bool{},
		end: make(chan struct{}), ended: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	for _, topic := range topics {
		s.topics[topic] = true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		close(s.ended)
		return s
	}
	if d.subscribers == nil {
		d.subscribers = map[*subscription]bool{}
	}
	d.subscribers[s] = true
	go s.run()
	return s
}

// Add implements queue.Following.
func (s *subscription) Add(_ context.Context, topic string) error {
	s.driver.mu.Lock()
	defer s.driver.mu.Unlock()
	s.topics[topic] = true
	return nil
}

// Remove implements queue.Following.
func (s *subscription) Remove(topic string) {
	s.driver.mu.Lock()
	defer s.driver.mu.Unlock()
	delete(s.topics, topic)
}

// Stop implements queue.Following.
func (s *subscription) Stop() { s.driver.unsubscribe(s) }

func (d *driver) unsubscribe(s *subscription) {
	d.mu.Lock()
	delete(d.subscribers, s)
	d.mu.Unlock()
	s.stopping.Do(func() { close(s.end) })
	<-s.ended
}

// add puts a message into the backlog; a full one is dropped as a whole.
func (s *subscription) add(m queue.Message) {
	m.Body = append([]byte(nil), m.Body...)
	s.mu.Lock()
	if len(s.waiting) >= backlog {
		s.waiting, s.missed = nil, true
	}
	s.waiting = append(s.waiting, m)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default: // it is awake, or will be
	}
}

func (s *subscription) take() (messages []queue.Message, missed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	messages, missed = s.waiting, s.missed
	s.waiting, s.missed = nil, false
	return messages, missed
}

func (s *subscription) run() {
	defer close(s.ended)
	s.Watching(true)
	for {
		select {
		case <-s.end:
			s.Watching(false)
			return
		case <-s.wake:
		}
		messages, missed := s.take()
		if missed {
			s.Watching(false)
			s.Watching(true)
		}
		for _, m := range messages {
			s.Receive(m)
		}
	}
}

func (d *driver) Connected() bool { return true }

func (d *driver) Features() queue.Features { return queue.Features{Product: "memory"} }

func (d *driver) Close() error {
	d.mu.Lock()
	d.closed = true
	left := make([]*subscription, 0, len(d.subscribers))
	for s := range d.subscribers {
		left = append(left, s)
	}
	d.mu.Unlock()
	for _, s := range left {
		d.unsubscribe(s)
	}
	return nil
}
