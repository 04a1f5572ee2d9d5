package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"icehouse/controlplane/store"
	"icehouse/controlplane/store/sqlstore/queries"
	"icehouse/tenancy"
)

// Members implements store.Store.
func (s *Store) Members(ctx context.Context, project tenancy.ProjectID) ([]store.Member, error) {
	return members(ctx, s.read(), project)
}

// ProjectOfSeat implements store.Store.
func (s *Store) ProjectOfSeat(ctx context.Context, id string) (tenancy.ProjectID, error) {
	project, err := s.read().ProjectOfSeat(ctx, id)
	return tenancy.ProjectID(project), found(err)
}

func members(ctx context.Context, q *queries.Queries, project tenancy.ProjectID) ([]store.Member, error) {
	rows, err := q.Members(ctx, string(project))
	out := make([]store.Member, len(rows))
	for i, m := range rows {
		out[i] = store.Member{Email: m.Email, Name: m.Name, Seat: store.Seat{ID: m.ID, Project: project, Customer: m.CustomerID,
			Owner: m.IsOwner, Status: m.Status, CreatedAt: m.CreatedAt.Time}}
	}
	return out, err
}

func member(ctx context.Context, q *queries.Queries, project tenancy.ProjectID, email string) (store.Member, error) {
	all, err := members(ctx, q, project)
	for _, m := range all {
		if m.Email == email {
			return m, err
		}
	}
	return store.Member{}, errors.Join(err, when(err == nil, store.ErrNotFound))
}

// Invite implements store.Store.
func (s *Store) Invite(ctx context.Context, project tenancy.ProjectID, email, id string, at time.Time, tell func(store.Member) *store.Letter) (m store.Member, err error) {
	err = s.transact(ctx, func(q *queries.Queries) error {
		p, err := q.LockProject(ctx, string(project))
		if err != nil {
			return found(err)
		}
		if m, err = member(ctx, q, project, email); err == nil {
			return addLetter(ctx, q, letter(tell, m))
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		c, err := q.CustomerByEmail(ctx, email)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			err = q.Invite(ctx, queries.InviteParams{ID: id, ProjectID: p.ID, Email: email, CreatedAt: moment(at)})
		case err == nil:
			var n int64
			if n, err = q.CountSeatsInName(ctx, queries.CountSeatsInNameParams{CustomerID: c.ID, Name: p.Name, ID: p.ID}); err != nil || n > 0 {
				return errors.Join(err, when(n > 0, store.ErrNameTaken))
			}
			err = q.JoinSeat(ctx, queries.JoinSeatParams{ID: id, ProjectID: p.ID, CustomerID: c.ID, CreatedAt: moment(at)})
		}
		if err != nil {
			return err
		}
		if m, err = member(ctx, q, project, email); err != nil {
			return err
		}
		return addLetter(ctx, q, letter(tell, m))
	})
	return m, err
}

// RemoveMember implements store.Store.
func (s *Store) RemoveMember(ctx context.Context, project tenancy.ProjectID, email string) (m store.Member, err error) {
	err = s.transact(ctx, func(q *queries.Queries) error {
		if _, err := q.LockProject(ctx, string(project)); err != nil {
			return found(err)
		}
		if m, err = member(ctx, q, project, email); err != nil || m.Owner {
			return errors.Join(err, when(m.Owner, store.ErrOwner))
		}
		if m.Status == store.Invited {
			return q.ForgetInvitation(ctx, queries.ForgetInvitationParams{ProjectID: string(project), Email: email})
		}
		_, err = q.RemoveSeat(ctx, m.ID)
		return err
	})
	return m, err
}

// TransferOwnership implements store.Store.
func (s *Store) TransferOwnership(ctx context.Context, project tenancy.ProjectID, from, to string, at time.Time) error {
	return s.transact(ctx, func(q *queries.Queries) error {
		p, err := q.LockProject(ctx, string(project))
		if err != nil || p.OwnerID != from {
			return errors.Join(found(err), when(err == nil, store.ErrOwner))
		}
		if _, err := q.Seat(ctx, queries.SeatParams{ProjectID: p.ID, CustomerID: to}); err != nil {
			return found(err)
		}
		if n, err := q.NameTaken(ctx, queries.NameTakenParams{OwnerID: to, Name: p.Name}); err != nil || n > 0 && to != from {
			return errors.Join(err, when(err == nil, store.ErrNameTaken))
		}
		if err := q.SetOwner(ctx, queries.SetOwnerParams{ID: p.ID, OwnerID: to, UpdatedAt: moment(at)}); err != nil {
			return err
		}
		return q.SetOwnerSeat(ctx, queries.SetOwnerSeatParams{ProjectID: p.ID, CustomerID: to})
	})
}

// ChangeProject implements store.Store.
func (s *Store) ChangeProject(ctx context.Context, id tenancy.ProjectID, c store.ProjectChange, at time.Time) (changed store.Project, err error) {
	err = s.transact(ctx, func(q *queries.Queries) error {
		p, err := q.LockProject(ctx, string(id))
		if err != nil {
			return found(err)
		}
		if c.Name != nil && *c.Name != p.Name {
			p.Name = *c.Name
			if n, err := q.NameTaken(ctx, queries.NameTakenParams{OwnerID: p.OwnerID, Name: p.Name}); err != nil || n > 0 {
				return errors.Join(err, when(n > 0, store.ErrNameTaken))
			}
		}
		if c.Alias != nil && *c.Alias != text(p.Alias) {
			p.Alias = optional(*c.Alias)
			if err := freeAlias(ctx, q, *c.Alias); err != nil {
				return err
			}
		}
		if c.AllowQueries != nil {
			p.AllowQueries = *c.AllowQueries
		}
		if c.AllowMutations != nil {
			p.AllowMutations = *c.AllowMutations
		}
		exceeded := c.Exceeded.Over(project(p).Exceeded)
		row, err := q.ChangeProject(ctx, queries.ChangeProjectParams{ID: p.ID, Name: p.Name, Alias: p.Alias, AllowQueries: p.AllowQueries,
			AllowMutations: p.AllowMutations, RequestLimitExceeded: exceeded.Requests, DatabaseLimitExceeded: exceeded.Database,
			InvocationLimitExceeded: exceeded.Invocations, UpdatedAt: moment(at)})
		changed = project(row)
		return err
	})
	return changed, err
}

func freeAlias(ctx context.Context, q *queries.Queries, alias string) error {
	if alias == "" {
		return nil
	}
	if n, err := q.AliasTaken(ctx, &alias); err != nil || n > 0 {
		return errors.Join(err, when(n > 0, store.ErrAliasTaken))
	}
	n, err := q.IDTaken(ctx, alias)
	return errors.Join(err, when(n > 0, store.ErrAliasIsID))
}
