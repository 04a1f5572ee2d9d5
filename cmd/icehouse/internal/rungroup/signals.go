package rungroup

import (
	"context"
	"os"
)

// Interrupts turns the signals of a process into the two contexts of
// Group.Run: the first signal ends stop, the second ends force as well. The end
// of ctx ends both. Call release when nobody listens any more.
func Interrupts(ctx context.Context, signals <-chan os.Signal) (stop, force context.Context, release func()) {
	force, endForce := context.WithCancel(ctx)
	stop, endStop := context.WithCancel(force)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, end := range []context.CancelFunc{endStop, endForce} {
			select {
			case <-signals:
				end()
			case <-force.Done():
				return
			}
		}
	}()
	return stop, force, func() {
		endForce()
		<-done
	}
}
