package dataplanetest

import (
	"log/slog"
	"net/url"
	"testing"
	"time"

	"icehouse/dataplane/connector/queue"
	"icehouse/dataplane/connector/queue/rabbitqueue"
	"icehouse/deploy/testbed"
)

// TestOnlyWhoSubscribesIsSentEvents counts what a broker sends to a node that has no
// subscribers of a project: nothing of that project's events, be there others or not.
func TestOnlyWhoSubscribesIsSentEvents(t *testing.T) {
	broker := testbed.RabbitMQ(t)
	at, err := url.Parse(broker.URL)
	if err != nil {
		t.Fatal(err)
	}
	way := testbed.NewLine(t, at.Host)
	through := *at
	through.Host = way.Addr().String()
	open := func(address string) *queue.Queue {
		q, err := rabbitqueue.Open(rabbitqueue.Config{URL: address, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := q.Close(); err != nil {
				t.Error(err)
			}
		})
		return q
	}
	c := cloud(t)
	first, second := Deploy(t, c, counted), Deploy(t, c, counted)
	here, there := open(broker.URL), open(through.String())
	relay(t, c, first.Log, here)
	nodeOfFirst, nodeOfBoth, nodeOfSecond := listenOn(t, first, here), listenOn(t, first, there), listenOn(t, second, there)
	const events = 60
	write := func(p *Project) {
		for i := range events {
			p.createPost(t, i)
		}
	}
	// sent is what comes to the other node while the first project is written to and a
	// subscriber here is told of all.
	subscribed, sub := first.subscribe(t, nodeOfFirst, "")
	defer sub.Stop()
	sent := func() int64 {
		before := way.Back.Load()
		write(first)
		subscribed.take(events)
		time.Sleep(200 * time.Millisecond) // what would come has come
		return way.Back.Load() - before
	}
	const beats = 64 // bytes of the connection's own
	// The other node has connected when nothing has come for a while.
	for still, last := 0, int64(-1); still < 10; time.Sleep(50 * time.Millisecond) {
		if now := way.Back.Load(); now == 0 || now != last {
			still, last = 0, now
		} else {
			still++
		}
	}
	if n := sent(); n > beats {
		t.Errorf("a node without subscribers was sent %d bytes of %d events", n, events)
	}
	other, otherSub := second.subscribe(t, nodeOfSecond, "")
	defer otherSub.Stop()
	write(second)
	other.take(events)
	if n := sent(); n > beats {
		t.Errorf("a node with subscribers of another project was sent %d bytes of %d events", n, events)
	}
	both, bothSub := first.subscribe(t, nodeOfBoth, "")
	defer bothSub.Stop()
	if n := sent(); n < 100*events {
		t.Errorf("a node with a subscriber was sent %d bytes of %d events: the count is none", n, events)
	}
	both.take(events)
}
