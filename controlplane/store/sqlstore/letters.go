package sqlstore

import (
	"context"
	"errors"
	"time"

	"icehouse/controlplane/store"
	"icehouse/controlplane/store/sqlstore/queries"
)

// AddLetter implements store.Store.
func (s *Store) AddLetter(ctx context.Context, l store.Letter) error {
	return addLetter(ctx, s.read(), &l)
}

// addLetter stores a letter, if there is one.
func addLetter(ctx context.Context, q *queries.Queries, l *store.Letter) error {
	if l == nil {
		return nil
	}
	n, err := q.AddLetter(ctx, queries.AddLetterParams{ID: l.ID, Purpose: string(l.Purpose), CustomerID: optional(l.Customer), Email: l.Email,
		Name: l.Name, PasswordHash: l.PasswordHash, Subject: l.Subject, Body: l.Text, DueAt: moment(l.DueAt), ExpiresAt: moment(l.ExpiresAt),
		Most: store.MaxLetters})
	return errors.Join(err, when(err == nil && n == 0, store.ErrFull))
}

func letter(tell func(store.Member) *store.Letter, m store.Member) *store.Letter {
	if tell == nil {
		return nil
	}
	return tell(m)
}

// TakeLetter implements store.Store.
func (s *Store) TakeLetter(ctx context.Context, now time.Time, lease time.Duration) (store.Letter, error) {
	l, err := s.read().TakeLetter(ctx, queries.TakeLetterParams{Now: moment(now), Until: moment(now.Add(lease))})
	if err != nil {
		return store.Letter{}, found(err)
	}
	return store.Letter{ID: l.ID, Purpose: store.Purpose(l.Purpose), Customer: text(l.CustomerID), Email: l.Email, Name: l.Name,
		PasswordHash: l.PasswordHash, Subject: l.Subject, Text: l.Body, Attempts: int(l.Attempts), DueAt: l.DueAt.Time,
		ExpiresAt: l.ExpiresAt.Time}, nil
}

// RemoveLetter implements store.Store.
func (s *Store) RemoveLetter(ctx context.Context, l store.Letter) error {
	return s.read().RemoveLetter(ctx, queries.RemoveLetterParams{ID: l.ID, Attempts: int64(l.Attempts)})
}

// DelayLetter implements store.Store.
func (s *Store) DelayLetter(ctx context.Context, l store.Letter, until time.Time) error {
	return s.read().DelayLetter(ctx, queries.DelayLetterParams{ID: l.ID, Attempts: int64(l.Attempts), DueAt: moment(until)})
}
