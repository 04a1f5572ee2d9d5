package databasetest

import (
	"errors"
	"testing"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/relational"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

func zeroScope(t *testing.T, h *house) {
	ctx := t.Context()
	var zero isolation.Scope
	s := h.all(h.a, "Order", "id")
	_, errQuery := h.db.Query(ctx, zero, s)
	_, errBatch := h.db.Batch(ctx, zero, []database.Statement{s})
	for name, err := range map[string]error{
		"Query":     errQuery,
		"Batch":     errBatch,
		"Transact":  h.db.Transact(ctx, zero, func(database.Tx) error { return nil }),
		"Provision": h.db.Provision(ctx, zero),
		"Migrate":   h.db.Migrate(ctx, zero, []string{"SELECT 1"}),
		"Drop":      h.db.Drop(ctx, zero),
	} {
		if !errors.Is(err, tenancy.ErrZeroScope) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func provisionAgain(t *testing.T, h *house) {
	if err := h.db.Provision(t.Context(), h.a); err != nil {
		t.Fatal(err)
	}
	h.expect(t, h.a, "Order", `[{"id":"canary"}]`, "id")
}

func unknownProject(t *testing.T, h *house) {
	stranger := Scope(t)
	_, err := h.db.Query(t.Context(), stranger, h.all(stranger, "Order", "id"))
	fails(t, err, database.OutOfDate, 0, "*")
	fails(t, h.batch(t, stranger, h.insertGroup("g")), database.OutOfDate, 0, "*")
	if err := h.db.Migrate(t.Context(), stranger, h.ddl(stranger)); err == nil {
		t.Fatal("a project that was not provisioned was migrated")
	}
}

// secondProject does everything as B and looks that A's canaries are not seen,
// not changed and not in the way.
func secondProject(t *testing.T, h *house) {
	tables := []string{"Group", "User", "Order"}
	empty := func() {
		t.Helper()
		for _, table := range tables {
			h.expect(t, h.b, table, `[]`, "id")
		}
	}
	empty()
	h.expect(t, h.a, "Order", `[{"id":"canary"}]`, "id")
	empty() // on the connection that has just served A

	one := relational.ArgType{Kind: relational.ArgID}
	var remove []change
	for _, table := range []string{"Order", "User", "Group"} {
		remove = append(remove, change{&relational.Delete{Table: h.table(table)}, nil})
	}
	fails(t, h.batch(t, h.b, change{&relational.Require{Table: h.table("User"), IDs: 1, Args: []relational.ArgType{{Kind: one.Kind, List: true}}}, []any{[]string{canary}}}),
		database.RequireFailed, 0, "*")
	exists := relational.Exists{Select: &relational.Select{Table: h.table("User")}}
	fails(t, h.batch(t, h.b, change{&relational.Guard{Condition: exists}, nil}), database.GuardFailed, 0, "*")
	fails(t, h.batch(t, h.b, h.insertGroup("g"), h.insertOrder("o", "g", canary, 0)), database.MissingReference, 1, "*")
	h.must(t, h.b, append(remove, h.insertGroup(canary), h.insertUser(canary, canary))...)
	h.expect(t, h.a, "Order", `[{"id":"canary","user":"canary"}]`, "id", "user")
	err := h.db.Transact(t.Context(), h.b, func(tx database.Tx) error {
		out, err := tx.Batch(t.Context(), []database.Statement{h.all(h.b, "Order", "id")})
		if err == nil && compact(t, out[0]) != `{"rows":[]}` {
			t.Errorf("a transaction of B sees %s", out[0])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// wrongNamespace is the bug of a planner that mixes projects up: a text with A's
// name, run as B, just after the same text ran as A on the same connection.
func wrongNamespace(t *testing.T, h *house) {
	read := h.all(h.a, "Order", "id")
	if read.SQL == h.all(h.b, "Order", "id").SQL {
		// The place is not in the text: a text can't name another one.
		h.expect(t, h.b, "Order", `[]`, "id")
		return
	}
	write := h.render(h.a, change{&relational.Delete{Table: h.table("Order")}, nil})
	for range 20 { // through all connections of the pool
		if _, err := h.db.Query(t.Context(), h.a, read); err != nil {
			t.Fatal(err)
		}
		_, err := h.db.Query(t.Context(), h.b, read)
		fails(t, err, database.Internal, 0, "*")
		_, err = h.db.Batch(t.Context(), h.b, []database.Statement{h.render(h.b, h.insertGroup("g")), write})
		fails(t, err, database.Internal, 1, "*")
		err = h.db.Transact(t.Context(), h.b, func(tx database.Tx) error {
			_, err := tx.Batch(t.Context(), []database.Statement{write})
			return err
		})
		fails(t, err, database.Internal, 0, "*")
	}
	h.expect(t, h.a, "Order", `[{"id":"canary"}]`, "id")
	h.expect(t, h.b, "Group", `[]`, "id")
}
