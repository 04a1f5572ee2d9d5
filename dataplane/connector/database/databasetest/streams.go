package databasetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/relational"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

const heard = time.Minute // how long tests listen

func (h *house) listening(name string) relational.Listen {
	return h.layout.Listen(h.layout.Model().Type(name))
}

func (h *house) listen(t *testing.T, scope isolation.Scope, model string) database.StreamID {
	t.Helper()
	stream, err := h.db.Listen(t.Context(), scope, 0, h.listening(model), time.Now().Add(heard))
	if err != nil {
		t.Fatal(err)
	}
	return database.StreamID{Project: scope.Project(), Model: model, Epoch: stream.Epoch}
}

// sender relays what it is given, as one holder.
type sender struct {
	*testing.T
	db     *database.DB
	holder string
	sent   int64
}

func (h *house) sender(t *testing.T) *sender {
	return &sender{T: t, db: h.db, holder: tenancy.NewID()}
}

// turn makes a turn when the lease is to be had, and does not say that it was sent.
func (s *sender) turn(limit int) database.Relayed {
	s.Helper()
	for {
		out, err := s.db.Relay(s.Context(), database.Turn{Holder: s.holder, Lease: 200 * time.Millisecond, Sent: s.sent, Limit: limit})
		if err != nil {
			s.Fatal(err)
		}
		if out.Until.IsZero() {
			return out
		}
		if len(out.Events) > 0 {
			s.Fatal("events without a lease")
		}
		time.Sleep(time.Until(out.Until))
	}
}

// all sends all that there is, and returns what is of these projects.
func (s *sender) all(scopes ...isolation.Scope) (events []database.Event) {
	s.Helper()
	for {
		out := s.turn(100)
		s.sent = out.Last
		for _, e := range out.Events {
			if slices.ContainsFunc(scopes, func(scope isolation.Scope) bool { return scope.Project() == e.Project }) {
				events = append(events, e)
			}
		}
		if len(out.Events) == 0 && !out.More {
			return events
		}
	}
}

// happened compares what was noted of both projects: kind, node and position of each.
func (h *house) happened(t *testing.T, s *sender, want ...string) []database.Event {
	t.Helper()
	events := s.all(h.a, h.b)
	var got []string
	for _, e := range events {
		if e.Project != h.a.Project() {
			t.Errorf("another project's event: %+v", e)
		}
		if age := time.Since(e.At); age < -time.Minute || age > time.Minute {
			t.Errorf("%s was noted %v ago", e.Node, age)
		}
		got = append(got, fmt.Sprintf("%d %s %s %d", e.Position, e.Model, e.Node, e.Kind))
	}
	if !slices.Equal(got, want) {
		t.Fatalf("noted: %q, not %q", got, want)
	}
	return events
}

// sets is an update of a row as the API makes it: with updatedAt, unless bare.
func (h *house) sets(bare bool, table, id string, values ...any) change {
	of := h.table(table)
	up := &relational.Update{Table: of, Where: relational.Compare{Column: of.ID, Op: relational.Equal, Arg: 1}, Args: []relational.ArgType{{Kind: relational.ArgID}}}
	args := []any{id}
	set := func(c *relational.Column, value any) {
		a := relational.Assignment{Column: c}
		if value != nil {
			up.Args, args = append(up.Args, relational.ArgType{Kind: c.Kind.Arg()}), append(args, value)
			a.Value = relational.Arg(len(args))
		}
		up.Set = append(up.Set, a)
	}
	for i := 0; i < len(values); i += 2 {
		name, _ := values[i].(string)
		set(h.column(table, name), values[i+1])
	}
	if !bare {
		set(of.UpdatedAt, when)
	}
	return change{up, args}
}

func (h *house) deletes(table, id string) change {
	of := h.table(table)
	return change{&relational.Delete{Table: of, Where: relational.Compare{Column: of.ID, Op: relational.Equal, Arg: 1}, Args: []relational.ArgType{{Kind: relational.ArgID}}}, []any{id}}
}

