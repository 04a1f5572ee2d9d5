package postgresdb_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/database/databasetest"
	"icehouse/dataplane/connector/database/postgresdb"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/relational"
	"icehouse/deploy/testbed"
	"icehouse/tenancy/isolation"
)

// notes is a project with one type, whose changes are written by hand.
type notes struct {
	testing.TB
	db     *database.DB
	scope  isolation.Scope
	create []string
	listen relational.Listen
	sent   int64
}

func newNotes(t testing.TB, db *database.DB, scope isolation.Scope) *notes {
	t.Helper()
	parsed, diagnostics := datamodel.Parse(`type Note @model { id: ID! @isUnique text: String mark: Int }`)
	if len(diagnostics) > 0 {
		t.Fatal(diagnostics)
	}
	n, l := &notes{TB: t, db: db, scope: scope}, relational.Build(parsed.Model, nil)
	for _, step := range l.Create() {
		n.create = append(n.create, db.Dialect().Schema(scope.Namespace(), step)...)
	}
	if err := db.Provision(t.Context(), scope); err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context(), scope, n.create); err != nil {
		t.Fatal(err)
	}
	n.listen = l.Listen(parsed.Model.Types[0])
	return n
}

func (n *notes) listens() string {
	n.Helper()
	s, err := n.db.Listen(n.Context(), n.scope, 0, n.listen, time.Now().Add(time.Minute))
	if err != nil {
		n.Fatal(err)
	}
	return s.Epoch
}

func (n *notes) inserts(id string) []database.Statement {
	return []database.Statement{{Statement: dialect.Statement{Writes: true, SQL: `INSERT INTO "` + n.scope.Namespace() + `"."Note" (id, "createdAt", "updatedAt") VALUES ('` + id + `', now(), now())`}}}
}

func (n *notes) insert(id string) {
	n.Helper()
	if _, err := n.db.Batch(n.Context(), n.scope, n.inserts(id)); err != nil {
		n.Fatal(err)
	}
}

func (n *notes) relayed() string {
	n.Helper()
	var out []string
	for {
		r, err := n.db.Relay(n.Context(), database.Turn{Holder: "me", Lease: time.Minute, Sent: n.sent, Limit: 100})
		if err != nil || !r.Until.IsZero() {
			n.Fatal(r, err)
		}
		n.sent = r.Last
		for _, e := range r.Events {
			out = append(out, fmt.Sprintf("%d:%s", e.Position, e.Node))
		}
		if len(r.Events) == 0 {
			return strings.Join(out, " ")
		}
	}
}

