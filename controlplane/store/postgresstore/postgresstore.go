// Package postgresstore keeps the platform's rows in a PostgreSQL database that
// several processes may share.
//
// In and out: package store. Callers: cmd, which picks it by the URL of the
// platform database. Deploy locks go by the server's clock.
package postgresstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/golang-migrate/migrate/v4"
	migratepgx "github.com/golang-migrate/migrate/v4/database/pgx/v5"
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"icehouse/controlplane/store"
	"icehouse/controlplane/store/postgresstore/queries"
	"icehouse/dataplane/connector/database/postgresurl"
	"icehouse/migrations"
	"icehouse/tenancy"
	"icehouse/tenancy/directory"
)

// Store is a store.Store in a PostgreSQL database.
type Store struct{ pool *pgxpool.Pool }

var _ store.Store = (*Store)(nil)

// Open connects and brings the tables up to date. Several processes may open
// the same database at once.
func Open(ctx context.Context, dsn string) (*Store, error) {
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
	return &Store{pool: pool}, nil
}

func migrateUp(config *pgxpool.Config) (err error) {
	files, err := iofs.New(migrations.FS, "postgres")
	if err != nil {
		return err
	}
	var options []stdlib.OptionOpenDB
	if config.BeforeConnect != nil {
		options = append(options, stdlib.OptionBeforeConnect(config.BeforeConnect))
	}
	db := sql.OpenDB(stdlib.GetConnector(*config.ConnConfig, options...))
	driver, err := migratepgx.WithInstance(db, &migratepgx.Config{})
	if err != nil {
		return errors.Join(err, db.Close())
	}
	m, err := migrate.NewWithInstance("files", files, "platform", driver)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	if err = m.Up(); errors.Is(err, migrate.ErrNoChange) {
		err = nil
	}
	sourceErr, dbErr := m.Close()
	return errors.Join(err, sourceErr, dbErr)
}

// Close ends all connections.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}

func (s *Store) read() *queries.Queries { return queries.New(s.pool) }

// transact runs do in one transaction.
func (s *Store) transact(ctx context.Context, do func(*queries.Queries) error) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return do(queries.New(tx)) })
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

func found(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return store.ErrNotFound
	}
	return err
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func customer(c queries.Customer) store.Customer {
	return store.Customer{ID: c.ID, Name: c.Name, Email: c.Email, Source: c.Source,
		PasswordHash: c.PasswordHash, CreatedAt: c.CreatedAt.UTC(), UpdatedAt: c.UpdatedAt.UTC()}
}

func project(p queries.Project) store.Project {
	return store.Project{ID: tenancy.ProjectID(p.ID), Name: p.Name, Alias: text(p.Alias), Owner: p.OwnerID,
		Placement: tenancy.Placement(p.Placement), Region: p.Region, Release: p.Release,
		AllowQueries: p.AllowQueries, AllowMutations: p.AllowMutations, Ejected: p.IsEjected,
		Exceeded:  directory.Exceeded{Requests: p.RequestLimitExceeded, Database: p.DatabaseLimitExceeded, Invocations: p.InvocationLimitExceeded},
		Withdrawn: p.DeletedAt != nil, CreatedAt: p.CreatedAt.UTC(), UpdatedAt: p.UpdatedAt.UTC()}
}

func projects(rows []queries.Project) []store.Project {
	out := make([]store.Project, len(rows))
	for i, row := range rows {
		out[i] = project(row)
	}
	return out
}

// EnsureCustomer implements store.Store.
func (s *Store) EnsureCustomer(ctx context.Context, c store.Customer) (first store.Customer, err error) {
	err = s.transact(ctx, func(q *queries.Queries) error {
		row, err := q.FirstCustomer(ctx)
		if errors.Is(err, pgx.ErrNoRows) {
			if _, err := q.AddCustomer(ctx, queries.AddCustomerParams{ID: c.ID, Name: c.Name, Email: c.Email, Source: c.Source,
				CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt}); err != nil {
				return err
			}
			row, err = q.FirstCustomer(ctx)
		}
		first = customer(row)
		return err
	})
	return first, err
}

// Customer implements store.Store.
func (s *Store) Customer(ctx context.Context, id string) (store.Customer, error) {
	row, err := s.read().Customer(ctx, id)
	return customer(row), found(err)
}

