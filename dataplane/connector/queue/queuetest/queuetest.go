// Package queuetest is the specification of the queue connector: what a product
// must do to carry messages.
//
// In: a way to open the product, and to take its broker away if it has one. Out:
// failed tests. Callers: the test of each product, and of whoever adds one.
package queuetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"icehouse/dataplane/connector/queue"
	"icehouse/tenancy"
)

// Rig is a product under test.
type Rig struct {
	// Open makes a queue as one process does.
	Open func(t *testing.T, log *slog.Logger) *queue.Queue
	// Stop and Start take the broker away and bring it back. Nil for a product that
	// is not Shared: it lives and dies with its process.
	Stop, Start func(t *testing.T)
}

// wait is how long a test waits for what must happen; quiet is how long it makes
// sure that nothing does.
const (
	wait  = 30 * time.Second
	quiet = 200 * time.Millisecond
)

// Suite holds a product to the connector's specification.
func Suite(t *testing.T, r Rig) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *house)
	}{
		{"each subscriber gets each message in order", everybody},
		{"a subscriber of a topic gets no other's messages", topics},
		{"topics come and go", comeAndGo},
		{"what is said last of a topic holds", hasty},
		{"many messages at once arrive in order", manyAtOnce},
		{"channels are apart", channels},
		{"a message is carried as it is", bodies},
		{"what no product can carry is refused", refused},
		{"a message without subscribers is taken", nobody},
		{"who stops gets nothing more", stops},
		{"many publish at once", concurrent},
		{"a slow subscriber is told or gets everything", slow},
		{"closing ends everything", closes},
		{"the gauge says that it is connected", gauge},
		{"who is away is told so, and comes back", away},
		{"publishing has an end", patience},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &house{Rig: r, channel: queue.Channel{Name: "test-" + tenancy.NewID(), Durable: true}, log: new(log), meter: meter(t)}
			h.logger = slog.New(slog.NewTextHandler(h.log, nil))
			h.queue = h.open(t)
			c.run(t, h)
		})
	}
}

// house is two processes on one channel. For a product that is not Shared they are
// the same.
type house struct {
	Rig
	channel queue.Channel
	queue   *queue.Queue
	meter   *sdk.ManualReader
	log     *log
	logger  *slog.Logger
}

