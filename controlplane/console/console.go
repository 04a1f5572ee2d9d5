// Package console changes projects step by step, as the web console of 2017 did:
// a type here, a field there, a permission (platform §4.7).
//
// In: a customer, a project that was never ejected and a change of its Draft. Out:
// the project with a new release: a draft is a definition, which is deployed as any
// other is. Ejected projects are refused: their definition is a file that somebody
// keeps. Caller: managementapi.
//
//	release -> Draft -> change -> definition -> deployment.Deployer
//
// A change is made on what serves; when somebody else was faster it is made again on
// what serves then.
package console

import (
	"context"
	"errors"

	"icehouse/controlplane/definition"
	"icehouse/controlplane/deployment"
	"icehouse/controlplane/elements"
	"icehouse/controlplane/problem"
	"icehouse/controlplane/project"
	"icehouse/controlplane/store"
	"icehouse/dataplane/datamodel"
)

// Service edits projects.
type Service struct {
	Store    store.Store
	Projects *project.Service
	Deployer *deployment.Deployer
}

// attempts is how often a change is made again because somebody else was faster.
const attempts = 10

// errMoved says that a project has another release than the draft began with.
var errMoved = errors.New("console: the project has changed")

// Edit changes a project and returns it with its new release.
func (s *Service) Edit(ctx context.Context, customer store.Customer, idOrAlias string, change func(*Draft) error) (store.Project, error) {
	for range attempts {
		p, err := s.edit(ctx, customer, idOrAlias, change)
		if !errors.Is(err, errMoved) {
			return p, err
		}
	}
	return store.Project{}, busy()
}

func (s *Service) edit(ctx context.Context, customer store.Customer, idOrAlias string, change func(*Draft) error) (store.Project, error) {
	p, err := s.Projects.Get(ctx, customer, idOrAlias)
	if err != nil {
		return store.Project{}, err
	}
	if p.Ejected {
		return store.Project{}, ejected(p)
	}
	d, err := s.draft(ctx, p)
	if err != nil {
		return store.Project{}, err
	}
	if err := change(d); err != nil {
		return store.Project{}, err
	}
	result, err := s.deploy(ctx, p, d.definition(), deployment.Request{Force: true, Customer: customer.ID})
	if err != nil {
		return store.Project{}, err
	}
	if len(result.Errors) > 0 {
		return store.Project{}, result.Errors.FirstErr()
	}
	p, err = s.Projects.Get(ctx, customer, string(p.ID))
	p.Release = result.Release // whatever others have deployed since
	return p, err
}

func (s *Service) draft(ctx context.Context, p store.Project) (*Draft, error) {
	snap, err := elements.Load(ctx, s.Store, p)
	if err != nil {
		return nil, err
	}
	return newDraft(snap, func(r *datamodel.Relation) (bool, error) { return s.Projects.HasEdges(ctx, p, snap.Release.Layout, r) }), nil
}

// deploy deploys what was made of a project's release, unless another serves when
// the deploy's turn has come: errMoved.
func (s *Service) deploy(ctx context.Context, p store.Project, def *definition.Definition, r deployment.Request) (*deployment.Result, error) {
	deployer := *s.Deployer
	deployer.Store = onlyOn{deployer.Store, p.Release}
	return deployer.Deploy(ctx, p, def, r)
}

// onlyOn is a store in which a project is only found on one release. A deploy looks
// for the project under its lock, so nothing can come between.
type onlyOn struct {
	store.Store
	release int64
}

func (s onlyOn) Project(ctx context.Context, idOrAlias string) (store.Project, error) {
	p, err := s.Store.Project(ctx, idOrAlias)
	if err == nil && !p.Withdrawn && (p.Ejected || p.Release != s.release) {
		return store.Project{}, errMoved
	}
	return p, err
}

func ejected(p store.Project) error {
	return &problem.Error{Message: "The project '" + p.Name + "' is ejected: its definition is changed in its files and deployed with `graphcool deploy`."}
}

func busy() error {
	return &problem.Error{Message: "Others are changing this project all the time. Try again later."}
}
