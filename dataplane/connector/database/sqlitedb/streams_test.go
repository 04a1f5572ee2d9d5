package sqlitedb_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/database/databasetest"
	"icehouse/dataplane/connector/database/sqlitedb"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/relational"
)

// TestRelayGoesOn lets the process end at any place between a write and what follows.
func TestRelayGoesOn(t *testing.T) {
	parsed, diagnostics := datamodel.Parse(`type Note @model { id: ID! @isUnique text: String }`)
	if len(diagnostics) > 0 {
		t.Fatal(diagnostics)
	}
	c, layout, scope := sqlitedb.Config{Folder: t.TempDir()}, relational.Build(parsed.Model, nil), databasetest.Scope(t)
	// in runs do in a process of its own.
	in := func(do func(*database.DB)) {
		t.Helper()
		db, err := sqlitedb.Open(c)
		if err != nil {
			t.Fatal(err)
		}
		do(db)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	insert := func(db *database.DB, id string) {
		t.Helper()
		s := database.Statement{Statement: dialect.Statement{Writes: true, SQL: `INSERT INTO "Note" (id, "createdAt", "updatedAt") VALUES ('` + id + `', '', '')`}}
		if _, err := db.Batch(t.Context(), scope, []database.Statement{s}); err != nil {
			t.Fatal(err)
		}
	}
	turn := func(db *database.DB, sent int64, want string) int64 {
		t.Helper()
		r, err := db.Relay(t.Context(), database.Turn{Holder: "me", Lease: time.Minute, Sent: sent, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range r.Events {
			got = append(got, fmt.Sprintf("%d:%s", e.Position, e.Node))
		}
		if text := strings.Join(got, " "); text != want {
			t.Fatalf("relayed: %q, not %q", text, want)
		}
		return r.Last
	}
	in(func(db *database.DB) {
		if err := db.Provision(t.Context(), scope); err != nil {
			t.Fatal(err)
		}
		for _, step := range layout.Create() {
			if err := db.Migrate(t.Context(), scope, db.Dialect().Schema(scope.Namespace(), step)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := db.Listen(t.Context(), scope, 0, layout.Listen(parsed.Model.Types[0]), time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		insert(db, "a")
	})
	last := int64(0)
	in(func(db *database.DB) { // it was committed, and nobody was told
		last = turn(db, 0, "1:a")
	})
	in(func(db *database.DB) { // it was handed out, and perhaps not sent
		last = turn(db, turn(db, turn(db, last, "1:a"), ""), "")
		insert(db, "b")
		turn(db, last, "2:b")
		insert(db, "c")
		insert(db, "d")
		last = turn(db, turn(db, last, "2:b 3:c"), "4:d")
	})
	in(func(db *database.DB) { // what the one before was told is for nobody else
		last = turn(db, last, "4:d")
		turn(db, last, "")
	})
	in(func(db *database.DB) { turn(db, 0, "") })
}

// BenchmarkListened compares a write that nobody listens to with one that is noted.
func BenchmarkListened(b *testing.B) {
	parsed, _ := datamodel.Parse(`type Note @model { id: ID! @isUnique text: String mark: Int }`)
	layout, scope := relational.Build(parsed.Model, nil), databasetest.Scope(b)
	db, err := sqlitedb.Open(sqlitedb.Config{Folder: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.Provision(b.Context(), scope); err != nil {
		b.Fatal(err)
	}
	for _, step := range layout.Create() {
		if err := db.Migrate(b.Context(), scope, db.Dialect().Schema(scope.Namespace(), step)); err != nil {
			b.Fatal(err)
		}
	}
	id := []relational.ArgType{{Kind: relational.ArgID}}
	for _, round := range []string{"unheard", "listened"} {
		if round == "listened" {
			if _, err := db.Listen(b.Context(), scope, 0, layout.Listen(parsed.Model.Types[0]), time.Now().Add(time.Hour)); err != nil {
				b.Fatal(err)
			}
		}
		n := 0
		for _, w := range [][2]string{
			{"create", `INSERT INTO "Note" (id, "createdAt", "updatedAt") VALUES (?1, '', '')`},
			{"update", `UPDATE "Note" SET text = 'x', mark = 1, "updatedAt" = '' WHERE id = ?1`},
			{"delete", `DELETE FROM "Note" WHERE id = ?1`},
		} {
			n = 0
			b.Run(round+"/"+w[0], func(b *testing.B) {
				for b.Loop() {
					n++
					s := database.Statement{Statement: dialect.Statement{SQL: w[1], Writes: true, Args: id}, Args: []any{fmt.Sprint(round, n)}}
					if _, err := db.Batch(b.Context(), scope, []database.Statement{s}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
