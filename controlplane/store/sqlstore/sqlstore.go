// Package sqlstore keeps the platform's rows in a database that database/sql reaches,
// whichever engine's it is.
//
// In and out: package store, and an Engine. Callers: the products beside it, each of
// which opens its engine. There is one set of queries, which sqlc compiles. What users
// deploy is sealed here, for every engine.
package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database"
	"github.com/golang-migrate/migrate/v4/source/iofs"

	"icehouse/controlplane/store"
	"icehouse/controlplane/store/sqlstore/queries"
	"icehouse/migrations"
	"icehouse/tenancy"
	"icehouse/tenancy/directory"
	"icehouse/tenancy/secret"
)

// Engine is a database that is open, and what it does in its own way.
type Engine struct {
	// DB has the tables. It takes moments as time.Time.
	DB *sql.DB
	// Rewrite says a statement of the queries in the engine's words; nil where they are
	// the engine's already.
	Rewrite func(statement string) string
	// Taken maps the constraints that two callers at once may meet to store's errors;
	// nil where one waits until the other is done.
	Taken func(error) error
	// Close closes DB and what is behind it.
	Close func() error
}

// Store is a store.Store over an engine.
type Store struct {
	engine Engine
	sealer *secret.Sealer
}

var _ store.Store = (*Store)(nil)

// Open keeps rows in e, sealed with keys. It closes e when the keys can't be opened.
func Open(ctx context.Context, e Engine, keys store.OpenKeys) (*Store, error) {
	s := &Store{engine: e}
	if err := s.openKeys(ctx, keys); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Migrate brings the tables up to date by a folder of package migrations. The
// driver that open makes of db is the only one to use db, which is closed then.
func Migrate(folder string, db *sql.DB, open func(*sql.DB) (database.Driver, error)) error {
	files, err := iofs.New(migrations.FS, folder)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	d, err := open(db)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	m, err := migrate.NewWithInstance("files", files, "platform", d)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	if err = m.Up(); errors.Is(err, migrate.ErrNoChange) {
		err = nil
	}
	sourceErr, dbErr := m.Close()
	return errors.Join(err, sourceErr, dbErr)
}

// Close implements store.Store.
func (s *Store) Close() error { return s.engine.Close() }

func (s *Store) read() *queries.Queries { return s.queries(s.engine.DB) }

func (s *Store) queries(db queries.DBTX) *queries.Queries {
	if s.engine.Rewrite != nil {
		db = rewriter{db, s.engine.Rewrite}
	}
	return queries.New(db)
}

// rewriter rewrites statements on their way to a database.
type rewriter struct {
	queries.DBTX
	rewrite func(string) string
}

func (r rewriter) ExecContext(ctx context.Context, statement string, args ...any) (sql.Result, error) {
	return r.DBTX.ExecContext(ctx, r.rewrite(statement), args...)
}

func (r rewriter) PrepareContext(ctx context.Context, statement string) (*sql.Stmt, error) {
	return r.DBTX.PrepareContext(ctx, r.rewrite(statement))
}

func (r rewriter) QueryContext(ctx context.Context, statement string, args ...any) (*sql.Rows, error) {
	return r.DBTX.QueryContext(ctx, r.rewrite(statement), args...)
}

func (r rewriter) QueryRowContext(ctx context.Context, statement string, args ...any) *sql.Row {
	return r.DBTX.QueryRowContext(ctx, r.rewrite(statement), args...)
}

// transact runs do in one transaction.
func (s *Store) transact(ctx context.Context, do func(*queries.Queries) error) error {
	tx, err := s.engine.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // changes nothing once it is committed
	if err = do(s.queries(tx)); err == nil {
		err = tx.Commit()
	}
	switch {
	case errors.Is(err, sql.ErrTxDone) || errors.Is(err, driver.ErrBadConn):
		return errors.Join(ctx.Err(), err) // the caller may have ended, which these hide
	case err != nil && s.engine.Taken != nil:
		return s.engine.Taken(err)
	}
	return err
}

func moment(t time.Time) queries.Time { return queries.Time{Time: t} }

func maybe(t time.Time) *queries.Time {
	if t.IsZero() {
		return nil
	}
	m := moment(t)
	return &m
}

func found(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
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
		PasswordHash: c.PasswordHash, CreatedAt: c.CreatedAt.Time, UpdatedAt: c.UpdatedAt.Time}
}

func project(p queries.Project) store.Project {
	return store.Project{ID: tenancy.ProjectID(p.ID), Name: p.Name, Alias: text(p.Alias), Owner: p.OwnerID,
		Placement: tenancy.Placement(p.Placement), Region: p.Region, Release: p.Release,
		AllowQueries: p.AllowQueries, AllowMutations: p.AllowMutations, Ejected: p.IsEjected,
		Exceeded:  directory.Exceeded{Requests: p.RequestLimitExceeded, Database: p.DatabaseLimitExceeded, Invocations: p.InvocationLimitExceeded},
		Withdrawn: p.DeletedAt != nil, CreatedAt: p.CreatedAt.Time, UpdatedAt: p.UpdatedAt.Time}
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
		if errors.Is(err, sql.ErrNoRows) {
			if _, err := q.AddCustomer(ctx, queries.AddCustomerParams{ID: c.ID, Name: c.Name, Email: c.Email, Source: c.Source,
				CreatedAt: moment(c.CreatedAt), UpdatedAt: moment(c.UpdatedAt)}); err != nil {
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
	return s.transact(ctx, func(q *queries.Queries) error {
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
			IsEjected: p.Ejected, CreatedAt: moment(p.CreatedAt), UpdatedAt: moment(p.UpdatedAt)}); err != nil {
			return err
		}
		return q.AddSeat(ctx, queries.AddSeatParams{ID: owner.ID, ProjectID: string(p.ID), CustomerID: owner.Customer,
			IsOwner: owner.Owner, Status: owner.Status, CreatedAt: moment(owner.CreatedAt)})
	})
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
		CreatedAt: row.CreatedAt.Time}, found(err)
}