// AddProject implements store.Store.
func (s *Store) AddProject(ctx context.Context, p store.Project, owner store.Seat) error {
	return taken(s.transact(ctx, func(q *queries.Queries) error {
		if n, err := q.NameTaken(ctx, queries.NameTakenParams{OwnerID: p.Owner, Name: p.Name}); err != nil || n > 0 {
			return errors.Join(err, when(n > 0, store.ErrNameTaken))
		}
		for _, alias := range []string{p.Alias, string(p.ID)} {
			if n, err := q.AliasTaken(ctx, optional(alias)); err != nil || n > 0 {
				return errors.Join(err, when(n > 0, store.ErrAliasTaken))
			}
		}
		if n, err := q.IDTaken(ctx, p.Alias); err != nil || n > 0 {
			return errors.Join(err, when(n > 0, store.ErrAliasIsID))
		}
		if err := q.AddProject(ctx, queries.AddProjectParams{ID: string(p.ID), Name: p.Name, Alias: optional(p.Alias), OwnerID: p.Owner,
			Placement: string(p.Placement), Region: p.Region, AllowQueries: p.AllowQueries, AllowMutations: p.AllowMutations,
			IsEjected: p.Ejected, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt}); err != nil {
			return err
		}
		return q.AddSeat(ctx, queries.AddSeatParams{ID: owner.ID, ProjectID: string(p.ID), CustomerID: owner.Customer,
			IsOwner: owner.Owner, Status: owner.Status, CreatedAt: owner.CreatedAt})
	}))
}

func when(yes bool, err error) error {
	if yes {
		return err
	}
	return nil
}

// Project implements store.Store.
func (s *Store) Project(ctx context.Context, idOrAlias string) (store.Project, error) {
	row, err := s.read().Project(ctx, idOrAlias)
	return project(row), found(err)
}

// ProjectsOf implements store.Store.
func (s *Store) ProjectsOf(ctx context.Context, customer string) ([]store.Project, error) {
	rows, err := s.read().ProjectsOf(ctx, customer)
	return projects(rows), err
}

// Seat implements store.Store.
func (s *Store) Seat(ctx context.Context, id tenancy.ProjectID, customer string) (store.Seat, error) {
	row, err := s.read().Seat(ctx, queries.SeatParams{ProjectID: string(id), CustomerID: customer})
	return store.Seat{ID: row.ID, Project: id, Customer: row.CustomerID, Owner: row.IsOwner, Status: row.Status,
		CreatedAt: row.CreatedAt.UTC()}, found(err)
}

// Eject implements store.Store.
func (s *Store) Eject(ctx context.Context, id tenancy.ProjectID, at time.Time) error {
	return s.read().EjectProject(ctx, queries.EjectProjectParams{ID: string(id), UpdatedAt: at})
}

// Withdraw implements store.Store.
func (s *Store) Withdraw(ctx context.Context, id tenancy.ProjectID, at time.Time) error {
	_, err := s.read().WithdrawProject(ctx, queries.WithdrawProjectParams{ID: string(id), DeletedAt: &at})
	return err
}

// Withdrawn implements store.Store.
func (s *Store) Withdrawn(ctx context.Context) ([]store.Project, error) {
	rows, err := s.read().WithdrawnProjects(ctx)
	return projects(rows), err
}

// RemoveWithdrawn implements store.Store.
func (s *Store) RemoveWithdrawn(ctx context.Context, id tenancy.ProjectID) error {
	return s.read().RemoveProject(ctx, string(id))
}

// Release implements store.Store.
func (s *Store) Release(ctx context.Context, id tenancy.ProjectID, number int64) (store.Release, error) {
	row, err := s.read().Release(ctx, queries.ReleaseParams{ProjectID: string(id), Number: number})
	return store.Release{Project: id, Number: row.Number, Definition: row.Definition, Payload: row.Payload,
		CreatedAt: row.CreatedAt.UTC()}, found(err)
}

// Payload implements store.Store.
func (s *Store) Payload(ctx context.Context, id tenancy.ProjectID, number int64) ([]byte, error) {
	payload, err := s.read().Payload(ctx, queries.PayloadParams{ProjectID: string(id), Number: number})
	return payload, found(err)
}

// Publish implements store.Store.
func (s *Store) Publish(ctx context.Context, p store.Publication) error {
	r := p.Release
	return s.transact(ctx, func(q *queries.Queries) error {
		if n, err := endRecord(ctx, q, p); err != nil || n == 0 {
			return errors.Join(err, when(n == 0, store.ErrLockLost))
		}
		if n, err := q.PointToRelease(ctx, queries.PointToReleaseParams{ID: string(r.Project), Number: r.Number, Previous: p.Previous,
			UpdatedAt: r.CreatedAt}); err != nil || n == 0 {
			return errors.Join(err, when(n == 0, store.ErrLockLost))
		}
		if err := q.AddRelease(ctx, queries.AddReleaseParams{ProjectID: string(r.Project), Number: r.Number,
			Definition: r.Definition, Payload: r.Payload, CreatedAt: r.CreatedAt}); err != nil {
			return err
		}
		for _, name := range p.RemoveTokens {
			if err := q.RemoveRootToken(ctx, queries.RemoveRootTokenParams{ProjectID: string(r.Project), Name: name}); err != nil {
				return err
			}
		}
		for _, t := range p.AddTokens {
			if _, err := q.AddRootToken(ctx, queries.AddRootTokenParams{ID: t.ID, ProjectID: string(r.Project), Name: t.Name, Token: t.Token,
				CreatedAt: t.CreatedAt}); err != nil {
				return err
			}
		}
		return nil
	})
}