func nothingUnheard(t *testing.T, h *house) {
	s := h.sender(t)
	h.must(t, h.a, h.insertGroup("g1"), h.sets(false, "Group", "g1", "select", "x"))
	h.happened(t, s)
	h.listen(t, h.a, "User")
	h.must(t, h.a, h.insertGroup("g2"), h.deletes("Group", "g1"))
	h.must(t, h.b, h.insertUser("u", "u"), h.insertGroup("g"))
	h.happened(t, s)
	h.must(t, h.a, h.insertUser("u", "u"))
	h.happened(t, s, "1 User u 1")
	began := time.Now()
	for range 20 {
		if out := s.turn(10); len(out.Events) > 0 || out.More {
			t.Fatal("there is more")
		}
	}
	if took := time.Since(began) / 20; took > 50*time.Millisecond {
		t.Errorf("a turn with nothing to do takes %v", took)
	}
	var zero isolation.Scope
	_, err := h.db.Listen(t.Context(), zero, 0, h.listening("User"), time.Now())
	if !errors.Is(err, tenancy.ErrZeroScope) {
		t.Errorf("a zero scope listens: %v", err)
	}
	_, err = h.db.Listen(t.Context(), Scope(t), 0, h.listening("User"), time.Now())
	fails(t, err, database.OutOfDate, 0, "")
}

