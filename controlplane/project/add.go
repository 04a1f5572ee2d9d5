package project

import (
	"context"
	"errors"

	"icehouse/controlplane/definition"
	"icehouse/controlplane/deployment"
	"icehouse/controlplane/elements"
	"icehouse/controlplane/placement"
	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
	"icehouse/tenancy"
)

// New is what addProject asks for.
type New struct {
	Name, Alias string
	Region      string // "" for the default
	// Config is a definition. Without one the project is one of the console, with
	// the types of Schema beside User and File (platform §4.7).
	Config, Schema *string

	ejected bool
}

// defaultRegion is where projects are when nobody says otherwise.
const defaultRegion = "EU_WEST_1"

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
		n.Region = defaultRegion
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
