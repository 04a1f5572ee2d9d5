package databasetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/relational"
)

func sortStable(order []int, by []string) {
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(by[a], by[b]) })
}

func transactCommits(t *testing.T, h *house) {
	ctx := t.Context()
	var kept database.Tx
	err := h.db.Transact(ctx, h.a, func(tx database.Tx) error {
		kept = tx
		if _, err := tx.Batch(ctx, h.renderAll(h.a, []change{h.insertGroup("g1")})); err != nil {
			return err
		}
		out, err := tx.Batch(ctx, []database.Statement{h.all(h.a, "Group", "id")})
		if err != nil {
			return err
		}
		if text := compact(t, out[0]); text != `{"rows":[{"id":"canary"},{"id":"g1"}]}` {
			t.Errorf("the transaction sees %s", text)
		}
		_, err = tx.Batch(ctx, h.renderAll(h.a, []change{h.insertGroup("g2")}))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	h.expect(t, h.a, "Group", `[{"id":"canary"},{"id":"g1"},{"id":"g2"}]`, "id")
	if _, err := kept.Batch(ctx, h.renderAll(h.a, []change{h.insertGroup("g3")})); err == nil {
		t.Error("a transaction was used after its end")
	}
	if err := h.db.Transact(ctx, h.a, func(database.Tx) error { return nil }); err != nil {
		t.Errorf("a transaction without statements: %v", err)
	}
}

var errOwn = errors.New("the caller's own")

func transactRollsBack(t *testing.T, h *house) {
	ctx := t.Context()
	write := func(tx database.Tx) {
		if _, err := tx.Batch(ctx, h.renderAll(h.a, []change{h.insertGroup("g1")})); err != nil {
			t.Error(err)
		}
	}
	err := h.db.Transact(ctx, h.a, func(tx database.Tx) error { write(tx); return errOwn })
	if !errors.Is(err, errOwn) {
		t.Errorf("the error is %v", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is gone")
			}
		}()
		_ = h.db.Transact(ctx, h.a, func(tx database.Tx) error { write(tx); panic(errOwn) })
	}()
	err = h.db.Transact(ctx, h.a, func(tx database.Tx) error {
		write(tx)
		_, err := tx.Batch(ctx, h.renderAll(h.a, []change{h.insertGroup("g2"), h.insertGroup(canary)}))
		if _, again := tx.Batch(ctx, h.renderAll(h.a, []change{h.insertGroup("g3")})); again == nil {
			t.Error("a failed transaction goes on")
		}
		return err
	})
	fails(t, err, database.UniqueViolation, 1, "*")
	// An error that do keeps to itself must not turn into success.
	err = h.db.Transact(ctx, h.a, func(tx database.Tx) error {
		_, _ = tx.Batch(ctx, h.renderAll(h.a, []change{h.insertGroup(canary)}))
		return nil
	})
	fails(t, err, database.UniqueViolation, 0, "*")
	ended, cancel := context.WithCancel(ctx)
	err = h.db.Transact(ended, h.a, func(tx database.Tx) error { write(tx); cancel(); return ended.Err() })
	if err == nil {
		t.Error("a transaction outlived its context")
	}
	h.expect(t, h.a, "Group", `[{"id":"canary"}]`, "id")
	h.expect(t, h.b, "Group", `[]`, "id")
}

// cancel stops a statement that would run for hours: a product of many lists.
func cancel(t *testing.T, h *house) {
	user := h.table("User")
	ids := make([]string, 400)
	emails := make([]string, len(ids))
	for i := range ids {
		ids[i], emails[i] = fmt.Sprintf("u%03d", i), fmt.Sprintf("e%03d", i)
	}
	h.must(t, h.a, change{&relational.Insert{Table: user, Each: true,
		Columns: []*relational.Column{user.ID, user.CreatedAt, user.UpdatedAt, h.column("User", "email")}, Values: []relational.Arg{1, 2, 2, 3},
		Args: []relational.ArgType{{Kind: relational.ArgID, List: true}, {Kind: relational.ArgTime}, {Kind: relational.ArgText, List: true}},
	}, []any{ids, when, emails}})
	var fields []relational.Field
	for range 6 {
		fields = []relational.Field{{Key: "n", Value: relational.ColumnValue{Column: user.ID}}, {Key: "all", Value: &relational.Many{Select: &relational.Select{Table: user}, Fields: fields}}}
	}
	q := &relational.Query{Fields: []relational.Field{{Key: "all", Value: &relational.Many{Select: &relational.Select{Table: user}, Fields: fields}}}}
	endless := database.Statement{Statement: h.db.Dialect().Query(h.a.Namespace(), q)}
	for name, run := range map[string]func(context.Context) error{
		"Query": func(ctx context.Context) error { _, err := h.db.Query(ctx, h.a, endless); return err },
		"Batch": func(ctx context.Context) error {
			_, err := h.db.Batch(ctx, h.a, []database.Statement{h.render(h.a, h.insertGroup("g")), endless})
			return err
		},
		"Transact": func(ctx context.Context) error {
			return h.db.Transact(ctx, h.a, func(tx database.Tx) error {
				_, err := tx.Batch(ctx, []database.Statement{h.render(h.a, h.insertGroup("g")), endless})
				return err
			})
		},
	} {
		ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
		begin := time.Now()
		err := run(ctx)
		stop()
		var e *database.Error
		if !errors.As(err, &e) || e.Kind != database.Canceled {
			t.Errorf("%s: the error is %v", name, err)
		}
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("%s ended after %v", name, took)
		}
	}
	ended, stop := context.WithCancel(t.Context())
	stop()
	_, err := h.db.Query(ended, h.a, h.all(h.a, "Group", "id"))
	fails(t, err, database.Canceled, 0, "*")
	h.expect(t, h.a, "Group", `[{"id":"canary"}]`, "id")
	h.expect(t, h.b, "User", `[]`, "id")
}

