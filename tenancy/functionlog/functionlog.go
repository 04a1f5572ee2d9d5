// Package functionlog keeps what functions did (platform §2.11).
package functionlog

import (
	"time"

	"icehouse/tenancy"
)

// Entry is what is noted of one call of a function.
type Entry struct {
	ID        string
	Project   tenancy.ProjectID
	Function  string // the id of its element
	RequestID string
	Success   bool
	Duration  time.Duration
	At        time.Time
	Message   []byte // a JSON object
}
