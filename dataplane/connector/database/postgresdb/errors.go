package postgresdb

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/dialect/postgres"
)

// missing reads the id that a foreign key misses out of the server's detail, as
// in: Key (author)=(c123) is not present in table "Author".
func missing(detail string) string {
	_, rest, ok := strings.Cut(detail, ")=(")
	if !ok {
		return ""
	}
	id, _, ok := strings.Cut(rest, ") is not present")
	if !ok {
		return ""
	}
	return id
}

// readOnly is the answer of a server to a write that is no primary any more: it was one
// when the connection was made, and another is one now.
const readOnly = "25006"

// noRole is the answer to SET ROLE when the project's is gone.
const noRole = "22023"

// denied is the answer to a role that may not do this.
const denied = "42501"

// staleRole is a denial to the role that a connection held from before. The project's may
// be another one of the same name by now: it left this database and came back. The
// connection sets its role anew.
type staleRole struct{ error }

func (e *staleRole) Unwrap() error { return e.error }

// describe says what a failure means to a caller. A message of the server may
// hold values of rows, so it stays inside, as the cause.
func describe(err error, step int) error {
	if err == nil {
		return nil
	}
	e := &database.Error{Kind: database.Internal, Step: step, Cause: err}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		e.Kind = database.Unavailable // the connection, not the statement
		return e
	}
	e.Constraint = pg.ConstraintName
	switch pg.Code {
	case "23505":
		e.Kind = database.UniqueViolation
	case "23503":
		e.Kind, e.Value = database.MissingReference, missing(pg.Detail)
	case "23502":
		e.Kind = database.MissingValue
	case "23514", "54000": // the check on length; an index entry that is too large
		e.Kind = database.ValueTooLong
	case "54001":
		e.Kind = database.TooDeep
	case "57014":
		e.Kind = database.Canceled
	case postgres.GuardState:
		e.Kind = database.GuardFailed
	case postgres.RequireState:
		e.Kind, e.Value = database.RequireFailed, pg.Message
	case "40001", "40P01": // a serialization failure, a deadlock
		e.Kind = database.Conflict
	case "42703", "42P01": // undefined column, undefined table
		e.Kind = database.OutOfDate
	case "55P03", readOnly:
		e.Kind = database.Unavailable
	default:
		switch {
		case strings.HasPrefix(pg.Code, "08"), strings.HasPrefix(pg.Code, "53"), strings.HasPrefix(pg.Code, "57P"):
			e.Kind = database.Unavailable
		}
	}
	return e
}
