package sqlitedb

import (
	"context"
	"errors"
	"strings"

	engines "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/dialect"
)

// describe says what a failure means to a caller. A *database.Error stays what
// it is.
func describe(err error, step int) error {
	if err == nil {
		return nil
	}
	var known *database.Error
	if errors.As(err, &known) {
		return known
	}
	e := &database.Error{Kind: database.Internal, Step: step, Cause: err}
	var engine *engines.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e.Kind = database.Canceled
		return e
	case !errors.As(err, &engine):
		return e
	}
	switch code := engine.Code(); code {
	case codes.SQLITE_CONSTRAINT_UNIQUE, codes.SQLITE_CONSTRAINT_PRIMARYKEY:
		e.Kind, e.Constraint = database.UniqueViolation, uniqueName(engine.Error())
	case codes.SQLITE_CONSTRAINT_FOREIGNKEY:
		e.Kind = database.MissingReference
	case codes.SQLITE_CONSTRAINT_NOTNULL:
		e.Kind = database.MissingValue
	case codes.SQLITE_CONSTRAINT_CHECK:
		e.Kind, e.Constraint = database.ValueTooLong, after(engine.Error(), "CHECK constraint failed: ")
	default:
		switch code & 0xff {
		case codes.SQLITE_BUSY, codes.SQLITE_LOCKED, codes.SQLITE_FULL, codes.SQLITE_NOMEM, codes.SQLITE_IOERR:
			e.Kind = database.Unavailable
		case codes.SQLITE_INTERRUPT:
			e.Kind = database.Canceled
		case codes.SQLITE_ERROR: // which has no code of its own
			if strings.Contains(engine.Error(), "Expression tree is too large") || strings.Contains(engine.Error(), "parser stack overflow") {
				e.Kind = database.TooDeep
			}
			if strings.Contains(engine.Error(), "no such column") || strings.Contains(engine.Error(), "no such table") || strings.Contains(engine.Error(), "has no column named") {
				e.Kind = database.OutOfDate
			}
		}
	}
	return e
}

func noTransaction(err error) bool { return strings.Contains(err.Error(), "no transaction is active") }

// after reads what a message says behind a mark; messages end in a code in
// brackets.
func after(message, mark string) string {
	_, rest, ok := strings.Cut(message, mark)
	if !ok {
		return ""
	}
	if at := strings.LastIndex(rest, " ("); at >= 0 {
		rest = rest[:at]
	}
	return rest
}

// uniqueName finds the constraint in a message: the engine names an index on an
// expression, and of others the columns.
func uniqueName(message string) string {
	rest := after(message, "UNIQUE constraint failed: ")
	if name, ok := strings.CutPrefix(rest, "index '"); ok {
		return strings.TrimSuffix(name, "'")
	}
	if strings.Contains(rest, ", ") { // the key of a join table
		table, _, _ := strings.Cut(rest, ".")
		return dialect.Name(table, "", "key")
	}
	table, column, _ := strings.Cut(rest, ".")
	return dialect.UniqueName(table, column)
}
