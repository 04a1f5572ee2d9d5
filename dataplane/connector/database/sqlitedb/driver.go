package sqlitedb

import (
	"context"
	"errors"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/dialect/sqlite"
	"icehouse/tenancy/isolation"
)

type driver struct {
	files *files
	relay *relay
}

var _ database.Driver = (*driver)(nil)

func (d *driver) Dialect() dialect.Dialect { return sqlite.Dialect{} }

func (d *driver) Close() error { return d.files.close() }

func (d *driver) Query(ctx context.Context, scope isolation.Scope, s database.Statement) (out []byte, err error) {
	err = d.files.use(scope, false, func(f *file) error {
		return f.read(ctx, func(c *conn) error {
			out, err = c.statement(ctx, s)
			return err
		})
	})
	return out, describe(err, 0)
}

func (d *driver) Batch(ctx context.Context, scope isolation.Scope, statements []database.Statement) (out [][]byte, err error) {
	if len(statements) == 0 {
		return nil, nil
	}
	lend, begin := (*file).read, "BEGIN"
	write := writes(statements)
	if write {
		begin = "BEGIN IMMEDIATE"
		lend = func(f *file, ctx context.Context, use func(*conn) error) error { return f.write(ctx, false, use) }
	}
	err = d.files.use(scope, false, func(f *file) error {
		err := lend(f, ctx, func(c *conn) error {
			return c.transact(ctx, begin, func() error {
				out, err = c.run(ctx, statements)
				return err
			})
		})
		if write && err == nil {
			d.wrote(scope, f)
		}
		return err
	})
	if err != nil {
		return nil, describe(err, len(statements)-1) // without a step: the commit
	}
	return out, nil
}

// writes says that a statement is more than a read.
func writes(statements []database.Statement) bool {
	for _, s := range statements {
		if s.Writes || !s.Returns && s.Check == dialect.NoCheck {
			return true
		}
	}
	return false
}

// Transact holds the project's only writing connection until do returns: do must
// write through its Tx alone, or it waits for itself.
func (d *driver) Transact(ctx context.Context, scope isolation.Scope, do func(database.Tx) error) error {
	var own error // what do returned, which goes to the caller as it is
	err := d.files.use(scope, false, func(f *file) error {
		err := f.write(ctx, false, func(c *conn) error {
			return c.transact(ctx, "BEGIN IMMEDIATE", func() error {
				t := &tx{conn: c}
				defer func() { t.ended = true }()
				own = do(t)
				return errors.Join(own, t.failed)
			})
		})
		if err == nil {
			d.wrote(scope, f)
		}
		return err
	})
	if own != nil {
		return own
	}
	return describe(err, 0)
}

type tx struct {
	conn   *conn
	ended  bool
	failed error
}

func (t *tx) Batch(ctx context.Context, statements []database.Statement) ([][]byte, error) {
	switch {
	case t.ended:
		return nil, &database.Error{Kind: database.Internal, Cause: errors.New("the transaction has ended")}
	case t.failed != nil:
		return nil, t.failed
	case len(statements) == 0:
		return nil, nil
	}
	out, err := t.conn.run(ctx, statements)
	t.failed = err
	return out, err
}
