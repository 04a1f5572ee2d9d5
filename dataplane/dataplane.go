// Package dataplane answers the requests of projects' APIs. It keeps no state
// of its own: what it knows of a project it reads from the directory and the
// releases, and may forget at any time.
//
//	transport -> directory.Lookup -> quota -> compiledschema.Cache -> operation
//	          -> authn -> planner -> dialect -> executor -> response
//
// Who asks (authn) is looked at where the answer depends on it.
//
// In: HTTP requests, a directory, published releases and databases. Out: HTTP
// answers. Callers: cmd wires New and serves Handler.
package dataplane

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/function"
	"icehouse/dataplane/internal/executor"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/internal/functionhook"
	"icehouse/dataplane/internal/operation"
	"icehouse/dataplane/internal/planner"
	"icehouse/dataplane/internal/response"
	"icehouse/dataplane/internal/transport"
	"icehouse/tenancy"
	"icehouse/tenancy/authn"
	"icehouse/tenancy/directory"
	"icehouse/tenancy/functionlog"
	"icehouse/tenancy/isolation"
	"icehouse/tenancy/meter"
	"icehouse/tenancy/quota"
	"icehouse/tenancy/token"
)

// Config is what the data plane needs. Zero values of bounds take defaults.
type Config struct {
	Directory *directory.Directory
	Releases  compiledschema.Releases
	// Database opens the placement's database; it is called for each request.
	Database func(tenancy.Placement) (*database.DB, error)
	// Tokens and Grants say who sends a request.
	Tokens *token.Keys
	Grants authn.Grants
	Meter  Meter // counts requests; nil: nobody does
	// Quota is what a project may take of this node.
	Quota quota.Limits
	Log   *slog.Logger
	Clock func() time.Time

	// Functions run those of projects, and reach the platform at Reach; nil: no functions
	// run here. FunctionLog keeps what they did; nil: nobody does.
	Functions   function.Invoker
	Reach       Addresses
	FunctionLog FunctionLog

	ExportSize int           // of an export's elements; default 10,000,000 (data-api §9.3)
	Timeout    time.Duration // of a request
	Proxies    int           // before this process (clientaddress)
	Mark       string        // stands in SQL for what may not be read; default random, as no client may know it
}

// What a process keeps of projects, and what a request may send.
const (
	schemaBytes   = 256 << 20
	documentBytes = 64 << 20
	planBytes     = 64 << 20
	bodyBytes     = 10 << 20 // data-api §5.4
	importBytes   = 12 << 20 // data-api §5.4
	exportSize    = 10_000_000
)

// region is the first part of request ids.
const region = "local"

// Meter counts what projects use. A *meter.Meter is one.
type Meter interface {
	Add(project tenancy.ProjectID, use meter.Use)
}

type noMeter struct{}

func (noMeter) Add(tenancy.ProjectID, meter.Use) {}

// Addresses are where functions reach the platform.
type Addresses = functionhook.Addresses

// FunctionLog keeps what functions did. A *functionlog.Log is one.
type FunctionLog = functionhook.Log

type noFunctionLog struct{}

func (noFunctionLog) Add(functionlog.Entry) {}

// noFunctions are those of a process without any.
type noFunctions struct{}

func (noFunctions) Invoke(context.Context, isolation.Scope, function.Call) (function.Output, error) {
	return function.Output{}, &function.Error{Kind: function.Unavailable, Text: "functions are switched off here"}
}

