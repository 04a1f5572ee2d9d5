package databasetest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/database/postgresdb"
	"icehouse/dataplane/connector/database/sqlitedb"
	"icehouse/dataplane/dialect/dialecttest"
	"icehouse/dataplane/relational"
	"icehouse/deploy/testbed"
	"icehouse/tenancy/isolation"
)

func TestMain(m *testing.M) {
	status := testbed.Main(m)
	if status == 0 {
		if err := goleak.Find(); err != nil {
			os.Stderr.WriteString(err.Error())
			status = 1
		}
	}
	os.Exit(status)
}

// TestEnginesAgree asks random questions about random rows: both engines must
// give the very answer of the plain evaluation in memory.
func TestEnginesAgree(t *testing.T) {
	ctx := t.Context()
	layout, err := dialecttest.Model()
	if err != nil {
		t.Fatal(err)
	}
	scope, err := isolation.ForProject("cdifferential", "default")
	if err != nil {
		t.Fatal(err)
	}
	dbs := map[string]*database.DB{}
	if dbs["postgres"], err = postgresdb.Open(ctx, postgresdb.Config{URL: testbed.Database(t), MaxConns: 2}); err != nil {
		t.Fatal(err)
	}
	if dbs["sqlite"], err = sqlitedb.Open(sqlitedb.Config{Folder: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	for name, db := range dbs {
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Errorf("close %s: %v", name, err)
			}
		})
		if err := db.Provision(ctx, scope); err != nil {
			t.Fatal(err)
		}
		for _, step := range layout.Create() {
			if err := db.Migrate(ctx, scope, db.Dialect().Schema(scope.Namespace(), step)); err != nil {
				t.Fatal(name, err)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		data := dialecttest.RandomData(t, layout)
		for name, db := range dbs {
			store(ctx, t, name, db, scope, layout, data)
		}
		for range 5 {
			query, args := dialecttest.RandomQuery(t, layout, data)
			want := compact(t, []byte(dialecttest.Evaluate(data, query, args)))
			for name, db := range dbs {
				s := db.Dialect().Query(scope.Namespace(), query)
				got, err := db.Query(ctx, scope, database.Statement{Statement: s, Args: args})
				if err != nil {
					t.Fatalf("%s: %v\n%s\n%v", name, err, s.SQL, args)
				}
				if text := compact(t, got); text != want {
					t.Fatalf("%s answers\n%s\nnot\n%s\nto\n%s\n%v", name, text, want, s.SQL, args)
				}
			}
		}
	})
}

func store(ctx context.Context, t *rapid.T, name string, db *database.DB, scope isolation.Scope, l *relational.Layout, data dialecttest.Data) {
	var batch []database.Statement
	changes, args := []relational.Change{}, [][]any{}
	for _, table := range append(append([]*relational.Table{}, l.Joins...), l.Tables...) {
		for _, c := range table.Columns { // what points with a required column goes first
			if c.References != nil && c.Required {
				changes, args = append(changes, &relational.Delete{Table: table}), append(args, nil)
				break
			}
		}
	}
	for _, pass := range [][]string{{"Receipt"}, {"Order"}} {
		for _, table := range l.Tables {
			if table.Name == pass[0] {
				changes, args = append([]relational.Change{&relational.Delete{Table: table}}, changes...), append([][]any{nil}, args...)
			}
		}
	}
	changes[0], changes[1] = changes[1], changes[0]
	for _, table := range l.Tables {
		changes, args = append(changes, &relational.Delete{Table: table}), append(args, nil)
	}
	inserts, values := data.Inserts(l)
	changes, args = append(changes, inserts...), append(args, values...)
	for i, c := range changes {
		batch = append(batch, database.Statement{Statement: db.Dialect().Change(scope.Namespace(), c), Args: args[i]})
	}
	if _, err := db.Batch(ctx, scope, batch); err != nil {
		t.Fatalf("%s: store the rows: %v", name, err)
	}
}

func compact(t *rapid.T, text []byte) string {
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return b.String()
}