// endRecord clears the record of the deploy that publishes, if it is finished. It is
// 0 when the lock is lost.
func endRecord(ctx context.Context, q *queries.Queries, p store.Publication) (int64, error) {
	if p.Unfinished {
		return q.HoldDeployment(ctx, queries.HoldDeploymentParams{ProjectID: string(p.Release.Project), Holder: p.Holder})
	}
	return q.RecordDeployment(ctx, queries.RecordDeploymentParams{ProjectID: string(p.Release.Project), Holder: p.Holder})
}

// RootTokens implements store.Store.
func (s *Store) RootTokens(ctx context.Context, id tenancy.ProjectID) ([]store.RootToken, error) {
	rows, err := s.read().RootTokens(ctx, string(id))
	out := make([]store.RootToken, len(rows))
	for i, t := range rows {
		out[i] = rootToken(t)
	}
	return out, err
}

// RootToken implements store.Store.
func (s *Store) RootToken(ctx context.Context, id string) (store.RootToken, error) {
	row, err := s.read().RootToken(ctx, id)
	return rootToken(row), found(err)
}

func rootToken(t queries.RootToken) store.RootToken {
	return store.RootToken{ID: t.ID, Project: tenancy.ProjectID(t.ProjectID), Name: t.Name, Token: t.Token, CreatedAt: t.CreatedAt.UTC()}
}

// AddRootToken implements store.Store.
func (s *Store) AddRootToken(ctx context.Context, t store.RootToken) error {
	n, err := s.read().AddRootToken(ctx, queries.AddRootTokenParams{ID: t.ID, ProjectID: string(t.Project), Name: t.Name, Token: t.Token, CreatedAt: t.CreatedAt})
	return errors.Join(err, when(err == nil && n == 0, store.ErrNameTaken))
}

// RemoveRootToken implements store.Store.
func (s *Store) RemoveRootToken(ctx context.Context, project tenancy.ProjectID, id string) error {
	n, err := s.read().RemoveRootTokenByID(ctx, queries.RemoveRootTokenByIDParams{ProjectID: string(project), ID: id})
	return errors.Join(err, when(err == nil && n == 0, store.ErrNotFound))
}

// Lock implements store.Store.
func (s *Store) Lock(ctx context.Context, id tenancy.ProjectID, holder string, ttl time.Duration) ([]byte, error) {
	record, err := s.read().LockDeployment(ctx, queries.LockDeploymentParams{ProjectID: string(id), Holder: holder, Seconds: ttl.Seconds()})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, store.ErrLocked
	}
	return record, err
}

// Extend implements store.Store.
func (s *Store) Extend(ctx context.Context, id tenancy.ProjectID, holder string, ttl time.Duration) error {
	n, err := s.read().ExtendDeployment(ctx, queries.ExtendDeploymentParams{ProjectID: string(id), Holder: holder, Seconds: ttl.Seconds()})
	return errors.Join(err, when(err == nil && n == 0, store.ErrLockLost))
}

// Interrupted implements store.Store.
func (s *Store) Interrupted(ctx context.Context) ([]tenancy.ProjectID, error) {
	rows, err := s.read().InterruptedDeployments(ctx)
	out := make([]tenancy.ProjectID, len(rows))
	for i, id := range rows {
		out[i] = tenancy.ProjectID(id)
	}
	return out, err
}

// Record implements store.Store.
func (s *Store) Record(ctx context.Context, id tenancy.ProjectID, holder string, record []byte) error {
	n, err := s.read().RecordDeployment(ctx, queries.RecordDeploymentParams{ProjectID: string(id), Holder: holder, Record: record})
	return errors.Join(err, when(err == nil && n == 0, store.ErrLockLost))
}

// Unlock implements store.Store.
func (s *Store) Unlock(ctx context.Context, id tenancy.ProjectID, holder string) error {
	return s.transact(ctx, func(q *queries.Queries) error {
		if err := q.EndDeployment(ctx, queries.EndDeploymentParams{ProjectID: string(id), Holder: holder}); err != nil {
			return err
		}
		return q.YieldDeployment(ctx, queries.YieldDeploymentParams{ProjectID: string(id), Holder: holder})
	})
}
