package postgresdb_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/database/databasetest"
	"icehouse/dataplane/connector/database/postgresdb"
	"icehouse/deploy/testbed"
)

func TestMain(m *testing.M) {
	status := testbed.Main(m)
	if err := goleak.Find(); status == 0 && err != nil {
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		status = 1
	}
	os.Exit(status)
}

func open(t *testing.T, url string, c postgresdb.Config) *database.DB {
	t.Helper()
	c.URL = url
	db, err := postgresdb.Open(t.Context(), c)
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

// TestSuite runs the specification with all that changes what stays on a
// connection. Its cases share a database: they have projects of their own.
func TestSuite(t *testing.T) {
	for name, options := range map[string]string{
		"prepared":  "",
		"exec":      "&default_query_exec_mode=exec",
		"one":       "&pool_max_conns=1",
		"few plans": "&statement_cache_capacity=2",
	} {
		t.Run(name, func(t *testing.T) {
			url := testbed.Database(t) + options
			databasetest.Suite(t, func(t *testing.T) *database.DB { return open(t, url, postgresdb.Config{}) })
		})
	}
}
