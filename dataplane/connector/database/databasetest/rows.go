package databasetest

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/relational"
)

func batchIsAtomic(t *testing.T, h *house) {
	steps := []change{h.insertGroup("g1"), h.insertUser("u1", "e1"), h.insertOrder("o1", "g1", "u1", 1), h.insertGroup("g2")}
	for at := range len(steps) + 1 {
		broken := append(append(append([]change{}, steps[:at]...), h.insertGroup(canary)), steps[at:]...)
		fails(t, h.batch(t, h.a, broken...), database.UniqueViolation, at, dialect.ConstraintName(h.column("Group", "id"), dialect.Unique))
		h.expect(t, h.a, "Group", `[{"id":"canary"}]`, "id")
		h.expect(t, h.a, "User", `[{"id":"canary"}]`, "id")
		h.expect(t, h.a, "Order", `[{"id":"canary"}]`, "id")
	}
	h.must(t, h.a, steps...)
	out, err := h.db.Batch(t.Context(), h.a, append(h.renderAll(h.a, []change{h.insertGroup("g3")}), h.all(h.a, "Group", "id"), h.all(h.a, "Tag", "id")))
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != 3 || out[0] != nil || compact(t, out[1]) != `{"rows":[{"id":"canary"},{"id":"g1"},{"id":"g2"},{"id":"g3"}]}` || compact(t, out[2]) != `{"rows":[]}` {
		t.Fatalf("the batch returned %q", out)
	}
	if out, err := h.db.Batch(t.Context(), h.a, nil); err != nil || len(out) != 0 {
		t.Fatalf("an empty batch: %q, %v", out, err)
	}
}

func rowsComeAndGo(t *testing.T, h *house) {
	order := h.table("Order")
	id := relational.Compare{Column: order.ID, Op: relational.Equal, Arg: 1}
	set := &relational.Update{Table: order, Where: id, Args: []relational.ArgType{
		{Kind: relational.ArgID}, {Kind: relational.ArgText}, {Kind: relational.ArgInt}, {Kind: relational.ArgFloat}, {Kind: relational.ArgBool},
		{Kind: relational.ArgTime}, {Kind: relational.ArgJSON}, {Kind: relational.ArgWord}, {Kind: relational.ArgWord}, {Kind: relational.ArgJSON},
	}}
	var columns []string
	for i, name := range []string{"note", "count", "amount", "paid", "at", "data", "secret", "state", "labels"} {
		set.Set = append(set.Set, relational.Assignment{Column: h.column("Order", name), Value: relational.Arg(i + 2)})
		columns = append(columns, name)
	}
	h.must(t, h.a, change{set, []any{canary, "it's \"ß\" \\ \n", int64(-7), 1.5, true, when, `{"b": 1, "a":[]}`, "$2a$10$x", "OPEN", `["x"]`}})
	h.expect(t, h.a, "Order", `[{"note":"it's \"ß\" \\ \n","count":-7,"amount":1.5,"paid":true,"at":"2017-08-01T08:20:30.123Z",`+
		`"data":{"b":1,"a":[]},"secret":"$2a$10$x","state":"OPEN","labels":["x"]}]`, columns...)
	for i := range set.Set {
		set.Set[i].Value = 0
	}
	set.Args = set.Args[:1]
	h.must(t, h.a, change{set, []any{canary}})
	h.expect(t, h.a, "Order", `[{"note":null,"count":null,"amount":null,"paid":null,"at":null,"data":null,"secret":null,"state":null,"labels":null}]`, columns...)
	h.must(t, h.a, change{&relational.Delete{Table: order, Where: id, Args: set.Args}, []any{canary}})
	h.expect(t, h.a, "Order", `[]`, "id")
	_, err := h.db.Query(t.Context(), h.a, database.Statement{Statement: h.all(h.a, "Order", "id").Statement, Args: []any{"too", "many"}})
	fails(t, err, database.Internal, 0, "")
}

