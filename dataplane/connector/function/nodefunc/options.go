// Package nodefunc runs functions in Node processes on this machine.
//
// In: bundles, which it unpacks; events. Out: what the functions return and print.
// Callers: cmd opens it where no cloud runs functions.
//
// A process belongs to one version of one project's function, runs one call at a time,
// and is kept for the next ones. Nothing of the server's environment reaches it. It is
// no sandbox: what the server's user may read, a function may read, too.
//
//	nodefunc.go  a call, from Open to Close     pool.go      who gets a process, who waits
//	versions.go  what is deployed               process.go   a process: frames and its end
//	host.js      what a process runs            output.go    what a process says
//	end_*.go     ending all that a process started
package nodefunc

import (
	"context"
	"time"

	"icehouse/tenancy"
)

// Sealer seals values for a project, each as something. A *secret.Sealer is one.
type Sealer interface {
	Seal(ctx context.Context, project tenancy.ProjectID, what string, value []byte) ([]byte, error)
	Open(ctx context.Context, project tenancy.ProjectID, what string, value []byte) ([]byte, error)
}

// Options say where functions live and what they may take. The zero of each but Dir is
// what Open's comment says.
type Options struct {
	// Dir holds what is deployed. One server at a time uses it.
	Dir string
	// Node is the path of Node, version 18 or later; "" looks for it where commands are.
	Node string
	// Memory is how many bytes a process may have.
	Memory int
	// Processes, PerProject and PerVersion are how many processes there may be. For calls
	// that functions wait for a project may have nestedPlaces times as many.
	Processes, PerProject, PerVersion int
	// Sealer seals what is kept of a version, its environment with it; nil: nobody does.
	Sealer Sealer
	// Idle is how long a process waits for another call.
	Idle time.Duration
}
