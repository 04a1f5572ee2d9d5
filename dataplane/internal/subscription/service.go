package subscription

import (
	"context"
	"time"

	"icehouse/dataplane/coercion"
	"icehouse/tenancy/directory"
)

// Service is what the protocols ask for: the event gateway is one.
type Service interface {
	// Project looks a project up by its id or alias. The error is
	// tenancy.ErrUnknownProject, or a failure that is nobody's fault.
	Project(ctx context.Context, idOrAlias string) (directory.Entry, error)
	// Start begins a subscription. It returns when the position is fixed: whatever
	// is committed after that, and all behind the request's cursor, reaches the sink,
	// in order, perhaps before Start has returned. It gives up when ctx ends, which is
	// not the context of the subscription. The error is a *Refusal.
	Start(ctx context.Context, r Request, sink Sink) (*Subscription, error)
}

// Request is what a client asks for.
type Request struct {
	Project       string // as it stands in the address
	Token         string // of the session's Authorization; "" for nobody
	RequestID     string // subscription:<session>:<id>, see data-api §4.3
	Query         string
	OperationName string
	Variables     *coercion.Given
	Cursor        string // of the last event that the client has; "" begins now
}

// Subscription is one that runs.
type Subscription struct {
	Cursor  string    // of its beginning
	Expires time.Time // of the token; zero: never
	Stop    func()    // ends it; the sink gets nothing after it has returned. Not needed after End, and harmless.
}

// Sink takes what happens to a subscription. Its methods may be called from any
// goroutine, one at a time, and do not wait for the client.
type Sink interface {
	// Next takes one result: {"data":...,"extensions":{"cursor":...}}, perhaps with errors.
	Next(result Result)
	// End says that nothing more will come.
	End(reason Refusal)
	// Busy says that much waits for the client already: who can, takes time.
	Busy() bool
}

// Result is one result, which many subscriptions may share.
type Result struct {
	JSON   []byte // never changed by anyone
	Cursor string
}

// Refusal says why a subscription does not begin, or ends.
type Refusal struct {
	Kind   RefusalKind
	Errors []Error // at least one
}

// Error is one entry of errors (data-api §5.3).
type Error struct {
	Message   string     `json:"message"`
	Code      int        `json:"code,omitempty"`
	Locations []Location `json:"locations,omitempty"`
}

// Location is a place in the client's text; the first line and column are 1.
type Location struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// RefusalKind is what clients do about it.
type RefusalKind uint8

// The kinds.
const (
	Invalid       RefusalKind = iota + 1 // the request is wrong
	SchemaChanged                        // the project was deployed again (data-api §4.7)
	Gap                                  // what lies behind the cursor is no longer kept
	Unavailable                          // try again
	Unknown                              // there is no such project
)

// Error is the first message.
func (r *Refusal) Error() string { return r.Errors[0].Message }