func (c *Config) complete() {
	if c.Functions == nil {
		c.Functions = noFunctions{}
	}
	if c.FunctionLog == nil {
		c.FunctionLog = noFunctionLog{}
	}
	if c.Meter == nil {
		c.Meter = noMeter{}
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.ExportSize == 0 {
		c.ExportSize = exportSize
	}
	if c.Mark == "" {
		c.Mark = "denied:" + rand.Text()
	}
}

// DataPlane serves projects.
type DataPlane struct {
	config    Config
	schemas   *compiledschema.Cache
	documents *operation.Cache
	plans     *otter.Cache[planKey, *planner.Plan]
	mark      string // of values that may not be read; nobody outside this process knows it
	quota     *quota.Counter
	functions *functionhook.Stage
}

// planKey is what a plan depends on. The document stands for project and
// release.
type planKey struct {
	document  uint64
	shape     string
	requester planner.Requester
	explains  bool // the plan knows why
}

// New makes a data plane.
func New(c Config) *DataPlane {
	c.complete()
	return &DataPlane{
		config:    c,
		mark:      c.Mark,
		quota:     quota.New(c.Quota, c.Clock),
		schemas:   compiledschema.NewCache(c.Releases, schemaBytes),
		functions: &functionhook.Stage{Functions: c.Functions, Tokens: c.Tokens, Addresses: c.Reach, Entries: c.FunctionLog, Clock: c.Clock},
		documents: operation.NewCache(operation.DefaultLimits(), documentBytes),
		plans: otter.Must(&otter.Options[planKey, *planner.Plan]{
			MaximumWeight: planBytes,
			Weigher:       func(k planKey, p *planner.Plan) uint32 { return p.Bytes() + uint32(len(k.shape)) }, //nolint:gosec // shapes are bounded by the body
		}),
	}
}

// Handler serves /simple/v1/ and /relay/v1/.
func (d *DataPlane) Handler() http.Handler {
	return transport.Handler((*pipeline)(d), transport.Options{
		BodyBytes:   bodyBytes,
		ImportBytes: importBytes,
		Timeout:     d.config.Timeout,
		Region:      region,
		Proxies:     d.config.Proxies,
		BatchSize:   8,
	}, d.config.Log)
}

// pipeline is the way of a request through the stages.
type pipeline DataPlane

func (p *pipeline) Project(ctx context.Context, idOrAlias string) (directory.Entry, error) {
	return p.config.Directory.Lookup(ctx, idOrAlias)
}

// Admit implements transport.Service.
func (p *pipeline) Admit(e directory.Entry, requests int) (*quota.Share, *transport.Refusal) {
	if e.Exceeded.Requests {
		return nil, &transport.Refusal{Fault: fault.New(fault.QueriesLocked,
			"Queries are not allowed for the project with id '%s': it has used up the requests of its plan. Reduce the traffic or upgrade the plan", e.Project)}
	}
	share, wait := p.quota.Enter(e.Project, requests)
	if share == nil {
		return nil, &transport.Refusal{After: wait, Fault: fault.New(fault.TooManyRequests, "The project '%s' gets more requests than it may. Please try again in a moment", e.Project)}
	}
	return share, nil
}

// Execute answers a request with the release that serves. One that meets the tables of
// a release that came meanwhile begins anew with that.
func (p *pipeline) Execute(ctx context.Context, c transport.Caller, r operation.Request) transport.Answer {
	use := meter.Use{
		Features: apiFeatures[c.API], Address: c.Address,
		Console: strings.Contains(c.Source, "console") || strings.Contains(c.Source, "dashboard"),
	}
	began := p.config.Clock()
	for current := false; ; {
		answer, outOfDate := p.execute(ctx, c, r, current, &use)
		if outOfDate == nil {
			p.config.Meter.Add(c.Project.Project, use)
			if took := p.config.Clock().Sub(began); took >= slow {
				p.config.Log.WarnContext(ctx, "a request was slow", "took", took, "project", c.Project.Project, "release", c.Project.Release, "operation", r.OperationName, "requestId", c.RequestID)
			}
			return answer
		}
		current = !p.newer(ctx, &c.Project) // then the failure has no such excuse
	}
}

// slow is how long a request takes that operators hear of (platform §10).
const slow = 2 * time.Second

var apiFeatures = map[transport.API]meter.Feature{transport.Simple: meter.Simple, transport.Relay: meter.Relay, transport.Permissions: meter.Simple}

// A release is published right after the tables are made for it (migrationrun), so
// that who meets the tables first waits for moments.
const (
	newerPause = 5 * time.Millisecond // doubles
	newerTime  = 3 * time.Second
)

// newer waits for a release behind the one that an entry names, or another placement.
// It is false when none comes, or the project is gone.
func (p *pipeline) newer(ctx context.Context, e *directory.Entry) bool {
	ctx, cancel := context.WithTimeout(ctx, newerTime)
	defer cancel()
	for pause := newerPause; ; pause = min(2*pause, 200*time.Millisecond) {
		p.config.Directory.Invalidate(e.Project)
		found, err := p.config.Directory.Lookup(ctx, string(e.Project))
		switch {
		case err == nil && (found.Release > e.Release || found.Placement != e.Placement):
			*e = found
			return true
		case errors.Is(err, tenancy.ErrUnknownProject):
			return false
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
	}
}

// execute answers with the release that the caller's entry names. The error is an
// *executor.OutOfDate; there is none when that release is known to be the current one.
func (p *pipeline) execute(ctx context.Context, c transport.Caller, r operation.Request, current bool, use *meter.Use) (transport.Answer, error) {
	schema, err := p.schemas.Get(ctx, c.Project.Project, c.Project.Release)
	if err != nil {
		return p.failed(ctx, c, err), nil
	}
	switch c.API {
	case transport.Relay:
		schema = schema.For(compiledschema.Relay)
	case transport.Permissions:
		if who, err := p.requester(ctx, c); err != nil || !who.Admin {
			return p.failed(ctx, c, cmp.Or(err, error(fault.New(fault.NotAllowed, "Insufficient Permissions")))), nil
		}
		schema = schema.For(compiledschema.Existential)
	}
	prepared, err := p.documents.Prepare(schema, r)
	if err != nil {
		return p.failed(ctx, c, err), nil
	}
	if f := locked(c.Project, prepared.Document.Operation.Operation); f != nil {
		return transport.Answer{Body: response.AppendEnvelope(nil, f, c.RequestID)}, nil
	}
	result, explained, err := p.run(ctx, c, schema, prepared, current, use)
	if err != nil {
		var outOfDate *executor.OutOfDate
		if errors.As(err, &outOfDate) {
			return transport.Answer{}, outOfDate
		}
		var literal *planner.LiteralError
		if errors.As(err, &literal) {
			err = p.documents.Recheck(schema, r, literal.Literal, literal.Cause)
		}
		return p.failed(ctx, c, err), nil
	}
	if len(result.Errors) == 0 {
		out := make([]byte, 0, len(result.Data)+len(`{"data":}`))
		return transport.Answer{Body: explained.add(append(append(append(out, `{"data":`...), result.Data...), '}'))}, nil
	}
	p.logUnexpected(ctx, c, result.Errors)
	return transport.Answer{Body: explained.add(response.AppendErrors(nil, result.Data, result.Errors, c.RequestID, func(field int) (int, int) {
		return operation.Locate(r.Query, field)
	}))}, nil
}

func locked(e directory.Entry, op ast.Operation) *fault.Fault {
	switch {
	case e.QueriesLocked && op != ast.Mutation:
		return fault.New(fault.QueriesLocked, "Queries are not allowed for the project with id '%s'", e.Project)
	case e.MutationsLocked && op == ast.Mutation:
		return fault.New(fault.MutationsLocked, "The project '%s' is currently in read-only mode. Please try again in a few minutes", e.Project)
	}
	return nil
}

// full refuses what may let a database grow that is larger than its plan allows
// (platform §4.9).
func full(e directory.Entry, deletes bool) error {
	if !e.Exceeded.Database || deletes {
		return nil
	}
	return fault.New(fault.MutationsLocked, "The project '%s' is currently in read-only mode, but for mutations that delete nodes: its database is larger than its plan allows. Delete data or upgrade the plan", e.Project)
}

// run plans and executes. The explanation is nil unless an admin asked for one.
func (p *pipeline) run(ctx context.Context, c transport.Caller, schema *compiledschema.Schema, prepared *operation.Prepared, current bool, use *meter.Use) (executor.Result, *explanation, error) {
	scope, err := c.Project.Scope()
	if err != nil {
		return executor.Result{}, nil, err
	}
	db, err := p.config.Database(c.Project.Placement)
	if err != nil {
		return executor.Result{}, nil, err
	}
	var who requester
	if !schema.Open() || prepared.Document.AsksUser || c.Explain || schema.API() == compiledschema.Existential { // else nothing depends on who asks
		if who, err = p.requester(ctx, c); err != nil {
			return executor.Result{}, nil, err
		}
	}
	t := &task{pipeline: p, db: db, scope: scope, schema: schema, prepared: prepared, who: who, explains: c.Explain && who.Admin}
	if t.explains && c.As != "" {
		t.who = somebody(c.As)
	}
	if err := t.makePlan(); err != nil {
		return executor.Result{}, nil, err
	}
	if prepared.Document.Operation.Operation == ast.Mutation {
		if err := full(c.Project, t.plan.Deletes); err != nil {
			return executor.Result{}, nil, err
		}
	}
	use.Features |= t.plan.Features
	use.PermissionQueries = t.plan.PermissionQueries
	if t.who.Admin || t.who.node != "" {
		use.Features |= meter.Authentication
	}
	functions := &functionhook.Request{
		Stage: p.functions, Project: c.Project, Schema: schema, RequestID: c.RequestID, Address: c.Address, Header: c.Header,
		Auth: func() *functionhook.Auth { return t.auth(c) },
		Nested: func() bool {
			claims, ok := p.config.Tokens.Read(c.Token, c.Project.Project)
			return ok && claims.IsTemporaryRoot() && claims.ProjectID == c.Project.Project
		},
	}
	defer func() { use.Functions += int(functions.Calls.Load()) }()
	result, err := executor.Run(ctx, executor.Request{
		DB: db, Scope: scope, Release: c.Project.Release, Plan: t.plan, Prepared: prepared, Now: p.config.Clock(), User: t.who.node, Planner: t, Current: current,
		Hooked:    t.planFor,
		Functions: functions,
	})
	if !t.explains || err != nil {
		return result, nil, err
	}
	return result, explain(t.who, schema.Open(), t.plan), nil
}

// task is one request on its way from its plan to its answer.
type task struct {
	*pipeline
	db       *database.DB
	scope    isolation.Scope
	schema   *compiledschema.Schema
	prepared *operation.Prepared
	who      requester
	explains bool
	plan     *planner.Plan // for who
}

// auth is who sends a request, for functions.
func (t *task) auth(c transport.Caller) *functionhook.Auth {
	switch {
	case t.who.node != "":
		return &functionhook.Auth{NodeID: t.who.node, TypeName: t.who.Type, Token: c.Token}
	case t.who.Admin:
		typeName, id := (&authn.Authenticator{Keys: t.config.Tokens}).Identity(c.Project.Project, c.Token)
		return &functionhook.Auth{NodeID: id, TypeName: typeName, Token: c.Token}
	default:
		return nil
	}
}

// Anonymous implements executor.Planner.
func (t *task) Anonymous() (*planner.Plan, error) {
	t.who = requester{}
	err := t.makePlan()
	return t.plan, err
}

// makePlan finds the plan for who asks, or makes it.
func (t *task) makePlan() (err error) {
	t.plan, err = t.planFor(nil)
	return err
}

// planFor is the plan for who asks and what hooks returned, if they have.
func (t *task) planFor(h *planner.Hooked) (*planner.Plan, error) {
	as := t.who.Requester.In(t.schema)
	key := planKey{t.prepared.Document.ID, t.prepared.Shape + h.Shape(), as, t.explains}
	if plan, ok := t.plans.GetIfPresent(key); ok {
		return plan, nil
	}
	plan, err := planner.Make(t.prepared, planner.Target{
		Dialect: t.db.Dialect(), Namespace: t.scope.Namespace(), Requester: as, Explain: t.explains, Mark: t.mark, Hooked: h,
		Queries: func(text string) (*operation.Document, error) { return t.documents.Permission(t.schema, text) },
	})
	if err == nil {
		t.plans.Set(key, plan)
	}
	return plan, err
}

// requester is who asks.
type requester struct {
	planner.Requester
	node string // the id of the node whose token was sent
}

func (p *pipeline) requester(ctx context.Context, c transport.Caller) (requester, error) {
	who, err := (*DataPlane)(p).who(ctx, c.Project.Project, c.Token)
	return requester{planner.Requester{Admin: who.Admin, Type: who.Type}, who.Node}, err
}

// who says whose token it is; nobody's without one.
func (d *DataPlane) who(ctx context.Context, project tenancy.ProjectID, token string) (authn.Requester, error) {
	if token == "" {
		return authn.Requester{}, nil
	}
	return (&authn.Authenticator{Keys: d.config.Tokens, Grants: d.config.Grants}).Requester(ctx, project, token)
}

// failed is the answer when nothing was executed.
func (p *pipeline) failed(ctx context.Context, c transport.Caller, err error) transport.Answer {
	var syntax *operation.SyntaxError
	var invalid *operation.Invalid
	switch {
	case errors.As(err, &syntax):
		return transport.Answer{Body: response.AppendSyntax(nil, syntax.Error())}
	case errors.As(err, &invalid):
		return transport.Answer{Body: response.AppendInvalid(nil, invalid.Errors, invalid.Code, c.RequestID)}
	case errors.Is(err, context.DeadlineExceeded):
		return transport.Answer{Body: response.AppendEnvelope(nil, fault.New(fault.TookTooLong, "The request took too long: it needed more time than the %s that a request may take.", p.config.Timeout), c.RequestID)}
	case errors.Is(err, context.Canceled):
		return transport.Answer{} // nobody is there to read it
	}
	f := fault.Of(err)
	if !f.Public() {
		p.config.Log.ErrorContext(ctx, "request failed", "error", err, "project", c.Project.Project, "release", c.Project.Release, "requestId", c.RequestID)
	}
	return transport.Answer{Body: response.AppendEnvelope(nil, f, c.RequestID), Broken: !f.Public()}
}

// logUnexpected logs what the client is not shown, once, here at the edge.
func (p *pipeline) logUnexpected(ctx context.Context, c transport.Caller, errs []response.Error) {
	for _, e := range errs {
		if !e.Fault.Public() {
			p.config.Log.ErrorContext(ctx, "field failed", "error", e.Fault.Cause, "path", e.Path, "project", c.Project.Project, "release", c.Project.Release, "requestId", c.RequestID)
		}
	}
}
