package dataplanetest

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"icehouse/dataplane/connector/database/postgresdb"
	"icehouse/dataplane/connector/database/sqlitedb"
	"icehouse/deploy/testbed"
)

func TestMain(m *testing.M) {
	code := testbed.Main(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			println(err.Error())
			code = 1
		}
	}
	os.Exit(code)
}

// contexts are the ways to serve that these tests cover. The first is the
// reference, from which golden answers are written.
func contexts(t testing.TB) []Context {
	return []Context{embedded(t), cloud(t)}
}

func embedded(t testing.TB) Context {
	t.Helper()
	db, err := sqlitedb.Open(sqlitedb.Config{Folder: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return Context{Name: "sqlite", DB: db}
}

func cloud(t testing.TB) Context {
	t.Helper()
	db, err := postgresdb.Open(t.Context(), postgresdb.Config{URL: testbed.Database(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return Context{Name: "postgres", DB: db}
}