func appends(t *testing.T, h *house) {
	change := change{&relational.Update{
		Table: h.table("Order"),
		Set:   []relational.Assignment{{Column: h.column("Order", "labels"), Value: 2, Append: true}},
		Where: relational.Compare{Column: h.table("Order").ID, Op: relational.Equal, Arg: 1},
		Args:  []relational.ArgType{{Kind: relational.ArgID}, {Kind: relational.ArgJSON}},
	}, nil}
	for _, step := range []struct{ more, want string }{
		{`[]`, `[]`}, {`["a","]"]`, `["a","]"]`}, {`[]`, `["a","]"]`}, {`["[",",","\""]`, `["a","]","[",",","\""]`}, {`["😀"]`, `["a","]","[",",","\"","😀"]`},
	} {
		change.args = []any{canary, step.more}
		h.must(t, h.a, change)
		h.expect(t, h.a, "Order", `[{"labels":`+step.want+`}]`, "labels")
	}
}

// edgesLater stores a row whose required foreign key is set by a later write.
func edgesLater(t *testing.T, h *house) {
	h.must(t, h.a, h.insert("Order", "id", "o2", "createdAt", when, "updatedAt", when, "title", "Title", "rank", int64(1)))
	h.expect(t, h.a, "Order", `[{"id":"canary","group":"canary"},{"id":"o2","group":null}]`, "id", "group")
	h.must(t, h.a, change{&relational.Update{
		Table: h.table("Order"),
		Set:   []relational.Assignment{{Column: h.column("Order", "group"), Value: 2}},
		Where: relational.Compare{Column: h.table("Order").ID, Op: relational.Equal, Arg: 1},
		Args:  []relational.ArgType{{Kind: relational.ArgID}, {Kind: relational.ArgID}},
	}, []any{"o2", canary}})
	h.expect(t, h.a, "Order", `[{"id":"canary","group":"canary"},{"id":"o2","group":"canary"}]`, "id", "group")
}

func insertEach(t *testing.T, h *house) {
	user := h.table("User")
	const n = 500
	ids, emails, names := make([]string, n), make([]string, n), make([]any, n)
	for i := range n {
		ids[i], emails[i] = fmt.Sprintf("u%03d", i), fmt.Sprintf("e%03d", n-i)
		if i%2 == 0 {
			names[i] = "even"
		}
	}
	in := change{&relational.Insert{
		Table: user, Each: true,
		Columns: []*relational.Column{user.ID, user.CreatedAt, user.UpdatedAt, h.column("User", "email"), h.column("User", "name"), h.column("User", "boss")},
		Values:  []relational.Arg{1, 2, 2, 3, 4, 0},
		Args: []relational.ArgType{{Kind: relational.ArgID, List: true}, {Kind: relational.ArgTime}, {Kind: relational.ArgText, List: true},
			{Kind: relational.ArgText, List: true}},
	}, []any{ids, when, emails, names}}
	h.must(t, h.b, in)
	var want []string
	for i := range n {
		name := "null"
		if i%2 == 0 {
			name = `"even"`
		}
		want = append(want, fmt.Sprintf(`{"id":"u%03d","email":"e%03d","name":%s,"createdAt":"2017-08-01T08:20:30.123Z"}`, i, n-i, name))
	}
	h.expect(t, h.b, "User", "["+strings.Join(want, ",")+"]", "id", "email", "name", "createdAt")
	in.args = []any{[]string{}, when, []string{}, []any{}}
	h.must(t, h.b, in) // empty lists are no rows
}

func ignoreExisting(t *testing.T, h *house) {
	h.must(t, h.a, h.insert("Tag", "id", "t1", "createdAt", when, "updatedAt", when, "name", "one"), h.insert("Tag", "id", "t2", "createdAt", when, "updatedAt", when, "name", "two"))
	join := h.table("_OrderTags")
	edges := change{&relational.Insert{Table: join, Columns: join.Columns, Values: []relational.Arg{1, 2}, Each: true, IgnoreExisting: true,
		Args: []relational.ArgType{{Kind: relational.ArgID}, {Kind: relational.ArgID, List: true}}}, []any{canary, []string{"t1"}}}
	h.must(t, h.a, edges)
	edges.args = []any{canary, []string{"t1", "t2", "t2"}}
	h.must(t, h.a, edges)
	q := &relational.Query{Fields: []relational.Field{{Key: "edges", Value: &relational.Count{Select: &relational.Select{Table: join}}}}}
	out, err := h.db.Query(t.Context(), h.a, database.Statement{Statement: h.db.Dialect().Query(h.a.Namespace(), q)})
	if err != nil || compact(t, out) != `{"edges":2}` {
		t.Fatalf("%s, %v", out, err)
	}
	strict := *edges.change.(*relational.Insert)
	strict.IgnoreExisting = false
	fails(t, h.batch(t, h.a, change{&strict, edges.args}), database.UniqueViolation, 0, "*")
}

