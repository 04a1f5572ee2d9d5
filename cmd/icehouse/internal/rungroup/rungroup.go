// Package rungroup starts the parts of a process and stops them in order.
//
// In: Members, in the order in which they start, and two contexts that a signal
// ends: the first asks everybody to stop, the second ends the patience. Out:
// one error that says who failed. Callers: the server, which the commands dev
// and serve run.
//
//	stop ends, or a member fails
//	    -> Stop of each member, last started first: no new work is accepted
//	    -> grace passes, or force ends: the base context ends, running work with it
//	    -> everybody has returned: Run returns
//
// What a member works on lives on the base context, not on the one that the
// signal ends: a request that was accepted may finish.
package rungroup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// Member is one part of a process.
type Member struct {
	Name string
	// Run works until Stop is called or base ends, and returns nil then.
	Run func(base context.Context) error
	// Stop makes Run return after the work at hand. It waits for that work, but
	// not longer than until ctx ends. It may be called before Run has begun,
	// and twice.
	Stop func(ctx context.Context) error
}

// Group runs members. The zero Group gives them no grace.
type Group struct {
	Members []Member
	// Grace is how long work at hand may go on once stopping began.
	Grace time.Duration
}

// Run starts the members in order and returns when all of them have returned.
// It returns nil when they were asked to stop and did.
func (g Group) Run(stop, force context.Context) error {
	base, endBase := context.WithCancel(context.WithoutCancel(stop))
	defer endBase()

	running, failed := errgroup.WithContext(base)
	for _, m := range g.Members {
		running.Go(func() error { return m.run(base, stop) })
	}
	select {
	case <-stop.Done():
	case <-failed.Done():
	}

	grace, endGrace := context.WithTimeout(base, g.Grace)
	defer endGrace()
	defer context.AfterFunc(force, endGrace)()
	// Whoever still works when the patience ends loses its base.
	defer context.AfterFunc(grace, endBase)()

	var problems []error
	for i := len(g.Members) - 1; i >= 0; i-- {
		m := g.Members[i]
		if err := m.Stop(grace); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
			problems = append(problems, fmt.Errorf("stop %s: %w", m.Name, err))
		}
	}
	if err := running.Wait(); err != nil {
		problems = append([]error{err}, problems...)
	}
	return errors.Join(problems...)
}

// run names the member in its error. A member that ends unasked has failed,
// even when it says nothing.
func (m Member) run(base, stop context.Context) error {
	err := m.Run(base)
	switch {
	case err != nil && base.Err() != nil && errors.Is(err, base.Err()):
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", m.Name, err)
	case stop.Err() == nil && base.Err() == nil:
		return fmt.Errorf("%s ended unasked", m.Name)
	default:
		return nil
	}
}
