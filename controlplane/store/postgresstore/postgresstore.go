// Package postgresstore keeps the platform's rows in a PostgreSQL database that
// several processes may share.
//
// In: an address, and the keys that seal. Out: a store of package sqlstore. Callers: cmd, which picks it by the
// URL of the platform database. Deploy locks go by the server's clock.
package postgresstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/golang-migrate/migrate/v4/database"
	migratepgx "github.com/golang-migrate/migrate/v4/database/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"icehouse/controlplane/store"
	"icehouse/controlplane/store/sqlstore"
	"icehouse/dataplane/connector/database/postgresurl"
)

// Open connects and brings the tables up to date. Several processes may open
// the same database at once.
func Open(ctx context.Context, dsn string, keys store.OpenKeys) (*sqlstore.Store, error) {
	config, err := postgresurl.Parse(dsn)
	if err != nil {
		return nil, fmt.Errorf("read the platform database's address: %w", err)
	}
	if err := migrateUp(config); err != nil {
		return nil, fmt.Errorf("migrate the platform's tables: %w", err)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the platform's database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open the platform's database: %w", err)
	}
	db := stdlib.OpenDBFromPool(pool) // keeps no connection: how many there are is the pool's business
	return sqlstore.Open(ctx, sqlstore.Engine{DB: db, Taken: taken, Close: func() error {
		defer pool.Close()
		return db.Close()
	}}, keys)
}

func migrateUp(config *pgxpool.Config) error {
	var options []stdlib.OptionOpenDB
	if config.BeforeConnect != nil {
		options = append(options, stdlib.OptionBeforeConnect(config.BeforeConnect))
	}
	db := stdlib.OpenDB(*config.ConnConfig, options...)
	return sqlstore.Migrate("postgres", db, func(db *sql.DB) (database.Driver, error) {
		return migratepgx.WithInstance(db, &migratepgx.Config{})
	})
}

// taken maps the constraints that two callers at once may meet.
func taken(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.ConstraintName {
		case "project_owner_id_name_key":
			return store.ErrNameTaken
		case "project_alias_key":
			return store.ErrAliasTaken
		case "customer_email_key":
			return store.ErrEmailTaken
		}
	}
	return err
}
