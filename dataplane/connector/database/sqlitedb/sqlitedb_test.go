package sqlitedb_test

import (
	"testing"

	"go.uber.org/goleak"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/database/databasetest"
	"icehouse/dataplane/connector/database/sqlitedb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, c sqlitedb.Config) *database.DB {
	t.Helper()
	if c.Folder == "" {
		c.Folder = t.TempDir()
	}
	db, err := sqlitedb.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

func TestSuite(t *testing.T) {
	for name, c := range map[string]sqlitedb.Config{
		"default":        {},
		"one of each":    {MaxOpen: 1, Readers: 1},
		"few statements": {Statements: 1},
	} {
		t.Run(name, func(t *testing.T) {
			databasetest.Suite(t, func(t *testing.T) *database.DB { return open(t, c) })
		})
	}
}
