// Package project makes, finds and deletes projects.
//
// In: a customer and what they ask for. Out: projects that the customer has a
// seat in; 4000 for all others, as if they were not there (LQ-30). Caller:
// managementapi.
package project

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"icehouse/controlplane/account"
	"icehouse/controlplane/definition"
	"icehouse/controlplane/deployment"
	"icehouse/controlplane/deployment/migrationrun"
	"icehouse/controlplane/elements"
	"icehouse/controlplane/placement"
	"icehouse/controlplane/problem"
	"icehouse/controlplane/schemaregistry"
	"icehouse/controlplane/store"
	"icehouse/tenancy"
)

// Service answers for projects.
type Service struct {
	Store    store.Store
	Accounts *account.Service
	Deployer *deployment.Deployer
	Registry *schemaregistry.Registry
	Runner   *migrationrun.Runner
	// RemoveFiles forgets what a project uploaded.
	RemoveFiles func(tenancy.ProjectID) error
	// CopyNodes stores the nodes and edges of a project in another one; nil when this
	// process has no data plane.
	CopyNodes func(ctx context.Context, from, to tenancy.ProjectID) error
	Logger    *slog.Logger
	Now       func() time.Time
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// New is what addProject asks for.
type New struct {
	Name, Alias string
	Region      string // "" for the default
	// Config is a definition. Without one the project is one of the console, with
	// the types of Schema beside User and File (platform §4.7).
	Config, Schema *string

	ejected bool
}

// DefaultRegion is where projects are when nobody says otherwise.
const DefaultRegion = "EU_WEST_1"

var (
	validName  = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9\-_ ]{0,63}$`)
	validAlias = regexp.MustCompile(`^[a-zA-Z0-9\-_]{1,64}$`)
)

// Add makes a project and publishes its first release. A definition that can't
// be deployed makes no project: 2040.
func (s *Service) Add(ctx context.Context, customer store.Customer, n New) (store.Project, *deployment.Result, error) {
	def, warnings, err := n.definition()
	if err != nil {
		return store.Project{}, nil, err
	}
	p, result, err := s.add(ctx, customer, n, def)
	if err == nil {
		result.Warnings = append(warnings, result.Warnings...)
	}
	return p, result, err
}

// Clone makes a project with the types and permissions of another, and with its data
// if that is asked for. Root tokens, functions and seats are its own (platform §3.8).
func (s *Service) Clone(ctx context.Context, customer store.Customer, of store.Project, name string, data bool) (store.Project, error) {
	if data && s.CopyNodes == nil {
		return store.Project{}, &problem.Error{Message: "This server clones projects without their data. Clone with includeData: false, then export the data of the one and import it into the other."}
	}
	snap, err := elements.Served(ctx, s.Store, of)
	if err != nil {
		return store.Project{}, err
	}
	p, _, err := s.add(ctx, customer, New{Name: name, Region: of.Region, ejected: of.Ejected}, snap.Definition.Clone())
	if err != nil || !data {
		return p, err
	}
	if err := s.CopyNodes(ctx, of.ID, p.ID); err != nil {
		s.abandon(ctx, p)
		return store.Project{}, &problem.Error{Message: "The data could not be copied; nothing was cloned. When others write to the project at the same time, try again.", Cause: err}
	}
	return p, nil
}

// add makes a project with a definition that is read already.
func (s *Service) add(ctx context.Context, customer store.Customer, n New, def *definition.Definition) (store.Project, *deployment.Result, error) {
	if !validName.MatchString(n.Name) {
		return store.Project{}, nil, problem.ProjectName(n.Name)
	}
	if n.Alias != "" && !validAlias.MatchString(n.Alias) {
		return store.Project{}, nil, problem.AliasInvalid(n.Alias)
	}
	if n.Region == "" {
		n.Region = DefaultRegion
	}
	where, err := placement.LeastFull(ctx, s.Store, n.Region, "")
	if errors.Is(err, placement.ErrFull) {
		return store.Project{}, nil, &problem.Error{Message: "This installation has no room for another project.", Cause: err}
	}
	if err != nil {
		return store.Project{}, nil, err
	}
	now := s.now()
	p := store.Project{
		ID: tenancy.ProjectID(tenancy.NewID()), Name: n.Name, Alias: n.Alias, Owner: customer.ID,
		Placement: where, Region: n.Region, AllowQueries: true, AllowMutations: true,
		Ejected: n.ejected || n.Config != nil, CreatedAt: now, UpdatedAt: now,
	}
	request := deployment.Request{Force: true, Customer: customer.ID}
	dry := request
	dry.DryRun = true
	if result, err := s.Deployer.Deploy(ctx, p, def, dry); err != nil {
		return store.Project{}, nil, err
	} else if len(result.Errors) > 0 {
		return store.Project{}, nil, result.Errors.Err()
	}
	seat := store.Seat{ID: tenancy.NewID(), Project: p.ID, Customer: customer.ID, Owner: true, Status: store.Joined, CreatedAt: now}
	if err := clash(s.Store.AddProject(ctx, p, seat), n.Name, n.Alias); err != nil {
		return store.Project{}, nil, err
	}
	result, err := s.Deployer.Deploy(ctx, p, def, request)
	if err == nil && len(result.Errors) > 0 {
		err = result.Errors.Err()
	}
	if err != nil {
		s.abandon(ctx, p)
		return store.Project{}, nil, err
	}
	p, err = s.Store.Project(ctx, string(p.ID))
	return p, result, err
}

func (n New) definition() (*definition.Definition, []string, error) {
	if n.Config == nil {
		types := ""
		if n.Schema != nil {
			types = *n.Schema
		}
		return definition.Legacy(types), nil, nil
	}
	def, warnings, problems := definition.Load(*n.Config)
	if len(problems) > 0 {
		return nil, nil, problems.Err()
	}
	return def, warnings, nil
}

// abandon removes a project that never came to life.
func (s *Service) abandon(ctx context.Context, p store.Project) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := s.remove(ctx, p); err != nil {
		s.Logger.WarnContext(ctx, "a project that could not be made is not removed yet", "project", p.ID, "error", err)
	}
}

// Get finds a project by id or alias.
func (s *Service) Get(ctx context.Context, customer store.Customer, idOrAlias string) (store.Project, error) {
	p, _, err := s.get(ctx, customer, idOrAlias)
	return p, err
}

func (s *Service) get(ctx context.Context, customer store.Customer, idOrAlias string) (store.Project, store.Seat, error) {
	p, err := s.Find(ctx, idOrAlias)
	if err != nil {
		return store.Project{}, store.Seat{}, err
	}
	seat, ok, err := s.Accounts.Seat(ctx, p.ID, customer.ID)
	if err != nil {
		return store.Project{}, store.Seat{}, err
	}
	if !ok {
		return store.Project{}, store.Seat{}, problem.NoService(idOrAlias)
	}
	return p, seat, nil
}

// Find finds a project for a caller who proves their right in another way than
// by a seat.
func (s *Service) Find(ctx context.Context, idOrAlias string) (store.Project, error) {
	return deployment.Find(ctx, s.Store, idOrAlias)
}

// List lists the projects of a customer, oldest first.
func (s *Service) List(ctx context.Context, customer store.Customer) ([]store.Project, error) {
	return s.Store.ProjectsOf(ctx, customer.ID)
}

// AddRootToken makes a permanent token for a project.
func (s *Service) AddRootToken(ctx context.Context, customer store.Customer, p store.Project, name string) (store.RootToken, error) {
	if name == "" || len(name) > 1000 || strings.ContainsRune(name, 0) || !utf8.ValidString(name) {
		return store.RootToken{}, &problem.Error{Message: "The name of a root token has 1 to 1000 bytes, none of them NUL."}
	}
	token, err := s.Accounts.NewRootToken(p.ID, name, customer.ID)
	if err != nil {
		return store.RootToken{}, err
	}
	err = s.Store.AddRootToken(ctx, token)
	s.Registry.Changed(p) // after an error too: it may have been done
	if errors.Is(err, store.ErrNameTaken) {
		return store.RootToken{}, problem.RootTokenTaken(name)
	}
	return token, err
}

// RootToken finds a permanent token by its id; 2000 unless it is one of a project in
// which the customer has a seat, so that a stranger's is as one that is not there
// (LQ-30).
func (s *Service) RootToken(ctx context.Context, customer store.Customer, id string) (store.RootToken, error) {
	if strings.ContainsRune(id, 0) || !utf8.ValidString(id) {
		return store.RootToken{}, problem.NoRootToken(id)
	}
	token, err := s.Store.RootToken(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return store.RootToken{}, problem.NoRootToken(id)
	}
	if err != nil {
		return store.RootToken{}, err
	}
	_, ok, err := s.Accounts.Seat(ctx, token.Project, customer.ID)
	if err == nil && !ok {
		err = problem.NoRootToken(id)
	}
	if err != nil {
		return store.RootToken{}, err
	}
	return token, nil
}

// DeleteRootToken takes a permanent token back; 2000 as RootToken.
func (s *Service) DeleteRootToken(ctx context.Context, customer store.Customer, id string) (store.Project, error) {
	token, err := s.RootToken(ctx, customer, id)
	if err != nil {
		return store.Project{}, err
	}
	p, err := s.Get(ctx, customer, string(token.Project))
	if err != nil {
		return store.Project{}, err
	}
	err = s.Store.RemoveRootToken(ctx, p.ID, id)
	s.Registry.Changed(p) // after an error too: it may have been done
	if errors.Is(err, store.ErrNotFound) {
		err = problem.NoRootToken(id)
	}
	return p, err
}

// Delete takes a project out of service, then removes its rows and files. Only
// its owner may. The last project of an account may go too (LQ-29).
func (s *Service) Delete(ctx context.Context, customer store.Customer, idOrAlias string) (tenancy.ProjectID, error) {
	p, seat, err := s.get(ctx, customer, idOrAlias)
	if err != nil {
		return "", err
	}
	if !seat.Owner {
		return "", problem.OwnerOnly()
	}
	return p.ID, s.remove(ctx, p)
}

// remove runs in this order so that nobody is served from a place that is going:
// withdraw, tell, drop, forget. FinishDeletes goes on where it stopped.
func (s *Service) remove(ctx context.Context, p store.Project) error {
	if err := s.Registry.Withdraw(ctx, p, s.Now()); err != nil {
		return err
	}
	// A deploy or a move that is running ends first: it can't publish any more, and must
	// not make tables again that are gone.
	return s.Runner.Alone(ctx, p.ID, func(ctx context.Context) error {
		now, err := s.Store.Project(ctx, string(p.ID))
		if errors.Is(err, store.ErrNotFound) {
			now = p // it never came to life
		} else if err != nil {
			return err
		}
		scope, db, err := s.Runner.Place(now.ID, now.Placement)
		if err != nil {
			return err
		}
		if err := db.Drop(ctx, scope); err != nil {
			return fmt.Errorf("drop the project's tables: %w", err)
		}
		if err := s.RemoveFiles(p.ID); err != nil {
			return err
		}
		return s.Store.RemoveWithdrawn(ctx, p.ID)
	})
}

// FinishDeletes removes what is left of projects whose deletion was interrupted.
func (s *Service) FinishDeletes(ctx context.Context) error {
	left, err := s.Store.Withdrawn(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range left {
		errs = append(errs, s.remove(ctx, p))
	}
	return errors.Join(errs...)
}

// Eject takes a project out of the console's hands, for good: from then on its
// definition is deployed. 2061 when it has what no definition can say.
func (s *Service) Eject(ctx context.Context, p store.Project) error {
	return s.Runner.With(ctx, p.ID, func(ctx context.Context, _ *migrationrun.Locked) error {
		p, err := s.Find(ctx, string(p.ID))
		if err != nil || p.Ejected {
			return err
		}
		snap, err := elements.Served(ctx, s.Store, p)
		if err != nil {
			return err
		}
		for _, f := range snap.Definition.Functions {
			if f.Kind == definition.PreWrite {
				return problem.New(problem.CodeCannotEject, "The project cannot be ejected: the function '%s' has the binding PRE_WRITE, which no definition can have.", f.Name)
			}
		}
		err = s.Store.Eject(ctx, p.ID, s.Now())
		s.Registry.Changed(p) // after an error too: it may have been done
		return err
	})
}
