package sqlitedb_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/database/databasetest"
	"icehouse/dataplane/connector/database/sqlitedb"
	"icehouse/dataplane/dialect"
	"icehouse/tenancy/isolation"
)

func statement(sql string, returns bool) database.Statement {
	return database.Statement{Statement: dialect.Statement{SQL: sql, Returns: returns}}
}

// TestConfined tries to leave the file in the ways that the engine has.
func TestConfined(t *testing.T) {
	folder := t.TempDir()
	db := open(t, sqlitedb.Config{Folder: folder})
	a, b := databasetest.Scope(t), databasetest.Scope(t)
	for _, scope := range []isolation.Scope{a, b} {
		if err := db.Provision(t.Context(), scope); err != nil {
			t.Fatal(err)
		}
	}
	other := filepath.Join(folder, b.Namespace(), "rows.db")
	for _, sql := range []string{"ATTACH '" + other + "' AS other", "VACUUM INTO '" + other + ".copy'", "SELECT load_extension('" + other + "')"} {
		if _, err := db.Batch(t.Context(), a, []database.Statement{statement(sql, false)}); err == nil {
			t.Errorf("%s went through", sql)
		}
		if err := db.Migrate(t.Context(), a, []string{sql}); err == nil {
			t.Errorf("%s went through as a migration", sql)
		}
	}
	if _, err := db.Query(t.Context(), a, statement("CREATE TABLE t (id)", true)); err == nil {
		t.Error("a read wrote")
	}
}

// TestRoom serves more projects than may be open, and counts the files that are.
func TestRoom(t *testing.T) {
	folder := t.TempDir()
	db := open(t, sqlitedb.Config{Folder: folder, MaxOpen: 2})
	var scopes []isolation.Scope
	for i := range 6 {
		scope := databasetest.Scope(t)
		scopes = append(scopes, scope)
		if err := db.Provision(t.Context(), scope); err != nil {
			t.Fatal(err)
		}
		if err := db.Migrate(t.Context(), scope, []string{"CREATE TABLE t (n)", fmt.Sprintf("INSERT INTO t VALUES (%d)", i)}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		for i, scope := range scopes {
			out, err := db.Query(t.Context(), scope, statement("SELECT n FROM t", true))
			if err != nil || string(out) != fmt.Sprint(i) {
				t.Fatalf("%s, %v", out, err)
			}
		}
	}
	logs, err := filepath.Glob(filepath.Join(folder, "*", "rows.db-wal"))
	if err != nil || len(logs) > 2 {
		t.Errorf("%d files are open: %v", len(logs), err)
	}
	for _, scope := range scopes {
		if err := db.Drop(t.Context(), scope); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// TestStays closes and opens again: rows are there, and nobody comes in between.
func TestStays(t *testing.T) {
	folder, scope := t.TempDir(), databasetest.Scope(t)
	db, err := sqlitedb.Open(sqlitedb.Config{Folder: folder})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Provision(t.Context(), scope); err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context(), scope, []string{"CREATE TABLE t (n)", "INSERT INTO t VALUES (7)"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Query(t.Context(), scope, statement("SELECT n FROM t", true)); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("a closed database answers: %v", err)
	}
	db = open(t, sqlitedb.Config{Folder: folder})
	if out, err := db.Query(t.Context(), scope, statement("SELECT n FROM t", true)); err != nil || string(out) != "7" {
		t.Errorf("%s, %v", out, err)
	}
	if _, err := sqlitedb.Open(sqlitedb.Config{}); err == nil {
		t.Error("no folder was needed")
	}
}
