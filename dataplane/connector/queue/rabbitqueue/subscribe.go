package rabbitqueue

import (
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

// Subscribe implements queue.Driver.
func (d *driver) Subscribe(c queue.Channel, topic string, s queue.Subscriber) (stop func()) {
	l := d.connect(func(ch *amqp.Channel, gone <-chan struct{}, ready func()) error {
		messages, err := consume(ch, c, topic)
		if err != nil {
			return err
		}
		s.Watching(true)
		defer s.Watching(false)
		ready()
		for {
			select {
			case <-gone:
				return errGone
			case m, ok := <-messages:
				if !ok {
					return errGone
				}
				s.Receive(queue.Message{Topic: m.RoutingKey, Body: m.Body})
				if err := m.Ack(false); err != nil {
					return err
				}
			}
		}
	})
	if l == nil {
		return func() {}
	}
	return sync.OnceFunc(l.stop)
}

// consume declares a queue that lives as long as the connection, and what leads to
// it.
func consume(ch *amqp.Channel, c queue.Channel, topic string) (<-chan amqp.Delivery, error) {
	if err := declare(ch, c); err != nil {
		return nil, err
	}
	if err := ch.Qos(prefetch, 0, false); err != nil {
		return nil, err
	}
	q, err := ch.QueueDeclare("", false, true, true, false, amqp.Table{amqp.QueueMaxLenArg: backlog, amqp.QueueOverflowArg: amqp.QueueOverflowRejectPublish})
	if err != nil {
		return nil, err
	}
	if err := ch.QueueBind(q.Name, topic, exchange(c), false, nil); err != nil {
		return nil, err
	}
	return ch.Consume(q.Name, "", false, true, false, false, nil)
}
