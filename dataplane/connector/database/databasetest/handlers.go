package databasetest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/relational"
	"icehouse/tenancy/isolation"
)

// handler is a function that is told of a type.
func (h *house) handler(scope isolation.Scope, function string, listen relational.Listen) database.Handler {
	return database.Handler{Function: function, Model: listen.Model, DDL: h.db.Dialect().Schema(scope.Namespace(), listen)}
}

func (h *house) advance(t *testing.T, release int64, handlers ...database.Handler) {
	t.Helper()
	if err := h.db.Advance(t.Context(), h.a, release, nil, handlers...); err != nil {
		t.Fatal(err)
	}
}

// due reads all that is due, and what happened to which node with it.
func (h *house) due(t *testing.T, scope isolation.Scope) (all []database.Due, said []string) {
	t.Helper()
	for _, function := range []string{"f", "g"} {
		for after, more := int64(0), true; more; {
			page, err := h.db.Due(t.Context(), database.Waiting{Project: scope.Project(), Function: function}, after, 7)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range page {
				if d.ID <= after || d.Project != scope.Project() || d.Function != function {
					t.Errorf("due behind %d to %s of %s: %+v", after, function, scope.Project(), d)
				}
				after = d.ID
			}
			all, more = append(all, page...), len(page) > 0
		}
	}
	slices.SortFunc(all, func(a, b database.Due) int { return cmp.Compare(a.ID, b.ID) })
	for _, d := range all {
		said = append(said, fmt.Sprintf("%s %s %s %d", d.Function, d.Model, d.Node, d.Kind))
	}
	return all, said
}

func (h *house) isDue(t *testing.T, want ...string) []database.Due {
	t.Helper()
	all, said := h.due(t, h.a)
	if !slices.Equal(said, want) {
		t.Fatalf("due is %q, not %q", said, want)
	}
	return all
}

