package connectors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"icehouse/cmd/icehouse/internal/config"
	"icehouse/cmd/icehouse/internal/rungroup"
	"icehouse/controlplane/store"
	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/database/postgresdb"
	"icehouse/dataplane/connector/database/sqlitedb"
	"icehouse/dataplane/invalidation"
	"icehouse/tenancy"
)

// databases are those that hold the rows of projects. The platform's own is open from the
// beginning, another when it is first asked for.
type databases struct {
	config config.Config
	store  store.Store
	tell   func(tenancy.ProjectID) // of writes; nil: nobody can hear it
	events func(tenancy.Placement) // says that events were committed

	flight singleflight.Group
	mu     sync.RWMutex
	opened map[tenancy.Placement]*database.DB
}

// openTime is how long the first request to a database waits for it to open.
const openTime = 15 * time.Second

// openDatabases opens the platform's own. Processes tell each other what they write where
// they can.
func openDatabases(ctx context.Context, c config.Config, p products, log *slog.Logger, closers *rungroup.Closers) (*databases, error) {
	d := &databases{config: c, store: p.store, events: p.events.Committed, opened: map[tenancy.Placement]*database.DB{}}
	shared := p.messages.Features().Shared
	if shared {
		d.tell = p.announcer.Written
	}
	var db *database.DB
	var err error
	if folder := c.SQLiteFolder(); folder != "" {
		db, err = sqlitedb.Open(sqlitedb.Config{Folder: filepath.Join(folder, "projects")})
	} else {
		db, err = d.open(ctx, c.DatabaseURL, c.DatabaseReaderURL)
	}
	if err != nil {
		return nil, err
	}
	if err := d.add(tenancy.DefaultPlacement, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	closers.Push("projects' databases", d.close)
	if shared && c.Role.Has(config.Data) {
		unheard, err := invalidation.WatchWrites(p.messages, log, d.wrote)
		if err != nil {
			return nil, err
		}
		closers.Push("writes of others", func() error { unheard(); return nil })
	}
	return d, nil
}

func (d *databases) open(ctx context.Context, url, readerURL string) (*database.DB, error) {
	return postgresdb.Open(ctx, postgresdb.Config{URL: url, ReaderURL: readerURL, Reading: database.Reader{Behind: d.config.ReaderBehind, Tell: d.tell}})
}

// add makes a database that was opened one of those in use.
func (d *databases) add(p tenancy.Placement, db *database.DB) error {
	if err := db.OnEvents(func() { d.events(p) }); err != nil {
		return err
	}
	d.opened[p] = db
	return nil
}

// placements are those whose databases may hold projects.
func (d *databases) placements(ctx context.Context) ([]tenancy.Placement, error) {
	all, err := d.store.Placements(ctx)
	if err != nil {
		return nil, err
	}
	names := []tenancy.Placement{tenancy.DefaultPlacement}
	for _, one := range all {
		if one.Name != tenancy.DefaultPlacement {
			names = append(names, one.Name)
		}
	}
	return names, nil
}

func (d *databases) known(p tenancy.Placement) *database.DB {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.opened[p]
}

// of is the database of a placement.
func (d *databases) of(p tenancy.Placement) (*database.DB, error) {
	if db := d.known(p); db != nil {
		return db, nil
	}
	db, err, _ := d.flight.Do(string(p), func() (any, error) {
		if db := d.known(p); db != nil {
			return db, nil
		}
		ctx, cancel := context.WithTimeout(context.Background(), openTime)
		defer cancel()
		all, err := d.store.Placements(ctx)
		if err != nil {
			return nil, err
		}
		for _, one := range all {
			if one.Name != p {
				continue
			}
			db, err := d.open(ctx, one.URL, one.ReaderURL)
			if err != nil {
				return nil, fmt.Errorf("placement %s: %w", p, err)
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.opened == nil {
				return nil, errors.Join(errors.New("the databases are closed"), db.Close())
			}
			return db, d.add(p, db)
		}
		return nil, fmt.Errorf("there is no placement %q", p)
	})
	if err != nil {
		return nil, err
	}
	return db.(*database.DB), nil
}

// wrote says that another process wrote to a project.
func (d *databases) wrote(project tenancy.ProjectID) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, db := range d.opened {
		db.Written(project)
	}
}

func (d *databases) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for _, db := range d.opened {
		errs = append(errs, db.Close())
	}
	d.opened = nil
	return errors.Join(errs...)
}