// concurrent lets both projects read and write at once.
func concurrent(t *testing.T, h *house) {
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			scope, id := h.b, fmt.Sprintf("g%d", n)
			if n%2 == 0 {
				scope = h.a
			}
			for i := range 20 {
				if err := h.batch(t, scope, h.insertGroup(fmt.Sprintf("%s-%d", id, i))); err != nil {
					t.Error(err)
				}
				out, err := h.db.Query(t.Context(), scope, h.all(scope, "User", "id"))
				if err != nil {
					t.Error(err)
				} else if strings.Contains(string(out), canary) != (scope == h.a) {
					t.Errorf("the wrong project's rows: %s", out)
				}
			}
		})
	}
	all.Wait()
}

func migrateIsAtomic(t *testing.T, h *house) {
	ddl := append(h.db.Dialect().Schema(h.a.Namespace(), relational.CreateTable{Table: h.extra()}), "CREATE NONSENSE")
	if err := h.db.Migrate(t.Context(), h.a, ddl); err == nil {
		t.Fatal("nonsense was run")
	}
	// Had the table stayed, this would find it there in another form.
	h.expect(t, h.a, "Order", `[{"id":"canary"}]`, "id")
	if _, err := h.db.Batch(t.Context(), h.a, h.renderAll(h.a, []change{{&relational.Delete{Table: h.extra()}, nil}})); err == nil {
		t.Fatal("a part of the migration stayed")
	}
	if err := h.db.Migrate(t.Context(), h.a, ddl[:len(ddl)-1]); err != nil {
		t.Fatal(err)
	}
	h.must(t, h.a, change{&relational.Delete{Table: h.extra()}, nil})
	if err := h.db.Migrate(t.Context(), h.a, nil); err != nil {
		t.Fatal(err)
	}
}

