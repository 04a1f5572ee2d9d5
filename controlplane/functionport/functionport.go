// Package functionport lets those who may deploy a project's functions reach what runs
// them, one function at a time and past the service definition (platform §2.13).
//
// In: HTTP calls under /functions/ with a platform token: deploy a function of a bundle
// that was uploaded, and invoke a function by its name. Out: what came of it, as JSON.
// Caller: controlplane hangs Handler beside the uploads.
//
// What a push says of a name counts until something else is deployed here, and from the
// next push on again. The APIs of a project call only what a push said.
package functionport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"time"

	"icehouse/controlplane/account"
	"icehouse/controlplane/definition"
	"icehouse/controlplane/elements"
	"icehouse/controlplane/functiondeploy"
	"icehouse/controlplane/problem"
	"icehouse/controlplane/project"
	"icehouse/controlplane/store"
	"icehouse/dataplane/connector/function"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
	"icehouse/tenancy/meter"
	"icehouse/tenancy/token"
)

// Port serves. All of it is needed.
type Port struct {
	Store     store.Store
	Accounts  *account.Service
	Projects  *project.Service
	Bundles   *functiondeploy.Service
	Functions functiondeploy.Runtime
	Now       func() time.Time
	Logger    *slog.Logger
}

const (
	maxDeploy = 64 << 10
	maxInvoke = 2*function.MaxEvent + 64<<10 // the event is text within JSON: quotes take two bytes
)

// Handler serves POST /functions/deploy/{project}, POST /functions/invoke/{project} and
// DELETE /functions/{project}/{name}.
func (p *Port) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /functions/deploy/{project}", p.serve(maxDeploy, p.deploy))
	mux.HandleFunc("POST /functions/invoke/{project}", p.serve(maxInvoke, p.invoke))
	mux.HandleFunc("DELETE /functions/{project}/{name}", p.serve(maxDeploy, func(context.Context, store.Project, []byte) (any, error) {
		return "Nothing was done: a function goes with the push that leaves it out.\n", nil
	}))
	return mux
}

// refusal is a call that the client can mend.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

func bad(format string, values ...any) error {
	return &refusal{http.StatusBadRequest, fmt.Sprintf(format, values...)}
}

// serve reads who calls and what they say, and answers.
func (p *Port) serve(limit int64, do func(context.Context, store.Project, []byte) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		of, err := p.mayDeploy(r)
		var body []byte
		if err == nil {
			body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
		}
		var answer any
		if err == nil {
			answer, err = do(r.Context(), of, body)
		}
		status := http.StatusOK
		if err != nil {
			var text string
			status, text = p.explain(r, err)
			answer = map[string]any{"success": false, "error": text}
		}
		if text, ok := answer.(string); ok {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = io.WriteString(w, text) // the client may be gone
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		out := json.NewEncoder(w)
		out.SetEscapeHTML(false)
		_ = out.Encode(answer)
	}
}

func (p *Port) explain(r *http.Request, err error) (status int, text string) {
	var refused *refusal
	var known *problem.Error
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &refused):
		return refused.status, refused.text
	case errors.As(err, &known):
		return http.StatusNotFound, known.Message
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge, fmt.Sprintf("the request has more than %d bytes", tooLarge.Limit)
	case r.Context().Err() != nil:
		return http.StatusServiceUnavailable, "the request ended"
	}
	p.Logger.ErrorContext(r.Context(), "a function could not be deployed or invoked", "project", r.PathValue("project"), "error", err)
	return http.StatusInternalServerError, "internal error"
}

// mayDeploy is the project of a call of someone who may push it. A stranger's is as one
// that is not there (LQ-30).
func (p *Port) mayDeploy(r *http.Request) (store.Project, error) {
	scheme, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	who, err := p.Accounts.Caller(r.Context(), strings.TrimSpace(bearer))
	var known *problem.Error
	switch {
	case errors.As(err, &known) || !strings.EqualFold(scheme, "bearer"):
		return store.Project{}, &refusal{http.StatusUnauthorized, "send the header Authorization: Bearer with a platform token"}
	case err != nil:
		return store.Project{}, err
	}
	if err := who.May(token.Manage); err != nil {
		return store.Project{}, &refusal{http.StatusForbidden, err.Error()}
	}
	return p.Projects.Get(r.Context(), who.Customer, r.PathValue("project"))
}

var namePattern = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// read reads a JSON object with the name of a function.
func read(body []byte, into any, name *string) error {
	if err := json.Unmarshal(body, into); err != nil {
		return bad("the body is no JSON object of the right form")
	}
	if !namePattern.MatchString(*name) {
		return bad("functionName is the name of a function: 1 to 64 letters, digits, hyphens and underscores")
	}
	return nil
}

