// Package placement says which database holds which project (platform §7.2).
//
// In: what an operator says of the databases, and which projects are to move. Out: where
// a new project goes. Callers: project, when it makes one; cmd, for the operator.
package placement

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"icehouse/controlplane/deployment/migrationrun"
	"icehouse/controlplane/store"
	"icehouse/tenancy"
)

// ErrFull says that no database takes another project.
var ErrFull = errors.New("no database has room for another project: open one, add one, or raise a capacity")

// LeastFull picks where a project goes: of the open databases with room that are in the
// region, or else of all, the one with the most room for its capacity. It is never
// except.
func LeastFull(ctx context.Context, s store.Placements, region string, except tenancy.Placement) (tenancy.Placement, error) {
	all, err := s.Placements(ctx)
	if err != nil {
		return "", err
	}
	all = slices.DeleteFunc(all, func(p store.Placement) bool { return !p.Open || p.Projects >= p.Capacity || p.Name == except })
	if len(all) == 0 {
		return "", ErrFull
	}
	best := slices.MinFunc(all, func(a, b store.Placement) int {
		return cmp.Or(elsewhere(a, region)-elsewhere(b, region), cmp.Compare(fullness(a), fullness(b)), cmp.Compare(a.Name, b.Name))
	})
	return best.Name, nil
}

func elsewhere(p store.Placement, region string) int {
	if p.Region == region {
		return 0
	}
	return 1
}

func fullness(p store.Placement) float64 { return float64(p.Projects) / float64(p.Capacity) }

// Service is what an operator may do.
type Service struct {
	Store  store.Store
	Runner *migrationrun.Runner
	Now    func() time.Time
}

// List lists all databases by name.
func (s *Service) List(ctx context.Context) ([]store.Placement, error) {
	return s.Store.Placements(ctx)
}

var validName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// regions are those that projects can be in (platform §4.6).
var regions = []string{"EU_WEST_1", "US_WEST_2", "AP_NORTHEAST_1"}

func check(p store.Placement) error {
	switch {
	case !validName.MatchString(string(p.Name)):
		return fmt.Errorf("placement %q: want a name of lower-case letters, digits and -, at most 63", p.Name)
	case !slices.Contains(regions, p.Region):
		return fmt.Errorf("region %q: want one of %v", p.Region, regions)
	case p.Capacity < 1:
		return fmt.Errorf("capacity %d: want at least 1", p.Capacity)
	case p.Name == tenancy.DefaultPlacement && (p.URL != "" || p.ReaderURL != ""):
		return errors.New("the placement default is the platform's own database: its processes are told where that is")
	case p.Name != tenancy.DefaultPlacement && p.URL == "":
		return errors.New("a placement needs the URL of its database")
	}
	return nil
}

// Add makes another database known. The caller has looked whether it is there.
func (s *Service) Add(ctx context.Context, p store.Placement) error {
	if err := check(p); err != nil {
		return err
	}
	p.CreatedAt = s.Now().UTC().Truncate(time.Millisecond)
	err := s.Store.AddPlacement(ctx, p)
	if errors.Is(err, store.ErrNameTaken) {
		return fmt.Errorf("there is a placement %q already", p.Name)
	}
	return err
}

// Change changes what is known of a database. Processes that use it find it where it was
// until they are started anew.
func (s *Service) Change(ctx context.Context, name tenancy.Placement, change func(*store.Placement)) (store.Placement, error) {
	p, err := s.get(ctx, name)
	if err != nil {
		return p, err
	}
	change(&p)
	if err := check(p); err != nil {
		return p, err
	}
	return p, s.Store.ChangePlacement(ctx, p)
}

func (s *Service) get(ctx context.Context, name tenancy.Placement) (store.Placement, error) {
	all, err := s.Store.Placements(ctx)
	if err != nil {
		return store.Placement{}, err
	}
	for _, p := range all {
		if p.Name == name {
			return p, nil
		}
	}
	return store.Placement{}, fmt.Errorf("there is no placement %q", name)
}

// Remove forgets a database that holds no project and takes none.
func (s *Service) Remove(ctx context.Context, name tenancy.Placement) error {
	p, err := s.get(ctx, name)
	switch {
	case err != nil:
		return err
	case name == tenancy.DefaultPlacement:
		return errors.New("the placement default is the platform's own database and stays; close it when no projects shall come")
	case p.Open:
		return fmt.Errorf("the placement %q takes new projects: close it first", name)
	}
	err = s.Store.RemovePlacement(ctx, name)
	if errors.Is(err, store.ErrInUse) {
		return fmt.Errorf("the placement %q holds %d projects: move them first", name, p.Projects)
	}
	return err
}

// Move brings a project to a placement; "" is the least full of the others. It returns
// where the project is.
func (s *Service) Move(ctx context.Context, idOrAlias string, to tenancy.Placement, tell func(string)) (tenancy.Placement, error) {
	p, err := s.Store.Project(ctx, idOrAlias)
	if errors.Is(err, store.ErrNotFound) || err == nil && p.Withdrawn {
		return "", fmt.Errorf("there is no project %q", idOrAlias)
	}
	if err != nil {
		return "", err
	}
	if to == "" {
		if to, err = LeastFull(ctx, s.Store, p.Region, p.Placement); err != nil {
			return p.Placement, err
		}
	} else if _, err := s.get(ctx, to); err != nil {
		return p.Placement, err
	}
	if p.Placement == to {
		return to, fmt.Errorf("the project is at %q already", to)
	}
	if err := s.Runner.Move(ctx, p.ID, to, tell); err != nil {
		return p.Placement, err
	}
	return to, nil
}
