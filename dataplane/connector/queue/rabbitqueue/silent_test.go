package rabbitqueue_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"icehouse/dataplane/connector/queue"
	"icehouse/dataplane/connector/queue/rabbitqueue"
	"icehouse/deploy/testbed"
)

// TestSilence takes the broker away without a word: publishing has its end, the
// subscriber is told within seconds, and closing doesn't wait for an answer.
func TestSilence(t *testing.T) {
	broker := testbed.RabbitMQ(t)
	address := strings.TrimSuffix(strings.TrimPrefix(broker.URL, "amqp://guest:guest@"), "/")
	way := testbed.NewLine(t, address)
	q, err := rabbitqueue.Open(rabbitqueue.Config{URL: "amqp://guest:guest@" + way.Addr().String() + "/", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	channel := queue.Channel{Name: "silence"}
	watching, received := make(chan bool, 10), make(chan queue.Message, 10)
	if _, err := q.Subscribe(channel, queue.All, queue.Subscriber{
		Receive: func(m queue.Message) { received <- m }, Watching: func(all bool) { watching <- all },
	}); err != nil {
		t.Fatal(err)
	}
	await := func(want bool, limit time.Duration) {
		t.Helper()
		select {
		case all := <-watching:
			if all != want {
				t.Fatalf("the subscriber was told %v", all)
			}
		case <-time.After(limit):
			t.Fatalf("the subscriber was not told %v within %v", want, limit)
		}
	}
	publish := func() error {
		began := time.Now()
		err := q.Publish(t.Context(), channel, queue.Message{Topic: "x"})
		if took := time.Since(began); took > 2*queue.PublishTimeout {
			t.Errorf("publishing took %v", took)
		}
		return err
	}
	await(false, time.Second)
	await(true, 30*time.Second)
	if err := publish(); err != nil {
		t.Fatal(err)
	}
	<-received

	way.Silent.Store(true)
	for range 3 {
		if err := publish(); !errors.Is(err, queue.ErrNotTaken) {
			t.Errorf("a silent broker took a message: %v", err)
		}
	}
	await(false, 10*time.Second)
	way.Silent.Store(false)
	await(true, 30*time.Second)
	way.Silent.Store(true)
	began := time.Now()
	if err := q.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("closing took %v", took)
	}
}
