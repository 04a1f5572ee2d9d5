package eventgateway

import (
	"context"
	"errors"
	"testing"
	"time"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/internal/operation"
	"icehouse/tenancy/authn"
)

// TestStatementsWaitForAPlace: while as many statements of a stream run as may, another
// one waits, until one of them is done or the gateway ends.
func TestStatementsWaitForAPlace(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	s := newStream(&Gateway{ctx: ctx}, streamKey{}, nil, &datamodel.Type{})
	for range atATime {
		s.asking <- struct{}{}
	}
	q := s.ask("", &operation.Prepared{}, authn.Requester{})
	done := make(chan error, 1)
	go func() {
		_, _, broken, err := q.once(database.Event{})
		done <- errors.Join(broken, err)
	}()
	select {
	case err := <-done:
		t.Fatalf("one more ran: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	end()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}
