package postgresstore_test

import (
	"database/sql"
	"testing"

	"icehouse/controlplane/store"
	"icehouse/controlplane/store/postgresstore"
	"icehouse/controlplane/store/storetest"
	"icehouse/deploy/testbed"
)

type tables struct{ *sql.DB }

func (db tables) change(t *testing.T, statement string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

func (db tables) Set(t *testing.T, table, column string, value []byte) {
	t.Helper()
	db.change(t, "UPDATE "+table+" SET "+column+" = $1", value)
}

func (db tables) Clear(t *testing.T, table string) {
	t.Helper()
	db.change(t, "DELETE FROM "+table)
}

func (db tables) Columns(t *testing.T, table, column string) [][]byte {
	t.Helper()
	return storetest.Column(t, db.DB, table, column)
}

func TestSealing(t *testing.T) {
	dsn := testbed.Database(t)
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	storetest.Sealing(t, func(t *testing.T, keys store.OpenKeys) (store.Store, error) {
		s, err := postgresstore.Open(t.Context(), dsn, keys)
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s, nil
	}, tables{db})
}
