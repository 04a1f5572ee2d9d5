package migrations_test

import (
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database"
	migratepgx "github.com/golang-migrate/migrate/v4/database/pgx/v5"
	migratesqlite "github.com/golang-migrate/migrate/v4/database/sqlite"
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib"

	"icehouse/deploy/testbed"
	"icehouse/migrations"
)

func TestMain(m *testing.M) { os.Exit(testbed.Main(m)) }

// engine is one folder with its product.
type engine struct {
	folder string
	db     *sql.DB
	driver database.Driver
	// describe lists columns ("table.column type null") and indexes that are
	// unique ("table unique(columns)"), in words that belong to no engine.
	describe string
}

func sqlite(t *testing.T) *engine {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	driver, err := migratesqlite.WithInstance(db, &migratesqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return &engine{"sqlite", db, driver, `
SELECT m.name || '.' || c.name || ' ' || CASE
         WHEN lower(c.type) = 'integer' AND (c.name LIKE '%\_at' ESCAPE '\' OR c.name IN ('at', 'lease_until')) THEN 'time'
         WHEN lower(c.type) = 'integer' THEN 'whole' WHEN lower(c.type) = 'blob' THEN 'bytes' ELSE lower(c.type) END
       || CASE WHEN c."notnull" = 1 OR c.pk > 0 THEN '' ELSE ' null' END
FROM sqlite_schema m JOIN pragma_table_info(m.name) c
WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name <> 'schema_migrations'
UNION ALL
SELECT m.name || ' unique(' || (SELECT group_concat(i.name, ',') FROM pragma_index_info(l.name) i) || ')'
FROM sqlite_schema m JOIN pragma_index_list(m.name) l
WHERE m.type = 'table' AND l."unique" = 1 AND m.name <> 'schema_migrations'
UNION ALL -- a key that is the row's own number has no index
SELECT m.name || ' unique(' || c.name || ')'
FROM sqlite_schema m JOIN pragma_table_info(m.name) c
WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND c.pk = 1 AND lower(c.type) = 'integer'
  AND NOT EXISTS (SELECT 1 FROM pragma_index_list(m.name) l WHERE l.origin = 'pk')
UNION ALL
SELECT m.name || ' ' || f."from" || ' -> ' || f."table" || CASE f.on_delete WHEN 'CASCADE' THEN ' cascade' ELSE '' END
FROM sqlite_schema m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'`}
}

func postgres(t *testing.T) *engine {
	db, err := sql.Open("pgx", testbed.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	driver, err := migratepgx.WithInstance(db, &migratepgx.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return &engine{"postgres", db, driver, `
SELECT table_name || '.' || column_name || ' ' || CASE
         WHEN data_type LIKE 'timestamp%' THEN 'time' WHEN data_type = 'bigint' THEN 'whole'
         WHEN data_type = 'bytea' THEN 'bytes' ELSE data_type END
       || CASE WHEN is_nullable = 'NO' THEN '' ELSE ' null' END
FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'schema_migrations'
UNION ALL
SELECT c.relname || ' unique(' || (SELECT string_agg(a.attname, ',' ORDER BY k.n)
         FROM unnest(i.indkey) WITH ORDINALITY k(attnum, n) JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum) || ')'
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace s ON s.oid = c.relnamespace
WHERE s.nspname = 'public' AND i.indisunique AND c.relname <> 'schema_migrations'
UNION ALL
SELECT c.relname || ' ' || (SELECT attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = k.conkey[1])
       || ' -> ' || r.relname || CASE k.confdeltype WHEN 'c' THEN ' cascade' ELSE '' END
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class r ON r.oid = k.confrelid WHERE k.contype = 'f'`}
}

func (e *engine) migrator(t *testing.T) *migrate.Migrate {
	t.Helper()
	source, err := iofs.New(migrations.FS, e.folder)
	if err != nil {
		t.Fatal(err)
	}
	m, err := migrate.NewWithInstance("files", source, "platform", e.driver)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = m.Close() })
	return m
}

func (e *engine) schema(t *testing.T) []string {
	t.Helper()
	rows, err := e.db.QueryContext(t.Context(), e.describe)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		out = append(out, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	sort.Strings(out)
	return out
}

// TestSameLogicalSchema brings both engines up, compares, and takes them down.
func TestSameLogicalSchema(t *testing.T) {
	schemas := map[string][]string{}
	for _, e := range []*engine{sqlite(t), postgres(t)} {
		m := e.migrator(t)
		if err := m.Up(); err != nil {
			t.Fatal(e.folder, err)
		}
		schemas[e.folder] = e.schema(t)
		if len(schemas[e.folder]) < 40 {
			t.Fatalf("%s: only %d facts: %v", e.folder, len(schemas[e.folder]), schemas[e.folder])
		}
		if err := m.Down(); err != nil {
			t.Fatal(e.folder, err)
		}
		if left := e.schema(t); len(left) != 0 {
			t.Fatalf("%s: left after going down: %v", e.folder, left)
		}
	}
	if diff := cmp.Diff(schemas["sqlite"], schemas["postgres"]); diff != "" {
		t.Fatalf("(-sqlite +postgres):\n%s", diff)
	}
}

// TestSameVersions holds both folders to the same files, each with its way back.
func TestSameVersions(t *testing.T) {
	names := map[string][]string{}
	for _, folder := range []string{"sqlite", "postgres"} {
		files, err := fs.Glob(migrations.FS, folder+"/*.sql")
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range files {
			name := filepath.Base(f)
			names[folder] = append(names[folder], name)
			back := strings.Replace(name, ".up.", ".down.", 1)
			if _, err := fs.Stat(migrations.FS, folder+"/"+back); err != nil {
				t.Error(err)
			}
			if want := fmt.Sprintf("%04d_", i/2+1); !strings.HasPrefix(name, want) {
				t.Errorf("%s: versions must follow each other; want %s", f, want)
			}
		}
	}
	if diff := cmp.Diff(names["sqlite"], names["postgres"]); diff != "" {
		t.Fatal(diff)
	}
}