func sameJSON(t *testing.T, what string, got []byte, want string) {
	t.Helper()
	var a, b any
	if err := errors.Join(json.Unmarshal(got, &a), json.Unmarshal([]byte(want), &b)); err != nil {
		t.Fatalf("%s is %s: %v", what, got, err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("%s is %s, not %s", what, got, want)
	}
}

// noted looks at all that an event says.
func noted(t *testing.T, h *house) {
	h.must(t, h.a, h.insert("Receipt", "id", "r", "createdAt", when, "updatedAt", when, "order", canary), h.insert("Tag", "id", "t1", "createdAt", when, "updatedAt", when, "name", "t1"),
		h.insert("_OrderTags", "A", canary, "B", "t1"))
	s, order := h.sender(t), h.listen(t, h.a, "Order")
	h.listen(t, h.b, "Order")
	before := `{"id":"canary","createdAt":"2017-08-01T08:20:30.123Z","updatedAt":"2017-08-01T08:20:30.123Z","title":"Title","code":null,"note":null,"count":null,` +
		`"amount":null,"paid":null,"at":null,"data":null,"secret":null,"state":null,"labels":null,"rank":0}`
	values := []any{"note", "it's \"ß\" \\ \n", "count", int64(-7), "amount", 1.5, "paid", true, "at", when, "data", `{"b": 1, "a":[]}`, "secret", "$2a$10$x", "state", "OPEN", "labels", `["x"]`}
	full := strings.NewReplacer(`"note":null`, `"note":"it's \"ß\" \\ \n"`, `"count":null`, `"count":-7`, `"amount":null`, `"amount":1.5`, `"paid":null`, `"paid":true`,
		`"at":null`, `"at":"2017-08-01T08:20:30.123Z"`, `"data":null`, `"data":{"b":1,"a":[]}`, `"secret":null`, `"secret":"$2a$10$x"`, `"state":null`, `"state":"OPEN"`,
		`"labels":null`, `"labels":["x"]`).Replace(before)
	h.must(t, h.a, h.insertOrder("o", canary, canary, 1),
		h.sets(false, "Order", canary, values...), h.sets(false, "Order", canary, "title", "Title"), h.sets(true, "Order", canary, "title", "Title"), h.sets(false, "Order", "nobody", "title", "x"),
		h.sets(false, "Order", canary, "note", nil), h.deletes("Receipt", "r"), h.insert("Receipt", "id", "r2", "createdAt", when, "updatedAt", when, "order", canary),
		change{&relational.Delete{Table: h.table("Receipt")}, nil}, h.deletes("Order", canary))
	events := h.happened(t, s, "1 Order o 1", "2 Order canary 2", "3 Order canary 2", "4 Order canary 2", "5 Order canary 3")
	again, err := h.db.Events(t.Context(), h.a, "Order", order.Epoch, 0, 10)
	if err != nil || !reflect.DeepEqual(again, events) {
		t.Errorf("%v: read again, they are %+v, not %+v", err, again, events)
	}
	for i, e := range events {
		if e.Epoch != order.Epoch || (e.Kind == database.Created) != (e.Before == nil) || (e.Kind == database.Deleted) != (e.Edges != nil) {
			t.Errorf("event %d is %+v", i, e)
		}
		slices.Sort(e.Given)
	}
	if got := events[1].Given; !slices.Equal(got, []string{"amount", "at", "count", "data", "labels", "note", "paid", "secret", "state"}) {
		t.Errorf("given are %q", got)
	}
	for i, want := range []string{"title", "note"} {
		if got := events[2+i].Given; !slices.Equal(got, []string{want}) {
			t.Errorf("given are %q, not %s", got, want)
		}
	}
	sameJSON(t, "before the update", events[1].Before, before)
	for _, e := range events[2:4] {
		sameJSON(t, "after the update", e.Before, full)
	}
	sameJSON(t, "before it went", events[4].Before, strings.Replace(full, `"it's \"ß\" \\ \n"`, "null", 1))
	sameJSON(t, "the edges", events[4].Edges, `{"user":["canary"],"group":["canary"],"_OrderTags.A":["t1"],"Receipt.order":[]}`)
}

// notedOfMany looks at statements with many rows, and partners of all kinds.
func notedOfMany(t *testing.T, h *house) {
	s := h.sender(t)
	h.listen(t, h.a, "User")
	user := h.table("User")
	const n = relational.MaxEdges + 10
	ids, when2 := make([]string, n), when
	for i := range ids {
		ids[i] = fmt.Sprintf("u%04d", i)
	}
	h.must(t, h.a, change{&relational.Insert{Table: user, Each: true, Columns: []*relational.Column{user.ID, user.CreatedAt, user.UpdatedAt, h.column("User", "email"), h.column("User", "boss")},
		Values: []relational.Arg{1, 2, 2, 1, 3}, Args: []relational.ArgType{{Kind: relational.ArgID, List: true}, {Kind: relational.ArgTime}, {Kind: relational.ArgID}}}, []any{ids, when2, canary}})
	events := s.all(h.a, h.b)
	for i, e := range events {
		if e.Kind != database.Created || e.Position != int64(i+1) || e.Node != ids[i] {
			t.Fatalf("event %d is %+v", i, e)
		}
	}
	if len(events) != n {
		t.Fatalf("of %d rows %d were noted", n, len(events))
	}
	h.must(t, h.a, h.insert("_Friends", "A", canary, "B", "u0001"), h.insert("_Friends", "A", "u0002", "B", canary), h.insert("_Partners", "A", canary, "B", "u0003"),
		h.sets(true, "User", canary, "boss", "u0004"))
	h.happened(t, s)
	h.must(t, h.a, h.deletes("User", canary))
	events = s.all(h.a)
	if len(events) != 1 || events[0].Kind != database.Deleted { // edges that go with it are no change of others
		t.Fatalf("the end of a row: %+v", events)
	}
	var edges map[string][]string
	if err := json.Unmarshal(events[0].Edges, &edges); err != nil {
		t.Fatal(err)
	}
	if got := len(edges["User.boss"]); got != relational.MaxEdges {
		t.Errorf("%d partners were noted", got)
	}
	delete(edges, "User.boss")
	if want := map[string][]string{"Order.user": {canary}, "_Friends.A": {"u0001"}, "_Friends.B": {"u0002"}, "_Partners.A": {"u0003"}, "_Partners.B": {}, "boss": {"u0004"}}; !reflect.DeepEqual(edges, want) {
		t.Errorf("the edges are %v, not %v", edges, want)
	}
	h.must(t, h.a, change{&relational.Update{Table: user, Set: []relational.Assignment{{Column: h.column("User", "name")}, {Column: user.UpdatedAt, Value: 1}}, Args: []relational.ArgType{{Kind: relational.ArgTime}}}, []any{when}})
	if events = s.all(h.a); len(events) != n {
		t.Fatalf("of %d rows that changed %d were noted", n, len(events))
	}
	for _, e := range events {
		if e.Kind != database.Updated || !slices.Equal(e.Given, []string{"name"}) {
			t.Fatalf("an update of many: %+v", e)
		}
	}
}

// unnoted are writes that are no events.
func unnoted(t *testing.T, h *house) {
	s, ctx := h.sender(t), t.Context()
	for _, model := range []string{"User", "Group", "Order"} {
		h.listen(t, h.a, model)
	}
	h.must(t, h.a, h.sets(true, "Order", canary, "user", nil), h.sets(true, "Order", canary, "user", canary), h.insert("_Friends", "A", canary, "B", canary))
	fails(t, h.batch(t, h.a, h.insertGroup("g1"), h.insertGroup(canary)), database.UniqueViolation, 1, "*")
	err := h.db.Transact(ctx, h.a, func(tx database.Tx) error {
		_, err := tx.Batch(ctx, h.renderAll(h.a, []change{h.insertGroup("g1"), h.sets(false, "Group", canary, "select", "x")}))
		return errors.Join(err, errOwn)
	})
	if !errors.Is(err, errOwn) {
		t.Fatal(err)
	}
	quietly := []change{h.insertGroup("g1"), h.sets(false, "Group", "g1", "select", "x"), h.deletes("Group", "g1")}
	for _, scope := range []isolation.Scope{h.a, h.b} {
		if _, err := h.db.Quietly(ctx, scope, h.renderAll(scope, quietly)); err != nil {
			t.Fatal(err)
		}
	}
	_, err = h.db.Quietly(ctx, h.a, h.renderAll(h.a, []change{h.insertGroup("g1"), h.insertGroup(canary)}))
	fails(t, err, database.UniqueViolation, 1, "*")
	out, err := h.db.Quietly(ctx, h.a, append(h.renderAll(h.a, []change{h.insertGroup("g2")}), h.all(h.a, "Group", "id")))
	if err != nil || len(out) != 2 || compact(t, out[1]) != `{"rows":[{"id":"canary"},{"id":"g2"}]}` {
		t.Fatalf("%q %v", out, err)
	}
	h.happened(t, s)
	h.must(t, h.a, h.insertGroup("g3")) // what was said before does not matter any more
	h.happened(t, s, "1 Group g3 1")
}

// listenWaits lets somebody listen while a transaction has written.
func listenWaits(t *testing.T, h *house) {
	s, ctx := h.sender(t), t.Context()
	wrote, stream := make(chan struct{}), make(chan database.Stream, 1)
	go func() {
		<-wrote
		got, err := h.db.Listen(ctx, h.a, 0, h.listening("Group"), time.Now().Add(heard))
		if err != nil {
			t.Error(err)
		}
		stream <- got
	}()
	err := h.db.Transact(ctx, h.a, func(tx database.Tx) error {
		_, err := tx.Batch(ctx, h.renderAll(h.a, []change{h.insertGroup("g1")}))
		close(wrote)
		select {
		case <-stream:
			return errors.New("it listens, and does not know of a write that is not committed")
		case <-time.After(600 * time.Millisecond):
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := <-stream; got.Position != 0 || got.Epoch == "" {
		t.Fatalf("the stream is %+v", got)
	}
	h.must(t, h.a, h.insertGroup("g2"))
	h.happened(t, s, "1 Group g2 1")
	again, err := h.db.Listen(ctx, h.a, 0, h.listening("Group"), time.Now())
	if err != nil || again.Position != 1 {
		t.Fatalf("%+v, %v", again, err)
	}
}

// paging reads events by position, and what has gone.
func paging(t *testing.T, h *house) {
	ctx := t.Context()
	const keep = 200 * time.Millisecond
	if err := h.db.Tidy(ctx, keep); err != nil {
		t.Fatal(err)
	}
	s, group := h.sender(t), h.listen(t, h.a, "Group")
	other := h.listen(t, h.b, "Group")
	read := func(scope isolation.Scope, epoch string, after int64, limit int) string {
		events, err := h.db.Events(ctx, scope, "Group", epoch, after, limit)
		if errors.Is(err, database.ErrGap) {
			return "gap"
		}
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range events {
			got = append(got, e.Node)
		}
		return strings.Join(got, " ")
	}
	for i := range 5 {
		h.must(t, h.a, h.insertGroup(fmt.Sprintf("g%d", i+1)))
	}
	s.all(h.a)
	for _, c := range []struct {
		after int64
		limit int
		want  string
	}{{0, 2, "g1 g2"}, {2, 2, "g3 g4"}, {4, 9, "g5"}, {5, 9, ""}, {6, 9, "gap"}, {-1, 9, "gap"}, {0, 0, ""}} {
		if got := read(h.a, group.Epoch, c.after, c.limit); got != c.want {
			t.Errorf("%d behind %d: %q, not %q", c.limit, c.after, got, c.want)
		}
	}
	for _, got := range []string{read(h.a, "other", 0, 9), read(h.b, group.Epoch, 0, 9), read(h.a, other.Epoch, 0, 9)} {
		if got != "gap" {
			t.Errorf("another epoch reads %q", got)
		}
	}
	for end := time.Now().Add(10 * time.Second); read(h.a, group.Epoch, 4, 9) != "gap"; time.Sleep(keep / 4) {
		if time.Now().After(end) {
			t.Fatal("events never go")
		}
		if err := h.db.Tidy(ctx, keep); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(h.a, group.Epoch, 5, 9); got != "" {
		t.Errorf("behind all: %q", got)
	}
	h.must(t, h.a, h.insertGroup("g6"))
	s.all(h.a)
	if got := read(h.a, group.Epoch, 5, 9); got != "g6" {
		t.Errorf("behind what has gone: %q", got)
	}
	if got := read(h.a, group.Epoch, 4, 9); got != "gap" {
		t.Errorf("where some have gone: %q", got)
	}
}

// ends lets streams run out.
func ends(t *testing.T, h *house) {
	ctx, s := t.Context(), h.sender(t)
	group, user, other := h.listen(t, h.a, "Group"), database.StreamID{}, h.listen(t, h.b, "User")
	stream, err := h.db.Listen(ctx, h.a, 0, h.listening("User"), time.Now().Add(-time.Second))
	if err != nil {
		t.Fatal(err)
	}
	user = database.StreamID{Project: h.a.Project(), Model: "User", Epoch: stream.Epoch}
	h.must(t, h.a, h.insertUser("u1", "u1")) // it runs as long as nobody tidies
	h.happened(t, s, "1 User u1 1")
	extend := func(want ...database.StreamID) {
		t.Helper()
		missing := database.StreamID{Project: Scope(t).Project(), Model: "Group", Epoch: group.Epoch}
		ended, err := h.db.Extend(ctx, []database.StreamID{group, user, other, missing}, time.Now().Add(-time.Second))
		if err != nil || !slices.Equal(ended, append(want, missing)) {
			t.Fatalf("%v: ended are %v", err, ended)
		}
	}
	extend()
	if err := h.db.Tidy(ctx, time.Hour); err != nil {
		t.Fatal(err)
	}
	extend(user)
	h.must(t, h.a, h.insertUser("u2", "u2"), h.insertGroup("g1"), h.sets(false, "User", "u1", "name", "x"), h.deletes("User", "u1"))
	h.happened(t, s, "1 Group g1 1")
	if _, err := h.db.Events(ctx, h.a, "User", user.Epoch, 0, 1); !errors.Is(err, database.ErrGap) {
		t.Errorf("the events of a stream that ended: %v", err)
	}
	if again := h.listen(t, h.a, "User"); again.Epoch == user.Epoch {
		t.Error("the epoch is the same")
	}
	h.must(t, h.a, h.deletes("User", "u2"))
	h.happened(t, s, "1 User u2 3")
	if err := h.db.Drop(ctx, h.a); err != nil {
		t.Fatal(err)
	}
	extend(group, user)
	h.provision(t, h.a)
	extend(group, user)
	h.must(t, h.a, h.insertGroup("g1"))
	s.all(h.a)
	h.must(t, h.a, h.insertGroup("g2"))
	h.happened(t, s)
}

// endsWithSchema changes tables that are listened to.
func endsWithSchema(t *testing.T, h *house) {
	ctx, s, order := t.Context(), h.sender(t), h.table("Order")
	without := func(names ...string) relational.Listen {
		l, table := h.listening("Order"), *order
		table.Columns = slices.DeleteFunc(slices.Clone(order.Columns), func(c *relational.Column) bool { return slices.Contains(names, c.Name) })
		l.Table = &table
		return l
	}
	drop := func(name string) (out []dialect.Statement) {
		for _, sql := range h.db.Dialect().Schema(h.a.Namespace(), relational.DropColumn{Column: h.column("Order", name)}) {
			out = append(out, dialect.Statement{SQL: sql})
		}
		return out
	}
	id := h.listen(t, h.a, "Order")
	h.must(t, h.a, h.sets(false, "Order", canary, "note", "x", "title", "y"))
	if err := h.db.Advance(ctx, h.a, 1, drop("note")); err != nil {
		t.Fatal(err)
	}
	h.must(t, h.a, h.sets(false, "Order", canary, "title", "x", "count", int64(1)), h.insertOrder("o", canary, canary, 1), h.deletes("Order", "o"))
	if ended, err := h.db.Extend(ctx, []database.StreamID{id}, time.Now().Add(heard)); err != nil || len(ended) != 1 {
		t.Errorf("%v: ended are %v", err, ended)
	}
	_, err := h.db.Listen(ctx, h.a, 0, without("note"), time.Now().Add(heard))
	fails(t, err, database.OutOfDate, 0, "")
	s.all(h.a)
	stream, err := h.db.Listen(ctx, h.a, 1, without("note"), time.Now().Add(heard))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.db.Advance(ctx, h.a, 1, []dialect.Statement{{SQL: "NONSENSE"}}); err != nil { // it has come there
		t.Fatal(err)
	}
	h.must(t, h.a, h.sets(false, "Order", canary, "title", "y"))
	if events := h.happened(t, s, "1 Order canary 2"); strings.Contains(string(events[0].Before), `"note"`) {
		t.Errorf("what is gone was there: %s", events[0].Before)
	}
	var sql []string
	for _, s := range drop("paid") {
		sql = append(sql, s.SQL)
	}
	if err := h.db.Migrate(ctx, h.a, sql); err != nil {
		t.Fatal(err)
	}
	h.must(t, h.a, h.sets(false, "Order", canary, "title", "z"))
	if next, err := h.db.Listen(ctx, h.a, 1, without("note", "paid"), time.Now().Add(heard)); err != nil || next.Epoch == stream.Epoch {
		t.Fatalf("%+v %v", next, err)
	}
	s.all(h.a)
	// Streams may end before a change that fails.
	refused := h.db.Dialect().Change(h.a.Namespace(), &relational.Guard{Condition: relational.Exists{Select: &relational.Select{Table: order}, Not: true}})
	fails(t, h.db.Advance(ctx, h.a, 2, []dialect.Statement{refused}), database.GuardFailed, 0, "")
	h.must(t, h.a, h.sets(false, "Order", canary, "title", "z"))
	stream, err = h.db.Listen(ctx, h.a, 1, without("note", "paid"), time.Now().Add(heard))
	if err != nil {
		t.Fatal(err)
	}
	s.all(h.a)
	h.must(t, h.a, h.sets(false, "Order", canary, "title", "a"))
	h.happened(t, s, fmt.Sprintf("%d Order canary 2", stream.Position+1))
}

// tells counts what is told, and looks at what can be read then.
func tells(t *testing.T, h *house) {
	ctx := t.Context()
	told := make(chan struct{}, 100)
	if err := h.db.OnEvents(func() { told <- struct{}{} }); err != nil {
		t.Fatal(err)
	}
	h.must(t, h.a, h.insertGroup("g1"))
	h.listen(t, h.a, "Group")
	h.must(t, h.b, h.insertGroup("g1"))
	if len(told) > 0 {
		t.Error("told of what nobody listens to")
	}
	s := h.sender(t)
	for range 2 { // the second time all plans are known
		h.must(t, h.a, h.sets(false, "Group", "g1", "select", "x"))
		if len(told) == 0 {
			t.Fatal("not told of a commit")
		}
		<-told
		if events := s.all(h.a); len(events) != 1 {
			t.Errorf("when told there are %d events", len(events))
		}
	}
	err := h.db.Transact(ctx, h.a, func(tx database.Tx) error {
		for range 2 {
			if _, err := tx.Batch(ctx, h.renderAll(h.a, []change{h.sets(false, "Group", "g1", "select", "x")})); err != nil {
				return err
			}
		}
		if len(told) > 0 {
			t.Error("told before the commit")
		}
		return nil
	})
	if err != nil || len(told) != 1 {
		t.Fatalf("%v: told %d times", err, len(told))
	}
	<-told
	fails(t, h.batch(t, h.a, h.insertGroup("g2"), h.insertGroup(canary)), database.UniqueViolation, 1, "*")
	if _, err := h.db.Query(ctx, h.a, h.all(h.a, "Group", "id")); err != nil || len(told) > 0 {
		t.Errorf("%v: told of nothing", err)
	}
}
