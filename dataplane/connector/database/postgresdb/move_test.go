package postgresdb_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/database/databasetest"
	"icehouse/dataplane/connector/database/postgresdb"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/relational"
	"icehouse/deploy/testbed"
	"icehouse/tenancy/isolation"
)

// moving is a project that writers use wherever it is.
type moving struct {
	*testing.T
	scope   isolation.Scope
	create  []string
	at      atomic.Pointer[database.DB]
	writes  atomic.Int64
	waited  atomic.Int64 // writes that found the place closed
	longest atomic.Int64 // that a write took, in nanoseconds
}

func newMoving(t *testing.T, db *database.DB) *moving {
	m := &moving{T: t, scope: databasetest.Scope(t)}
	place := func(table string) string { return `"` + m.scope.Namespace() + `".` + table }
	m.create = []string{
		"CREATE TABLE " + place("parent") + " (id text PRIMARY KEY, v json, rank integer UNIQUE)",
		"CREATE TABLE " + place("child") + " (id text PRIMARY KEY, parent text NOT NULL CONSTRAINT \"child.fkey\" REFERENCES " + place("parent") + " ON DELETE CASCADE)",
		"CREATE TABLE " + place("edge") + ` ("A" text REFERENCES ` + place("parent") + ` ON DELETE CASCADE, "B" text REFERENCES ` + place("parent") + ` ON DELETE CASCADE, PRIMARY KEY ("A", "B"))`,
	}
	if err := db.Provision(t.Context(), m.scope); err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context(), m.scope, m.create); err != nil {
		t.Fatal(err)
	}
	m.at.Store(db)
	return m
}

// batch runs SQL in which $ stands for the schema, wherever the project is by then.
func (m *moving) batch(sql ...string) error {
	var statements []database.Statement
	for _, s := range sql {
		statements = append(statements, database.Statement{Statement: dialect.Statement{SQL: strings.ReplaceAll(s, "$", `"`+m.scope.Namespace()+`"`), Writes: true}})
	}
	began := time.Now()
	defer func() {
		for took := int64(time.Since(began)); ; {
			if most := m.longest.Load(); most >= took || m.longest.CompareAndSwap(most, took) {
				return
			}
		}
	}()
	for {
		db := m.at.Load()
		_, err := db.Batch(m.Context(), m.scope, statements)
		var e *database.Error
		if err == nil || !errors.As(err, &e) || e.Kind != database.OutOfDate {
			return err
		}
		m.waited.Add(1)
		for end := time.Now().Add(20 * time.Second); m.at.Load() == db && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
	}
}

// write does what it likes to rows of its own until done, and returns what it was
// answered to have: the children of each parent, and what each parent is linked to.
func (m *moving) write(who int, done <-chan struct{}) map[string]string {
	kept := map[string]string{}
	r := rand.New(rand.NewPCG(uint64(who), 1)) //nolint:gosec // no secret
	var ids []string
	for n := 0; ; n++ {
		select {
		case <-done:
			return kept
		default:
		}
		id := fmt.Sprintf("w%d.%d", who, n)
		var sql []string
		now := map[string]string{} // "" for what is gone
		of := func(id string) (rank string) { return kept[id][strings.LastIndexByte(kept[id], ' ')+1:] }
		switch what := r.IntN(6); {
		case what <= 1 || len(ids) == 0:
			sql = []string{
				fmt.Sprintf(`INSERT INTO $.parent VALUES ('%s', '{"n": %d}', %d)`, id, n, who*1_000_000+n),
				fmt.Sprintf("INSERT INTO $.child VALUES ('%s', '%s')", id, id),
			}
			now[id] = fmt.Sprintf(`{"n": %d} %d`, n, who*1_000_000+n)
			ids = append(ids, id)
		case what == 2: // a value goes from one row to another
			i := r.IntN(len(ids))
			old := ids[i]
			rank := of(old)
			sql = []string{
				"DELETE FROM $.parent WHERE id = '" + old + "'",
				fmt.Sprintf("INSERT INTO $.parent VALUES ('%s', '{}', %s)", id, rank), fmt.Sprintf("INSERT INTO $.child VALUES ('%s', '%s')", id, id),
			}
			now[old] = ""
			now[id] = "{} " + rank
			ids[i] = id
		case what == 3:
			old := ids[r.IntN(len(ids))]
			sql = []string{fmt.Sprintf(`UPDATE $.parent SET v = '{"u": %d}' WHERE id = '%s'`, n, old)}
			now[old] = fmt.Sprintf(`{"u": %d} %s`, n, of(old))
		case what == 4:
			a, b := ids[r.IntN(len(ids))], ids[r.IntN(len(ids))]
			sql = []string{fmt.Sprintf("INSERT INTO $.edge VALUES ('%s', '%s') ON CONFLICT DO NOTHING", a, b)}
		default:
			a := ids[r.IntN(len(ids))]
			sql = []string{fmt.Sprintf(`DELETE FROM $.edge WHERE "A" = '%s'`, a)}
		}
		if err := m.batch(sql...); err != nil {
			m.Errorf("%v: %v", sql, err)
			return kept
		}
		maps.Copy(kept, now)
		maps.DeleteFunc(now, func(_, v string) bool { return v != "" })
		for gone := range now {
			delete(kept, gone)
		}
		m.writes.Add(1)
		time.Sleep(time.Millisecond) // or the rows grow faster than they are copied
	}
}

