package postgresdb

import (
	"context"
	"sync"
)

// shares bounds how many connections a tenant has at once, so that one whose statements
// take long leaves some to the others. Who wants more waits. Trips that tenants share
// (sharing) are short, and count for nobody.
type shares struct {
	most int // connections of one tenant

	mu    sync.Mutex
	users map[string]*share // by role
}

// share is a tenant that has connections or waits for some.
type share struct {
	places chan struct{} // has what is taken
	users  int           // who has one or waits
}

// mostOf is what of a pool one tenant may have: all but a quarter, and at least one.
func mostOf(connections int32) int { return max(1, int(connections-(connections+3)/4)) }

// enter waits for a place. leave gives it back. The error is the context's.
func (s *shares) enter(ctx context.Context, role string) (leave func(), err error) {
	s.mu.Lock()
	of := s.users[role]
	if of == nil {
		if s.users == nil {
			s.users = map[string]*share{}
		}
		of = &share{places: make(chan struct{}, s.most)}
		s.users[role] = of
	}
	of.users++
	s.mu.Unlock()
	select {
	case of.places <- struct{}{}:
		return func() { <-of.places; s.forget(role, of) }, nil
	case <-ctx.Done():
		s.forget(role, of)
		return nil, ctx.Err()
	}
}

func (s *shares) forget(role string, of *share) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if of.users--; of.users == 0 {
		delete(s.users, role)
	}
}