func (h *house) open(t *testing.T) *queue.Queue {
	t.Helper()
	q := h.Open(t, h.logger)
	t.Cleanup(func() {
		if err := q.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if q.Features().Shared != (h.Stop != nil) {
		t.Fatal("a product is shared just when it has a broker that can go away")
	}
	return q
}

// other is the queue of another process.
func (h *house) other(t *testing.T) *queue.Queue {
	t.Helper()
	if !h.queue.Features().Shared {
		return h.queue
	}
	return h.open(t)
}

func (h *house) publish(t *testing.T, topic, body string) {
	t.Helper()
	if err := h.queue.Publish(t.Context(), h.channel, queue.Message{Topic: topic, Body: []byte(body)}); err != nil {
		t.Fatal(err)
	}
}

// listener is a subscriber that writes down what it is told.
type listener struct {
	t    *testing.T
	stop func()
	mu   sync.Mutex
	said []string // topic=body, +, -
	news chan struct{}
}

// listen subscribes and waits until every message arrives.
func (h *house) listen(t *testing.T, q *queue.Queue, c queue.Channel, topic string) *listener {
	t.Helper()
	l := &listener{t: t, news: make(chan struct{}, 1)}
	var err error
	l.stop, err = q.Subscribe(c, topic, queue.Subscriber{
		Receive: func(m queue.Message) { l.say(m.Topic + "=" + string(m.Body)) },
		Watching: func(all bool) {
			if all {
				l.say("+")
			} else {
				l.say("-")
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.stop)
	l.expect("-", "+")
	return l
}

func (l *listener) say(what string) {
	l.mu.Lock()
	l.said = append(l.said, what)
	l.mu.Unlock()
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// expect waits for the next things that are said.
func (l *listener) expect(want ...string) {
	l.t.Helper()
	limit := time.After(wait)
	for {
		l.mu.Lock()
		said := l.said
		if len(said) >= len(want) {
			l.said = said[len(want):]
			l.mu.Unlock()
			if got := strings.Join(said[:len(want)], " "); got != strings.Join(want, " ") {
				l.t.Fatalf("the subscriber was told %q, not %q", got, want)
			}
			return
		}
		l.mu.Unlock()
		select {
		case <-l.news:
		case <-limit:
			l.t.Fatalf("the subscriber was told %q, not %q", said, want)
		}
	}
}

func (l *listener) expectNothing() {
	l.t.Helper()
	time.Sleep(quiet)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.said) > 0 {
		l.t.Fatalf("the subscriber was told %q", l.said)
	}
}

// log is what the product wrote.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

func everybody(t *testing.T, h *house) {
	a, b := h.listen(t, h.queue, h.channel, queue.All), h.listen(t, h.other(t), h.channel, queue.All)
	var want []string
	for i := range 100 {
		topic := fmt.Sprintf("p%d", i%3)
		h.publish(t, topic, fmt.Sprint(i))
		want = append(want, fmt.Sprintf("%s=%d", topic, i))
	}
	a.expect(want...)
	b.expect(want...)
}

func topics(t *testing.T, h *house) {
	a, b := h.listen(t, h.queue, h.channel, "project-a"), h.listen(t, h.other(t), h.channel, "project-b")
	h.publish(t, "project-a", "canary")
	h.publish(t, "project-a.more", "canary")
	h.publish(t, "project", "canary")
	a.expect("project-a=canary")
	a.expectNothing()
	b.expectNothing()
	h.publish(t, "project-b", "1")
	b.expect("project-b=1")
}

func channels(t *testing.T, h *house) {
	other := queue.Channel{Name: h.channel.Name + "-other"} // and not durable
	a, b := h.listen(t, h.queue, h.channel, queue.All), h.listen(t, h.other(t), other, queue.All)
	h.publish(t, "x", "1")
	a.expect("x=1")
	if err := h.queue.Publish(t.Context(), other, queue.Message{Topic: "x", Body: []byte("2")}); err != nil {
		t.Fatal(err)
	}
	b.expect("x=2")
	a.expectNothing()
}

func bodies(t *testing.T, h *house) {
	l := h.listen(t, h.other(t), h.channel, queue.All)
	long := strings.Repeat("t", queue.MaxTopic)
	for _, body := range []string{"", "\x00\xff", strings.Repeat("b", queue.MaxBody)} {
		mine := []byte(body)
		if err := h.queue.Publish(t.Context(), h.channel, queue.Message{Topic: long, Body: mine}); err != nil {
			t.Fatal(err)
		}
		clear(mine) // it is the publisher's again
		l.expect(long + "=" + body)
	}
}

func refused(t *testing.T, h *house) {
	l := h.listen(t, h.queue, h.channel, queue.All)
	for name, m := range map[string]queue.Message{
		"no topic":       {},
		"a long topic":   {Topic: strings.Repeat("t", queue.MaxTopic+1)},
		"a pattern":      {Topic: "a.*"},
		"everything":     {Topic: queue.All},
		"too many bytes": {Topic: "x", Body: make([]byte, queue.MaxBody+1)},
	} {
		if err := h.queue.Publish(t.Context(), h.channel, m); err == nil || errors.Is(err, queue.ErrNotTaken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := h.queue.Subscribe(h.channel, "a.#", queue.Subscriber{}); err == nil {
		t.Error("a pattern was subscribed to")
	}
	l.expectNothing()
}

func nobody(t *testing.T, h *house) {
	h.publish(t, "x", "1")
	l := h.listen(t, h.other(t), h.channel, queue.All)
	l.expectNothing() // what was said before is gone
}

func stops(t *testing.T, h *house) {
	a, b := h.listen(t, h.queue, h.channel, queue.All), h.listen(t, h.queue, h.channel, queue.All)
	a.stop()
	a.expect("-")
	a.stop() // may be repeated
	h.publish(t, "x", "1")
	b.expect("x=1")
	a.expectNothing()
}

func concurrent(t *testing.T, h *house) {
	const publishers, each = 8, 50
	l := h.listen(t, h.other(t), h.channel, queue.All)
	var all sync.WaitGroup
	for p := range publishers {
		all.Go(func() {
			for i := range each {
				if err := h.queue.Publish(t.Context(), h.channel, queue.Message{Topic: fmt.Sprint("p", p), Body: fmt.Append(nil, i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	h.publish(t, "end", "")
	next := make([]int, publishers)
	for range publishers * each {
		var p, i int
		if _, err := fmt.Sscanf(l.next(), "p%d=%d", &p, &i); err != nil || i != next[p] {
			t.Fatalf("publisher %d: message %d came when %d was next (%v)", p, i, next[p], err)
		}
		next[p]++
	}
	l.expect("end=")
}

// next waits for one thing that is said.
func (l *listener) next() string {
	l.t.Helper()
	limit := time.After(wait)
	for {
		l.mu.Lock()
		if len(l.said) > 0 {
			first := l.said[0]
			l.said = l.said[1:]
			l.mu.Unlock()
			return first
		}
		l.mu.Unlock()
		select {
		case <-l.news:
		case <-limit:
			l.t.Fatal("the subscriber was told nothing")
		}
	}
}

// slow holds a subscriber up while more is published than anything would buffer
// for it: publishing goes on, and it misses nothing in silence.
func slow(t *testing.T, h *house) {
	const messages = 3000
	hold, l := make(chan struct{}), &listener{t: t, news: make(chan struct{}, 1)}
	missed := false // between a - and the next message
	last, stopped := 0, make(chan struct{})
	stop, err := h.queue.Subscribe(h.channel, queue.All, queue.Subscriber{
		Receive: func(m queue.Message) {
			<-hold
			var i int
			if _, err := fmt.Sscan(string(m.Body), &i); err != nil || i != last+1 && !missed {
				t.Errorf("message %d came after %d (%v)", i, last, err)
			}
			if last, missed = i, false; i == messages {
				close(stopped)
			}
		},
		Watching: func(all bool) {
			missed = missed || !all
			if all {
				l.say("+")
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	l.expect("+")
	for i := range messages {
		h.publish(t, "x", fmt.Sprint(i+1))
	}
	close(hold)
	select {
	case <-stopped:
	case <-time.After(wait):
		t.Error("the last message did not arrive")
	}
}

func closes(t *testing.T, h *house) {
	q := h.Open(t, h.logger)
	l := h.listen(t, q, h.channel, queue.All)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			if err := q.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	l.expect("-")
	if err := q.Publish(t.Context(), h.channel, queue.Message{Topic: "x"}); err == nil {
		t.Error("a closed queue took a message")
	}
	stop, err := q.Subscribe(h.channel, queue.All, queue.Subscriber{Watching: func(all bool) {
		if all {
			t.Error("a closed queue was subscribed to")
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	stop()
	l.stop()
}

// measured reads the gauge; product says whose.
func (h *house) measured(t *testing.T) (values []int64, product string) {
	t.Helper()
	var out metricdata.ResourceMetrics
	if err := h.meter.Collect(context.WithoutCancel(t.Context()), &out); err != nil {
		t.Fatal(err)
	}
	for _, scope := range out.ScopeMetrics {
		for _, m := range scope.Metrics {
			if points, ok := m.Data.(metricdata.Gauge[int64]); ok && m.Name == queue.Connected {
				for _, p := range points.DataPoints {
					values = append(values, p.Value)
					v, _ := p.Attributes.Value("product")
					product = v.AsString()
				}
			}
		}
	}
	return values, product
}

// meter makes a global provider that a queue made after it reports to.
func meter(t *testing.T) *sdk.ManualReader {
	t.Helper()
	before, reader := otel.GetMeterProvider(), sdk.NewManualReader()
	otel.SetMeterProvider(sdk.NewMeterProvider(sdk.WithReader(reader)))
	t.Cleanup(func() { otel.SetMeterProvider(before) })
	return reader
}

func gauge(t *testing.T, h *house) {
	l := h.listen(t, h.queue, h.channel, queue.All)
	h.publish(t, "x", "1")
	l.expect("x=1")
	if values, product := h.measured(t); len(values) != 1 || values[0] != 1 || product != h.queue.Features().Product {
		t.Errorf("the gauge of %q is %d", product, values)
	}
	if err := h.queue.Close(); err != nil {
		t.Fatal(err)
	}
	if values, _ := h.measured(t); len(values) != 0 {
		t.Errorf("the gauge of a closed queue is %d", values)
	}
}

// away takes the broker away twice.
func away(t *testing.T, h *house) {
	if h.Stop == nil {
		return // there is no broker: see Rig
	}
	connected := func(want int64) {
		t.Helper()
		if values, _ := h.measured(t); len(values) != 1 || values[0] != want {
			t.Errorf("the gauge is %d, want %d", values, want)
		}
	}
	l := h.listen(t, h.queue, h.channel, queue.All)
	h.publish(t, "x", "0")
	l.expect("x=0")
	connected(1)
	defer h.Start(t)
	for round := range 2 {
		h.Stop(t)
		l.expect("-")
		began := time.Now()
		err := h.queue.Publish(t.Context(), h.channel, queue.Message{Topic: "x", Body: []byte("lost")})
		if !errors.Is(err, queue.ErrNotTaken) {
			t.Errorf("without a broker: %v", err)
		}
		if took := time.Since(began); took > 2*queue.PublishTimeout {
			t.Errorf("publishing without a broker took %v", took)
		}
		connected(0)
		h.Start(t)
		l.expect("+")
		h.publishSoon(t, fmt.Sprint(round))
		l.expect("x=" + fmt.Sprint(round))
		connected(1)
	}
	// A line for each change, however often it tried.
	if lost, found := h.log.count("disconnected"), h.log.count("the queue is connected"); lost != 2 || found != 3 {
		t.Errorf("%d and %d lines were logged: %s", lost, found, h.log.text.String())
	}
}

// publishSoon publishes when the publisher is connected again too.
func (h *house) publishSoon(t *testing.T, body string) {
	t.Helper()
	h.publishSoonOn(t, "x", body)
}

func (h *house) publishSoonOn(t *testing.T, topic, body string) {
	t.Helper()
	for began := time.Now(); ; {
		err := h.queue.Publish(t.Context(), h.channel, queue.Message{Topic: topic, Body: []byte(body)})
		if err == nil {
			return
		}
		if !errors.Is(err, queue.ErrNotTaken) || time.Since(began) > wait {
			t.Fatal(err)
		}
	}
}

// patience ends with the caller's context.
func patience(t *testing.T, h *house) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	if err := h.queue.Publish(ctx, h.channel, queue.Message{Topic: "x"}); err != nil && !errors.Is(err, queue.ErrNotTaken) {
		t.Error(err)
	}
	if took := time.Since(began); took > queue.PublishTimeout/2 {
		t.Errorf("the caller was gone, and it took %v", took)
	}
}
