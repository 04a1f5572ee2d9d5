package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"time"

	"icehouse/controlplane/store"
	"icehouse/controlplane/store/sqlstore/queries"
	"icehouse/tenancy"
)

func session(s queries.Session) store.Session {
	out := store.Session{ID: s.ID, Customer: s.CustomerID, Name: s.Name, Scopes: s.Scopes, CreatedAt: s.CreatedAt.Time}
	if s.ExpiresAt != nil {
		out.ExpiresAt = s.ExpiresAt.Time
	}
	return out
}

// CustomerByEmail implements store.Store.
func (s *Store) CustomerByEmail(ctx context.Context, email string) (store.Customer, error) {
	row, err := s.read().CustomerByEmail(ctx, email)
	return customer(row), found(err)
}

// AddCustomer implements store.Store.
func (s *Store) AddCustomer(ctx context.Context, c store.Customer) (added store.Customer, err error) {
	err = s.transact(ctx, func(q *queries.Queries) error {
		added, err = addCustomer(ctx, q, c)
		return err
	})
	return added, err
}

func addCustomer(ctx context.Context, q *queries.Queries, c store.Customer) (store.Customer, error) {
	row, err := q.InsertCustomer(ctx, queries.InsertCustomerParams{ID: c.ID, Name: c.Name, Email: c.Email, Source: c.Source,
		PasswordHash: c.PasswordHash, CreatedAt: moment(c.CreatedAt)})
	if errors.Is(err, sql.ErrNoRows) {
		return store.Customer{}, store.ErrEmailTaken
	}
	if err != nil {
		return store.Customer{}, err
	}
	return customer(row), accept(ctx, q, row)
}

// accept turns invitations into seats.
func accept(ctx context.Context, q *queries.Queries, c queries.Customer) error {
	if err := q.AcceptInvitations(ctx, queries.AcceptInvitationsParams{CustomerID: c.ID, Email: c.Email}); err != nil {
		return err
	}
	return q.ForgetInvitations(ctx, c.Email)
}

// UpdateCustomer implements store.Store.
func (s *Store) UpdateCustomer(ctx context.Context, id string, name, email *string, at time.Time) (updated store.Customer, err error) {
	err = s.transact(ctx, func(q *queries.Queries) error {
		updated, err = updateCustomer(ctx, q, id, name, email, at)
		return err
	})
	return updated, err
}

func updateCustomer(ctx context.Context, q *queries.Queries, id string, name, email *string, at time.Time) (store.Customer, error) {
	if email != nil {
		switch other, err := q.CustomerByEmail(ctx, *email); {
		case err == nil && other.ID != id:
			return store.Customer{}, store.ErrEmailTaken
		case err != nil && !errors.Is(err, sql.ErrNoRows):
			return store.Customer{}, err
		}
	}
	row, err := q.UpdateCustomer(ctx, queries.UpdateCustomerParams{ID: id, Name: name, Email: email, UpdatedAt: moment(at)})
	if err != nil || email == nil {
		return customer(row), found(err)
	}
	// What was mailed to the old address does not count any more.
	if err := forgetMailed(ctx, q, id); err != nil {
		return store.Customer{}, err
	}
	return customer(row), accept(ctx, q, row)
}

// SetPassword implements store.Store.
func (s *Store) SetPassword(ctx context.Context, id, hash, keepSession string, at time.Time) (c store.Customer, err error) {
	err = s.transact(ctx, func(q *queries.Queries) error {
		c, err = setPassword(ctx, q, id, hash, keepSession, at)
		return err
	})
	return c, err
}

func setPassword(ctx context.Context, q *queries.Queries, id, hash, keepSession string, at time.Time) (store.Customer, error) {
	row, err := q.SetPassword(ctx, queries.SetPasswordParams{ID: id, PasswordHash: hash, UpdatedAt: moment(at)})
	if err != nil {
		return store.Customer{}, found(err)
	}
	if err := q.RemoveSessionsBut(ctx, queries.RemoveSessionsButParams{CustomerID: id, But: keepSession}); err != nil {
		return store.Customer{}, err
	}
	return customer(row), forgetMailed(ctx, q, id)
}

