// Package queue is the socket for the product that carries messages between
// processes.
//
// In: messages on a named Channel. Out: the same messages at each subscriber that
// is connected, in the order of their publisher. Callers: whoever has something
// to tell to all processes; they hold the portable Queue and never see a Driver.
//
// What stands here are broadcasts: each subscriber gets each message, and what is
// published while a subscriber is away is lost to it. A subscriber is therefore
// told when it begins and when it ceases to get everything, and must look by
// itself for what it missed. Work queues (durable, acknowledged, with retries and
// dead letters; platform §6.2) are another pair of calls beside Publish and
// Subscribe, with channels of their own; they come with their first user.
package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// The bounds of a message, and of publishing it.
const (
	MaxTopic       = 255     // bytes
	MaxBody        = 1 << 20 // bytes
	PublishTimeout = time.Second
)

// All is the topic of a subscriber that wants every message of a channel.
const All = "#"

// Connected is the gauge that is 1 while all connections to the product stand, 0
// while one does not. Its attribute product says which.
const Connected = "icehouse.queue.connected"

// Channel is one kind of broadcast. Both ends must give the same values.
type Channel struct {
	Name    string // as in platform §6.2
	Durable bool   // the channel, not its messages, survives a restart of the product
}

// Message is what is carried.
type Message struct {
	Topic string // subscribers choose by it; 1 to MaxTopic bytes without * and #
	Body  []byte // at most MaxBody bytes
}

// Subscriber is told by one goroutine, one thing at a time; what it does must not
// take long.
type Subscriber struct {
	// Receive gets a message. The body is the subscriber's.
	Receive func(Message)
	// Watching is called with true when from now on every message arrives, and with
	// false when some may be lost. It begins with false.
	Watching func(bool)
}

// ErrNotTaken says that the product did not confirm a message in time. It may
// arrive nevertheless.
var ErrNotTaken = errors.New("queue: the message is not confirmed")

// Queue is the portable queue: it refuses messages that not every product could
// carry, limits the time to publish, and measures.
type Queue struct {
	driver Driver
	log    *slog.Logger
	gauge  metric.Registration
}

// Open wraps a product's driver. The gauge goes to the global meter provider.
func Open(d Driver, log *slog.Logger) (*Queue, error) {
	meter := otel.Meter("icehouse/dataplane/connector/queue")
	gauge, err := meter.Int64ObservableGauge(Connected, metric.WithDescription("1 while all connections to the queue stand"))
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	product := metric.WithAttributes(attribute.String("product", d.Features().Product))
	registered, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		value := int64(0)
		if d.Connected() {
			value = 1
		}
		o.ObserveInt64(gauge, value, product)
		return nil
	}, gauge)
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return &Queue{driver: d, log: log, gauge: registered}, nil
}

// Features says what this product can do.
func (q *Queue) Features() Features { return q.driver.Features() }

// Publish returns nil when the product has taken the messages for each subscriber
// that is connected; it waits for at most PublishTimeout, for a connection too. They
// arrive in order. A message may arrive twice. After ErrNotTaken some may have arrived
// or not.
func (q *Queue) Publish(ctx context.Context, c Channel, messages ...Message) error {
	for _, m := range messages {
		if err := m.valid(); err != nil {
			return fmt.Errorf("publish on %s: %w", c.Name, err)
		}
	}
	if len(messages) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, PublishTimeout)
	defer cancel()
	if err := q.driver.Publish(ctx, c, messages); err != nil {
		return fmt.Errorf("publish on %s: %w: %w", c.Name, ErrNotTaken, err)
	}
	return nil
}

func (m Message) valid() error {
	switch {
	case m.Topic == "" || len(m.Topic) > MaxTopic || strings.ContainsAny(m.Topic, "*#"):
		return fmt.Errorf("topic of %d bytes: want 1 to %d without * and #", len(m.Topic), MaxTopic)
	case len(m.Body) > MaxBody:
		return fmt.Errorf("body of %d bytes: want at most %d", len(m.Body), MaxBody)
	}
	return nil
}

// Subscribe tells s of the messages with this very topic, or of All. It connects
// on its own, now and whenever the connection is lost, until stop is called or the
// queue is closed; both return after the last call to s, which they must not be
// called from. A message out of bounds is logged and dropped.
func (q *Queue) Subscribe(c Channel, topic string, s Subscriber) (stop func(), err error) {
	if topic != All {
		if err := (Message{Topic: topic}).valid(); err != nil {
			return nil, fmt.Errorf("subscribe to %s: %w", c.Name, err)
		}
	}
	return q.subscribe(c, []string{topic}, s).Stop, nil
}

// Follow is Subscribe for topics that come and go; it begins with none.
func (q *Queue) Follow(c Channel, s Subscriber) Following { return q.subscribe(c, nil, s) }

// Following is a subscription whose topics come and go.
type Following interface {
	// Add sees to it that messages with this topic arrive that are published from when it
	// returns, unless the subscriber is not watching: then from when it is again, as after
	// an error.
	Add(ctx context.Context, topic string) error
	// Remove ends that; some messages may still arrive.
	Remove(topic string)
	// Stop ends the subscription, as Subscribe says.
	Stop()
}

func (q *Queue) subscribe(c Channel, topics []string, s Subscriber) Following {
	receive := s.Receive
	s.Receive = func(m Message) {
		if err := m.valid(); err != nil {
			q.log.Warn("a message is dropped", "channel", c.Name, "error", err)
			return
		}
		receive(m)
	}
	s.Watching(false)
	return q.driver.Subscribe(c, topics, s)
}

// Close ends subscriptions and connections.
func (q *Queue) Close() error { return errors.Join(q.gauge.Unregister(), q.driver.Close()) }

// Features are differences between products.
type Features struct {
	Product string // its name in metrics
	// Shared says that messages reach other processes. Without it a process learns
	// from the queue what it does itself, and nothing else.
	Shared bool
}

// Driver is what a product implements.
//
// To add a product: implement Driver in a package beside this one, log once when
// the connection is lost and when it is back, connect again with a growing and
// random wait, declare everything anew after it, and run queuetest.Suite.
type Driver interface {
	// Publish tries until all messages are taken or ctx ends.
	Publish(ctx context.Context, c Channel, messages []Message) error
	// Subscribe does not wait for a connection. All may be among the topics.
	Subscribe(c Channel, topics []string, s Subscriber) Following
	// Connected reports whether all connections stand now.
	Connected() bool
	Features() Features
	Close() error
}