// rows are the parents that have their child.
func (m *moving) rows(url string) map[string]string {
	m.Helper()
	conn, err := pgx.Connect(m.Context(), url)
	if err != nil {
		m.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(m.Context())) }()
	schema := `"` + m.scope.Namespace() + `".`
	rows, err := conn.Query(m.Context(), "SELECT p.id, p.v::text || ' ' || p.rank FROM "+schema+"parent AS p JOIN "+schema+"child AS c ON c.id = p.id AND c.parent = p.id")
	if err != nil {
		m.Fatal(err)
	}
	out := map[string]string{}
	var id, v string
	if _, err := pgx.ForEachRow(rows, []any{&id, &v}, func() error { out[id] = v; return nil }); err != nil {
		m.Fatal(err)
	}
	var open, dangling int
	if err := conn.QueryRow(m.Context(), "SELECT (SELECT count(*) FROM pg_constraint WHERE connamespace = to_regnamespace('"+m.scope.Namespace()+"') AND contype = 'f' AND convalidated), "+
		`(SELECT count(*) FROM `+schema+`edge AS e WHERE NOT EXISTS (SELECT 1 FROM `+schema+`parent WHERE id = e."A") OR NOT EXISTS (SELECT 1 FROM `+schema+`parent WHERE id = e."B"))`).Scan(&open, &dangling); err != nil {
		m.Fatal(err)
	}
	if open != 3 || dangling != 0 {
		m.Errorf("%d of 3 foreign keys hold, and %d edges lead nowhere", open, dangling)
	}
	return out
}

func (m *moving) left(db *database.DB) bool {
	m.Helper()
	left, err := db.Left(m.Context(), m.scope)
	if err != nil {
		m.Fatal(err)
	}
	return left
}

// TestMove moves a project to and fro while others write to it: no write fails, none is
// lost, and none comes back.
func TestMove(t *testing.T) {
	for name, options := range map[string]string{"prepared": "", "exec": "&default_query_exec_mode=exec"} {
		t.Run(name, func(t *testing.T) {
			urls := []string{testbed.Database(t) + options, testbed.Database(t) + options}
			dbs := []*database.DB{open(t, urls[0], postgresdb.Config{}), open(t, urls[1], postgresdb.Config{})}
			m := newMoving(t, dbs[0])
			if err := m.batch(`INSERT INTO $.parent SELECT 'old' || n, json_build_object('n', n), -n FROM generate_series(1, 20000) AS n`,
				`INSERT INTO $.child SELECT id, id FROM $.parent`, `INSERT INTO $.edge SELECT 'old1', id FROM $.parent`); err != nil {
				t.Fatal(err)
			}
			m.longest.Store(0)
			done := make(chan struct{})
			var all sync.WaitGroup
			kept := make([]map[string]string, 4)
			for i := range kept {
				all.Go(func() { kept[i] = m.write(i, done) })
			}
			const moves = 4
			for n := range moves {
				from, to := dbs[n%2], dbs[(n+1)%2]
				var told []string
				if err := from.Move(t.Context(), m.scope, to, m.create, func(s string) { told = append(told, s) }); err != nil {
					t.Error(err)
					break
				}
				if !m.left(from) || m.left(to) {
					t.Error("it is not where it moved to")
				}
				m.at.Store(to)
				for range 2 {
					if err := errors.Join(to.Arrive(t.Context(), m.scope), from.Drop(t.Context(), m.scope)); err != nil {
						t.Error(err)
					}
				}
				t.Log(strings.Join(told, ", "))
			}
			close(done)
			all.Wait()
			want := map[string]string{}
			for n := 1; n <= 20000; n++ {
				want[fmt.Sprintf("old%d", n)] = fmt.Sprintf(`{"n" : %d} %d`, n, -n)
			}
			for _, k := range kept {
				maps.Copy(want, k)
			}
			got := m.rows(urls[moves%2])
			for id, v := range want {
				if got[id] != v {
					t.Errorf("%s is %q, want %q", id, got[id], v)
				}
				delete(got, id)
			}
			for id := range got {
				t.Errorf("%s came back", id)
			}
			t.Logf("%d writes, of which %d waited for a switch; the longest took %v", m.writes.Load(), m.waited.Load(), time.Duration(m.longest.Load()))
			if m.writes.Load() < 100 {
				t.Error("too little was written")
			}
		})
	}
}

