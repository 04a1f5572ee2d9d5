package rabbitqueue

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// The waits between attempts to connect double from shortest to longest. A
// connection that stood for long begins anew.
const (
	shortest = 50 * time.Millisecond
	longest  = 5 * time.Second
	long     = 10 * time.Second
)

// link is one connection with one channel, made again whenever it is lost.
type link struct {
	d *driver
	// use declares what it needs, calls ready, and works until gone is closed, or
	// something fails.
	use   func(ch *amqp.Channel, gone <-chan struct{}, ready func()) error
	end   context.CancelFunc
	ended chan struct{}
}

var (
	errClosed = errors.New("the queue is closed")
	errGone   = errors.New("the connection is lost")
)

// connect starts a link; nil when the driver is closed.
func (d *driver) connect(use func(*amqp.Channel, <-chan struct{}, func()) error) *link {
	ctx, end := context.WithCancel(d.ctx)
	l := &link{d: d, use: use, end: end, ended: make(chan struct{})}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		end()
		return nil
	}
	d.links[l] = false
	go l.run(ctx)
	return l
}

// stop ends a link and waits for it.
func (l *link) stop() {
	l.end()
	<-l.ended
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	delete(l.d.links, l)
}

func (l *link) run(ctx context.Context) {
	defer close(l.ended)
	defer l.end()
	wait := shortest
	for ctx.Err() == nil {
		began := time.Now()
		err := l.once(ctx)
		if ctx.Err() != nil {
			return
		}
		l.d.mark(l, false, err)
		if time.Since(began) > long {
			wait = shortest
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait/2 + rand.N(wait/2)): //nolint:gosec // so that nodes don't come all at once
		}
		wait = min(2*wait, longest)
	}
}

// once connects and works until the connection is lost or ctx ends.
func (l *link) once(ctx context.Context) error {
	c, err := amqp.DialConfig(l.d.url, amqp.Config{
		Heartbeat: heartbeat, Locale: "en_US", Properties: amqp.Table{"connection_name": "icehouse"},
		Dial: func(network, address string) (net.Conn, error) {
			dialer := net.Dialer{Timeout: dialTimeout}
			c, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			// For the handshake; amqp takes it away after.
			return conn{c}, c.SetDeadline(time.Now().Add(dialTimeout))
		},
	})
	if err != nil {
		return err
	}
	hangUp := func() { _ = c.CloseDeadline(time.Now().Add(closeTimeout)) }
	defer hangUp()
	gone := make(chan struct{})
	lost := c.NotifyClose(make(chan *amqp.Error, 1))
	defer context.AfterFunc(ctx, hangUp)()
	ch, err := c.Channel()
	if err != nil {
		return err
	}
	broken := ch.NotifyClose(make(chan *amqp.Error, 1))
	var cause error
	go func() {
		defer close(gone)
		// Both channels are closed when the connection ends, however it does.
		select {
		case e := <-lost:
			cause = reason(e)
		case e := <-broken:
			cause = reason(e)
		}
	}()
	err = l.use(ch, gone, func() { l.d.mark(l, true, nil) })
	hangUp()
	<-gone
	if err == nil || errors.Is(err, amqp.ErrClosed) || errors.Is(err, errGone) {
		err = cause
	}
	return err
}

func reason(e *amqp.Error) error {
	if e == nil {
		return errGone
	}
	return e
}
