// Package function is the socket for what runs the functions of projects
// (platform §2.13).
//
// In: the code of a function, once for each version of it; events. Out: what the code
// returned, and what it said meanwhile. Callers: the control plane deploys and removes,
// the data plane and the workers invoke; they hold the portable Functions and never see
// a Driver. Functions that run elsewhere, at a URL, are invoked through the same call.
//
// A version names what runs: code, entry and environment. It never changes, and stays
// callable until it is removed, so that a deploy makes the next one callable beside the
// one that serves.
package function

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"icehouse/tenancy/isolation"
)

// What one invocation may take (platform §10), whatever runs it.
const (
	DefaultTimeout = 15 * time.Second
	DefaultMemory  = 512 << 20 // bytes
	MaxEvent       = 6 << 20   // bytes of the event
	MaxValue       = 6 << 20   // bytes of what is returned, as JSON
	MaxLog         = 4 << 10   // bytes of what is kept of each stream; the last ones
)

// Code is one version of a function that the platform runs.
type Code struct {
	Name    string // platform §1.6
	Version string // 1 to 64 letters and digits
	// Entry is the module inside the bundle that exports the function, a path with
	// slashes: src/greet.js.
	Entry string
	// Environment is what the module finds in process.env.
	Environment map[string]string
	// Bundle opens the zip archive that has the module and what it requires.
	Bundle func(context.Context) (Bundle, error)
}

// Bundle is an open zip archive.
type Bundle interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Webhook is a function that runs elsewhere (platform §2.10).
type Webhook struct {
	URL     string
	Headers map[string]string
	// Secret signs what is sent, as Standard Webhooks writes it; "": it is not signed.
	Secret string
}

// Call is one invocation: of a version that was deployed, or of a webhook.
type Call struct {
	Name    string
	Version string
	Webhook *Webhook
	Event   []byte // JSON
	// Nested says that a function waits for this call: one that should not wait for its
	// turn behind functions that wait, too.
	Nested bool
	// ID is the same for each attempt to deliver the same event; "" when there is one.
	ID string
}

// Output is what came of an invocation.
type Output struct {
	// Value is what was returned, as JSON; nil when it was nothing: undefined, or an
	// answer without a body. A webhook's answer is not known to be JSON.
	Value []byte
	Logs  []Log
}

// Log is something that the code said: a line of Lambda's by its time, or the whole of a
// stream by its name (platform §2.11).
type Log struct{ Key, Text string }

// Kind is what went wrong with an invocation.
type Kind uint8

// The kinds. Where the contract has one code for several, they differ in what the log
// says.
const (
	NotFound    Kind = iota + 1 // no such version is deployed
	Crashed                     // it threw, exited, or could not be loaded
	TimedOut                    // it took too long and was ended
	TooLarge                    // the event or the value has too many bytes
	OutOfMemory                 // it needed more than it may have
	Busy                        // the product can't take the call now
	Unavailable                 // the product did not answer
	BadStatus                   // a webhook answered with another status than 2xx
	Unreachable                 // a webhook's URL can't be used, or nobody answered there
)

// Error is an invocation that failed. Cause is for operators; everything else may be
// shown to the function's owner.
type Error struct {
	Kind   Kind
	Text   string // what happened, with the stack of an exception
	Status int    // of BadStatus
	Body   []byte // of BadStatus: the answer
	Header http.Header
	Logs   []Log // what was said before
	Cause  error
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Text + ": " + e.Cause.Error()
	}
	return e.Text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Features say what differs between products, and why.
type Features struct {
	Product string
	// Files says that a function's files stay where its process can write to them until
	// the process ends; else only the temporary directory can be written to.
	Files bool
}

// Invoker invokes functions.
type Invoker interface {
	// Invoke runs a function once. It ends the run when ctx ends. Errors are *Error or
	// the context's.
	Invoke(context.Context, isolation.Scope, Call) (Output, error)
}

