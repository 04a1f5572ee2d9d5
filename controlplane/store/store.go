// Package store is where the platform remembers accounts, projects, releases and
// running deploys.
//
// In: values of the types below. Out: the same, or one of the errors below.
// Every method is one transaction: it happens whole or not at all. Callers:
// account, project, deployment, schemaregistry. Each engine has a package beside
// this one, and all pass storetest; those of SQL share sqlstore.
package store

import (
	"context"
	"errors"
	"time"

	"icehouse/tenancy"
	"icehouse/tenancy/directory"
	"icehouse/tenancy/meter"
)

// Errors of a store. Test with errors.Is. Anything else is a broken store.
var (
	// ErrNotFound says that there is no such row.
	ErrNotFound = errors.New("store: not found")
	// ErrNameTaken says that the owner has a project of this name, or the project a
	// root token.
	ErrNameTaken = errors.New("store: project name taken")
	// ErrAliasTaken says that another project has this alias.
	ErrAliasTaken = errors.New("store: alias taken")
	// ErrAliasIsID says that the alias is the id of a project, or the other way
	// round.
	ErrAliasIsID = errors.New("store: alias is a project id")
	// ErrLocked says that another deploy of the project is running.
	ErrLocked = errors.New("store: deploy running")
	// ErrLockLost says that the caller no longer holds the project's lock, or
	// that the project changed under it.
	ErrLockLost = errors.New("store: deploy lock lost")
)

// Customer is an account.
type Customer struct {
	ID                   string
	Name, Email          string // the e-mail address as account.Email brings it to one form
	Source               string
	PasswordHash         string // "" when no password opens it
	CreatedAt, UpdatedAt time.Time
}

// Project is one tenant, as the platform knows it.
type Project struct {
	ID        tenancy.ProjectID
	Name      string
	Alias     string // "" when it has none
	Owner     string // a customer's id
	Placement tenancy.Placement
	Region    string
	// Release is the number of the release that serves; 0 before the first and
	// once the project is withdrawn.
	Release        int64
	AllowQueries   bool
	AllowMutations bool
	Exceeded       directory.Exceeded // limits of its plan
	Ejected        bool
	Withdrawn      bool // being deleted
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// Seat is a customer's place in a project.
type Seat struct {
	ID        string
	Project   tenancy.ProjectID
	Customer  string
	Owner     bool
	Status    string // JOINED; invitations have others
	CreatedAt time.Time
}

// Joined is the status of a seat that counts.
const Joined = "JOINED"

// RootToken is a permanent token of a project (platform §1.10).
type RootToken struct {
	ID        string
	Project   tenancy.ProjectID
	Name      string
	Token     string
	CreatedAt time.Time
}

// Release is one deployed definition. It never changes once it is stored.
type Release struct {
	Project    tenancy.ProjectID
	Number     int64
	Definition []byte // definition.Encode
	Payload    []byte // compiledschema.EncodeRelease
	CreatedAt  time.Time
}

// Publication is what becomes visible together when a deploy is done.
type Publication struct {
	Release      Release
	Previous     int64       // the release that served until now; 0 for the first
	Holder       string      // holds the project's lock
	AddTokens    []RootToken // after RemoveTokens; a name that is there keeps its token
	RemoveTokens []string    // names
	Unfinished   bool        // the deploy's record stays: something is to be done behind it
}

// Store keeps the platform's rows.
//
// To add an engine of SQL: write its migrations (same logical schema, see package
// migrations) and a sqlstore.Engine, which says the queries in its words and maps its
// constraint failures to the errors above; keep deploy locks by the engine's own clock
// where several processes share it, and run storetest.Suite.
type Store interface {
	Accounts
	Placements
	FunctionLogs
	Sealing

	// EnsureCustomer returns the oldest customer. When there is none it stores
	// c first; of several callers at once one wins and all get the same.
	EnsureCustomer(ctx context.Context, c Customer) (Customer, error)
	// Customer finds an account by id.
	Customer(ctx context.Context, id string) (Customer, error)

	// AddProject stores a project without a release and its owner's seat.
	AddProject(ctx context.Context, p Project, owner Seat) error
	// Project finds a project by id or alias; the id wins. Withdrawn projects
	// are found by id only.
	Project(ctx context.Context, idOrAlias string) (Project, error)
	// ProjectsOf lists the projects in which a customer has a seat, oldest
	// first, without withdrawn ones.
	ProjectsOf(ctx context.Context, customer string) ([]Project, error)
	// Seat finds a customer's seat in a project.
	Seat(ctx context.Context, project tenancy.ProjectID, customer string) (Seat, error)
	// Eject marks a project as ejected. It may be repeated.
	Eject(ctx context.Context, project tenancy.ProjectID, at time.Time) error
	// Withdraw takes a project out of service at once and frees its name and
	// alias. It may be repeated.
	Withdraw(ctx context.Context, project tenancy.ProjectID, at time.Time) error
	// Withdrawn lists the projects whose deletion has begun, oldest first.
	Withdrawn(ctx context.Context) ([]Project, error)
	// RemoveWithdrawn forgets a withdrawn project and all its rows here.
	RemoveWithdrawn(ctx context.Context, project tenancy.ProjectID) error

	// Release reads one release.
	Release(ctx context.Context, project tenancy.ProjectID, number int64) (Release, error)
	// Payload reads only what the data plane needs of a release.
	Payload(ctx context.Context, project tenancy.ProjectID, number int64) ([]byte, error)
	// Publish stores a release, lets the project point at it, changes its root
	// tokens and clears the deploy's record, unless it is Unfinished. ErrLockLost when the holder lost
	// the lock or Previous no longer serves.
	Publish(ctx context.Context, p Publication) error
	// AddRootToken stores a permanent token. ErrNameTaken when the project has one of
	// this name.
	AddRootToken(ctx context.Context, t RootToken) error
	// RemoveRootToken forgets a permanent token of a project. ErrNotFound when the
	// project has none with this id.
	RemoveRootToken(ctx context.Context, project tenancy.ProjectID, id string) error
	// RootToken finds a permanent token by its id.
	RootToken(ctx context.Context, id string) (RootToken, error)
	// RootTokens lists a project's permanent tokens, oldest first.
	RootTokens(ctx context.Context, project tenancy.ProjectID) ([]RootToken, error)

	// Lock takes the project's deploy lock for ttl and returns the record that
	// an interrupted deploy left, or nil. ErrLocked when another holder has it.
	Lock(ctx context.Context, project tenancy.ProjectID, holder string, ttl time.Duration) (record []byte, err error)
	// Extend keeps the lock for another ttl. ErrLockLost when it is gone.
	Extend(ctx context.Context, project tenancy.ProjectID, holder string, ttl time.Duration) error
	// Interrupted lists the projects with a record whose lock nobody keeps any more.
	Interrupted(ctx context.Context) ([]tenancy.ProjectID, error)
	// Record remembers what the deploy set out to do; nil forgets it.
	// ErrLockLost when the lock is gone.
	Record(ctx context.Context, project tenancy.ProjectID, holder string, record []byte) error
	// Unlock gives the lock back and keeps a record, if there is one. It may be
	// repeated.
	Unlock(ctx context.Context, project tenancy.ProjectID, holder string) error

	// AddUsage keeps what projects used, whether they are still there or not.
	AddUsage(ctx context.Context, records []meter.Record) error
	// Usage lists what a project used in times that ended after since, in their order.
	Usage(ctx context.Context, project tenancy.ProjectID, since time.Time) ([]meter.Record, error)

	// Close releases what the store opened.
	Close() error
}
