package rabbitqueue_test

import (
	"log/slog"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"icehouse/dataplane/connector/queue"
	"icehouse/dataplane/connector/queue/queuetest"
	"icehouse/dataplane/connector/queue/rabbitqueue"
	"icehouse/deploy/testbed"
)

func TestMain(m *testing.M) {
	status := testbed.Main(m)
	if err := goleak.Find(); status == 0 && err != nil {
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		status = 1
	}
	os.Exit(status)
}

func TestSuite(t *testing.T) {
	broker := testbed.RabbitMQ(t)
	queuetest.Suite(t, queuetest.Rig{
		Open: func(t *testing.T, log *slog.Logger) *queue.Queue {
			q, err := rabbitqueue.Open(rabbitqueue.Config{URL: broker.URL, Log: log})
			if err != nil {
				t.Fatal(err)
			}
			return q
		},
		Stop:  func(*testing.T) { broker.Stop() },
		Start: func(t *testing.T) { broker.Start(t) },
	})
}

// TestURL shows no password.
func TestURL(t *testing.T) {
	for _, url := range []string{"http://u:hush@host/", "amqp://u:hush@host:x/", "amqp://u:hu%sh@host/"} {
		if _, err := rabbitqueue.Open(rabbitqueue.Config{URL: url, Log: slog.New(slog.DiscardHandler)}); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", url, err)
		}
	}
}
