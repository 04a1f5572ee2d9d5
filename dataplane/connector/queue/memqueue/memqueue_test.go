package memqueue_test

import (
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"icehouse/dataplane/connector/queue"
	"icehouse/dataplane/connector/queue/memqueue"
	"icehouse/dataplane/connector/queue/queuetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSuite(t *testing.T) {
	queuetest.Suite(t, queuetest.Rig{Open: func(t *testing.T, log *slog.Logger) *queue.Queue {
		q, err := memqueue.Open(log)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}})
}
