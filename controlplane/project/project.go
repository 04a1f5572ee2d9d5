// Package project makes, finds and deletes projects.
//
// In: a customer and what they ask for. Out: projects that the customer has a
// seat in; 4000 for all others, as if they were not there (LQ-30). Caller:
// managementapi.
package project

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"time"

	"icehouse/controlplane/account"
	"icehouse/controlplane/definition"
	"icehouse/controlplane/deployment"
	"icehouse/controlplane/deployment/migrationrun"
	"icehouse/controlplane/elements"
	"icehouse/controlplane/problem"
	"icehouse/controlplane/schemaregistry"
	"icehouse/controlplane/store"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

// Service answers for projects.
type Service struct {
	Store    store.Store
	Accounts *account.Service
	Deployer *deployment.Deployer
	Registry *schemaregistry.Registry
	Runner   *migrationrun.Runner
	// RemoveFiles forgets what a project uploaded, and the code of its functions.
	RemoveFiles func(context.Context, isolation.Scope) error
	// CopyNodes stores the nodes and edges of a project in another one; nil when this
	// process has no data plane.
	CopyNodes func(ctx context.Context, from, to tenancy.ProjectID) error
	Logger    *slog.Logger
	Now       func() time.Time
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

var (
	validName  = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9\-_ ]{0,63}$`)
	validAlias = regexp.MustCompile(`^[a-zA-Z0-9\-_]{1,64}$`)
)

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

// Update changes a project; an empty alias removes it.
func (s *Service) Update(ctx context.Context, p store.Project, c store.ProjectChange) (store.Project, error) {
	if c.Name != nil && !validName.MatchString(*c.Name) {
		return store.Project{}, problem.ProjectName(*c.Name)
	}
	if c.Alias != nil && *c.Alias != "" && !validAlias.MatchString(*c.Alias) {
		return store.Project{}, problem.AliasInvalid(*c.Alias)
	}
	changed, err := s.Store.ChangeProject(ctx, p.ID, c, s.now())
	s.Registry.Changed(p) // after an error too: it may have been done
	name, alias := p.Name, p.Alias
	if c.Name != nil {
		name = *c.Name
	}
	if c.Alias != nil {
		alias = *c.Alias
	}
	if errors.Is(err, store.ErrNotFound) {
		return store.Project{}, problem.NoService(string(p.ID))
	}
	return changed, clash(err, name, alias)
}

// clash says which of a project's names is another's.
func clash(err error, name, alias string) error {
	switch {
	case errors.Is(err, store.ErrNameTaken):
		return problem.NameTaken(name)
	case errors.Is(err, store.ErrAliasTaken):
		return problem.AliasTaken(alias)
	case errors.Is(err, store.ErrAliasIsID):
		return problem.AliasIsID(alias)
	}
	return err
}
