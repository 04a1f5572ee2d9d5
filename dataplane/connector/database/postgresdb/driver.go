package postgresdb

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/dialect/postgres"
	"icehouse/tenancy/isolation"
)

type driver struct {
	pool     *pgxpool.Pool
	prefix   string // of role names
	follows  bool   // it is a reader: the database itself takes over at once when it fails
	keep     bool   // connections are ours: roles and prepared statements stay on them
	capacity int    // prepared statements a connection
	// roleChanges counts the roles that were dropped or made: one of the same
	// name may be another, so connections must set theirs again.
	roleChanges atomic.Uint64
	costs       costs
	sharing     sharing
	shares      shares
	closed      atomic.Bool
	tell        func()      // of events, or nil
	events      atomic.Bool // their schema is there
}

var _ database.Driver = (*driver)(nil)

func (d *driver) Dialect() dialect.Dialect { return postgres.Dialect{} }

func (d *driver) role(scope isolation.Scope) string { return d.prefix + scope.Namespace() }

func (d *driver) Close() error {
	d.closed.Store(true)
	d.pool.Close()
	d.sharing.running.Wait()
	return nil
}

// acquire takes a connection out of the pool.
func (d *driver) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		kind := database.Unavailable
		if ctx.Err() != nil {
			kind = database.Canceled
		}
		return nil, &database.Error{Kind: kind, Cause: err}
	}
	return conn, nil
}

// acquireFor takes a connection for a tenant, until done, of those that it may have at
// once.
func (d *driver) acquireFor(ctx context.Context, role string) (conn *pgxpool.Conn, done func(), err error) {
	leave, err := d.shares.enter(ctx, role)
	if err != nil {
		return nil, nil, &database.Error{Kind: database.Canceled, Cause: err}
	}
	if conn, err = d.acquire(ctx); err != nil {
		leave()
		return nil, nil, err
	}
	return conn, func() { conn.Release(); leave() }, nil
}

// A connection that is lost is replaced, and what it did not do is done by the next,
// for a while: a server that fails over is away for seconds.
const (
	awayTime   = 10 * time.Second
	firstPause = 2 * time.Millisecond // doubles
	lastPause  = 250 * time.Millisecond
)

// once makes a trip, on another connection if the first is lost before anything was
// kept.
func (d *driver) once(ctx context.Context, t trip) (out [][]byte, err error) {
	err = d.again(ctx, func() (lost bool, err error) {
		out, err = d.try(ctx, t)
		return d.nothingKept(err, t.reads), err
	})
	return out, err
}

// again does something until it succeeds, or its connection is not what failed.
func (d *driver) again(ctx context.Context, do func() (lost bool, err error)) error {
	began := time.Now()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		lost, err := do()
		if err == nil || !lost || d.follows || time.Since(began) > awayTime {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// nothingKept says that a trip failed with its connection, and left nothing behind:
// it never reached the server, or only read, or was ended on the way.
func (d *driver) nothingKept(err error, reads bool) bool {
	var e *database.Error
	if d.closed.Load() || !errors.As(err, &e) || e.Kind != database.Unavailable {
		return false
	}
	var pg *pgconn.PgError
	var connecting *pgconn.ConnectError
	var stale *staleRole
	switch {
	case errors.As(err, &stale):
		return true
	case errors.As(err, &connecting), pgconn.SafeToRetry(err):
		return true
	case errors.As(err, &pg): // the server says that it goes, while a statement runs: before the end of the transaction
		return pg.Code == "57P01" || pg.Code == "57P03" || pg.Code == readOnly || reads && pg.Code == "57P02"
	default:
		return reads
	}
}

func (d *driver) try(ctx context.Context, t trip) ([][]byte, error) {
	conn, done, err := d.acquireFor(ctx, t.role)
	if err != nil {
		return nil, err
	}
	defer done()
	return d.run(ctx, conn, t)
}

func (d *driver) Query(ctx context.Context, scope isolation.Scope, s database.Statement) ([]byte, error) {
	role := d.role(scope)
	if text, ok, err := d.ride(ctx, role, s); ok || err != nil {
		return text, err
	}
	out, err := d.once(ctx, trip{role: role, reads: true, statements: []database.Statement{s}})
	if err != nil {
		d.costs.forget(s.SQL)
		return nil, err
	}
	return out[0], nil
}

func (d *driver) Batch(ctx context.Context, scope isolation.Scope, statements []database.Statement) ([][]byte, error) {
	if len(statements) == 0 {
		return nil, nil
	}
	return d.once(ctx, trip{role: d.role(scope), statements: statements})
}

func (d *driver) Transact(ctx context.Context, scope isolation.Scope, do func(database.Tx) error) error {
	return d.again(ctx, func() (lost bool, err error) {
		return d.transact(ctx, d.role(scope), do)
	})
}

// transact makes a transaction. It is lost when its connection failed and nothing can
// have been kept: before the end was asked for, nothing is.
func (d *driver) transact(ctx context.Context, role string, do func(database.Tx) error) (lost bool, err error) {
	conn, done, err := d.acquireFor(ctx, role)
	if err != nil {
		return d.nothingKept(err, false), err
	}
	defer done()
	t := &tx{driver: d, conn: conn, role: role}
	defer t.end(ctx)
	if err := do(t); err != nil {
		return t.failed != nil && errors.Is(err, t.failed) && d.nothingKept(t.failed, true), err
	}
	err = t.commit(ctx)
	return d.nothingKept(err, false), err
}

// tx begins with its first batch, so that an unused one costs nothing.
type tx struct {
	driver *driver
	conn   *pgxpool.Conn
	role   string
	begun  bool
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
	out, err := t.driver.run(ctx, t.conn, trip{begin: !t.begun, inBlock: t.begun, role: t.role, statements: statements})
	t.begun, t.failed = true, err
	return out, err
}

func (t *tx) commit(ctx context.Context) error {
	if t.failed != nil || !t.begun {
		return t.failed
	}
	tag, err := t.conn.Conn().PgConn().Exec(ctx, "COMMIT").ReadAll()
	if err != nil {
		return describe(err, 0)
	}
	if len(tag) == 1 && tag[0].CommandTag.String() != "COMMIT" {
		return &database.Error{Kind: database.Internal, Cause: errors.New("the server rolled back instead")}
	}
	t.driver.committed(sessionOf(t.conn.Conn().PgConn()))
	return nil
}

// rollbackTimeout limits the end of a transaction whose own context may be over.
const rollbackTimeout = 5 * time.Second

// end rolls back what was not committed. The pool closes a connection whose
// transaction could not be ended.
func (t *tx) end(ctx context.Context) {
	t.ended = true
	c := t.conn.Conn().PgConn()
	if c.IsClosed() || c.TxStatus() == 'I' {
		return
	}
	sessionOf(c).known = false // the role goes back to what it was
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	_, _ = c.Exec(ctx, "ROLLBACK").ReadAll()
}