// claims takes what is to be had of the functions of A.
func (h *house) claims(t *testing.T, holder string, lease time.Duration, want ...string) {
	t.Helper()
	got, err := h.db.Claim(t.Context(), holder, lease, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var functions []string
	for _, w := range got {
		if w.Project == h.a.Project() {
			functions = append(functions, w.Function)
		} else if w.Project == h.b.Project() {
			t.Errorf("something is due to %s of the other project", w.Function)
		} else { // another test's
			_ = h.db.GiveBack(t.Context(), holder, w)
		}
	}
	slices.Sort(functions)
	if !slices.Equal(functions, want) {
		t.Fatalf("%s has %q, not %q", holder, functions, want)
	}
}

// of is a function of A.
func (h *house) of(function string) database.Waiting {
	return database.Waiting{Project: h.a.Project(), Function: function}
}

func told(t *testing.T, h *house) {
	ctx, s := t.Context(), h.sender(t)
	h.claims(t, "one", time.Minute)
	group, user := h.listening("Group"), h.listening("User")
	h.advance(t, 1, h.handler(h.a, "f", group), h.handler(h.a, "g", group), h.handler(h.a, "g", user))
	h.must(t, h.a, h.insertGroup("g1"), h.sets(false, "Group", "g1", "select", "x"))
	h.must(t, h.b, h.insertGroup("g2"))
	h.must(t, h.a, h.insertUser("u", "u"), h.insertOrder("o", canary, "u", 1), h.deletes("Group", "g1"))
	events := s.all(h.a)
	all := h.isDue(t, "f Group g1 1", "g Group g1 1", "f Group g1 2", "g Group g1 2", "g User u 1", "f Group g1 3", "g Group g1 3")
	for _, d := range all {
		if d.Attempts != 0 || d.Failed != "" || !d.GivenUp.IsZero() || !slices.ContainsFunc(events, func(e database.Event) bool {
			return e.Epoch == d.Epoch && e.Position == d.Position && e.Node == d.Node && string(e.Before) == string(d.Before) && string(e.Edges) == string(d.Edges) && slices.Equal(e.Given, d.Given)
		}) {
			t.Errorf("due is what did not happen: %+v", d)
		}
	}
	if _, said := h.due(t, h.b); len(said) > 0 {
		t.Errorf("due to the other project: %q", said)
	}

	h.claims(t, "one", time.Minute, "f", "g")
	h.claims(t, "two", time.Minute)
	keeps := func(holder string, want bool) {
		t.Helper()
		if kept, err := h.db.Keep(ctx, holder, h.of("f"), time.Minute); err != nil || kept != want {
			t.Errorf("%s keeps it: %v, %v", holder, kept, err)
		}
	}
	gives := func(holder, function string) {
		t.Helper()
		if err := h.db.GiveBack(ctx, holder, h.of(function)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	keeps("one", true)
	keeps("two", false)
	gives("two", "f") // it is not his
	h.claims(t, "two", time.Minute)
	gives("one", "f")
	h.claims(t, "two", 50*time.Millisecond, "f")
	time.Sleep(100 * time.Millisecond) // it has gone without a word
	keeps("two", false)
	h.claims(t, "one", time.Minute, "f")
	gives("one", "f")
	gives("one", "g")

	// Who listens besides, and no longer, changes nothing.
	if _, err := h.db.Listen(ctx, h.a, 1, group, time.Now().Add(heard)); err != nil {
		t.Fatal(err)
	}
	// g is told of groups no longer, f is no more.
	h.advance(t, 2, h.handler(h.a, "g", user))
	h.isDue(t, "g Group g1 1", "g Group g1 2", "g User u 1", "g Group g1 3")
	h.must(t, h.a, h.insertGroup("g3"), h.sets(false, "User", "u", "name", "v"))
	s.all(h.a)
	h.isDue(t, "g Group g1 1", "g Group g1 2", "g User u 1", "g Group g1 3", "g User u 2")

	// What happened before a type got another name is due, also what was on its way.
	h.must(t, h.a, h.sets(false, "User", "u", "name", "before"))
	person := user
	person.Model = "Person"
	renamed := h.handler(h.a, "g", person)
	renamed.Formerly = []string{"User"}
	h.advance(t, 3, renamed)
	h.must(t, h.a, h.sets(false, "User", "u", "name", "after"))
	s.all(h.a)
	h.isDue(t, "g Group g1 1", "g Group g1 2", "g User u 1", "g Group g1 3", "g User u 2", "g User u 2", "g Person u 2")
	h.advance(t, 4)
	h.isDue(t)
	if err := h.db.Tidy(ctx, time.Hour); err != nil {
		t.Fatal(err)
	}
	s.all(h.a)
	h.must(t, h.a, h.sets(false, "User", "u", "name", "w"))
	h.happened(t, s)

	// What is the same in another place.
	if err := h.db.Handle(ctx, h.b, []database.Handler{h.handler(h.b, "f", group)}); err != nil {
		t.Fatal(err)
	}
	h.must(t, h.b, h.insertGroup("g4"))
	s.all(h.b)
	if _, said := h.due(t, h.b); !slices.Equal(said, []string{"f Group g4 1"}) {
		t.Errorf("due to the other project: %q", said)
	}
	if err := h.db.Drop(ctx, h.a); err != nil {
		t.Fatal(err)
	}
	if err := h.db.Handle(ctx, h.a, nil); err != nil {
		t.Errorf("of a project that has gone: %v", err)
	}
	if err := h.db.Settle(ctx, h.a.Project(), []database.Outcome{{ID: 1}}); err != nil {
		t.Errorf("of a project that has gone: %v", err)
	}
}

func settles(t *testing.T, h *house) {
	ctx, s, project := t.Context(), h.sender(t), h.a.Project()
	group := h.listening("Group")
	h.advance(t, 1, h.handler(h.a, "f", group), h.handler(h.a, "g", group))
	h.must(t, h.a, h.insertGroup("g1"), h.insertGroup("g2"), h.sets(false, "Group", "g1", "select", "x"))
	s.all(h.a)
	all := h.isDue(t, "f Group g1 1", "g Group g1 1", "f Group g2 1", "g Group g2 1", "f Group g1 2", "g Group g1 2")
	settle := func(outcomes ...database.Outcome) {
		t.Helper()
		if err := h.db.Settle(ctx, project, outcomes); err != nil {
			t.Fatal(err)
		}
	}
	failed := "it \x00 said \xff no"
	settle(database.Outcome{ID: all[0].ID, Attempts: 1, Failed: failed, After: time.Hour}, // the next of g1 waits with it
		database.Outcome{ID: all[1].ID}, database.Outcome{ID: all[3].ID, Postponed: true, After: time.Hour})
	h.isDue(t, "f Group g2 1", "g Group g1 2")
	settle(database.Outcome{ID: all[0].ID, Attempts: 2, Failed: failed, After: -time.Second}, database.Outcome{ID: all[3].ID, Postponed: true, After: -time.Second})
	again := h.isDue(t, "f Group g1 1", "f Group g2 1", "g Group g2 1", "f Group g1 2", "g Group g1 2")
	if again[0].Attempts != 2 || !strings.HasPrefix(again[0].Failed, "it ") || !strings.HasSuffix(again[0].Failed, " said \uFFFD no") || again[2].Attempts != 0 {
		t.Errorf("%+v", again)
	}
	if err := h.db.Settle(ctx, h.b.Project(), []database.Outcome{{ID: again[0].ID}}); err != nil { // another's
		t.Fatal(err)
	}

	// A dead letter keeps nothing waiting.
	settle(database.Outcome{ID: again[0].ID, Attempts: 3, Failed: "no more", Dead: true}, database.Outcome{ID: again[1].ID, Attempts: 1, Failed: "never", Dead: true},
		database.Outcome{ID: again[2].ID, Attempts: 1, Failed: "neither", Dead: true})
	h.isDue(t, "f Group g1 2", "g Group g1 2")
	dead, err := h.db.Dead(ctx, project, 0, 100)
	if err != nil || len(dead) != 3 || dead[0].Attempts != 3 || dead[0].Failed != "no more" || time.Since(dead[0].GivenUp).Abs() > time.Minute || dead[0].Node != "g1" {
		t.Fatalf("%v %+v", err, dead)
	}
	if rest, err := h.db.Dead(ctx, project, dead[0].ID, 1); err != nil || len(rest) != 1 || rest[0].ID != dead[1].ID {
		t.Errorf("%v %+v", err, rest)
	}
	if others, err := h.db.Dead(ctx, h.b.Project(), 0, 100); err != nil || len(others) > 0 {
		t.Errorf("%v %+v", err, others)
	}
	if err := h.db.Tidy(ctx, time.Hour); err != nil { // it is not old yet
		t.Fatal(err)
	}
	replay := func(function string, ids []int64, want int) {
		t.Helper()
		if n, err := h.db.Replay(ctx, project, function, ids); err != nil || n != want {
			t.Errorf("%d were replayed: %v", n, err)
		}
	}
	replay("f", []int64{dead[2].ID}, 0)
	replay("f", []int64{dead[0].ID, dead[0].ID + 1000}, 1)
	h.isDue(t, "f Group g1 2", "g Group g1 2", "f Group g1 1")
	replay("g", nil, 1)
	replay("", nil, 1)
	replay("", nil, 0)
	for _, d := range h.isDue(t, "f Group g1 2", "g Group g1 2", "f Group g1 1", "g Group g2 1", "f Group g2 1") {
		if d.Attempts != 0 || d.Failed != "" {
			t.Errorf("it was not new: %+v", d)
		}
	}
	h.claims(t, "one", time.Minute, "f", "g")
	var outcomes []database.Outcome
	all, _ = h.due(t, h.a)
	for _, d := range all {
		outcomes = append(outcomes, database.Outcome{ID: d.ID})
	}
	settle(outcomes...)
	for _, function := range []string{"f", "g"} {
		if err := h.db.GiveBack(ctx, "one", h.of(function)); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(5 * time.Millisecond)
	h.claims(t, "one", time.Minute)
}

// missesNothing changes the tables in all the ways of a deploy while nodes come.
func missesNothing(t *testing.T, h *house) {
	ctx, s := t.Context(), h.sender(t)
	order := h.table("Order")
	without := h.listening("Order")
	table := *order
	table.Columns = slices.DeleteFunc(slices.Clone(order.Columns), func(c *relational.Column) bool { return c.Name == "note" })
	without.Table = &table
	schema := func(steps ...relational.SchemaChange) (out []string) {
		for _, step := range steps {
			out = append(out, h.db.Dialect().Schema(h.a.Namespace(), step)...)
		}
		return out
	}
	note := h.column("Order", "note")
	h.advance(t, 1, h.handler(h.a, "f", h.listening("Order")))

	stop := make(chan struct{})
	var writing sync.WaitGroup
	var written []string
	enough := make(chan struct{})
	writing.Go(func() {
		for i := 0; ; i++ {
			if i == 20 {
				close(enough)
			}
			select {
			case <-stop:
				return
			default:
			}
			id := fmt.Sprintf("o%d", i)
			h.must(t, h.a, h.insertOrder(id, canary, canary, i+1))
			written = append(written, fmt.Sprintf("f Order %s 1", id))
		}
	})
	release := int64(1)
	deploy := func(expand []string, change []dialect.Statement, contract []string, listen relational.Listen) {
		t.Helper()
		release++
		if err := h.db.Migrate(ctx, h.a, expand); err != nil {
			t.Fatal(err)
		}
		if err := h.db.Advance(ctx, h.a, release, change, h.handler(h.a, "f", listen)); err != nil {
			t.Fatal(err)
		}
		if err := h.db.Migrate(ctx, h.a, contract); err != nil {
			t.Fatal(err)
		}
	}
	// The switch changes rows itself, of which nobody is told.
	var touch []dialect.Statement
	title := h.column("Order", "title")
	for _, sql := range schema(relational.Still{Table: order}, relational.Fill{Column: title, Value: relational.Filling{JSON: `"y"`}, Where: relational.Not{Predicate: relational.IsNull{Column: title}}}) {
		touch = append(touch, dialect.Statement{SQL: sql})
	}
	drop := schema(relational.DropColumn{Column: note})
	for range 2 {
		deploy(nil, touch, drop, without)
		deploy(schema(relational.AddColumn{Column: note}), nil, nil, h.listening("Order"))
		var change []dialect.Statement // which removes what the triggers know
		for _, sql := range drop {
			change = append(change, dialect.Statement{SQL: sql})
		}
		deploy(nil, append(touch[:len(touch):len(touch)], change...), nil, without)
		deploy(schema(relational.AddColumn{Column: note}), nil, nil, h.listening("Order"))
		refused := h.db.Dialect().Change(h.a.Namespace(), &relational.Guard{Condition: relational.Exists{Select: &relational.Select{Table: order}, Not: true}})
		fails(t, h.db.Advance(ctx, h.a, release+1, []dialect.Statement{refused}, h.handler(h.a, "f", without)), database.GuardFailed, 0, "")
	}
	<-enough
	close(stop)
	writing.Wait()
	s.all(h.a)
	if _, said := h.due(t, h.a); !slices.Equal(said, written) {
		t.Errorf("%d were written, %d are due", len(written), len(said))
		for _, one := range written {
			if !slices.Contains(said, one) {
				t.Errorf("%s was missed", one)
			}
		}
	}
}
