// Package controlplane is the façade of the room that manages accounts,
// projects and releases.
//
// In: a Config with what the room depends on. Out: a ControlPlane: the HTTP
// handlers of the system API and of uploads, and what the data plane asks for
// (which project, which release, whose token). Caller: cmd, which wires it and
// decides nothing.
package controlplane

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"runtime"
	"time"

	"icehouse/controlplane/account"
	"icehouse/controlplane/console"
	"icehouse/controlplane/deployment"
	"icehouse/controlplane/deployment/migrationrun"
	"icehouse/controlplane/functiondeploy"
	"icehouse/controlplane/functionport"
	"icehouse/controlplane/mail"
	"icehouse/controlplane/managementapi"
	"icehouse/controlplane/password"
	"icehouse/controlplane/placement"
	"icehouse/controlplane/project"
	"icehouse/controlplane/schemaregistry"
	"icehouse/controlplane/store"
	"icehouse/dataplane/connector/database"
	"icehouse/tenancy"
	"icehouse/tenancy/authn"
	"icehouse/tenancy/egress"
	"icehouse/tenancy/isolation"
	"icehouse/tenancy/token"
)

// Config is what the control plane depends on.
type Config struct {
	Store store.Store
	// Databases finds the database of a placement.
	Databases func(tenancy.Placement) (*database.DB, error)
	JWTSecret string // signs all tokens; at least 16 bytes
	// MasterToken lets its holder in as the first customer; "" lets anyone in
	// who can reach the system API (platform §4.7).
	MasterToken string
	// FunctionsURL is where clients reach FunctionsHandler, without a path.
	FunctionsURL string
	DataDir      string // keeps uploaded bundles
	UploadLimit  int64  // bytes of one bundle; 0: 250 MB
	// Functions make code callable; nil: it is stored, and does not run.
	Functions functiondeploy.Runtime
	Webhooks  egress.Policy // what those may call that run elsewhere
	// OnRelease is told after a project's release or its root tokens changed, or it
	// went away, or its name, alias or flags changed. It may wait until every process can
	// know (invalidation).
	OnRelease func(tenancy.ProjectID)
	// OnDue is told of a placement when functions have something to be told of that they
	// failed at before; nil: they find it by themselves.
	OnDue func(tenancy.Placement)
	// Mail brings mails on their way; nil where none is sent (package account).
	Mail         mail.Sender
	MailPause    time.Duration // before a mail is tried again, doubling; 0: 5 s
	MailLinks    string        // the page that takes mailed codes; "" for none
	SignUpClosed bool          // nobody signs up by themselves
	Proxies      int           // before this server, see managementapi.Config
	Limits       managementapi.Limits
	SweepPause   time.Duration // between two looks at which logs of functions grew old; 0: a minute
	// CopyNodes stores the nodes and edges of a project in another one (dataplane's
	// Copy); nil: projects are cloned without their data.
	CopyNodes func(ctx context.Context, from, to tenancy.ProjectID) error
	Plan      string           // of every project; "" for the free one (platform §4.9)
	Logger    *slog.Logger     // nil: slog.Default()
	Clock     func() time.Time // nil: time.Now
}

// ControlPlane is the room, ready to serve.
type ControlPlane struct {
	registry  *schemaregistry.Registry
	accounts  *account.Service
	projects  *project.Service
	functions *functiondeploy.Service
	port      *functionport.Port
	system    *managementapi.API
	runner    *migrationrun.Runner
	logger    *slog.Logger
	mails     *mail.Queue // nil where none is sent
	logs      store.FunctionLogs
	pause     time.Duration // before logs are swept again
	now       func() time.Time
}

// passwordWait is how long one waits for their password to be checked, when many sign
// in at once.
const passwordWait = 10 * time.Second

// deployWait is how long a deploy waits for another of the same project. It is
// shorter than a request may take, so that the one who waits gets an answer.
const deployWait = time.Minute

// NewPlacements lets an operator say where projects are, from a process of its own. Of
// the configuration it takes Store, Databases, OnRelease, Logger and Clock.
func NewPlacements(c Config) *placement.Service {
	registry := schemaregistry.New(c.Store, c.OnRelease)
	return &placement.Service{Store: c.Store, Now: c.Clock, Runner: c.runner(registry)}
}

func (c Config) runner(r *schemaregistry.Registry) *migrationrun.Runner {
	return &migrationrun.Runner{Store: c.Store, Databases: c.Databases, Publish: r.Publish, Changed: r.Changed, Logger: c.Logger, Wait: deployWait}
}

