package sqlitedb

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// file is one project's file. Whoever uses it holds a lease (files.go).
type file struct {
	config Config
	path   string
	// A place in a channel is the right to use a connection.
	writing chan struct{}
	reading chan struct{}
	events  atomic.Bool // it has tables of events

	mu     sync.Mutex
	writer *conn   // idle or nil
	idle   []*conn // readers

	// Under files.mu:
	leases  int
	leaving bool          // nobody may come any more
	left    chan struct{} // closed when the last lease of a leaving file ends
	used    uint64        // when it was last leased
}

func newFile(c Config, path string) *file {
	f := &file{config: c, path: path, writing: make(chan struct{}, 1), reading: make(chan struct{}, c.Readers), left: make(chan struct{})}
	f.events.Store(marked(path))
	return f
}

// read lends a connection that reads.
func (f *file) read(ctx context.Context, use func(*conn) error) error {
	if err := enter(ctx, f.reading); err != nil {
		return err
	}
	defer func() { <-f.reading }()
	f.mu.Lock()
	var c *conn
	if n := len(f.idle); n > 0 {
		c, f.idle = f.idle[n-1], f.idle[:n-1]
	}
	f.mu.Unlock()
	if c == nil {
		var err error
		if c, err = f.config.open(f.path, false, true); err != nil {
			return err
		}
	}
	kept := false
	defer func() {
		if !kept { // a panic, or a transaction that would not end
			_ = c.close()
		}
	}()
	err := use(c)
	if !errors.Is(err, errBroken) {
		kept = true
		f.mu.Lock()
		f.idle = append(f.idle, c)
		f.mu.Unlock()
	}
	return err
}

// write lends the connection that writes.
func (f *file) write(ctx context.Context, create bool, use func(*conn) error) error {
	if err := enter(ctx, f.writing); err != nil {
		return err
	}
	defer func() { <-f.writing }()
	c := f.writer
	f.writer = nil
	if c == nil {
		var err error
		if c, err = f.config.open(f.path, create, false); err != nil {
			return err
		}
	}
	defer func() {
		if c != nil {
			_ = c.close()
		}
	}()
	err := use(c)
	if !errors.Is(err, errBroken) {
		f.writer, c = c, nil
	}
	return err
}

func enter(ctx context.Context, place chan struct{}) error {
	select {
	case place <- struct{}{}:
		return nil
	default:
	}
	select {
	case place <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close closes the connections of a file that nobody uses.
func (f *file) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, c := range f.idle {
		errs = append(errs, c.close())
	}
	if f.writer != nil { // last: it can move the log into the file
		errs = append(errs, f.writer.close())
	}
	f.idle, f.writer = nil, nil
	return errors.Join(errs...)
}

// errBroken marks a connection whose transaction could not be ended.
var errBroken = errors.New("the connection's transaction could not be ended")

// transact runs do between begin and COMMIT. It ends the transaction in any
// case, a panic too; the context can no longer stop that. A context that ends
// while begin runs makes it fail although the transaction may be open, so a
// failed begin is rolled back like the rest.
func (c *conn) transact(ctx context.Context, begin string, do func() error) (err error) {
	open := true
	defer func() {
		if !open {
			return
		}
		if rollback := c.exec(context.WithoutCancel(ctx), "ROLLBACK"); rollback != nil && !noTransaction(rollback) {
			err = errors.Join(err, errBroken, rollback)
		}
	}()
	if err := c.exec(ctx, begin); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.exec(context.WithoutCancel(ctx), "COMMIT"); err != nil {
		return err
	}
	open = false
	return nil
}
