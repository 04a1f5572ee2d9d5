package database

import (
	"context"
	"errors"
	"time"

	"icehouse/dataplane/relational"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

// Event is one change of one node, noted in the transaction that made it
// (platform §6.1).
type Event struct {
	Project tenancy.ProjectID
	Model   string // the type's name
	// Epoch is that of the stream, Position the event's place in it: 1, 2, 3 … without
	// gaps, in the order in which the transactions were committed.
	Epoch    string
	Position int64
	Kind     EventKind
	Node     string   // its id
	Given    []string // Updated: the columns that the statement set, system columns left out
	// Before is a JSON object with the row as it was before, column by column, in the
	// form in which the API shows values, without the columns that hold edges; nil for
	// Created.
	Before []byte
	// Edges is a JSON object with the ids of the partners that a deleted node had, a list
	// of at most MaxEdges for each relational.Link.EdgeKey; nil for others.
	Edges []byte
	At    time.Time // when it was noted
}

// EventKind is what happened to a node.
type EventKind uint8

// The kinds.
const (
	Created EventKind = iota + 1
	Updated
	Deleted
)

// MaxEdges is how many partners of one relation are noted when a node is deleted.
const MaxEdges = relational.MaxEdges

// ErrGap says that events behind a position are no longer kept, or never were.
var ErrGap = errors.New("database: the events are no longer kept")

// Stream is the events of one type of one project, from when somebody first asked
// for them. When nobody has for long it ends, and the next is another, with another
// Epoch.
type Stream struct {
	Epoch    string
	Position int64 // of the last event that has one
}

// Streamer is a Driver that notes what happens to nodes.
//
// Nothing is noted of a type, and nothing is done for it, until Listen is called.
type Streamer interface {
	// Listen sees to it that all changes of a type are noted that are committed from
	// when it returns until the time given, at least. ddl are the statements that make
	// the engine note them; they run when no stream runs. It fails with OutOfDate when
	// the place has gone beyond this release. It waits for
	// transactions that write to the table, and lets others go on meanwhile.
	Listen(ctx context.Context, scope isolation.Scope, release int64, model string, ddl []string, until time.Time) (Stream, error)
	// Extend is Listen for many streams of the database that run already. It returns
	// those that don't.
	Extend(ctx context.Context, streams []StreamID, until time.Time) (ended []StreamID, err error)
	// Events reads what is behind a position, in order, at most limit. It fails with
	// ErrGap when the epoch is another, or the next event is no longer kept.
	Events(ctx context.Context, scope isolation.Scope, model, epoch string, after int64, limit int) ([]Event, error)
	// Relay gives events their positions, and returns those that must be sent, for the
	// holder of the lease: see Turn.
	Relay(ctx context.Context, t Turn) (Relayed, error)
	// Tidy removes events that are older than keep, and ends streams that nobody
	// listens to. It takes the same time however many there are.
	Tidy(ctx context.Context, keep time.Duration) error
	// Quietly is Batch, of which nothing is noted: for what is no change of a node to
	// those who listen (an import).
	Quietly(ctx context.Context, scope isolation.Scope, statements []Statement) ([][]byte, error)
	// OnEvents sets what is called after a commit that noted events. It is set before
	// the first use and must not block.
	OnEvents(tell func())
}

// StreamID names a stream.
type StreamID struct {
	Project tenancy.ProjectID
	Model   string
	Epoch   string
}

// Turn is one turn of a relay. Of several relays of one database, one holds the lease.
type Turn struct {
	Holder string        // of the lease, or who wants it
	Lease  time.Duration // from now; a turn renews it
	Sent   int64         // what the holder has sent: Relayed.Last of an earlier turn; 0 when it has sent nothing yet
	Limit  int           // of events
}

// Relayed is what comes of a turn.
type Relayed struct {
	Events []Event // to be sent, in order; those of one stream are in the order of their positions
	Last   int64   // tells the next turn that they were sent
	Due    bool    // something may be due to functions
	More   bool    // there are more
	// Until is when the lease of another holder ends; zero when the lease is ours. Nothing
	// may be sent without it.
	Until time.Time
}

// errNoStreams says that a product notes nothing.
var errNoStreams = errors.New("database: this product does not note what happens to nodes")

func (db *DB) streamer() (Streamer, error) {
	s, ok := db.driver.(Streamer)
	if !ok {
		return nil, errNoStreams
	}
	return s, nil
}

// Listen sees to it that changes of a type are noted: see Streamer.
func (db *DB) Listen(ctx context.Context, scope isolation.Scope, release int64, listen relational.Listen, until time.Time) (Stream, error) {
	if err := scope.Valid(); err != nil {
		return Stream{}, err
	}
	s, err := db.streamer()
	if err != nil {
		return Stream{}, err
	}
	stream, err := s.Listen(ctx, scope, release, listen.Model, db.Dialect().Schema(scope.Namespace(), listen), until)
	return stream, describe(ctx, err)
}

// Extend keeps streams running: see Streamer.
func (db *DB) Extend(ctx context.Context, streams []StreamID, until time.Time) (ended []StreamID, err error) {
	s, err := db.streamer()
	if err != nil || len(streams) == 0 {
		return nil, err
	}
	ended, err = s.Extend(ctx, streams, until)
	return ended, describe(ctx, err)
}

// Events reads what is behind a position: see Streamer.
func (db *DB) Events(ctx context.Context, scope isolation.Scope, model, epoch string, after int64, limit int) ([]Event, error) {
	if err := scope.Valid(); err != nil {
		return nil, err
	}
	s, err := db.streamer()
	if err != nil {
		return nil, err
	}
	events, err := s.Events(ctx, scope, model, epoch, after, limit)
	if err != nil {
		return nil, describe(ctx, err)
	}
	return events, nil
}

// Relay makes one turn: see Streamer.
func (db *DB) Relay(ctx context.Context, t Turn) (Relayed, error) {
	s, err := db.streamer()
	if err != nil {
		return Relayed{}, err
	}
	out, err := s.Relay(ctx, t)
	return out, describe(ctx, err)
}

// Tidy removes what is old: see Streamer.
func (db *DB) Tidy(ctx context.Context, keep time.Duration) error {
	s, err := db.streamer()
	if err != nil {
		return err
	}
	return describe(ctx, s.Tidy(ctx, keep))
}

// OnEvents sets what is called after a commit that noted events: see Streamer.
func (db *DB) OnEvents(tell func()) error {
	s, err := db.streamer()
	if err == nil {
		s.OnEvents(tell)
	}
	return err
}

// Quietly is Batch, of which nothing is noted: see Streamer.
func (db *DB) Quietly(ctx context.Context, scope isolation.Scope, statements []Statement) ([][]byte, error) {
	s, err := db.streamer()
	if err != nil { // it notes nothing anyway
		return db.Batch(ctx, scope, statements)
	}
	if err := scope.Valid(); err != nil {
		return nil, err
	}
	defer db.wrote(scope.Project())
	out, err := s.Quietly(ctx, scope, statements)
	return out, describe(ctx, err)
}
