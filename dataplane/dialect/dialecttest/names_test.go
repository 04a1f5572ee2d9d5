package dialecttest_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/database/postgresdb"
	"icehouse/dataplane/connector/database/sqlitedb"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/relational"
	"icehouse/deploy/testbed"
	"icehouse/tenancy/isolation"
)

// FuzzNames puts any text where names and response keys go: what is rendered
// stays one statement, whose text outside quotes is the same for all of them.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"id", `a"b`, "a'b", `\`, "a;b", "--", "/*", "$1", "?1", "\x00", "é", "a\nb", strings.Repeat("x", 100)} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, name, key string) {
		table := &relational.Table{Name: name}
		table.ID = &relational.Column{Table: table, Name: name, Kind: relational.KindID, Required: true, Unique: true}
		table.Columns = []*relational.Column{table.ID}
		q := func(table *relational.Table, key string) *relational.Query {
			return &relational.Query{Fields: []relational.Field{{Key: key, Value: &relational.Many{Select: &relational.Select{Table: table},
				Fields: []relational.Field{{Key: key, Value: relational.ColumnValue{Column: table.ID}}}}}}}
		}
		plain := &relational.Table{Name: "T"}
		plain.ID = &relational.Column{Table: plain, Name: "c", Kind: relational.KindID, Required: true, Unique: true}
		plainKey := "k"
		if len(key) > 63 {
			plainKey = strings.Repeat("k", len(key))
		}
		for _, d := range dialects {
			got, want := outside(d.Query("n", q(table, key)).SQL), outside(d.Query("n", q(plain, plainKey)).SQL)
			if got != want {
				t.Fatalf("%s: %q and %q give\n%s\nnot\n%s", d.name, name, key, got, want)
			}
		}
	})
}

// outside cuts quoted names and texts out of a statement.
func outside(sql string) string {
	var b strings.Builder
	for i := 0; i < len(sql); i++ {
		b.WriteByte(sql[i])
		if q := sql[i]; q == '"' || q == '\'' {
			for i++; i < len(sql); i++ {
				if sql[i] != q {
					continue
				}
				if i+1 < len(sql) && sql[i+1] == q {
					i++
					continue
				}
				break
			}
		}
	}
	return b.String()
}

// TestConstraintNames holds names to what an engine keeps, and apart.
func TestConstraintNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[A-Za-z][a-zA-Z0-9]{0,63}`)
		seen := map[string][3]string{}
		for range 20 {
			key := [3]string{name.Draw(t, "table"), name.Draw(t, "column"), rapid.SampledFrom([]string{"key", "fkey", "idx", "length"}).Draw(t, "suffix")}
			got := dialect.Name(key[0], key[1], key[2])
			if len(got) > 63 {
				t.Fatalf("%s has %d bytes", got, len(got))
			}
			if other, ok := seen[got]; ok && other != key {
				t.Fatalf("%v and %v are both %s", key, other, got)
			}
			seen[got] = key
		}
	})
	long := strings.Repeat("x", 63)
	if a, b := dialect.UniqueName(long+"a", "f"), dialect.UniqueName(long+"b", "f"); a == b {
		t.Errorf("both are %s", a)
	}
}

// TestManyFields goes beyond every limit on columns and arguments.
func TestManyFields(t *testing.T) {
	ctx, l := t.Context(), model(t)
	scope, err := isolation.ForProject("cfields", "default")
	if err != nil {
		t.Fatal(err)
	}
	for name, db := range openBoth(t) {
		if err := db.Provision(ctx, scope); err != nil {
			t.Fatal(err)
		}
		for _, step := range l.Create() {
			if err := db.Migrate(ctx, scope, db.Dialect().Schema(scope.Namespace(), step)); err != nil {
				t.Fatal(err)
			}
		}
		for _, n := range []int{0, 1, 50, 51, 400, 401, 500, 501, 1001, 2500} {
			var fields []relational.Field
			want := map[string]any{}
			for i := range n {
				key := strings.Repeat("k", 1+i%70) + string(rune('A'+i%26)) + string(rune('A'+i/26%26)) + string(rune('A'+i/676))
				fields = append(fields, relational.Field{Key: key, Value: &relational.Count{Select: &relational.Select{Table: l.Tables[0]}}})
				want[key] = float64(0)
			}
			for _, q := range []*relational.Query{{Fields: fields}, {Fields: []relational.Field{{Key: "o", Value: relational.Object{Fields: fields}}}}} {
				text, err := db.Query(ctx, scope, database.Statement{Statement: db.Dialect().Query(scope.Namespace(), q)})
				if err != nil {
					t.Fatalf("%s, %d fields: %v", name, n, err)
				}
				var got map[string]any
				if err := json.Unmarshal(text, &got); err != nil {
					t.Fatalf("%s, %d fields: %v", name, n, err)
				}
				if inner, ok := got["o"].(map[string]any); ok {
					got = inner
				}
				if len(got) != len(want) {
					t.Errorf("%s: %d fields are %d", name, n, len(got))
				}
			}
		}
	}
}

func openBoth(t *testing.T) map[string]*database.DB {
	t.Helper()
	pg, err := postgresdb.Open(t.Context(), postgresdb.Config{URL: testbed.Database(t)})
	if err != nil {
		t.Fatal(err)
	}
	lite, err := sqlitedb.Open(sqlitedb.Config{Folder: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*database.DB{"postgres": pg, "sqlite": lite}
	for name, db := range out {
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Errorf("close %s: %v", name, err)
			}
		})
	}
	return out
}

// TestPrepares gives every golden statement to its real engine as one statement.
// SQLite's part is done by the random queries: its driver prepares them.
func TestPrepares(t *testing.T) {
	ctx, l := t.Context(), model(t)
	url := testbed.Database(t)
	db, err := postgresdb.Open(ctx, postgresdb.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	scope, err := isolation.ForProject("acme", "default")
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Provision(ctx, scope); err != nil {
		t.Fatal(err)
	}
	for _, step := range l.Create() {
		if err := db.Migrate(ctx, scope, db.Dialect().Schema("acme", step)); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, c := range casesOf(l) {
		var s dialect.Statement
		switch {
		case c.Query != nil:
			s = db.Dialect().Query("acme", c.Query)
		case c.Change != nil:
			s = db.Dialect().Change("acme", c.Change)
		default:
			continue
		}
		// Prepare takes one statement, and infers the type of every argument.
		if _, err := conn.PgConn().Prepare(ctx, "", s.SQL, nil); err != nil {
			t.Errorf("%s: %v\n%s", c.Name, err, s.SQL)
		}
	}
}