// Eject implements store.Store.
func (s *Store) Eject(ctx context.Context, id tenancy.ProjectID, at time.Time) error {
	return s.read().EjectProject(ctx, queries.EjectProjectParams{ID: string(id), UpdatedAt: moment(at)})
}

// Withdraw implements store.Store.
func (s *Store) Withdraw(ctx context.Context, id tenancy.ProjectID, at time.Time) error {
	deleted := moment(at)
	_, err := s.read().WithdrawProject(ctx, queries.WithdrawProjectParams{ID: string(id), DeletedAt: &deleted})
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
	if err != nil {
		return store.Release{}, found(err)
	}
	return s.openRelease(ctx, store.Release{Project: id, Number: row.Number, Definition: row.Definition, Payload: row.Payload,
		CreatedAt: row.CreatedAt.Time})
}

// Payload implements store.Store.
func (s *Store) Payload(ctx context.Context, id tenancy.ProjectID, number int64) ([]byte, error) {
	payload, err := s.read().Payload(ctx, queries.PayloadParams{ProjectID: string(id), Number: number})
	if err != nil {
		return nil, found(err)
	}
	return s.sealer.Open(ctx, id, payloadOf(number), payload)
}

// Publish implements store.Store.
func (s *Store) Publish(ctx context.Context, p store.Publication) error {
	r := p.Release
	definition, payload, err := s.sealRelease(ctx, r) // before the transaction: keys may be far
	if err != nil {
		return err
	}
	return s.transact(ctx, func(q *queries.Queries) error {
		if n, err := endRecord(ctx, q, p); err != nil || n == 0 {
			return errors.Join(err, when(n == 0, store.ErrLockLost))
		}
		if n, err := q.PointToRelease(ctx, queries.PointToReleaseParams{ID: string(r.Project), Number: r.Number, Previous: p.Previous,
			UpdatedAt: moment(r.CreatedAt)}); err != nil || n == 0 {
			return errors.Join(err, when(n == 0, store.ErrLockLost))
		}
		if err := q.AddRelease(ctx, queries.AddReleaseParams{ProjectID: string(r.Project), Number: r.Number,
			Definition: definition, Payload: payload, CreatedAt: moment(r.CreatedAt)}); err != nil {
			return err
		}
		for _, name := range p.RemoveTokens {
			if err := q.RemoveRootToken(ctx, queries.RemoveRootTokenParams{ProjectID: string(r.Project), Name: name}); err != nil {
				return err
			}
		}
		for _, t := range p.AddTokens {
			if _, err := q.AddRootToken(ctx, queries.AddRootTokenParams{ID: t.ID, ProjectID: string(r.Project), Name: t.Name, Token: t.Token,
				CreatedAt: moment(t.CreatedAt)}); err != nil {
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
	return store.RootToken{ID: t.ID, Project: tenancy.ProjectID(t.ProjectID), Name: t.Name, Token: t.Token, CreatedAt: t.CreatedAt.Time}
}

// AddRootToken implements store.Store.
func (s *Store) AddRootToken(ctx context.Context, t store.RootToken) error {
	n, err := s.read().AddRootToken(ctx, queries.AddRootTokenParams{ID: t.ID, ProjectID: string(t.Project), Name: t.Name, Token: t.Token, CreatedAt: moment(t.CreatedAt)})
	return errors.Join(err, when(err == nil && n == 0, store.ErrNameTaken))
}

// RemoveRootToken implements store.Store.
func (s *Store) RemoveRootToken(ctx context.Context, project tenancy.ProjectID, id string) error {
	n, err := s.read().RemoveRootTokenByID(ctx, queries.RemoveRootTokenByIDParams{ProjectID: string(project), ID: id})
	return errors.Join(err, when(err == nil && n == 0, store.ErrNotFound))
}

// Lock implements store.Store.
func (s *Store) Lock(ctx context.Context, id tenancy.ProjectID, holder string, ttl time.Duration) ([]byte, error) {
	left, err := s.read().LockDeployment(ctx, queries.LockDeploymentParams{ProjectID: string(id), Holder: holder, Milliseconds: ttl.Milliseconds()})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, store.ErrLocked
	}
	if err != nil {
		return nil, err
	}
	if left, err = s.sealer.Open(ctx, id, record, left); err != nil {
		return nil, errors.Join(err, s.Unlock(ctx, id, holder))
	}
	return left, nil
}

// Extend implements store.Store.
func (s *Store) Extend(ctx context.Context, id tenancy.ProjectID, holder string, ttl time.Duration) error {
	n, err := s.read().ExtendDeployment(ctx, queries.ExtendDeploymentParams{ProjectID: string(id), Holder: holder, Milliseconds: ttl.Milliseconds()})
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
func (s *Store) Record(ctx context.Context, id tenancy.ProjectID, holder string, text []byte) error {
	text, err := s.sealer.Seal(ctx, id, record, text)
	if err != nil {
		return err
	}
	n, err := s.read().RecordDeployment(ctx, queries.RecordDeploymentParams{ProjectID: string(id), Holder: holder, Record: text})
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