func uniqueViolations(t *testing.T, h *house) {
	name := func(table, column string) string {
		return dialect.ConstraintName(h.column(table, column), dialect.Unique)
	}
	h.must(t, h.a, h.insertUser("u1", "Straße K"))
	fails(t, h.batch(t, h.a, h.insertGroup("g"), h.insertUser("u2", "sTRAẞE \u212a")), database.UniqueViolation, 1, name("User", "email"))
	fails(t, h.batch(t, h.a, h.insertOrder("o", canary, canary, 0)), database.UniqueViolation, 0, name("Order", "rank"))
	fails(t, h.batch(t, h.a, h.insertGroup(canary)), database.UniqueViolation, 0, name("Group", "id"))
	h.must(t, h.a, h.insertOrder("o1", canary, canary, 1), h.insertOrder("o2", canary, canary, 2)) // null is no value
}

func valueTooLong(t *testing.T, h *house) {
	fit := strings.Repeat("x", dialect.MaxUniqueText-2) + "ß"
	h.must(t, h.a, h.insertUser("u1", fit))
	for i, email := range []string{fit + "x", strings.Repeat("é", 50_000), noise(100_000)} {
		fails(t, h.batch(t, h.a, h.insertUser(fmt.Sprint("v", i), email)), database.ValueTooLong, 0, "*")
	}
	h.must(t, h.a, h.insertUser("u2", noise(dialect.MaxUniqueText)))
}

// noise can't be compressed.
func noise(n int) string {
	out, x := make([]byte, n), uint32(1)
	for i := range out {
		x = x*1664525 + 1013904223
		out[i] = 'a' + byte(x>>24)%26
	}
	return string(out)
}

func missingValue(t *testing.T, h *house) {
	fails(t, h.batch(t, h.a, h.insert("User", "id", "u1", "createdAt", when, "updatedAt", when, "email", nil)), database.MissingValue, 0, "*")
	fails(t, h.batch(t, h.a, h.insertGroup("g"), h.insert("User", "id", "u1", "createdAt", when, "updatedAt", when)), database.MissingValue, 1, "*")
}

func references(t *testing.T, h *house) {
	named := func(column string) string {
		if !h.db.Dialect().Features().NamesForeignKeys {
			return ""
		}
		return dialect.ConstraintName(h.column("Order", column), dialect.ForeignKey)
	}
	fails(t, h.batch(t, h.a, h.insertOrder("o", "nobody", canary, 1)), database.MissingReference, 0, named("group"))
	fails(t, h.batch(t, h.a, h.insertOrder("o", canary, "nobody", 1)), database.MissingReference, 0, named("user"))
	remove := func(table string) change { return change{&relational.Delete{Table: h.table(table)}, nil} }
	fails(t, h.batch(t, h.a, remove("Group")), database.MissingReference, 0, named("group"))
	h.must(t, h.a, remove("User")) // an optional reference is emptied
	h.expect(t, h.a, "Order", `[{"id":"canary","user":null,"group":"canary"}]`, "id", "user", "group")
	h.must(t, h.a, h.insert("Tag", "id", "t1", "createdAt", when, "updatedAt", when, "name", "one"), h.insert("_OrderTags", "A", canary, "B", "t1"))
	h.must(t, h.a, remove("Order")) // edges go with their ends
	h.must(t, h.a, remove("Group"), remove("Tag"))
}

func guards(t *testing.T, h *house) {
	exists := relational.Exists{Select: &relational.Select{Table: h.table("Order"), Where: relational.Compare{Column: h.column("Order", "id"), Op: relational.Equal, Arg: 1}}}
	args := []relational.ArgType{{Kind: relational.ArgID}}
	guard := func(p relational.Predicate) change {
		return change{&relational.Guard{Condition: p, Args: args}, []any{canary}}
	}
	h.must(t, h.a, guard(exists), guard(relational.Constant(true)), guard(relational.And{}))
	for _, p := range []relational.Predicate{relational.Not{Predicate: exists}, relational.Constant(false), relational.Or{}} {
		fails(t, h.batch(t, h.a, h.insertGroup("g"), guard(p), h.insertGroup("g2")), database.GuardFailed, 1, "")
	}
	h.expect(t, h.a, "Group", `[{"id":"canary"}]`, "id")
	out, err := h.db.Batch(t.Context(), h.a, []database.Statement{h.render(h.a, guard(exists)), h.all(h.a, "Group", "id")})
	if err != nil || out[0] != nil || out[1] == nil {
		t.Fatalf("%q, %v", out, err)
	}
}

