package invalidation_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"icehouse/dataplane/connector/queue"
	"icehouse/dataplane/connector/queue/memqueue"
	"icehouse/dataplane/invalidation"
	"icehouse/tenancy"
	"icehouse/tenancy/directory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

func memory(t *testing.T) *queue.Queue {
	t.Helper()
	q, err := memqueue.Open(quiet)
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

// TestAnnounce brings ids from one side to the other, and nothing else.
func TestAnnounce(t *testing.T) {
	q := memory(t)
	var logged bytes.Buffer
	changed, watched := make(chan tenancy.ProjectID, 10), make(chan bool, 10)
	stop, err := invalidation.Watch(q, slog.New(slog.NewTextHandler(&logged, nil)), func(p tenancy.ProjectID) { changed <- p }, func(all bool) { watched <- all })
	if err != nil {
		t.Fatal(err)
	}
	channel := queue.Channel{Name: "project-schema-invalidation", Durable: true}
	for _, body := range []string{"", "../etc", "C", strings.Repeat("c", 26), `{"id":"ca"}`} {
		if err := q.Publish(t.Context(), channel, queue.Message{Topic: "x", Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
	announcer := invalidation.NewAnnouncer(q, quiet)
	defer announcer.Close()
	for _, project := range []tenancy.ProjectID{"cone", "ctwo"} {
		announcer.Announce(project)
		if got := <-changed; got != project {
			t.Errorf("%s was told of, not %s", got, project)
		}
	}
	stop()
	if dropped := strings.Count(logged.String(), "a message is dropped"); dropped != 5 {
		t.Errorf("%d of 5 messages were dropped: %s", dropped, logged.String())
	}
	close(watched)
	for all := range watched {
		if all {
			t.Error("a queue in memory promised to tell what other processes do")
		}
	}
}

// TestTopic publishes as the contract says.
func TestTopic(t *testing.T) {
	q := memory(t)
	got := make(chan queue.Message, 1)
	stop, err := q.Subscribe(queue.Channel{Name: "project-schema-invalidation", Durable: true}, "cone", queue.Subscriber{
		Receive: func(m queue.Message) { got <- m }, Watching: func(bool) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	announcer := invalidation.NewAnnouncer(q, quiet)
	defer announcer.Close()
	announcer.Announce("ctwo")
	announcer.Announce("cone")
	if m := <-got; m.Topic != "cone" || string(m.Body) != "cone" {
		t.Errorf("%s under %s", m.Body, m.Topic)
	}
}

// broken is a broker that can't be reached.
type broken struct{ queue.Driver }

func (broken) Features() queue.Features { return queue.Features{Product: "broken", Shared: true} }
func (broken) Close() error             { return nil }
func (broken) Connected() bool          { return false }
func (broken) Publish(ctx context.Context, _ queue.Channel, _ []queue.Message) error {
	<-ctx.Done()
	return errors.New("unreachable")
}
func (broken) Subscribe(_ queue.Channel, _ []string, s queue.Subscriber) queue.Following {
	s.Watching(true)
	return unfollowed{}
}

type unfollowed struct{ queue.Following }

func (unfollowed) Stop() {}

// TestUnreachable waits until every directory has asked anew, unless the process
// ends.
func TestUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, err := queue.Open(broken{}, quiet)
		if err != nil {
			t.Fatal(err)
		}
		announcer := invalidation.NewAnnouncer(q, quiet)
		began := time.Now()
		announcer.Announce("cone")
		if took := time.Since(began); took != directory.Lease {
			t.Errorf("it took %v, want the lease of %v", took, directory.Lease)
		}
		time.AfterFunc(directory.Lease/2, announcer.Close)
		began = time.Now()
		announcer.Announce("cone")
		if took := time.Since(began); took != directory.Lease/2 {
			t.Errorf("it took %v, although the process ended before the lease", took)
		}
		var promised []bool
		stop, err := invalidation.Watch(q, quiet, nil, func(all bool) { promised = append(promised, all) })
		if err != nil {
			t.Fatal(err)
		}
		stop()
		if len(promised) != 2 || promised[0] || !promised[1] {
			t.Errorf("a shared queue promised %v", promised)
		}
	})
}
