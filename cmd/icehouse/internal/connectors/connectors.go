// Package connectors is the list of what is in the box: which products stand
// behind the sockets, and how the planes hang on them.
//
// In: a complete config.Config and the addresses that the process listens on.
// Out: Planes, the HTTP surfaces of the process's role; everything opened is
// pushed to the caller's closers. Callers: server.
package connectors

import (
	"context"
	"net/http"

	"icehouse/tenancy/functionlog"
)

// Addresses are the base URLs under which this process is reached.
type Addresses struct {
	API       string
	Functions string // "" when the role takes no uploads
}

// Planes are the surfaces of one process; those of other roles are nil.
type Planes struct {
	System    http.Handler // the management API
	Functions http.Handler // uploads of functions
	Data      http.Handler // the projects' APIs
	// Subscriptions is the projects' Subscriptions API; EndSubscriptions ends its sessions.
	Subscriptions    http.Handler
	EndSubscriptions func(context.Context) error
	// Tidy finishes, until its context ends, what others left undone.
	Tidy func(context.Context)
	// FunctionLog takes what functions log, in roles that run them.
	FunctionLog *functionlog.Log
	// Relay relays events until its context ends.
	Relay func(context.Context)
	// Handle tells functions of events until its context ends.
	Handle func(context.Context)
	// Count hands over what was counted, until its context ends and once more then.
	Count func(context.Context)
}
