package database

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

// Handler is a function that is told of what happens to the nodes of a type (platform
// §2.8). It is data: a deploy records it with what else it does.
type Handler struct {
	Function string `json:"function"` // its id
	Model    string `json:"model"`    // the type's name
	// Formerly are names that the type had, and no type has now: what happened before the
	// type was renamed, and is not due yet, comes to be due by them.
	Formerly []string `json:"formerly,omitempty"`
	// DDL are the statements that make the engine note what happens to the type.
	DDL []string `json:"ddl"`
}

// Made stands for the statements that make an engine note what happens to a type: while
// they are the same, so are its triggers.
func Made(ddl []string) string {
	sum := sha256.Sum256([]byte(strings.Join(ddl, "\n")))
	return hex.EncodeToString(sum[:8])
}

// Due is an event that a function is to be told of. It stays until it is settled.
type Due struct {
	Event
	// ID orders what is due of one place: of two events of one node the earlier has the
	// lower one.
	ID       int64
	Function string
	Attempts int    // that failed
	Failed   string // why the last of them did
	// Given up is when a dead letter was given up; zero for what is still due.
	GivenUp time.Time
}

// Waiting is a function of a project that something is due to.
type Waiting struct {
	Project  tenancy.ProjectID
	Function string
}

// Outcome is what came of an attempt.
type Outcome struct {
	ID int64
	// Attempts that have failed by now, and why the last one did. With none of them the
	// function was told, or is not to be, and the event is due no more.
	Attempts int
	Failed   string
	// Dead says that there will be no other attempt; else the next is After from now. What
	// happened to the same node later waits for it.
	Dead  bool
	After time.Duration
	// Postponed says that this was no attempt: it is for another time, After from now.
	Postponed bool
}

// Handling is a Driver that keeps what functions are to be told, from the transaction
// that made the event until it is settled, whatever becomes of streams meanwhile.
type Handling interface {
	// Handle makes these the functions that are told of a project's events; a function
	// that is no longer among them is not told of what is due to it. Driver.Advance does
	// the same in its own transaction.
	Handle(ctx context.Context, scope isolation.Scope, handlers []Handler) error
	// Claim takes functions that something is due to and that nobody else has, at most
	// limit, for as long as the lease lasts: those first whose turn was the longest ago.
	// Keep renews it; false: somebody else may have the function. Who is done gives it back.
	Claim(ctx context.Context, holder string, lease time.Duration, limit int) ([]Waiting, error)
	Keep(ctx context.Context, holder string, w Waiting, lease time.Duration) (bool, error)
	GiveBack(ctx context.Context, holder string, w Waiting) error
	// Due reads what is due to a function behind an id, in order, at most limit, without
	// what must wait: for its time, or for an earlier event of the same node.
	Due(ctx context.Context, w Waiting, after int64, limit int) ([]Due, error)
	// Settle notes what came of attempts, all or nothing.
	Settle(ctx context.Context, project tenancy.ProjectID, outcomes []Outcome) error
	// Dead reads dead letters behind an id, in order, at most limit.
	Dead(ctx context.Context, project tenancy.ProjectID, after int64, limit int) ([]Due, error)
	// Replay makes dead letters due again, as new ones, and says how many there were. With
	// no ids it takes those of a function, with no function all.
	Replay(ctx context.Context, project tenancy.ProjectID, function string, ids []int64) (int, error)
}

var errNoHandling = errors.New("database: this product does not keep what functions are to be told")

func (db *DB) handling(project tenancy.ProjectID) (Handling, error) {
	if _, err := isolation.ForProject(project, tenancy.DefaultPlacement); err != nil {
		return nil, err
	}
	h, ok := db.driver.(Handling)
	if !ok {
		return nil, errNoHandling
	}
	return h, nil
}

// Handle makes these the functions that are told of a project's events: see Handling.
func (db *DB) Handle(ctx context.Context, scope isolation.Scope, handlers []Handler) error {
	if err := scope.Valid(); err != nil {
		return err
	}
	h, err := db.handling(scope.Project())
	if err != nil {
		if len(handlers) == 0 {
			return nil
		}
		return err
	}
	return describe(ctx, h.Handle(ctx, scope, handlers))
}

// Claim takes functions that something is due to: see Handling.
func (db *DB) Claim(ctx context.Context, holder string, lease time.Duration, limit int) ([]Waiting, error) {
	h, ok := db.driver.(Handling)
	if !ok {
		return nil, errNoHandling
	}
	waiting, err := h.Claim(ctx, holder, lease, limit)
	return waiting, describe(ctx, err)
}

// Keep renews the lease of a function that Claim took: see Handling.
func (db *DB) Keep(ctx context.Context, holder string, w Waiting, lease time.Duration) (bool, error) {
	h, err := db.handling(w.Project)
	if err != nil {
		return false, err
	}
	kept, err := h.Keep(ctx, holder, w, lease)
	return kept, describe(ctx, err)
}

// GiveBack gives a function back that Claim took.
func (db *DB) GiveBack(ctx context.Context, holder string, w Waiting) error {
	h, err := db.handling(w.Project)
	if err != nil {
		return err
	}
	return describe(ctx, h.GiveBack(ctx, holder, w))
}

// Due reads what is due: see Handling.
func (db *DB) Due(ctx context.Context, w Waiting, after int64, limit int) ([]Due, error) {
	h, err := db.handling(w.Project)
	if err != nil {
		return nil, err
	}
	due, err := h.Due(ctx, w, after, limit)
	return due, describe(ctx, err)
}

// Settle notes what came of attempts: see Handling.
func (db *DB) Settle(ctx context.Context, project tenancy.ProjectID, outcomes []Outcome) error {
	h, err := db.handling(project)
	if err != nil || len(outcomes) == 0 {
		return err
	}
	return describe(ctx, h.Settle(ctx, project, outcomes))
}

// Dead reads dead letters: see Handling.
func (db *DB) Dead(ctx context.Context, project tenancy.ProjectID, after int64, limit int) ([]Due, error) {
	h, err := db.handling(project)
	if err != nil {
		return nil, err
	}
	dead, err := h.Dead(ctx, project, after, limit)
	return dead, describe(ctx, err)
}

// Replay makes dead letters due again: see Handling.
func (db *DB) Replay(ctx context.Context, project tenancy.ProjectID, function string, ids []int64) (int, error) {
	h, err := db.handling(project)
	if err != nil {
		return 0, err
	}
	n, err := h.Replay(ctx, project, function, ids)
	return n, describe(ctx, err)
}

// DeadTime is how long dead letters are kept.
const DeadTime = 14 * 24 * time.Hour