func (p *Port) deploy(ctx context.Context, of store.Project, body []byte) (any, error) {
	var in struct{ ZipURL, HandlerPath, FunctionName string }
	if err := read(body, &in, &in.FunctionName); err != nil {
		return nil, err
	}
	if in.HandlerPath == "" {
		return nil, bad("handlerPath is the file of the bundle that runs the function, as in src/greet-dev.js")
	}
	hash, ok, err := p.Bundles.Bundle(ctx, of.ID, in.ZipURL)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, bad("zipUrl is no URL that a bundle of this project was uploaded to")
	}
	h := functiondeploy.Handler{URL: in.ZipURL, Hash: hash, Path: in.HandlerPath, Release: of.Release}
	scope, err := isolation.ForProject(of.ID, of.Placement)
	if err != nil {
		return nil, err
	}
	if err := p.Functions.Deploy(ctx, scope, p.Bundles.Code(of.ID, handler(in.FunctionName, h))); err != nil {
		var refused *function.Error
		if errors.As(err, &refused) {
			return nil, bad("%s", refused.Text)
		}
		return nil, err
	}
	err = p.Bundles.SetHandler(of.ID, in.FunctionName, h)
	if errors.Is(err, functiondeploy.ErrTooManyHandlers) {
		return nil, bad("%s", err)
	}
	return map[string]any{"success": true}, err
}

// handler is what was deployed here, as a function of a definition.
func handler(name string, h functiondeploy.Handler) definition.Function {
	return definition.Function{Name: name, Kind: definition.Resolver, Enabled: true, Code: &definition.Code{
		Path: h.Path, Bundle: &definition.External{URL: h.URL, Hash: h.Hash, DevHandler: h.Path},
	}}
}

// find is what a name stands for now.
func (p *Port) find(ctx context.Context, of store.Project, name string) (definition.Function, bool, error) {
	here, ok, err := p.Bundles.Handler(of.ID, name)
	if err != nil || ok && here.Release == of.Release {
		return handler(name, here), ok, err
	}
	if of.Release > 0 {
		served, err := elements.Served(ctx, p.Store, of)
		if err != nil {
			return definition.Function{}, false, err
		}
		for _, f := range served.Definition.Functions {
			if f.Name == name && f.Enabled && functiondeploy.Version(f) != "" {
				return f, true, nil
			}
		}
	}
	return handler(name, here), ok, nil
}

// invoked is the answer to an invocation.
type invoked struct {
	Success bool            `json:"success"`
	Error   string          `json:"error,omitempty"`
	Value   json.RawMessage `json:"value,omitempty"`
	Stdout  string          `json:"stdout"`
	Stderr  string          `json:"stderr"`
}

func (p *Port) invoke(ctx context.Context, of store.Project, body []byte) (any, error) {
	var in struct{ FunctionName, Input string }
	if err := read(body, &in, &in.FunctionName); err != nil {
		return nil, err
	}
	if !json.Valid([]byte(in.Input)) {
		return nil, bad("input is an event: JSON, as text")
	}
	f, ok, err := p.find(ctx, of, in.FunctionName)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, bad("there is no handler for the function '%s'", in.FunctionName)
	}
	if of.Exceeded.Invocations { // platform §4.9
		return nil, &refusal{http.StatusTooManyRequests, "the project has used up the function calls of its plan"}
	}
	scope, err := isolation.ForProject(of.ID, of.Placement)
	if err != nil {
		return nil, err
	}
	began := p.Now()
	out, err := p.call(ctx, scope, of.ID, f, []byte(in.Input))
	if usage := p.Store.AddUsage(ctx, []meter.Record{{Project: of.ID, From: began, To: p.Now(), Functions: 1}}); usage != nil && ctx.Err() == nil {
		p.Logger.WarnContext(ctx, "the call of a function was not counted", "project", of.ID, "error", usage)
	}
	var failed *function.Error
	switch {
	case errors.As(err, &failed):
		answer := invoked{Error: failed.Text}
		answer.said(failed.Logs)
		return answer, nil
	case err != nil:
		return nil, err
	}
	answer := invoked{Success: true, Value: out.Value}
	answer.said(out.Logs)
	return answer, nil
}

// call invokes a version. A push may have removed what it does not know of: it is there
// again after a deploy.
func (p *Port) call(ctx context.Context, scope isolation.Scope, of tenancy.ProjectID, f definition.Function, event []byte) (function.Output, error) {
	code := p.Bundles.Code(of, f)
	call := function.Call{Name: code.Name, Version: code.Version, Event: event}
	out, err := p.Functions.Invoke(ctx, scope, call)
	var failed *function.Error
	if !errors.As(err, &failed) || failed.Kind != function.NotFound {
		return out, err
	}
	if err := p.Functions.Deploy(ctx, scope, code); err != nil {
		return function.Output{}, err
	}
	return p.Functions.Invoke(ctx, scope, call)
}

// said sorts what was said by its stream; where streams have no names, all is stdout. An
// exception that is there as JSON says more than its text.
func (a *invoked) said(logs []function.Log) {
	for _, l := range logs {
		switch l.Key {
		case "error":
			a.Error = l.Text
		case "stderr":
			a.Stderr = l.Text
		default:
			a.Stdout = strings.TrimSpace(a.Stdout + "\n" + l.Text)
		}
	}
}