// forgetMailed forgets an account's mailed secrets, and those that are still to be mailed.
func forgetMailed(ctx context.Context, q *queries.Queries, customer string) error {
	if err := q.RemoveOneTimesOf(ctx, &customer); err != nil {
		return err
	}
	return q.RemoveLettersOf(ctx, &customer)
}

// RemoveCustomer implements store.Store.
func (s *Store) RemoveCustomer(ctx context.Context, id string) error {
	return s.transact(ctx, func(q *queries.Queries) error {
		if n, err := q.CountOwned(ctx, id); err != nil || n > 0 {
			return errors.Join(err, when(n > 0, store.ErrOwns))
		}
		if err := q.RemoveSeatsOf(ctx, id); err != nil {
			return err
		}
		n, err := q.RemoveCustomer(ctx, id)
		return errors.Join(err, when(err == nil && n == 0, store.ErrNotFound))
	})
}

// AddOneTime implements store.Store.
func (s *Store) AddOneTime(ctx context.Context, o store.OneTime) error {
	return s.read().AddOneTime(ctx, queries.AddOneTimeParams{Hash: o.Hash, Purpose: string(o.Purpose), CustomerID: optional(o.Customer),
		Email: o.Email, Name: o.Name, PasswordHash: o.PasswordHash, ExpiresAt: moment(o.ExpiresAt)})
}

// Confirm implements store.Store.
func (s *Store) Confirm(ctx context.Context, hash, newID string, at time.Time, tell *store.Letter) (c store.Customer, err error) {
	var refused error
	err = s.transact(ctx, func(q *queries.Queries) error {
		o, err := q.TakeOneTime(ctx, queries.TakeOneTimeParams{Hash: hash, Now: moment(at)})
		if err != nil {
			return found(err)
		}
		switch store.Purpose(o.Purpose) {
		case store.SignUp:
			c, err = addCustomer(ctx, q, store.Customer{ID: newID, Name: o.Name, Email: o.Email, Source: "HOMEPAGE", PasswordHash: o.PasswordHash, CreatedAt: at})
		case store.ChangeEmail:
			c, err = updateCustomer(ctx, q, text(o.CustomerID), nil, &o.Email, at)
			if err == nil {
				err = addLetter(ctx, q, tell)
			}
		default:
			return store.ErrNotFound // and the secret stays: it is for something else
		}
		if errors.Is(err, store.ErrEmailTaken) {
			refused = err
			return nil
		}
		return err
	})
	return c, errors.Join(err, refused)
}

// ResetPassword implements store.Store.
func (s *Store) ResetPassword(ctx context.Context, hash, passwordHash string, at time.Time) (c store.Customer, err error) {
	err = s.transact(ctx, func(q *queries.Queries) error {
		o, err := q.TakeOneTime(ctx, queries.TakeOneTimeParams{Hash: hash, Now: moment(at)})
		if err != nil || store.Purpose(o.Purpose) != store.Reset {
			return errors.Join(found(err), when(err == nil, store.ErrNotFound))
		}
		c, err = setPassword(ctx, q, text(o.CustomerID), passwordHash, "", at)
		return err
	})
	return c, err
}

// AddSession implements store.Store.
func (s *Store) AddSession(ctx context.Context, n store.Session) error {
	return s.read().AddSession(ctx, queries.AddSessionParams{ID: n.ID, CustomerID: n.Customer, Name: n.Name, Scopes: n.Scopes,
		CreatedAt: moment(n.CreatedAt), ExpiresAt: maybe(n.ExpiresAt)})
}