// Driver is a product that runs code.
type Driver interface {
	Invoker
	Features() Features
	// Deploy makes a version callable. Of one that is callable already it does nothing.
	// The error of code that can't be run at all is an *Error with a text for its owner.
	Deploy(context.Context, isolation.Scope, Code) error
	// Remove forgets all versions of a project's functions but those that are kept.
	Remove(ctx context.Context, scope isolation.Scope, keep []Version) error
	Close() error
}

// Version names one version of one function.
type Version struct{ Name, Version string }

// Functions are the portable functions: they refuse what not every product could take,
// and limit time.
type Functions struct {
	code     Driver
	webhooks Invoker
}

// Open wraps the driver of a product and what calls webhooks. Without a driver, code is
// refused.
func Open(code Driver, webhooks Invoker) *Functions { return &Functions{code, webhooks} }

// Features says what the product that runs code can do.
func (f *Functions) Features() Features {
	if f.code == nil {
		return Features{}
	}
	return f.code.Features()
}

// Close ends the product.
func (f *Functions) Close() error {
	if f.code == nil {
		return nil
	}
	return f.code.Close()
}

// noCode is the error of code where no product runs it.
func noCode() error {
	return &Error{Kind: Unavailable, Text: "this installation runs no code, only webhooks"}
}

var (
	names    = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)
	versions = regexp.MustCompile(`^[a-zA-Z0-9]{1,64}$`)
)

func (v Version) valid() error {
	if !names.MatchString(v.Name) || !versions.MatchString(v.Version) {
		return fmt.Errorf("function %s has no name or version: %s", strconv.Quote(v.Name), strconv.Quote(v.Version))
	}
	return nil
}

// Deploy makes a version callable, see Driver.
func (f *Functions) Deploy(ctx context.Context, scope isolation.Scope, c Code) error {
	if err := cmp.Or(scope.Valid(), (Version{c.Name, c.Version}).valid()); err != nil {
		return err
	}
	if f.code == nil {
		return noCode()
	}
	if err := f.code.Deploy(ctx, scope, c); err != nil {
		return fmt.Errorf("deploy the function %s: %w", c.Name, err)
	}
	return nil
}

// Remove forgets versions, see Driver.
func (f *Functions) Remove(ctx context.Context, scope isolation.Scope, keep ...Version) error {
	if err := scope.Valid(); err != nil {
		return err
	}
	if f.code == nil {
		return nil
	}
	return f.code.Remove(ctx, scope, keep)
}

// Invoke runs a function once, for at most DefaultTimeout. Errors are *Error, or the
// context's when that ended before.
func (f *Functions) Invoke(ctx context.Context, scope isolation.Scope, c Call) (Output, error) {
	if err := scope.Valid(); err != nil {
		return Output{}, err
	}
	if len(c.Event) > MaxEvent {
		return Output{}, &Error{Kind: TooLarge, Text: fmt.Sprintf("the event has %d bytes, of at most %d", len(c.Event), MaxEvent)}
	}
	by := Invoker(f.code)
	switch err := (Version{c.Name, c.Version}).valid(); {
	case c.Webhook != nil:
		by = f.webhooks
	case f.code == nil:
		return Output{}, noCode()
	case err != nil:
		return Output{}, err
	}
	limited, cancel := context.WithTimeout(ctx, DefaultTimeout)
	defer cancel()
	out, err := by.Invoke(limited, scope, c)
	var known *Error
	switch {
	case ctx.Err() != nil:
		return out, ctx.Err()
	case err == nil && len(out.Value) > MaxValue:
		return out, &Error{Kind: TooLarge, Text: fmt.Sprintf("the function returned %d bytes, of at most %d", len(out.Value), MaxValue), Logs: out.Logs}
	case err == nil || errors.As(err, &known):
		return out, err
	case limited.Err() != nil:
		return out, &Error{Kind: TimedOut, Text: fmt.Sprintf("the function took longer than %s", DefaultTimeout), Cause: err}
	default:
		return out, &Error{Kind: Unavailable, Text: "the function could not be run", Cause: err}
	}
}
