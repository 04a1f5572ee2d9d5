// Package queries is what sqlc makes of the .sql files beside it; only this file is
// written by hand.
//
// In: a connection, and arguments in the columns' types. Out: rows. Caller: sqlstore.
package queries

import (
	"database/sql/driver"
	"fmt"
	"time"
)

// Time is a moment, in whichever form an engine keeps it: one of its own, or
// milliseconds.
type Time struct{ time.Time }

// Value implements driver.Valuer. The engine's connection gives the moment its form.
func (t Time) Value() (driver.Value, error) { return t.Time, nil }

// Scan implements sql.Scanner.
func (t *Time) Scan(from any) error {
	switch from := from.(type) {
	case time.Time:
		t.Time = from.UTC()
	case int64:
		t.Time = time.UnixMilli(from).UTC()
	default:
		return fmt.Errorf("a moment can't be read from %T", from)
	}
	return nil
}
