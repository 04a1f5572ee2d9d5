// Package database is the socket for the product that holds the rows of
// projects.
//
// In: a tenant's isolation.Scope and rendered Statements. Out: the JSON text
// that the product made, or an *Error that names a constraint or a step, never
// a driver's own error. Callers: the executor (requests) and migrationrun
// (deploys); both hold the portable DB and never see a Driver.
package database

import (
	"context"
	"errors"
	"fmt"

	"icehouse/dataplane/dialect"
	"icehouse/tenancy/isolation"
)

// Statement is one rendered statement of a dialect with its arguments, in the
// Go types that relational.ArgKind names.
type Statement struct {
	dialect.Statement
	Args []any
}

// DB is the portable database: it refuses calls without a tenant and turns
// driver errors into *Error.
type DB struct {
	driver Driver
	reader *reader // nil: there is none
}

// Open wraps a product's driver.
func Open(d Driver) *DB { return &DB{driver: d} }

// Wrap returns a database whose calls go through another driver first: one that
// measures, counts or disturbs.
func (db *DB) Wrap(around func(Driver) Driver) *DB {
	wrapped := *db
	wrapped.driver = around(db.driver)
	return &wrapped
}

// Dialect renders statements for this product.
func (db *DB) Dialect() dialect.Dialect { return db.driver.Dialect() }

// Query runs one read and returns its JSON text. The bytes are the caller's.
func (db *DB) Query(ctx context.Context, scope isolation.Scope, s Statement) ([]byte, error) {
	if err := scope.Valid(); err != nil {
		return nil, err
	}
	out, err := db.driver.Query(ctx, scope, s)
	return out, describe(ctx, err)
}

// Batch runs statements in order in one transaction, in one round trip where
// the product can. It returns the JSON text of each statement that returns one,
// nil for the others. When a statement fails nothing is kept and the *Error has
// its index.
func (db *DB) Batch(ctx context.Context, scope isolation.Scope, statements []Statement) ([][]byte, error) {
	if err := scope.Valid(); err != nil {
		return nil, err
	}
	defer db.wrote(scope.Project())
	out, err := db.driver.Batch(ctx, scope, statements)
	return out, describe(ctx, err)
}

// Transact runs do in one transaction: for writes that must look before they
// go on. An error from do, or a panic, rolls back. do runs again, in another
// transaction, when its connection is lost and nothing was kept.
func (db *DB) Transact(ctx context.Context, scope isolation.Scope, do func(Tx) error) error {
	if err := scope.Valid(); err != nil {
		return err
	}
	defer db.wrote(scope.Project())
	return describe(ctx, db.driver.Transact(ctx, scope, do))
}

// Provision makes the tenant's place (schema and role, or file). It may be
// repeated.
func (db *DB) Provision(ctx context.Context, scope isolation.Scope) error {
	if err := scope.Valid(); err != nil {
		return err
	}
	return describe(ctx, db.driver.Provision(ctx, scope))
}

// Drop removes the tenant's place with all rows. It may be repeated.
func (db *DB) Drop(ctx context.Context, scope isolation.Scope) error {
	if err := scope.Valid(); err != nil {
		return err
	}
	return describe(ctx, db.driver.Drop(ctx, scope))
}

// Migrate runs the statements of a schema change in the tenant's place, all or
// nothing.
func (db *DB) Migrate(ctx context.Context, scope isolation.Scope, ddl []string) error {
	if err := scope.Valid(); err != nil {
		return err
	}
	return describe(ctx, db.driver.Migrate(ctx, scope, ddl))
}

// Advance runs the statements of a schema change and lets the place remember that
// it has come to this release, in one transaction; a place that has come there
// already is left alone. The statements take no arguments. While others use what is
// to be changed, it waits for them as long as ctx lasts. From then on the handlers are
// told of events, as Handle says; those of them that were before miss nothing on the way.
func (db *DB) Advance(ctx context.Context, scope isolation.Scope, release int64, statements []dialect.Statement, handlers ...Handler) error {
	if err := scope.Valid(); err != nil {
		return err
	}
	if _, ok := db.driver.(Handling); !ok && len(handlers) > 0 {
		return errNoHandling
	}
	return describe(ctx, db.driver.Advance(ctx, scope, release, statements, handlers))
}

// Close releases what the driver holds. Running calls end first.
func (db *DB) Close() error {
	if db.reader == nil {
		return db.driver.Close()
	}
	return errors.Join(db.reader.Driver.Close(), db.driver.Close())
}

// errNoMove says that a move is not possible at all.
var errNoMove = errors.New("database: places move between two databases of one product that can move them")

func (db *DB) mover(scope isolation.Scope) (Mover, error) {
	if err := scope.Valid(); err != nil {
		return nil, err
	}
	m, ok := db.driver.(Mover)
	if !ok {
		return nil, errNoMove
	}
	return m, nil
}

// Move brings the tenant's place to another database, while requests go on: see Mover.
func (db *DB) Move(ctx context.Context, scope isolation.Scope, to *DB, create []string, tell func(string)) error {
	m, err := db.mover(scope)
	if err != nil {
		return err
	}
	return describe(ctx, m.Move(ctx, scope, to.driver, create, tell))
}

