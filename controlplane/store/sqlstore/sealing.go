package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"icehouse/controlplane/store"
	"icehouse/controlplane/store/sqlstore/queries"
	"icehouse/tenancy"
	"icehouse/tenancy/secret"
)

// What sealed values are. A release's are bound to its number.
const (
	proof  = "proof"
	record = "record"
)

func definitionOf(number int64) string { return "definition " + strconv.FormatInt(number, 10) }
func payloadOf(number int64) string    { return "payload " + strconv.FormatInt(number, 10) }

// openKeys opens the keys, and proves that they are those of the database: it keeps a
// text that the first process has sealed.
func (s *Store) openKeys(ctx context.Context, open store.OpenKeys) error {
	_, err := s.read().Sealing(ctx)
	fresh := errors.Is(err, sql.ErrNoRows)
	if err != nil && !fresh {
		return err
	}
	keys, err := open(ctx, fresh)
	if err != nil {
		return err
	}
	s.sealer = secret.New(keys)
	if fresh {
		text, err := s.sealer.Seal(ctx, "", proof, []byte(proof))
		if err != nil {
			return err
		}
		if err := s.read().AddSealing(ctx, text); err != nil { // of several, the first one counts
			return err
		}
	}
	row, err := s.read().Sealing(ctx)
	if err != nil {
		return err
	}
	_, err = s.sealer.Open(ctx, "", proof, row.Proof)
	if errors.Is(err, secret.ErrUnknownKey) {
		return store.ErrOtherKeys
	}
	return err
}

// sealRelease is what is stored of a release.
func (s *Store) sealRelease(ctx context.Context, r store.Release) (definition, payload []byte, err error) {
	if definition, err = s.sealer.Seal(ctx, r.Project, definitionOf(r.Number), r.Definition); err != nil {
		return nil, nil, err
	}
	payload, err = s.sealer.Seal(ctx, r.Project, payloadOf(r.Number), r.Payload)
	return definition, payload, err
}

// openRelease opens what was stored of a release.
func (s *Store) openRelease(ctx context.Context, r store.Release) (_ store.Release, err error) {
	if r.Definition, err = s.sealer.Open(ctx, r.Project, definitionOf(r.Number), r.Definition); err != nil {
		return store.Release{}, err
	}
	if r.Payload, err = s.sealer.Open(ctx, r.Project, payloadOf(r.Number), r.Payload); err != nil {
		return store.Release{}, err
	}
	return r, nil
}

// IsSealed implements store.Store.
func (s *Store) IsSealed(ctx context.Context) (bool, error) {
	row, err := s.read().Sealing(ctx)
	return row.Complete, err
}

// sealBatch is how many rows are looked up at once. Each is changed by itself.
const sealBatch = 100

// SealAnew implements store.Store.
func (s *Store) SealAnew(ctx context.Context) (int, error) {
	n, err := s.sealReleases(ctx)
	if err == nil {
		err = s.sealRecords(ctx)
	}
	if err != nil {
		return n, err
	}
	text, err := s.sealer.Seal(ctx, "", proof, []byte(proof))
	if err != nil {
		return n, err
	}
	return n, s.read().CompleteSealing(ctx, text)
}

func (s *Store) sealReleases(ctx context.Context) (n int, err error) {
	var last queries.ReleasesAfterParams
	last.Most = sealBatch
	for {
		rows, err := s.read().ReleasesAfter(ctx, last)
		if err != nil || len(rows) == 0 {
			return n, err
		}
		for _, row := range rows {
			last.ProjectID, last.Number = row.ProjectID, row.Number
			r, err := s.Release(ctx, tenancy.ProjectID(row.ProjectID), row.Number)
			if errors.Is(err, store.ErrNotFound) {
				continue // its project was deleted
			}
			if err != nil {
				return n, fmt.Errorf("release %d of project %s: %w", row.Number, row.ProjectID, err)
			}
			definition, payload, err := s.sealRelease(ctx, r)
			if err != nil {
				return n, err
			}
			// A release never changes, so what was read is what is there.
			if err := s.read().SealRelease(ctx, queries.SealReleaseParams{ProjectID: row.ProjectID, Number: row.Number,
				Definition: definition, Payload: payload}); err != nil {
				return n, err
			}
			n++
		}
	}
}

func (s *Store) sealRecords(ctx context.Context) error {
	last := queries.RecordsAfterParams{Most: sealBatch}
	for {
		ids, err := s.read().RecordsAfter(ctx, last)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			last.ProjectID = id
			if err := s.sealRecordOf(ctx, tenancy.ProjectID(id)); err != nil {
				return fmt.Errorf("the deploy of project %s: %w", id, err)
			}
		}
	}
}

// sealRecordOf seals a record that may change or go meanwhile. One that changed was
// sealed then.
func (s *Store) sealRecordOf(ctx context.Context, id tenancy.ProjectID) error {
	before, err := s.read().RecordOf(ctx, string(id))
	if errors.Is(err, sql.ErrNoRows) || err == nil && before == nil {
		return nil
	}
	if err != nil {
		return err
	}
	text, err := s.sealer.Open(ctx, id, record, before)
	if err != nil {
		return err
	}
	after, err := s.sealer.Seal(ctx, id, record, text)
	if err != nil {
		return err
	}
	_, err = s.read().SealRecord(ctx, queries.SealRecordParams{ProjectID: string(id), Record: after, Before: before})
	return err
}
