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
	"icehouse/controlplane/project"
	"icehouse/controlplane/store"
	"icehouse/dataplane/coercion"
)

// Config is what the API needs. All are required but Limits.
type Config struct {
	Store     store.Store
	Accounts  *account.Service
	Projects  *project.Service
	Deployer  *deployment.Deployer
	Functions *functiondeploy.Service
	Console   *console.Service
	Logger    *slog.Logger
	Limits    Limits
	Plan      string // that every project has; default 2017-02-free (platform §4.9)
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

// caller is who sent a request. The customer is looked up once, by the first
// resolver that needs one.
type caller struct {
	token    string
	api      *API
	customer *store.Customer
}

type callerKey struct{}

// customer is the caller's account; 2001 without one.
func customer(ctx context.Context) (store.Customer, error) {
	c := ctx.Value(callerKey{}).(*caller)
	if c.customer == nil {
		found, err := c.api.Accounts.Caller(ctx, c.token)
		if err != nil {
			return store.Customer{}, err
		}
		c.customer = &found
	}
	return *c.customer, nil
}
