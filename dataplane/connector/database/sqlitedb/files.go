package sqlitedb

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"icehouse/dataplane/connector/database"
	"icehouse/tenancy/isolation"
)

// files are the files that are open, at most Config.MaxOpen of them idle: the
// one that was used longest ago makes room.
type files struct {
	config Config

	mu     sync.Mutex
	closed bool
	open   map[string]*file // by namespace
	clock  uint64
}

func newFiles(c Config) *files { return &files{config: c, open: map[string]*file{}} }

func (s *files) folder(scope isolation.Scope) string {
	return filepath.Join(s.config.Folder, scope.Namespace())
}

func (s *files) path(scope isolation.Scope) string { return filepath.Join(s.folder(scope), "rows.db") }

var (
	errClosed  = &database.Error{Kind: database.Unavailable, Cause: errors.New("the database is closed")}
	errLeaving = &database.Error{Kind: database.Unavailable, Cause: errors.New("the project is being dropped")}
)

// use runs do with a project's file, which stays open meanwhile. Only create
// takes one that is not there.
func (s *files) use(scope isolation.Scope, create bool, do func(*file) error) error {
	f, err := s.lease(scope, create)
	if err != nil {
		return err
	}
	defer s.release(f)
	return do(f)
}

func (s *files) lease(scope isolation.Scope, create bool) (*file, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	f := s.open[scope.Namespace()]
	if f == nil {
		if _, err := os.Stat(s.path(scope)); err != nil && !create {
			kind := database.Internal
			if errors.Is(err, fs.ErrNotExist) {
				kind = database.OutOfDate
			}
			return nil, &database.Error{Kind: kind, Cause: err}
		}
		f = newFile(s.config, s.path(scope))
		s.open[scope.Namespace()] = f
	}
	if f.leaving {
		return nil, errLeaving
	}
	s.clock++
	f.leases, f.used = f.leases+1, s.clock
	return f, nil
}

func (s *files) release(f *file) {
	s.mu.Lock()
	f.leases--
	if f.leaving && f.leases == 0 {
		close(f.left)
	}
	closing := s.makeRoom()
	s.mu.Unlock()
	for _, f := range closing {
		_ = f.close() // its rows are safe: they were committed
	}
}

// makeRoom takes out the idle files that are too many. s.mu is held.
func (s *files) makeRoom() (out []*file) {
	for len(s.open) > s.config.MaxOpen {
		oldest := ""
		for name, f := range s.open {
			if f.leases == 0 && !f.leaving && (oldest == "" || f.used < s.open[oldest].used) {
				oldest = name
			}
		}
		if oldest == "" {
			return out
		}
		out = append(out, s.open[oldest])
		delete(s.open, oldest)
	}
	return out
}

// leave lets nobody come to a file any more, waits for those who are there, and
// closes it. then runs before others may come again.
func (s *files) leave(ctx context.Context, scope isolation.Scope, then func() error) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errClosed
	}
	f := s.open[scope.Namespace()]
	if f == nil {
		f = newFile(s.config, s.path(scope))
		s.open[scope.Namespace()] = f
	}
	if f.leaving {
		s.mu.Unlock()
		return errLeaving
	}
	f.leaving, f.left = true, make(chan struct{})
	if f.leases == 0 {
		close(f.left)
	}
	s.mu.Unlock()

	var err error
	select {
	case <-f.left:
		err = errors.Join(f.close(), then())
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil && f.leases > 0 {
		f.leaving = false // they stay
		return err
	}
	delete(s.open, scope.Namespace())
	return err
}

// close waits for running calls and closes all files.
func (s *files) close() error {
	s.mu.Lock()
	s.closed = true
	var all []*file
	for _, f := range s.open {
		if !f.leaving { // else whoever drops it closes it
			f.leaving, f.left = true, make(chan struct{})
			if f.leases == 0 {
				close(f.left)
			}
			all = append(all, f)
		}
	}
	s.open = map[string]*file{}
	s.mu.Unlock()
	var errs []error
	for _, f := range all {
		<-f.left
		errs = append(errs, f.close())
	}
	return errors.Join(errs...)
}
