package deployment_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"icehouse/controlplane/deployment"
	"icehouse/controlplane/store"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/database/postgresdb"
	"icehouse/dataplane/connector/database/sqlitedb"
	"icehouse/dataplane/relational"
	"icehouse/deploy/testbed"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

// TestRealDatabases deploys onto each product: what the plan says in words is
// what it understands, twice, and rows are seen.
func TestRealDatabases(t *testing.T) {
	for name, open := range products {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			t.Cleanup(func() { _ = db.Close() })
			onDatabase(t, db)
		})
	}
}

var products = map[string]func(*testing.T) *database.DB{
	"embedded": func(t *testing.T) *database.DB {
		db, err := sqlitedb.Open(sqlitedb.Config{Folder: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		return db
	},
	"server": func(t *testing.T) *database.DB {
		db, err := postgresdb.Open(t.Context(), postgresdb.Config{URL: testbed.Database(t)})
		if err != nil {
			t.Fatal(err)
		}
		return db
	},
}

const (
	libraryOne = `
type Book @model { id: ID! @isUnique title: String! @isUnique tags: [String!] state: State author: Author @relation(name: "Wrote") next: Book @relation(name: "Next") similar: [Book!]! @relation(name: "Similar") }
type Author @model { id: ID! @isUnique books: [Book!]! @relation(name: "Wrote") clubs: [Club!]! @relation(name: "Members") }
type Club @model { id: ID! @isUnique members: [Author!]! @relation(name: "Members") }
enum State { NEW OLD }
`
	libraryTwo = libraryOne + `
type Shelf @model { id: ID! @isUnique no: Int! }
`
	// Required things on types without rows.
	libraryThree = `
type Book @model { id: ID! @isUnique title: String! @isUnique tags: [String!] state: State @defaultValue(value: NEW) author: Author @relation(name: "Wrote") next: Book @relation(name: "Next") similar: [Book!]! @relation(name: "Similar") pages: Int shelf: Shelf! @relation(name: "Holds") }
type Author @model { id: ID! @isUnique books: [Book!]! @relation(name: "Wrote") clubs: [Club!]! @relation(name: "Members") chairs: Club @relation(name: "Chairs") }
type Club @model { id: ID! @isUnique members: [Author!]! @relation(name: "Members") name: String! chair: Author @relation(name: "Chairs") }
enum State { NEW OLD LOST }
type Shelf @model { id: ID! @isUnique no: Int! books: [Book!]! @relation(name: "Holds") }
`
)

func onDatabase(t *testing.T, db *database.DB) {
	h := newHouse(t)
	databases := func(tenancy.Placement) (*database.DB, error) { return db, nil }
	wire := func(s store.Store) {
		h.restart(s)
		h.deployer.Runner.Databases = databases
	}
	wire(h.store)
	p, other := h.project("library"), h.project("other")
	h.push(other, typesOnly(libraryOne), nil)
	if r := h.push(p, typesOnly(libraryOne), nil); r.Release != 1 || len(r.Errors) > 0 {
		t.Fatalf("%+v", r)
	}

	// A deploy that dies after its statements is finished by the next.
	alive := h.store
	wire(&killed{Store: alive})
	if _, err := h.deployer.Push(t.Context(), p, deployment.Request{Config: typesOnly(libraryTwo)}); !errors.Is(err, errKilled) {
		t.Fatalf("error %v", err)
	}
	wire(alive)
	if r := h.push(p, typesOnly(libraryTwo), nil); r.Release != 2 || len(r.Messages) != 0 {
		t.Fatalf("%+v", r)
	}

	insert(t, h, db, p, "Author")
	if r := h.push(p, typesOnly(libraryThree), nil); r.Release != 3 || len(r.Errors) > 0 {
		t.Fatalf("%+v", r)
	}
	// Now rows stand in the way.
	filled := strings.Replace(libraryThree, "chairs: Club", "name: String! chairs: Club", 1)
	if r := h.push(p, typesOnly(filled), nil); r.Release != 3 || len(r.Errors) != 1 || r.Errors[0].Code != 2007 || r.Errors[0].Field != "name" {
		t.Fatalf("%+v", r)
	}
	// The other project has no such rows.
	if r := h.push(other, typesOnly(filled), nil); r.Release != 2 || len(r.Errors) > 0 {
		t.Fatalf("%+v", r)
	}
}

// insert adds a row as the data plane would, with nothing but what the server
// fills.
func insert(t *testing.T, h *house, db *database.DB, p store.Project, typ string) {
	t.Helper()
	p = h.current(p)
	payload, err := h.store.Payload(t.Context(), p.ID, p.Release)
	if err != nil {
		t.Fatal(err)
	}
	release, err := compiledschema.DecodeRelease(payload)
	if err != nil {
		t.Fatal(err)
	}
	table := release.Layout.Table(release.Model.Type(typ))
	scope, err := isolation.ForProject(p.ID, p.Placement)
	if err != nil {
		t.Fatal(err)
	}
	statement := db.Dialect().Change(scope.Namespace(), &relational.Insert{
		Table: table, Columns: []*relational.Column{table.ID, table.CreatedAt, table.UpdatedAt}, Values: []relational.Arg{1, 2, 2},
		Args: []relational.ArgType{{Kind: relational.ArgID}, {Kind: relational.ArgTime}},
	})
	now := time.Now().UTC().Truncate(time.Millisecond)
	if _, err := db.Batch(context.WithoutCancel(t.Context()), scope, []database.Statement{{Statement: statement, Args: []any{tenancy.NewID(), now}}}); err != nil {
		t.Fatal(err)
	}
}