func advanceOnce(t *testing.T, h *house) {
	d, group := h.db.Dialect(), h.table("Group")
	add := func(name string) dialect.Statement {
		return dialect.Statement{SQL: d.Schema(h.a.Namespace(), relational.AddColumn{Column: &relational.Column{Table: group, Name: name, Kind: relational.KindText}})[0]}
	}
	empty := d.Change(h.a.Namespace(), &relational.Guard{Condition: relational.Exists{Select: &relational.Select{Table: group}, Not: true}})
	read := func(name string) error {
		column := &relational.Column{Table: group, Name: name, Kind: relational.KindText}
		_, err := h.db.Query(t.Context(), h.a, database.Statement{Statement: d.Query(h.a.Namespace(), &relational.Query{Fields: []relational.Field{{Key: "v",
			Value: &relational.Many{Select: &relational.Select{Table: group}, Fields: []relational.Field{{Key: "v", Value: relational.ColumnValue{Column: column}}}}}}})})
		return err
	}
	fails(t, h.db.Advance(t.Context(), h.a, 2, []dialect.Statement{add("one"), empty}), database.GuardFailed, 1, "")
	if read("one") == nil {
		t.Fatal("a part of the switch stayed")
	}
	for range 2 {
		if err := h.db.Advance(t.Context(), h.a, 2, []dialect.Statement{add("one")}); err != nil {
			t.Fatal(err)
		}
	}
	if err := read("one"); err != nil {
		t.Fatal(err)
	}
	// A place remembers how far it has come, whatever else is done to it.
	if err := h.db.Provision(t.Context(), h.a); err != nil {
		t.Fatal(err)
	}
	for _, release := range []int64{1, 2} {
		if err := h.db.Advance(t.Context(), h.a, release, []dialect.Statement{add("two")}); err != nil {
			t.Fatal(err)
		}
	}
	if read("two") == nil {
		t.Fatal("the switch of an older release happened")
	}
	if err := h.db.Advance(t.Context(), h.a, 3, nil); err != nil {
		t.Fatal(err)
	}
	if err := h.db.Advance(t.Context(), h.a, 3, []dialect.Statement{add("two")}); err != nil || read("two") == nil {
		t.Fatal("a switch without statements does not count", err)
	}
	h.expect(t, h.b, "Group", `[]`, "id")
}

func outOfDate(t *testing.T, h *house) {
	gone := &relational.Column{Table: h.table("Group"), Name: "gone", Kind: relational.KindText}
	extra := h.extra()
	_, err := h.db.Query(t.Context(), h.a, database.Statement{Statement: h.db.Dialect().Query(h.a.Namespace(), &relational.Query{Fields: []relational.Field{{Key: "v",
		Value: &relational.Many{Select: &relational.Select{Table: extra}, Fields: []relational.Field{{Key: "v", Value: relational.ColumnValue{Column: extra.ID}}}}}}})})
	fails(t, err, database.OutOfDate, 0, "*")
	err = h.batch(t, h.a, change{&relational.Update{Table: gone.Table, Set: []relational.Assignment{{Column: gone}}, Where: relational.IsNull{Column: gone.Table.ID}}, nil})
	fails(t, err, database.OutOfDate, 0, "*")
	err = h.batch(t, h.a, change{&relational.Insert{Table: gone.Table, Columns: []*relational.Column{gone.Table.ID, gone}, Values: []relational.Arg{1, 1}, Args: []relational.ArgType{{Kind: relational.ArgID}}}, []any{"x"}})
	fails(t, err, database.OutOfDate, 0, "*")
}

// extra is a table that the model does not have.
func (h *house) extra() *relational.Table {
	t := &relational.Table{Name: "Extra"}
	column := func(name string, k relational.Kind) *relational.Column {
		c := &relational.Column{Table: t, Name: name, Kind: k, Required: true}
		t.Columns = append(t.Columns, c)
		return c
	}
	t.ID, t.CreatedAt, t.UpdatedAt = column("id", relational.KindID), column("createdAt", relational.KindTime), column("updatedAt", relational.KindTime)
	t.ID.Unique = true
	return t
}