// TestPositionsFollowCommits lets a transaction that noted something first be committed
// last.
func TestPositionsFollowCommits(t *testing.T) {
	url := testbed.Database(t)
	db := open(t, url, postgresdb.Config{})
	n := newNotes(t, db, provision(t, db))
	n.listens()
	err := db.Transact(t.Context(), n.scope, func(tx database.Tx) error {
		if _, err := tx.Batch(t.Context(), n.inserts("first")); err != nil {
			return err
		}
		n.insert("second")
		if got := n.relayed(); got != "1:second" {
			t.Errorf("relayed: %s", got)
		}
		n.insert("third")
		if got := n.relayed(); got != "2:third" {
			t.Errorf("relayed: %s", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := n.relayed(); got != "3:first" {
		t.Errorf("relayed: %s", got)
	}
	conn := connect(t, url)
	if left := ask[int](t, conn, "SELECT count(*) FROM icehouse_events.outbox"); left != 0 {
		t.Errorf("%d rows are left", left)
	}
	for _, s := range []string{"SELECT '1' FROM icehouse_events.log", "SELECT '1' FROM icehouse_events.stream", "SELECT '1' FROM icehouse_events.outbox"} {
		if _, err := db.Query(t.Context(), n.scope, returning(s)); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("a project may %s: %v", s, err)
		}
	}
}

// TestPartitions looks at what keeps events.
func TestPartitions(t *testing.T) {
	url := testbed.Database(t)
	db := open(t, url, postgresdb.Config{})
	n, conn := newNotes(t, db, provision(t, db)), connect(t, url)
	epoch := n.listens()
	parts := func() int {
		return ask[int](t, conn, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'icehouse_events.log'::regclass")
	}
	for i := range 3 {
		n.insert(fmt.Sprint(i))
		if got := n.relayed(); got != fmt.Sprintf("%d:%d", i+1, i) {
			t.Fatalf("relayed: %s", got)
		}
	}
	if got := parts(); got != 1 {
		t.Fatalf("%d partitions for an hour", got)
	}
	if err := db.Tidy(t.Context(), time.Second); err != nil { // much less: the hour ends
		t.Fatal(err)
	}
	n.insert("3")
	if got := n.relayed(); got != "4:3" || parts() != 2 {
		t.Fatalf("relayed: %s, %d partitions", got, parts())
	}
	if events, err := db.Events(t.Context(), n.scope, "Note", epoch, 0, 10); err != nil || len(events) != 4 {
		t.Fatalf("%v %v", events, err)
	}
	time.Sleep(1500 * time.Millisecond)
	if err := db.Tidy(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	if tables := ask[int](t, conn, "SELECT count(*) FROM pg_class WHERE relnamespace = 'icehouse_events'::regnamespace AND relname ~ '^log_\\d+$'"); parts() != 0 || tables != 0 {
		t.Errorf("%d partitions and %d tables are left", parts(), tables)
	}
}

// TestMoveEndsStreams moves a project that somebody listens to.
func TestMoveEndsStreams(t *testing.T) {
	from, to := open(t, testbed.Database(t), postgresdb.Config{}), open(t, testbed.Database(t), postgresdb.Config{})
	n := newNotes(t, from, provision(t, from))
	id := database.StreamID{Project: n.scope.Project(), Model: "Note", Epoch: n.listens()}
	n.insert("1")
	if err := from.Move(t.Context(), n.scope, to, n.create, func(string) {}); err != nil {
		t.Fatal(err)
	}
	if got := n.relayed(); got != "1:1" {
		t.Errorf("what was noted before: %q", got)
	}
	if ended, err := from.Extend(t.Context(), []database.StreamID{id}, time.Now().Add(time.Minute)); err != nil || !slices.Equal(ended, []database.StreamID{id}) {
		t.Errorf("%v: ended are %v", err, ended)
	}
	if err := to.Arrive(t.Context(), n.scope); err != nil {
		t.Fatal(err)
	}
	n.db, n.sent = to, 0
	n.insert("2")
	n.listens()
	n.insert("3")
	if got := n.relayed(); got != "1:3" {
		t.Errorf("relayed at the other end: %q", got)
	}
}

// TestSwitchKeepsReaders reads while a long switch of a listened type runs.
func TestSwitchKeepsReaders(t *testing.T) {
	db := open(t, testbed.Database(t), postgresdb.Config{})
	n := newNotes(t, db, provision(t, db))
	n.listens()
	done := make(chan error, 1)
	go func() {
		done <- db.Advance(t.Context(), n.scope, 1, []dialect.Statement{{SQL: "SELECT pg_sleep(1)"}})
	}()
	time.Sleep(200 * time.Millisecond)
	began := time.Now()
	if _, err := db.Query(t.Context(), n.scope, returning(`SELECT count(*) FROM "`+n.scope.Namespace()+`"."Note"`)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 500*time.Millisecond {
		t.Errorf("a read waited %v", took)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestListenUnderLoad lets many listen while others write.
func TestListenUnderLoad(t *testing.T) {
	db := open(t, testbed.Database(t), postgresdb.Config{MaxConns: 20})
	n := newNotes(t, db, provision(t, db))
	ctx, stop := context.WithCancel(t.Context())
	wrote, longest := make(chan int, 4), make(chan time.Duration, 4)
	for w := range cap(wrote) {
		go func() {
			i, most := 0, time.Duration(0)
			for ; ctx.Err() == nil; i++ {
				began := time.Now()
				if _, err := db.Batch(t.Context(), n.scope, n.inserts(fmt.Sprintf("%d.%d", w, i))); err != nil {
					t.Error(err)
				}
				most = max(most, time.Since(began))
			}
			wrote <- i
			longest <- most
		}()
	}
	time.Sleep(50 * time.Millisecond)
	epochs := make(chan string, 5)
	for range cap(epochs) {
		go func() {
			s, err := db.Listen(t.Context(), n.scope, 0, n.listen, time.Now().Add(time.Minute))
			if err != nil {
				t.Error(err)
			}
			epochs <- s.Epoch
		}()
	}
	epoch := <-epochs
	for range cap(epochs) - 1 {
		if other := <-epochs; other != epoch {
			t.Errorf("two streams at once: %s and %s", epoch, other)
		}
	}
	stop()
	for range cap(wrote) {
		if <-wrote == 0 {
			t.Error("nobody could write")
		}
		if most := <-longest; most > time.Second {
			t.Errorf("a write waited %v", most)
		}
	}
}

// BenchmarkListened compares a write that nobody listens to with one that is noted.
func BenchmarkListened(b *testing.B) {
	ctx, url := b.Context(), testbed.Database(b)
	db, err := postgresdb.Open(ctx, postgresdb.Config{URL: url, MaxConns: 2})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	n := newNotes(b, db, databasetest.Scope(b))
	table := `"` + n.scope.Namespace() + `"."Note"`
	id := []relational.ArgType{{Kind: relational.ArgID}}
	writes := map[string]string{
		"create": `INSERT INTO ` + table + ` (id, "createdAt", "updatedAt", text, mark) VALUES ($1::text, now(), now(), 'a text', 1)`,
		"update": `UPDATE ` + table + ` SET text = 'another', mark = 2, "updatedAt" = now() WHERE id = $1::text`,
		"delete": `DELETE FROM ` + table + ` WHERE id = $1::text`,
	}
	run := func(kind string, wide int) func(*testing.B) {
		return func(b *testing.B) {
			i := 0
			for b.Loop() {
				var batch []database.Statement
				for range wide {
					i++
					batch = append(batch, database.Statement{Statement: dialect.Statement{SQL: writes[kind], Writes: true, Args: id}, Args: []any{fmt.Sprintf("%s-%s-%d", b.Name(), kind, i)}})
				}
				if kind != "create" {
					b.StopTimer()
					for _, s := range batch {
						if _, err := conn.Exec(ctx, writes["create"], s.Args...); err != nil {
							b.Fatal(err)
						}
					}
					b.StartTimer()
				}
				if _, err := db.Batch(ctx, n.scope, batch); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			if _, err := conn.Exec(ctx, "TRUNCATE "+table); err != nil {
				b.Fatal(err)
			}
		}
	}
	for _, round := range []string{"unheard", "listened", "quiet again"} {
		switch round {
		case "listened":
			n.listens()
		case "quiet again":
			if err := db.Migrate(ctx, n.scope, []string{"SELECT 1"}); err != nil {
				b.Fatal(err)
			}
		}
		for _, kind := range []string{"create", "update", "delete"} {
			b.Run(round+"/"+kind, run(kind, 1))
			b.Run(round+"/"+kind+" 20", run(kind, 20))
		}
	}
	b.Run("relay 100", func(b *testing.B) {
		n.listens()
		for b.Loop() {
			b.StopTimer()
			if _, err := conn.Exec(ctx, "INSERT INTO "+table+` (id, "createdAt", "updatedAt") SELECT gen_random_uuid()::text, now(), now() FROM generate_series(1, 100)`); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			n.relayOnce(b)
		}
	})
	b.Run("relay nothing", func(b *testing.B) {
		for n.relayOnce(b) > 0 {
		}
		if _, err := conn.Exec(ctx, "VACUUM icehouse_events.outbox"); err != nil { // as the server does once a minute
			b.Fatal(err)
		}
		for b.Loop() {
			n.relayOnce(b)
		}
	})
}

func (n *notes) relayOnce(b *testing.B) int {
	r, err := n.db.Relay(b.Context(), database.Turn{Holder: "me", Lease: time.Minute, Sent: n.sent, Limit: 100})
	if err != nil {
		b.Fatal(err)
	}
	n.sent = r.Last
	return len(r.Events)
}

// TestRelaySharesItsTurns: a turn has something of each project, whoever wrote most, and
// ends only when nothing is left.
func TestRelaySharesItsTurns(t *testing.T) {
	db := open(t, testbed.Database(t), postgresdb.Config{})
	many, few, one := newNotes(t, db, databasetest.Scope(t)), newNotes(t, db, databasetest.Scope(t)), newNotes(t, db, databasetest.Scope(t))
	for _, n := range []*notes{many, few, one} {
		n.listens()
	}
	for i := range 40 {
		many.insert(fmt.Sprint(i))
	}
	for i := range 5 {
		few.insert(fmt.Sprint(i))
	}
	one.insert("0")
	got := map[string]string{} // by project
	sent, turns := int64(0), ""
	for {
		r, err := db.Relay(t.Context(), database.Turn{Holder: "me", Lease: time.Minute, Sent: sent, Limit: 10})
		if err != nil || !r.Until.IsZero() {
			t.Fatal(r, err)
		}
		sent = r.Last
		of := map[string]int{}
		for _, e := range r.Events {
			got[string(e.Project)] += e.Node + " "
			of[string(e.Project)]++
		}
		if len(r.Events) == 0 && !r.More {
			break
		}
		turns += fmt.Sprintf("%d+%d+%d ", of[string(many.scope.Project())], of[string(few.scope.Project())], of[string(one.scope.Project())])
	}
	if want := "3+3+1 5+2+0 10+0+0 10+0+0 10+0+0 2+0+0 "; turns != want {
		t.Errorf("turns had %s, not %s", turns, want)
	}
	for _, n := range []*notes{many, few, one} {
		all := ""
		for i := range strings.Count(got[string(n.scope.Project())], " ") {
			all += fmt.Sprint(i) + " "
		}
		if all != got[string(n.scope.Project())] {
			t.Errorf("the order is %s", got[string(n.scope.Project())])
		}
	}
}
