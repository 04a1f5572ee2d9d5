package postgresdb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/database/postgresurl"
	"icehouse/dataplane/dialect/postgres"
)

// Config is how to reach one placement.
type Config struct {
	// URL is a PostgreSQL URL or DSN. Of the options of pgx it heeds the
	// pool_* ones, statement_cache_capacity and default_query_exec_mode: with
	// cache_statement (the default) connections keep prepared statements and
	// their role; with any other mode nothing stays on a connection after a
	// transaction, which is what a pooler between here and the server needs.
	URL string
	// ReaderURL is a server that follows the one at URL, to read from: the same database
	// and users; "" when there is none. Reading is for database.WithReader.
	ReaderURL string
	Reading   database.Reader
	// MaxConns is the size of the pool; 0 leaves it to the URL.
	MaxConns int
	// ConnectTimeout limits one attempt to connect; 0 is 10 seconds.
	ConnectTimeout time.Duration
	// CancelTimeout is how long a canceled statement may take to end on the
	// server before its connection is given up; 0 is 2 seconds.
	CancelTimeout time.Duration
}

// Open connects, and makes the shared functions if this server lacks them. A reader need
// not be there yet.
func Open(ctx context.Context, c Config) (*database.DB, error) {
	db, err := open(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("open PostgreSQL: %w", err)
	}
	return db, nil
}

func open(ctx context.Context, c Config) (*database.DB, error) {
	primary, err := newDriver(ctx, c, c.URL)
	if err != nil {
		return nil, err
	}
	if err := primary.install(ctx); err != nil {
		primary.pool.Close()
		return nil, err
	}
	db := database.Open(primary)
	if c.ReaderURL == "" {
		return db, nil
	}
	reader, err := newDriver(ctx, c, c.ReaderURL)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the reader: %w", err), db.Close())
	}
	reader.follows, reader.prefix = true, primary.prefix
	c.Reading.Driver = reader
	return db.WithReader(c.Reading), nil
}

func newDriver(ctx context.Context, c Config, url string) (*driver, error) {
	pc, err := postgresurl.Parse(url)
	if err != nil {
		return nil, err
	}
	if c.MaxConns > 0 {
		pc.MaxConns = int32(min(c.MaxConns, 10_000)) //nolint:gosec // bounded
		pc.MinConns = min(pc.MinConns, pc.MaxConns)
	}
	cc := pc.ConnConfig
	cc.ConnectTimeout = orDefault(c.ConnectTimeout, 10*time.Second)
	cancelTimeout := orDefault(c.CancelTimeout, 2*time.Second)
	cc.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelTimeout}
	}
	cc.OnNotice = func(conn *pgconn.PgConn, n *pgconn.Notice) {
		if n.Code == postgres.NotedState {
			sessionOf(conn).noted = true
		}
	}
	d := &driver{
		keep:     cc.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement,
		capacity: cc.StatementCacheCapacity,
		costs:    costs{seed: maphash.MakeSeed()},
		sharing:  sharing{limit: lanes(pc.MaxConns)},
		shares:   shares{most: mostOf(pc.MaxConns)},
	}
	setDefault(cc.RuntimeParams, "application_name", "icehouse")
	cc.RuntimeParams["timezone"] = "UTC"
	if d.keep {
		// Nested subqueries look costly to the optimizer and are not. A pooler
		// would refuse the parameter.
		setDefault(cc.RuntimeParams, "jit", "off")
	}
	pc.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		var shortest time.Duration
		for range pings {
			start := time.Now()
			if err := conn.Ping(ctx); err != nil {
				return err
			}
			if took := time.Since(start); shortest == 0 || took < shortest {
				shortest = took
			}
		}
		d.costs.arrived(shortest)
		return nil
	}
	if d.pool, err = pgxpool.NewWithConfig(ctx, pc); err != nil {
		return nil, err
	}
	return d, nil
}

// pings measure the way on a new connection.
const pings = 3

func orDefault(d, def time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return def
}

func setDefault(params map[string]string, name, value string) {
	if _, ok := params[name]; !ok {
		params[name] = value
	}
}

// rolePrefix sets the roles of this database apart: roles belong to a whole
// server, schemas to a database.
func rolePrefix(databaseName string) string {
	sum := sha256.Sum256([]byte(databaseName))
	return "icehouse_" + hex.EncodeToString(sum[:4]) + "_"
}
