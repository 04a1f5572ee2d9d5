package connectors

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"icehouse/cmd/icehouse/internal/config"
	"icehouse/cmd/icehouse/internal/rungroup"
	"icehouse/controlplane"
	"icehouse/controlplane/placement"
	"icehouse/controlplane/store"
)

// Operate opens what an operator works with, beside the processes that serve. The
// configuration says where the platform's database and queue are.
func Operate(ctx context.Context, c config.Config, log *slog.Logger, closers *rungroup.Closers) (*placement.Service, error) {
	if c.SQLiteFolder() != "" {
		return nil, errors.New("an installation on SQLite has one database; placements are for PostgreSQL")
	}
	p, err := openProducts(ctx, c, log, closers)
	if err != nil {
		return nil, err
	}
	return controlplane.NewPlacements(controlplane.Config{
		Store: p.store, Databases: p.databases.of, OnRelease: p.announcer.Announce, Logger: log, Clock: time.Now,
	}), nil
}

// Try opens the database of a placement and closes it again: it can be reached, and
// projects can be in it.
func Try(ctx context.Context, c config.Config, p store.Placement) error {
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	if p.URL == "" {
		return errors.New("a placement needs the URL of its database")
	}
	db, err := (&databases{config: c}).open(ctx, p.URL, p.ReaderURL)
	if err != nil {
		return err
	}
	return db.Close()
}
