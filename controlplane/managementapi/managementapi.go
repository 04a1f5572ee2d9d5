// Package managementapi is the system API: the GraphQL API that the command line
// and the console use to manage projects (platform §4). It is the only transport
// of the control plane.
//
//	HTTP -> request -> gqlparser: limits, parse, validate -> coercion: variables
//	     -> graphql-go: execute -> present -> HTTP
//
// In: requests of anyone. Out: JSON. The schema is a text (system.graphql), from which
// both libraries have their types: gqlparser validates, graphql-go executes. It never
// sees a document that gqlparser has not found valid, since some documents kill it
// (ADR: GraphQL libraries). Resolvers are listed by type and field; a field without
// one, or one without a field, is an error when the API is built.
//
// Resolvers decide nothing: they ask account, project, console, deployment and
// functiondeploy, with the caller they belong to.
package managementapi

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/graphql-go/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/controlplane/account"
	"icehouse/controlplane/console"
	"icehouse/controlplane/deployment"
	"icehouse/controlplane/functiondeploy"
	"icehouse/controlplane/problem"
	"icehouse/controlplane/project"
	"icehouse/controlplane/store"
	"icehouse/dataplane/coercion"
	"icehouse/tenancy"
	"icehouse/tenancy/token"
)

// Config is what the API needs. All are required but Limits and Proxies.
type Config struct {
	Store     store.Store
	Accounts  *account.Service
	Projects  *project.Service
	Deployer  *deployment.Deployer
	Functions *functiondeploy.Service
	Console   *console.Service
	Logger    *slog.Logger
	// OnDue is told that functions have something to be told of; nil: nobody is.
	OnDue  func(tenancy.Placement)
	Limits Limits
	Plan   string // that every project has; default 2017-02-free (platform §4.9)
	// Proxies is how many servers of the operator's stand before this one, each of which
	// appends to X-Forwarded-For the address that it was asked from.
	Proxies int
}

// Limits bound a request; zero values mean the defaults.
type Limits struct {
	Body    int64         // bytes; default 48 MiB: definitions travel in variables
	Query   int           // bytes of the document; default 256 KiB
	Tokens  int           // of the document; default 2,000
	Depth   int           // of selections, fragments expanded; default 20
	Expand  int           // selections with fragments expanded; default 5,000
	Timeout time.Duration // default 120 s (platform §4.1)
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	if l.Body <= 0 {
		l.Body = 48 << 20
	}
	if l.Timeout <= 0 {
		l.Timeout = 120 * time.Second
	}
	set(&l.Query, 256<<10)
	set(&l.Tokens, 2000)
	set(&l.Depth, 20)
	set(&l.Expand, 5000)
	return l
}

// API answers requests. It is an http.Handler.
type API struct {
	Config
	schema graphql.Schema
	sdl    *ast.Schema
	text   string // of sdl
	types  coercion.Types
}

// New builds the schema.
func New(c Config) (*API, error) {
	c.Limits = c.Limits.withDefaults()
	c.Plan = cmp.Or(c.Plan, "2017-02-free")
	a := &API{Config: c}
	if err := a.buildSchema(); err != nil {
		return nil, fmt.Errorf("build the system API's schema: %w", err)
	}
	a.types = coercion.FromSchema(a.sdl)
	return a, nil
}

// SDL is the schema as text.
func (a *API) SDL() string { return a.text }

// caller is who sent a request. They are looked up once, by the first resolver that
// needs to know.
type caller struct {
	token   string
	address string // that the request came from
	request string // its id
	api     *API
	who     *account.Caller
	project tenancy.ProjectID // that the running mutation is about
	logs    int               // bytes of functions' logs that the answer has
}

type (
	callerKey struct{}
	scopeKey  struct{}
)

// signedIn is the caller; 2001 without one. what must be allowed by the scopes of their
// token; "" asks for none.
func signedIn(ctx context.Context, what token.Scope) (account.Caller, error) {
	c := ctx.Value(callerKey{}).(*caller)
	if c.who == nil {
		found, err := c.api.Accounts.Caller(ctx, c.token)
		if err != nil {
			return account.Caller{}, err
		}
		c.who = &found
	}
	if what != "" {
		if err := c.who.May(what); err != nil {
			return account.Caller{}, err
		}
	}
	return *c.who, nil
}

// customer is the caller's account. Their token must allow what the running mutation
// does, or reading.
func customer(ctx context.Context) (store.Customer, error) {
	what, running := ctx.Value(scopeKey{}).(token.Scope)
	if !running {
		what = token.Read
	}
	who, err := signedIn(ctx, what)
	return who.Customer, err
}

// becomes changes who the rest of an operation runs for.
func becomes(ctx context.Context, who *account.Caller) { ctx.Value(callerKey{}).(*caller).who = who }

// from is the address that a request came from.
func from(ctx context.Context) string { return ctx.Value(callerKey{}).(*caller).address }

func notYours() error { return &problem.Error{Message: "This belongs to another account"} }
