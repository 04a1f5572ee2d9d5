package store

import (
	"context"
	"errors"
	"time"

	"icehouse/tenancy"
)

// ErrInUse says that projects are there.
var ErrInUse = errors.New("store: placement holds projects")

// Placement is a database that holds projects (platform §7.2).
type Placement struct {
	Name   tenancy.Placement
	Region string
	// URL is where it is; "" for the platform's own database. ReaderURL is where it is
	// read when that may be moments behind; "" for nowhere else.
	URL, ReaderURL string
	Capacity       int64 // how many projects fill it; at least 1
	Open           bool  // new projects may come
	CreatedAt      time.Time

	Projects int64 // that it holds; only read
}

// Placements are where projects are.
type Placements interface {
	// Placements lists all by name. There is tenancy.DefaultPlacement from the
	// beginning.
	Placements(ctx context.Context) ([]Placement, error)
	// AddPlacement stores another one. ErrNameTaken when there is one of this name.
	AddPlacement(ctx context.Context, p Placement) error
	// ChangePlacement stores what is said of one now. ErrNotFound.
	ChangePlacement(ctx context.Context, p Placement) error
	// RemovePlacement forgets one that holds no project, not even a withdrawn one.
	// ErrInUse, ErrNotFound.
	RemovePlacement(ctx context.Context, name tenancy.Placement) error
	// Relocate says that a project's rows are at another placement now. ErrLockLost
	// when the holder lost the project's deploy lock, the project is not at from any
	// more, or there is no such other placement.
	Relocate(ctx context.Context, project tenancy.ProjectID, holder string, from, to tenancy.Placement, at time.Time) error
}
