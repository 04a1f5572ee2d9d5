// Package rabbitqueue carries messages through RabbitMQ.
//
// In: the URL of a broker. Out: a *queue.Queue whose channels are topic exchanges
// (platform §6.2). Callers: cmd opens it.
//
// One connection publishes, and each subscription has one of its own, so that a
// broker which holds back publishers holds back no subscriber. A broker that can't
// be reached is no error: each link connects when it can.
//
//	rabbitqueue.go  what Open takes, and the log   publish.go    messages out, confirmed
//	link.go         a connection that comes back   subscribe.go  messages in
package rabbitqueue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"icehouse/dataplane/connector/queue"
)

// The bounds of a connection.
const (
	dialTimeout  = 5 * time.Second // to connect and shake hands
	writeTimeout = 5 * time.Second // of one write to the socket
	closeTimeout = time.Second     // to say goodbye
	heartbeat    = 2 * time.Second // a broker that is silent for three of these is gone
)

// Config is how to reach a broker.
type Config struct {
	URL string // amqp://USER:PASSWORD@HOST/VHOST, or amqps://
	Log *slog.Logger
}

// Open begins to connect. It fails only if the URL can't be read.
func Open(c Config) (*queue.Queue, error) {
	uri, err := amqp.ParseURI(c.URL)
	if err != nil {
		return nil, errors.New("the queue's URL can't be read") // err may quote a password
	}
	d := &driver{url: uri.String(), log: c.Log, links: map[*link]bool{}}
	d.ctx, d.end = context.WithCancel(context.Background())
	d.out = newPublisher(d)
	return queue.Open(d, c.Log)
}

type driver struct {
	url string
	log *slog.Logger
	ctx context.Context // ends when the driver closes
	end context.CancelFunc
	out *publisher

	mu     sync.Mutex
	links  map[*link]bool // and whether each stands
	logged state
	calls  sync.WaitGroup // to Publish
	closed bool
}

// state is what the log said last.
type state uint8

const (
	nothing state = iota
	connected
	disconnected
)

// mark remembers whether a link stands, and logs when the driver's state changes.
func (d *driver) mark(l *link, up bool, cause error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.links[l]; !ok || d.closed {
		return
	}
	d.links[l] = up
	switch {
	case !up && cause != nil && d.logged != disconnected:
		d.logged = disconnected
		d.log.Warn("the queue is disconnected; trying again", "error", cause)
	case d.up() && d.logged != connected:
		d.logged = connected
		d.log.Info("the queue is connected")
	}
}

func (d *driver) up() bool {
	for _, up := range d.links {
		if !up {
			return false
		}
	}
	return true
}

func (d *driver) Connected() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.closed && d.up()
}

func (d *driver) Features() queue.Features { return queue.Features{Product: "rabbitmq", Shared: true} }

func (d *driver) Close() error {
	d.mu.Lock()
	d.closed = true
	links := make([]*link, 0, len(d.links))
	for l := range d.links {
		links = append(links, l)
	}
	d.mu.Unlock()
	d.end()
	for _, l := range links {
		<-l.ended
	}
	d.calls.Wait()
	return nil
}

// exchange is the name of a channel's exchange.
func exchange(c queue.Channel) string { return c.Name + "-exchange" }

// declare makes a channel's exchange, unless it is there.
func declare(ch *amqp.Channel, c queue.Channel) error {
	if err := ch.ExchangeDeclare(exchange(c), amqp.ExchangeTopic, c.Durable, false, false, false, nil); err != nil {
		return fmt.Errorf("declare exchange %s: %w", exchange(c), err)
	}
	return nil
}

// conn is a socket on which no write waits forever.
type conn struct{ net.Conn }

func (c conn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}
