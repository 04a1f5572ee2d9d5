package sqlitestore_test

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"icehouse/controlplane/store"
	"icehouse/controlplane/store/sqlitestore"
	"icehouse/controlplane/store/storetest"
)

type file string

func (f file) open(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+string(f)+"?_pragma=busy_timeout(10000)&_pragma=secure_delete(1)")
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func (f file) change(t *testing.T, statement string, args ...any) {
	t.Helper()
	db := f.open(t)
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

func (f file) Set(t *testing.T, table, column string, value []byte) {
	t.Helper()
	f.change(t, "UPDATE "+table+" SET "+column+" = ?", value)
}

func (f file) Clear(t *testing.T, table string) {
	t.Helper()
	f.change(t, "DELETE FROM "+table)
}

func (f file) Columns(t *testing.T, table, column string) [][]byte {
	t.Helper()
	db := f.open(t)
	defer db.Close()
	return storetest.Column(t, db, table, column)
}

// TestSealing also looks for what was there before it was sealed: nothing of that may
// stay in the file.
func TestSealing(t *testing.T) {
	f := file(filepath.Join(t.TempDir(), "p.db"))
	var opened []store.Store
	storetest.Sealing(t, func(t *testing.T, keys store.OpenKeys) (store.Store, error) {
		s, err := sqlitestore.Open(t.Context(), string(f), keys)
		if err != nil {
			return nil, err
		}
		opened = append(opened, s)
		return s, nil
	}, f)
	for _, s := range opened {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	f.change(t, "PRAGMA wal_checkpoint(TRUNCATE)")
	text, err := os.ReadFile(string(f))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("planted")); n > 0 {
		t.Errorf("the file has what was sealed in it %d times", n)
	}
}
