package functionhook

import (
	"context"
	"net/http"
	"time"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/function"
	"icehouse/dataplane/internal/fault"
	"icehouse/tenancy/directory"
	"icehouse/tenancy/functionlog"
	"icehouse/tenancy/token"
)

// Log keeps what functions did. A *functionlog.Log is one.
type Log interface{ Add(functionlog.Entry) }

// Stage calls functions. Functions, Tokens and Addresses are needed.
type Stage struct {
	Functions function.Invoker
	Tokens    *token.Keys
	Addresses Addresses
	Entries   Log
	Clock     func() time.Time
}

// call is one call of a function.
type call struct {
	project   directory.Entry
	function  *compiledschema.Function
	requestID string
	address   string // of the client; "" for hooks and events, which have no header either
	header    http.Header
	auth      *Auth
	eventID   string // of an event that the function is told of
	nested    bool   // a function waits for it
	data      []byte // JSON
	// accept looks at what was returned. What it refuses is a failure.
	accept func(returned) error
}

// do calls a function and notes it. Errors are *fault.Fault or the context's.
func (s *Stage) do(ctx context.Context, c call) error {
	if c.project.Exceeded.Invocations { // platform §4.9
		return fault.New(fault.FunctionFailed, "The function '%s' was not called: the project has used up the function calls of its plan. Upgrade the plan", c.function.Name)
	}
	scope, err := c.project.Scope()
	if err != nil {
		return err
	}
	pat, err := s.Tokens.TemporaryRoot(c.project.Project)
	if err != nil {
		return err
	}
	event, logged, err := s.context(c, pat).encode(c.data)
	if err != nil {
		return err
	}
	invoke := function.Call{Name: c.function.Name, Version: c.function.Version, Event: event, ID: c.eventID, Nested: c.nested}
	if hook := c.function.Webhook; hook != nil {
		secret, err := s.Tokens.WebhookSecret(c.project.Project)
		if err != nil {
			return err
		}
		invoke.Webhook = &function.Webhook{URL: hook.URL, Headers: hook.Headers, Secret: secret}
	}
	e := entry{call: c, began: s.Clock(), event: logged, tokens: []string{pat}}
	if c.auth != nil {
		e.tokens = append(e.tokens, c.auth.Token)
	}
	out, err := s.Functions.Invoke(ctx, scope, invoke)
	e.took = s.Clock().Sub(e.began)
	switch {
	case ctx.Err() != nil:
		e.failed("The request ended before the function did.", nil)
		err = ctx.Err()
	case err != nil:
		e.invocationFailed(err)
		err = failure(err, c.function, c.requestID)
	case c.eventID != "" && c.function.Webhook != nil && !isObject(out.Value):
		e.heard(out.Value)
	default:
		var r returned
		r, err = read(out, c.function.Webhook == nil, c.requestID)
		if err == nil {
			err = c.accept(r)
		}
		e.returned(out, r, err)
	}
	s.Entries.Add(e.entry())
	if c.eventID != "" {
		err = e.hide(err)
	}
	return err
}

func (s *Stage) context(c call, pat string) eventContext {
	out := eventContext{
		Request: eventRequest{SourceIP: c.address, Headers: headersFor(c.header), Method: "post"},
		Graphcool: eventProject{
			ProjectID: c.project.Project, ServiceID: c.project.Project, PAT: pat, RootToken: pat, Endpoints: s.Addresses.of(c.project.Project),
		},
		Auth: c.auth,
	}
	if c.eventID != "" {
		out.Request.Headers[idHeader] = c.eventID
	}
	if c.project.Alias != "" {
		out.Graphcool.Alias = &c.project.Alias
	}
	return out
}