// Left says whether the tenant's place has left this database: see Mover.
func (db *DB) Left(ctx context.Context, scope isolation.Scope) (bool, error) {
	m, err := db.mover(scope)
	if err != nil {
		return false, err
	}
	left, err := m.Left(ctx, scope)
	return left, describe(ctx, err)
}

// Stay ends a move that did not come to its end: see Mover.
func (db *DB) Stay(ctx context.Context, scope isolation.Scope) error {
	m, err := db.mover(scope)
	if err != nil {
		return err
	}
	return describe(ctx, m.Stay(ctx, scope))
}

// Arrive finishes a move, in the database that the place came to: see Mover.
func (db *DB) Arrive(ctx context.Context, scope isolation.Scope) error {
	m, err := db.mover(scope)
	if err != nil {
		return err
	}
	return describe(ctx, m.Arrive(ctx, scope))
}

// Tx is a running transaction of one tenant. It is used by one goroutine.
type Tx interface {
	// Batch is like DB.Batch inside this transaction. After an error the
	// transaction can only end.
	Batch(ctx context.Context, statements []Statement) ([][]byte, error)
}

// Driver is what a product implements.
//
// To add a product: write a dialect.Dialect for its language, implement Driver
// in a package beside this one, isolate tenants by Scope.Namespace so that one
// can't reach another's rows whatever SQL it sends, map constraint failures to
// *Error, cancel running SQL when the context ends, and run databasetest.Suite.
type Driver interface {
	Dialect() dialect.Dialect
	Query(ctx context.Context, scope isolation.Scope, s Statement) ([]byte, error)
	Batch(ctx context.Context, scope isolation.Scope, statements []Statement) ([][]byte, error)
	Transact(ctx context.Context, scope isolation.Scope, do func(Tx) error) error
	Provision(ctx context.Context, scope isolation.Scope) error
	Drop(ctx context.Context, scope isolation.Scope) error
	Migrate(ctx context.Context, scope isolation.Scope, ddl []string) error
	Advance(ctx context.Context, scope isolation.Scope, release int64, statements []dialect.Statement, handlers []Handler) error
	Close() error
}

// Mover is a Driver whose tenants can move to another database of the product.
type Mover interface {
	// Move copies the place there while requests go on here, then keeps writers waiting
	// for as long as it takes to bring over what changed since, and closes the place: from
	// then on every statement here fails with OutOfDate. create are the statements that
	// make the tables there. What is there already is replaced. When Move fails, Left says
	// where the place is. tell is told what goes on, in words.
	Move(ctx context.Context, scope isolation.Scope, to Driver, create []string, tell func(string)) error
	// Left says whether a Move has closed the place here. It is an error when there never
	// was one.
	Left(ctx context.Context, scope isolation.Scope) (bool, error)
	// Stay takes back what a Move did here that did not close the place. Drop removes what
	// is at the other end, or, after a Move, what is left here.
	Stay(ctx context.Context, scope isolation.Scope) error
	// Arrive checks, where the place came to, what Move left unchecked to keep nobody
	// waiting. It may be repeated.
	Arrive(ctx context.Context, scope isolation.Scope) error
}

// ErrorKind says what a caller can do about a failed statement.
type ErrorKind uint8

// The kinds of failure.
const (
	Internal         ErrorKind = iota // a bug, or the product is broken
	Unavailable                       // not reachable, overloaded; may be tried again
	Canceled                          // the context ended
	TooDeep                           // the statement nests deeper than the product can read
	OutOfDate                         // a column, a table or the tenant's place is not there: the statement was made for another release, or placement
	Conflict                          // lost against another transaction, which may have ended; may be tried again at once
	UniqueViolation                   // Constraint names the column's constraint
	MissingReference                  // an id to point at is not there, or is still pointed at
	MissingValue                      // a required column got null
	ValueTooLong                      // a value does not fit an index
	GuardFailed                       // Guard's condition does not hold
	RequireFailed                     // Value is the first id that is not there
)

// Error is a failed statement.
type Error struct {
	Kind       ErrorKind
	Step       int    // index of the statement in its batch
	Constraint string // the dialect's name of the violated constraint (dialect.ConstraintName), when known
	Value      string
	Cause      error // internal; never shown to clients
}

func (e *Error) Error() string {
	return fmt.Sprintf("database: statement %d: kind %d, constraint %q, value %q: %v", e.Step, e.Kind, e.Constraint, e.Value, e.Cause)
}

func (e *Error) Unwrap() error { return e.Cause }

// describe makes sure that callers see an *Error (or what do of Transact
// returned), and that an ended context wins over what it broke.
func describe(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		if ctx.Err() != nil && (e.Kind == Internal || e.Kind == Unavailable) {
			e.Kind = Canceled
		}
		return err
	}
	if ctx.Err() != nil {
		return &Error{Kind: Canceled, Cause: err}
	}
	return err
}