// New wires the room. Close it when nobody is served any more.
func New(c Config) (*ControlPlane, error) {
	if c.Store == nil || c.Databases == nil || c.FunctionsURL == "" || c.DataDir == "" {
		return nil, errors.New("controlplane: Store, Databases, FunctionsURL and DataDir are required")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Functions == nil {
		c.Functions = functiondeploy.None{}
	}
	tokens, err := token.NewKeys(c.JWTSecret, c.Clock)
	if err != nil {
		return nil, err
	}
	functions, err := functiondeploy.New(functiondeploy.Options{
		BaseURL: c.FunctionsURL, Dir: filepath.Join(c.DataDir, "bundles"), Secret: []byte(c.JWTSecret),
		Limit: c.UploadLimit, Now: c.Clock, Logger: c.Logger,
	})
	if err != nil {
		return nil, err
	}
	accounts := &account.Service{
		Store: c.Store, Tokens: tokens, MasterToken: c.MasterToken, Now: c.Clock,
		Passwords: password.New(runtime.GOMAXPROCS(0), passwordWait), Links: c.MailLinks, SignUpClosed: c.SignUpClosed,
	}
	registry := schemaregistry.New(c.Store, c.OnRelease)
	runner := c.runner(registry)
	deployer := &deployment.Deployer{
		Store: c.Store, Runner: runner, RootToken: accounts.NewRootToken,
		Bundle: functions.Bundle, Functions: c.Functions, Code: functions.Code, Webhooks: c.Webhooks, Logger: c.Logger, Now: c.Clock,
	}
	removeFiles := func(ctx context.Context, scope isolation.Scope) error {
		return errors.Join(c.Functions.Remove(ctx, scope), functions.Remove(scope.Project()))
	}
	projects := &project.Service{
		RemoveFiles: removeFiles,
		Store:       c.Store, Accounts: accounts, Deployer: deployer, Registry: registry, Runner: runner,
		CopyNodes: c.CopyNodes, Logger: c.Logger, Now: c.Clock,
	}
	system, err := managementapi.New(managementapi.Config{
		Store: c.Store, Accounts: accounts, Projects: projects, Deployer: deployer, Functions: functions,
		Console: &console.Service{Store: c.Store, Projects: projects, Deployer: deployer}, Plan: c.Plan,
		Logger: c.Logger, Limits: c.Limits, Proxies: c.Proxies, OnDue: c.OnDue,
	})
	if err != nil {
		return nil, err
	}
	port := &functionport.Port{Store: c.Store, Accounts: accounts, Projects: projects, Bundles: functions, Functions: c.Functions, Now: c.Clock, Logger: c.Logger}
	if c.Mail != nil { // last: it has to be closed
		accounts.Mail = mail.NewQueue(mail.Options{Letters: c.Store, Write: accounts.Write, Sender: c.Mail, Pause: c.MailPause, Now: c.Clock, Log: c.Logger})
	}
	return &ControlPlane{registry: registry, accounts: accounts, projects: projects, functions: functions, port: port, system: system, mails: accounts.Mail, runner: runner, logger: c.Logger,
		logs: c.Store, pause: cmp.Or(c.SweepPause, time.Minute), now: c.Clock}, nil
}

// Close ends what goes on beside requests.
func (p *ControlPlane) Close() error {
	if p.mails == nil {
		return nil
	}
	return p.mails.Close()
}

// Start makes the first customer and finishes deletions that were interrupted.
// Call it once before serving.
func (p *ControlPlane) Start(ctx context.Context) error {
	if _, err := p.accounts.First(ctx); err != nil {
		return fmt.Errorf("make the first customer: %w", err)
	}
	return p.projects.FinishDeletes(ctx)
}

// tidyEvery is how often Tidy looks.
const tidyEvery = 2 * time.Second

// Tidy finishes, until ctx ends, what deploys left whose process is gone: this one's
// before it was started anew, or another's. And it removes logs that grew old.
func (p *ControlPlane) Tidy(ctx context.Context) {
	tick, sweep := time.NewTicker(tidyEvery), time.NewTicker(p.pause)
	defer tick.Stop()
	defer sweep.Stop()
	for {
		if _, err := p.runner.FinishInterrupted(ctx); err != nil && ctx.Err() == nil {
			p.logger.WarnContext(ctx, "what an interrupted deploy left could not be finished", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-sweep.C:
			p.sweepLogs(ctx)
		}
	}
}

// sweepSteps is how much of the logs is removed at once: deploys that wait to be finished
// don't wait long for that.
const sweepSteps = 100

func (p *ControlPlane) sweepLogs(ctx context.Context) {
	for range sweepSteps {
		more, err := p.logs.SweepFunctionLogs(ctx, p.now())
		if err != nil && ctx.Err() == nil {
			p.logger.WarnContext(ctx, "what functions logged could not be tidied up", "error", err)
		}
		if err != nil || !more {
			return
		}
	}
}

// SystemHandler serves /system (platform §4.1).
func (p *ControlPlane) SystemHandler() http.Handler { return p.system }

// FunctionsHandler serves /functions/ (platform §2.13).
func (p *ControlPlane) FunctionsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/functions/files/", p.functions.Uploads())
	mux.Handle("/functions/", p.port.Handler())
	return mux
}

// Registry tells which release of which project serves: a directory.Source, and
// Release for the data plane's schema cache.
func (p *ControlPlane) Registry() *schemaregistry.Registry { return p.registry }

// Tokens reads and signs the installation's tokens.
func (p *ControlPlane) Tokens() *token.Keys { return p.accounts.Tokens }

// Grants are the rights to projects that can be taken back.
func (p *ControlPlane) Grants() authn.Grants { return p.accounts }
