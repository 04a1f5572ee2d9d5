// Package schemaregistry says which release of which project serves.
//
// In: publications from migrationrun, withdrawals and changes from project. Out: what the
// data plane asks for: a project behind an id or alias (directory.Source) and
// the payload of a release. Whoever must know of a change is told after it is
// stored: onChange gets its id.
package schemaregistry

import (
	"context"
	"errors"
	"time"

	"icehouse/controlplane/store"
	"icehouse/tenancy"
	"icehouse/tenancy/directory"
)

// Registry publishes and finds releases.
type Registry struct {
	store    store.Store
	onChange func(tenancy.ProjectID)
}

var _ directory.Source = (*Registry)(nil)

// New makes a registry. onChange may be nil.
func New(s store.Store, onChange func(tenancy.ProjectID)) *Registry {
	if onChange == nil {
		onChange = func(tenancy.ProjectID) {}
	}
	return &Registry{store: s, onChange: onChange}
}

// Publish stores a release with the pointer to it, then tells of it.
func (r *Registry) Publish(ctx context.Context, project store.Project, p store.Publication) error {
	err := r.store.Publish(ctx, p)
	// An answer that was lost may have been a yes.
	r.onChange(project.ID)
	return err
}

// Withdraw takes a project out of service, then tells of it. It may be repeated.
func (r *Registry) Withdraw(ctx context.Context, project store.Project, at time.Time) error {
	err := r.store.Withdraw(ctx, project.ID, at)
	r.onChange(project.ID)
	return err
}

// Changed tells that a project lets others in than before: its root tokens changed.
func (r *Registry) Changed(project store.Project) { r.onChange(project.ID) }

// FindProject implements directory.Source: a project without a release is not
// there yet, or no longer.
func (r *Registry) FindProject(ctx context.Context, idOrAlias string) (directory.Entry, error) {
	p, err := r.store.Project(ctx, idOrAlias)
	if errors.Is(err, store.ErrNotFound) || err == nil && p.Release == 0 {
		return directory.Entry{}, tenancy.ErrUnknownProject
	}
	if err != nil {
		return directory.Entry{}, err
	}
	return directory.Entry{
		Project: p.ID, Alias: p.Alias, Placement: p.Placement, Release: p.Release,
		QueriesLocked: !p.AllowQueries, MutationsLocked: !p.AllowMutations, Exceeded: p.Exceeded,
	}, nil
}

// Release reads the payload of a release, for the data plane's schema cache.
func (r *Registry) Release(ctx context.Context, project tenancy.ProjectID, number int64) ([]byte, error) {
	payload, err := r.store.Payload(ctx, project, number)
	if errors.Is(err, store.ErrNotFound) {
		return nil, tenancy.ErrUnknownProject
	}
	return payload, err
}