// TestMoveBroken ends moves on their way: the project stays, writers don't notice, and
// another attempt succeeds.
func TestMoveBroken(t *testing.T) {
	urls := []string{testbed.Database(t), testbed.Database(t)}
	from, to := open(t, urls[0], postgresdb.Config{}), open(t, urls[1], postgresdb.Config{})
	m := newMoving(t, from)
	if err := m.batch(`INSERT INTO $.parent SELECT 'old' || n, '{}', -n FROM generate_series(1, 1000) AS n`, `INSERT INTO $.child SELECT id, id FROM $.parent`); err != nil {
		t.Fatal(err)
	}
	var steps []string
	for broken := 0; ; broken++ {
		ctx, cancel := context.WithCancel(t.Context())
		told := 0
		err := from.Move(ctx, m.scope, to, m.create, func(s string) {
			if told == broken {
				steps = append(steps, s)
				cancel()
			}
			told++
		})
		cancel()
		if err == nil {
			break
		}
		if m.left(from) {
			t.Fatalf("it left, and the error is %v", err)
		}
		if err := errors.Join(from.Stay(t.Context(), m.scope), to.Drop(t.Context(), m.scope)); err != nil {
			t.Fatal(err)
		}
		if err := m.batch("UPDATE $.parent SET rank = rank - 1 WHERE id = 'old1000'"); err != nil {
			t.Fatal(err)
		}
		out, err := from.Query(t.Context(), m.scope, database.Statement{Statement: dialect.Statement{Returns: true, Args: []relational.ArgType{},
			SQL: "SELECT to_json((SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('" + m.scope.Namespace() + "') AND relname LIKE '\\_%') + (SELECT count(*) FROM pg_proc WHERE pronamespace = to_regnamespace('" + m.scope.Namespace() + "')))"}})
		if err != nil || string(out) != "0" {
			t.Fatalf("%s things are left: %v", out, err)
		}
	}
	if len(steps) < 5 {
		t.Errorf("only these steps were broken: %v", steps)
	}
	if err := to.Arrive(t.Context(), m.scope); err != nil {
		t.Fatal(err)
	}
	if n := len(m.rows(urls[1])); n != 1000 {
		t.Errorf("%d rows came", n)
	}
	if _, err := from.Left(t.Context(), databasetest.Scope(t)); err == nil {
		t.Error("what was never there has a place")
	}
}

// TestMovesWhatIsDue: functions are told at the other end of what they were not told yet.
func TestMovesWhatIsDue(t *testing.T) {
	from, to := open(t, testbed.Database(t), postgresdb.Config{}), open(t, testbed.Database(t), postgresdb.Config{})
	n := newNotes(t, from, databasetest.Scope(t))
	handlers := []database.Handler{{Function: "f", Model: "Note", DDL: from.Dialect().Schema(n.scope.Namespace(), n.listen)}}
	if err := from.Handle(t.Context(), n.scope, handlers); err != nil {
		t.Fatal(err)
	}
	project := n.scope.Project()
	due := func(db *database.DB, want string) []database.Due {
		t.Helper()
		all, err := db.Due(t.Context(), database.Waiting{Project: project, Function: "f"}, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, d := range all {
			got += d.Node + " "
		}
		if got != want {
			t.Errorf("due is %q, not %q", got, want)
		}
		return all
	}
	for i := range 3 {
		n.insert(fmt.Sprint(i))
	}
	n.relayed()
	all := due(from, "0 1 2 ")
	if err := from.Settle(t.Context(), project, []database.Outcome{{ID: all[1].ID, Attempts: 2, Failed: "no", Dead: true}, {ID: all[2].ID, Attempts: 1, Failed: "not yet"}}); err != nil {
		t.Fatal(err)
	}
	n.insert("late") // the relay does not know it yet
	if err := from.Move(t.Context(), n.scope, to, n.create, func(string) {}); err != nil {
		t.Fatal(err)
	}
	if err := to.Handle(t.Context(), n.scope, handlers); err != nil {
		t.Fatal(err)
	}
	if err := to.Arrive(t.Context(), n.scope); err != nil {
		t.Fatal(err)
	}
	n.db = to
	n.insert("new")
	n.sent = 0
	n.relayed()
	due(from, "")
	if all := due(to, "0 2 new "); len(all) == 3 && (all[1].Attempts != 1 || all[1].Failed != "not yet") {
		t.Errorf("%+v", all[1])
	}
	if dead, err := to.Dead(t.Context(), project, 0, 100); err != nil || len(dead) != 1 || dead[0].Node != "1" || dead[0].GivenUp.IsZero() {
		t.Errorf("%v %+v", err, dead)
	}
	if err := from.Drop(t.Context(), n.scope); err != nil {
		t.Fatal(err)
	}
	if _, err := from.Relay(t.Context(), database.Turn{Holder: "other", Lease: time.Minute, Limit: 100}); err != nil {
		t.Fatal(err)
	}
	n.db, n.sent = from, 0
	n.relayed()
	due(from, "late ")
}
