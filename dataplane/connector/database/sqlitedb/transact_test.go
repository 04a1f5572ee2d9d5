package sqlitedb

import (
	"context"
	sqldriver "database/sql/driver"
	"errors"
	"path/filepath"
	"testing"
)

// lateEnd is an engine whose caller goes away the moment a transaction begins:
// the engine says that the context ended, and the transaction is open.
type lateEnd struct {
	sqldriver.Conn
	cancel context.CancelFunc
}

func (e lateEnd) ExecContext(ctx context.Context, sql string, args []sqldriver.NamedValue) (sqldriver.Result, error) {
	under, ok := e.Conn.(sqldriver.ExecerContext)
	if !ok {
		return nil, errors.New("no execer")
	}
	result, err := under.ExecContext(ctx, sql, args)
	if err == nil && sql == "BEGIN IMMEDIATE" {
		e.cancel()
		return nil, ctx.Err()
	}
	return result, err
}

// TestEndDuringBegin leaves no transaction open on the connection that the next
// caller gets.
func TestEndDuringBegin(t *testing.T) {
	c, err := Config{}.open(filepath.Join(t.TempDir(), "rows.db"), true, false)
	if err != nil {
		t.Fatal(err)
	}
	engine := c.engine
	defer func() { c.engine = engine; _ = c.close() }()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.engine = lateEnd{engine, cancel}
	ran := false
	err = c.transact(ctx, "BEGIN IMMEDIATE", func() error { ran = true; return nil })
	if !errors.Is(err, context.Canceled) || ran {
		t.Fatalf("got %v, ran %v", err, ran)
	}
	c.engine = engine
	if err := c.transact(t.Context(), "BEGIN IMMEDIATE", func() error { return nil }); err != nil {
		t.Fatalf("the next caller: %v", err)
	}
}