func migrateAgain(t *testing.T, h *house) {
	for _, scope := range []struct{ again []string }{{h.ddl(h.a)}} {
		if err := h.db.Migrate(t.Context(), h.a, scope.again); err != nil {
			t.Fatal(err)
		}
	}
	h.expect(t, h.a, "Order", `[{"id":"canary"}]`, "id")
	note := &relational.Column{Table: h.table("Group"), Name: "note", Kind: relational.KindText, Unique: true}
	add := h.db.Dialect().Schema(h.a.Namespace(), relational.AddColumn{Column: note})
	for range 2 {
		if err := h.db.Migrate(t.Context(), h.a, add); err != nil {
			t.Fatal(err)
		}
	}
	h.expect(t, h.a, "Group", `[{"id":"canary"}]`, "id")
}

func drop(t *testing.T, h *house) {
	ctx := t.Context()
	for range 2 {
		if err := h.db.Drop(ctx, h.a); err != nil {
			t.Fatal(err)
		}
	}
	_, err := h.db.Query(ctx, h.a, h.all(h.a, "Order", "id"))
	fails(t, err, database.OutOfDate, 0, "*")
	h.expect(t, h.b, "Order", `[]`, "id")
	h.provision(t, h.a) // the same name, another place
	h.expect(t, h.a, "Order", `[]`, "id")
	h.must(t, h.a, h.insertGroup("g"))
}

func dropInUse(t *testing.T, h *house) {
	ctx, stop := short(t)
	defer stop()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				_, err := h.db.Query(ctx, h.a, h.all(h.a, "Order", "id"))
				var e *database.Error
				if err != nil && !errors.As(err, &e) {
					t.Errorf("the error is %v", err)
				}
			}
		})
	}
	if err := h.db.Drop(ctx, h.a); err != nil {
		t.Error(err)
	}
	all.Wait()
	if _, err := h.db.Query(ctx, h.a, h.all(h.a, "Order", "id")); err == nil {
		t.Error("the project is still there")
	}
	h.expect(t, h.b, "Order", `[]`, "id")
}

// longNames uses the longest names of a model, which differ in their last letter
// alone.
func longNames(t *testing.T, h *house) {
	name := func(first, last string) string { return first + strings.Repeat("x", 62) + last }
	var sdl strings.Builder
	for _, last := range []string{"A", "B"} {
		fmt.Fprintf(&sdl, "type %s @model { id: ID! @isUnique %s: String! @isUnique %s: String! @isUnique }\n", name("T", last), name("f", "a"), name("f", "b"))
	}
	parsed, diagnostics := datamodel.Parse(sdl.String())
	if len(diagnostics) > 0 {
		t.Fatal(diagnostics)
	}
	layout := relational.Build(parsed.Model, nil)
	for _, step := range layout.Create() {
		if err := h.db.Migrate(t.Context(), h.b, h.db.Dialect().Schema(h.b.Namespace(), step)); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range layout.Tables {
		in := &relational.Insert{Table: table, Columns: table.Columns, Values: []relational.Arg{2, 1, 1, 3, 4}, Args: []relational.ArgType{
			{Kind: relational.ArgTime}, {Kind: relational.ArgID}, {Kind: relational.ArgText}, {Kind: relational.ArgText}}}
		row := func(values ...any) change { return change{in, append([]any{when}, values...)} }
		h.must(t, h.b, row("x", "a", "b"))
		for column, again := range map[*relational.Column]change{
			table.ID:         row("x", "other", "other"),
			table.Columns[3]: row("y", "A", "other"),
			table.Columns[4]: row("y", "other", "B"),
		} {
			fails(t, h.batch(t, h.b, again), database.UniqueViolation, 0, dialect.ConstraintName(column, dialect.Unique))
		}
	}
}
