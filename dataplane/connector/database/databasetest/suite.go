package databasetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/dialect/dialecttest"
	"icehouse/dataplane/relational"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

// Suite holds a product to the connector's specification. open makes a database
// of its own for a test and closes it in a cleanup.
func Suite(t *testing.T, open func(t *testing.T) *database.DB) {
	cases := []struct {
		name string
		run  func(*testing.T, *house)
	}{
		{"a zero scope is refused", zeroScope},
		{"provisioning may be repeated", provisionAgain},
		{"an unknown project has no rows", unknownProject},
		{"a second project sees nothing", secondProject},
		{"a statement for another project's place is refused", wrongNamespace},
		{"a failed step leaves nothing", batchIsAtomic},
		{"rows come and go", rowsComeAndGo},
		{"inserting lists", insertEach},
		{"lists grow at their end", appends},
		{"a row may wait for its required edge", edgesLater},
		{"existing rows are left alone", ignoreExisting},
		{"a unique value is reported by its constraint", uniqueViolations},
		{"a text that is too long for an index is reported", valueTooLong},
		{"a missing value is reported", missingValue},
		{"references are held", references},
		{"a guard stops the batch", guards},
		{"the first missing id is reported", requires},
		{"text folds alike everywhere", folding},
		{"a transaction keeps what it did", transactCommits},
		{"a transaction that fails keeps nothing", transactRollsBack},
		{"a cancelled statement ends", cancel},
		{"many callers at once", concurrent},
		{"a migration is all or nothing", migrateIsAtomic},
		{"a migration may be repeated", migrateAgain},
		{"a switch happens once, whole or not at all", advanceOnce},
		{"what is not there is reported", outOfDate},
		{"dropping removes everything and may be repeated", drop},
		{"a project can be dropped while in use", dropInUse},
		{"long names", longNames},
		{"what nobody listens to is not noted", nothingUnheard},
		{"what happens to a node is noted", noted},
		{"what happens to many nodes is noted", notedOfMany},
		{"what is no event is not noted", unnoted},
		{"who listens knows of all that is committed later", listenWaits},
		{"events are read by position", paging},
		{"streams end", ends},
		{"streams end when tables change", endsWithSchema},
		{"events are told of after the commit", tells},
		{"every change has one position and is sent", noteAll},
		{"functions are told of events", told},
		{"what is due is settled", settles},
		{"nothing is missed while tables change", missesNothing},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, newHouse(t, open(t))) })
	}
}

// house is two projects with the test model, A with a canary in each table.
type house struct {
	db     *database.DB
	layout *relational.Layout
	a, b   isolation.Scope
}

const canary = "canary"

func newHouse(t *testing.T, db *database.DB) *house {
	t.Helper()
	layout, err := dialecttest.Model()
	if err != nil {
		t.Fatal(err)
	}
	h := &house{db: db, layout: layout, a: Scope(t), b: Scope(t)}
	for _, scope := range []isolation.Scope{h.a, h.b} {
		h.provision(t, scope)
	}
	h.must(t, h.a, h.insertGroup(canary), h.insertUser(canary, canary), h.insertOrder(canary, canary, canary, 0))
	return h
}

// Scope makes the scope of a new project.
func Scope(t testing.TB) isolation.Scope {
	t.Helper()
	scope, err := isolation.ForProject(tenancy.ProjectID(tenancy.NewID()), tenancy.DefaultPlacement)
	if err != nil {
		t.Fatal(err)
	}
	return scope
}

func (h *house) provision(t *testing.T, scope isolation.Scope) {
	t.Helper()
	if err := h.db.Provision(t.Context(), scope); err != nil {
		t.Fatalf("provision: %v", err)
	}
	if err := h.db.Migrate(t.Context(), scope, h.ddl(scope)); err != nil {
		t.Fatalf("migrate: %v", err)
	}
}

func (h *house) ddl(scope isolation.Scope) []string {
	var ddl []string
	for _, step := range h.layout.Create() {
		ddl = append(ddl, h.db.Dialect().Schema(scope.Namespace(), step)...)
	}
	return ddl
}

func (h *house) table(name string) *relational.Table {
	for _, t := range append(append([]*relational.Table{}, h.layout.Tables...), h.layout.Joins...) {
		if t.Name == name {
			return t
		}
	}
	panic("databasetest: no table " + name)
}