func requires(t *testing.T, h *house) {
	require := func(ids ...string) change {
		return change{&relational.Require{Table: h.table("User"), IDs: 1, Args: []relational.ArgType{{Kind: relational.ArgID, List: true}}}, []any{ids}}
	}
	h.must(t, h.a, require(canary, canary), require())
	e := fails(t, h.batch(t, h.a, h.insertGroup("g"), require(canary, "zz-_9", canary, "aa"), h.insertGroup("g2")), database.RequireFailed, 1, "")
	if e.Value != "zz-_9" {
		t.Fatalf("the missing id is %q", e.Value)
	}
	h.expect(t, h.a, "Group", `[{"id":"canary"}]`, "id")
}

// folding stores every character, in rows of many and, where it has a case, in
// words in which its neighbours matter, and finds each text by its folded form.
func folding(t *testing.T, h *house) {
	var texts, folds []string
	add := func(s string) { texts, folds = append(texts, s), append(folds, relational.Fold(s)) }
	var line strings.Builder
	for r := rune(1); r <= utf8.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		s := string(r)
		line.WriteString(s)
		if r%64 == 63 {
			add(line.String())
			line.Reset()
		}
		if relational.Fold(s) != s || strings.ContainsRune("σςıß", r) {
			for _, word := range []string{s, "A" + s, "aΣ" + s + "Σ", s + "\u0307 É" + s, "İ" + s + "x"} {
				add(word)
			}
		}
	}
	const size = 20_000
	user := h.table("User")
	for from := 0; from < len(texts); from += size {
		part, want := texts[from:min(from+size, len(texts))], folds[from:min(from+size, len(texts))]
		ids := make([]string, len(part))
		for i := range ids {
			ids[i] = fmt.Sprintf("f%06d", i)
		}
		insert := change{&relational.Insert{Table: user, Each: true,
			Columns: []*relational.Column{user.ID, user.CreatedAt, user.UpdatedAt, h.column("User", "email"), h.column("User", "name")},
			Values:  []relational.Arg{1, 2, 2, 1, 3},
			Args:    []relational.ArgType{{Kind: relational.ArgID, List: true}, {Kind: relational.ArgTime}, {Kind: relational.ArgText, List: true}},
		}, []any{ids, when, part}}
		// No text may fold to what none of the folds is, nor to another's.
		h.must(t, h.b, change{&relational.Delete{Table: user}, nil}, insert)
		in := relational.In{Column: h.column("User", "name"), Arg: 1, Not: true}
		out, err := h.db.Query(t.Context(), h.b, h.query(h.b, &relational.Select{Table: user, Where: in}, []any{want},
			[]relational.ArgType{{Kind: relational.ArgFold, List: true}}, "id", "name"))
		if err != nil {
			t.Fatal(err)
		}
		if text := compact(t, out); text != `{"rows":[]}` {
			t.Fatalf("these fold to something else: %.500s", text)
		}
		h.sameOrder(t, user, want)
	}
}

// sameOrder orders the rows by the folded name and compares with the order of
// the folds: two that differ in one character can't both be in place.
func (h *house) sameOrder(t *testing.T, user *relational.Table, folds []string) {
	t.Helper()
	out, err := h.db.Query(t.Context(), h.b, h.query(h.b, &relational.Select{Table: user, OrderBy: h.column("User", "name")}, nil, nil, "id"))
	if err != nil {
		t.Fatal(err)
	}
	order := make([]int, len(folds))
	for i := range order {
		order[i] = i
	}
	sortStable(order, folds)
	var want strings.Builder
	for n, i := range order {
		if n > 0 {
			want.WriteByte(',')
		}
		fmt.Fprintf(&want, `{"id":"f%06d"}`, i)
	}
	if compact(t, out) != `{"rows":[`+want.String()+`]}` {
		t.Fatal("the order by folded text differs")
	}
}