// Session implements store.Store.
func (s *Store) Session(ctx context.Context, id string) (store.Session, error) {
	row, err := s.read().Session(ctx, id)
	return session(row), found(err)
}

// SessionsOf implements store.Store.
func (s *Store) SessionsOf(ctx context.Context, customer string) ([]store.Session, error) {
	rows, err := s.read().SessionsOf(ctx, customer)
	out := make([]store.Session, len(rows))
	for i, row := range rows {
		out[i] = session(row)
	}
	return out, err
}

// RemoveSession implements store.Store.
func (s *Store) RemoveSession(ctx context.Context, customer, id string) error {
	n, err := s.read().RemoveSession(ctx, queries.RemoveSessionParams{ID: id, CustomerID: customer})
	return errors.Join(err, when(err == nil && n == 0, store.ErrNotFound))
}

// RemoveSessions implements store.Store.
func (s *Store) RemoveSessions(ctx context.Context, customer, but string) error {
	return s.read().RemoveSessionsBut(ctx, queries.RemoveSessionsButParams{CustomerID: customer, But: but})
}

// Attempt implements store.Store.
func (s *Store) Attempt(ctx context.Context, key string, now time.Time, window time.Duration) (int, time.Time, error) {
	row, err := s.read().CountAttempt(ctx, queries.CountAttemptParams{Key: key, Now: moment(now), EndsAt: moment(now.Add(window))})
	return int(row.Count), row.EndsAt.Time, err
}

// Attempts implements store.Store.
func (s *Store) Attempts(ctx context.Context, key string, now time.Time) (int, time.Time, error) {
	row, err := s.read().CountedAttempts(ctx, queries.CountedAttemptsParams{Key: key, Now: moment(now)})
	if err = found(err); err != nil {
		return 0, time.Time{}, when(!errors.Is(err, store.ErrNotFound), err)
	}
	return int(row.Count), row.EndsAt.Time, nil
}

// ForgetAttempts implements store.Store.
func (s *Store) ForgetAttempts(ctx context.Context, key string) error {
	return s.read().ForgetAttempts(ctx, key)
}

// Sweep implements store.Store.
func (s *Store) Sweep(ctx context.Context, now time.Time) error {
	q := s.read()
	return errors.Join(q.SweepAttempts(ctx, moment(now)), q.SweepOneTimes(ctx, moment(now)), q.SweepSessions(ctx, maybe(now)))
}

// AddAudit implements store.Store.
func (s *Store) AddAudit(ctx context.Context, a store.Audit) error {
	return s.read().AddAudit(ctx, queries.AddAuditParams{At: moment(a.At), CustomerID: a.Customer, SessionID: a.Session,
		ProjectID: string(a.Project), Action: a.Action, Target: a.Target, Result: a.Result, Code: int64(a.Code),
		Address: a.Address, RequestID: a.RequestID})
}

// Audits implements store.Store.
func (s *Store) Audits(ctx context.Context, f store.AuditFilter) ([]store.Audit, error) {
	if f.Before == 0 {
		f.Before = math.MaxInt64
	}
	var rows []queries.Audit
	var err error
	if f.Project != "" {
		rows, err = s.read().AuditOfProject(ctx, queries.AuditOfProjectParams{ProjectID: string(f.Project), Before: f.Before, Most: int32(f.Limit)})
	} else {
		rows, err = s.read().AuditOfCustomer(ctx, queries.AuditOfCustomerParams{CustomerID: f.Customer, Before: f.Before, Most: int32(f.Limit)})
	}
	out := make([]store.Audit, len(rows))
	for i, a := range rows {
		out[i] = store.Audit{Number: a.Number, At: a.At.Time, Customer: a.CustomerID, Session: a.SessionID,
			Project: tenancy.ProjectID(a.ProjectID), Action: a.Action, Target: a.Target, Result: a.Result, Code: int(a.Code),
			Address: a.Address, RequestID: a.RequestID}
	}
	return out, err
}