func (h *house) column(table, name string) *relational.Column {
	for _, c := range h.table(table).Columns {
		if c.Name == name {
			return c
		}
	}
	panic("databasetest: no column " + table + "." + name)
}

// change is a write that is not rendered yet: the same for every project.
type change struct {
	change relational.Change
	args   []any
}

func (h *house) render(scope isolation.Scope, c change) database.Statement {
	return database.Statement{Statement: h.db.Dialect().Change(scope.Namespace(), c.change), Args: c.args}
}

func (h *house) renderAll(scope isolation.Scope, changes []change) []database.Statement {
	var out []database.Statement
	for _, c := range changes {
		out = append(out, h.render(scope, c))
	}
	return out
}

func (h *house) batch(t *testing.T, scope isolation.Scope, changes ...change) error {
	t.Helper()
	_, err := h.db.Batch(t.Context(), scope, h.renderAll(scope, changes))
	return err
}

func (h *house) must(t *testing.T, scope isolation.Scope, changes ...change) {
	t.Helper()
	if err := h.batch(t, scope, changes...); err != nil {
		t.Fatal(err)
	}
}

// insert writes one row; values stand beside the names of their columns.
func (h *house) insert(table string, values ...any) change {
	in := &relational.Insert{Table: h.table(table)}
	var args []any
	for i := 0; i < len(values); i += 2 {
		name, _ := values[i].(string)
		c := h.column(table, name)
		in.Columns = append(in.Columns, c)
		in.Args = append(in.Args, relational.ArgType{Kind: c.Kind.Arg()})
		in.Values = append(in.Values, relational.Arg(len(in.Args)))
		args = append(args, values[i+1])
	}
	return change{in, args}
}

var when = time.Date(2017, 8, 1, 8, 20, 30, 123e6, time.UTC)

func (h *house) insertGroup(id string) change {
	return h.insert("Group", "id", id, "createdAt", when, "updatedAt", when, "select", "from")
}

func (h *house) insertUser(id, email string) change {
	return h.insert("User", "id", id, "createdAt", when, "updatedAt", when, "email", email)
}

func (h *house) insertOrder(id, group, user string, rank int) change {
	return h.insert("Order", "id", id, "createdAt", when, "updatedAt", when, "title", "Title", "rank", int64(rank), "group", group, "user", user)
}

// query reads a list with some columns of a table.
func (h *house) query(scope isolation.Scope, s *relational.Select, args []any, types []relational.ArgType, columns ...string) database.Statement {
	many := &relational.Many{Select: s}
	for _, name := range columns {
		many.Fields = append(many.Fields, relational.Field{Key: name, Value: relational.ColumnValue{Column: h.column(s.Table.Name, name)}})
	}
	q := &relational.Query{Fields: []relational.Field{{Key: "rows", Value: many}}, Args: types}
	return database.Statement{Statement: h.db.Dialect().Query(scope.Namespace(), q), Args: args}
}

// all reads whole tables.
func (h *house) all(scope isolation.Scope, table string, columns ...string) database.Statement {
	return h.query(scope, &relational.Select{Table: h.table(table)}, nil, nil, columns...)
}

// expect reads columns of a whole table and compares the list of rows.
func (h *house) expect(t *testing.T, scope isolation.Scope, table, want string, columns ...string) {
	t.Helper()
	got, err := h.db.Query(t.Context(), scope, h.all(scope, table, columns...))
	if err != nil {
		t.Fatal(err)
	}
	if text := compact(t, got); text != `{"rows":`+want+`}` {
		t.Fatalf("%s has %s, not %s", table, text, want)
	}
}

func compact(t *testing.T, text []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return b.String()
}

// fails checks what an error says; constraint "*" is any.
func fails(t *testing.T, err error, kind database.ErrorKind, step int, constraint string) *database.Error {
	t.Helper()
	var e *database.Error
	if !errors.As(err, &e) {
		t.Fatalf("the error is %v, not a *database.Error", err)
	}
	if e.Kind != kind || e.Step != step || (constraint != "*" && e.Constraint != constraint) {
		t.Fatalf("the error is %v; want kind %d, step %d, constraint %q", e, kind, step, constraint)
	}
	return e
}

func short(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), 30*time.Second)
}
