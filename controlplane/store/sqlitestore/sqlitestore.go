// Package sqlitestore keeps the platform's rows in one SQLite file, for an
// installation of one process.
//
// In: a path, and the keys that seal. Out: a store of package sqlstore. Callers: cmd, which picks it by the URL
// of the platform database. Deploy locks go by this process's clock.
package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/golang-migrate/migrate/v4/database"
	migratesqlite "github.com/golang-migrate/migrate/v4/database/sqlite"

	"icehouse/controlplane/store"
	"icehouse/controlplane/store/sqlstore"
)

// Open opens or makes the file at path and brings its tables up to date.
func Open(ctx context.Context, path string, keys store.OpenKeys) (*sqlstore.Store, error) {
	db, err := open(ctx, path)
	if err != nil {
		return nil, err
	}
	return sqlstore.Open(ctx, sqlstore.Engine{DB: db, Rewrite: words.Replace, Close: db.Close}, keys)
}

// words are those of the queries that SQLite says otherwise. Times are whole
// milliseconds, and a transaction is the only writer from its beginning, so rows need
// no locks of their own.
var words = strings.NewReplacer(
	"$", "?",
	"now()", "CAST(unixepoch('subsec') * 1000 AS integer)",
	"interval '1 millisecond'", "1",
	" FOR UPDATE SKIP LOCKED", "",
	" FOR UPDATE", "",
)

// open opens the file. What is deleted or replaced is overwritten: it may be from before
// there was sealing.
func open(ctx context.Context, path string) (*sql.DB, error) {
	source := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: url.Values{
		"_pragma":              {"foreign_keys(1)", "busy_timeout(10000)", "journal_mode(wal)", "synchronous(full)", "secure_delete(1)"},
		"_txlock":              {"immediate"},
		"_time_integer_format": {"unix_milli"},
	}.Encode()}
	if err := migrateUp(source.String()); err != nil {
		return nil, fmt.Errorf("migrate the platform's tables: %w", err)
	}
	db, err := sql.Open("sqlite", source.String())
	if err != nil {
		return nil, fmt.Errorf("open the platform's database: %w", err)
	}
	db.SetMaxOpenConns(4)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the platform's database: %w", err), db.Close())
	}
	return db, nil
}

func migrateUp(source string) error {
	db, err := sql.Open("sqlite", source)
	if err != nil {
		return err
	}
	return sqlstore.Migrate("sqlite", db, func(db *sql.DB) (database.Driver, error) {
		return migratesqlite.WithInstance(db, &migratesqlite.Config{})
	})
}
