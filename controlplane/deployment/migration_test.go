package deployment_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"icehouse/controlplane/deployment"
	"icehouse/controlplane/store"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/relational"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

var (
	worlds = flag.Int("worlds", 12, "how many worlds TestRandomMigrations goes through")
	first  = flag.Int("world", 0, "the first of them")
)

// TestRandomMigrations deploys random changes onto random rows: a deploy is refused
// for the reasons that the contract gives, or the rows are what it says, and the
// tables are those of a project that had this model from the start.
func TestRandomMigrations(t *testing.T) {
	for name, open := range products {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			t.Cleanup(func() { _ = db.Close() })
			refused, done := 0, 0
			for seed := range uint64(*worlds) { //nolint:gosec // not negative
				m := newMigrations(t, db, seed+uint64(*first)) //nolint:gosec // not negative
				for range 12 {
					if m.step() {
						done++
					} else {
						refused++
					}
				}
			}
			t.Logf("%d deploys, %d refused", done+refused, refused)
			if done < *worlds || refused < *worlds {
				t.Fatal("the dice are loaded")
			}
		})
	}
}

type migrations struct {
	*testing.T
	h     *house
	db    *database.DB
	p     store.Project
	w     *world
	seed  uint64
	fresh int
}

func newMigrations(t *testing.T, db *database.DB, seed uint64) *migrations {
	t.Helper()
	h := newHouse(t)
	databases := func(tenancy.Placement) (*database.DB, error) { return db, nil }
	h.deployer.Runner.Databases = databases
	m := &migrations{T: t, h: h, db: db, p: h.project("random"), seed: seed}
	m.w = &world{rand: rand.New(rand.NewPCG(seed, 1)), hints: map[any]string{}, codes: map[int]bool{}} //nolint:gosec // no secret
	return m
}

// step makes one deploy and looks at what came of it; false when it was refused.
func (m *migrations) step() bool {
	m.Helper()
	next := m.w.copy()
	touched := map[any]bool{}
	for range 1 + m.w.rand.IntN(3) {
		next.change(touched)
	}
	sdl := next.sdl()
	m.w.names = next.names
	if next.force { // without force it must say so
		r := m.h.push(m.h.current(m.p), typesOnly(sdl), nil)
		if len(r.Errors) != 1 || !strings.Contains(r.Errors[0].Description, "destructive changes") {
			m.Fatalf("seed %d: a removal without force: %+v\n%s", m.seed, r.Errors, sdl)
		}
	}
	dry := m.h.push(m.h.current(m.p), typesOnly(sdl), func(r *deployment.Request) { r.DryRun = true })
	r := m.h.push(m.p, typesOnly(sdl), func(r *deployment.Request) { r.Force = true })
	if diff := cmp.Diff(dry.Errors, r.Errors); diff != "" {
		m.Fatalf("seed %d: the dry run says something else: %s\nbefore:\n%s\nnow:\n%s", m.seed, diff, m.w.sdl(), sdl)
	}
	codes := map[int]bool{}
	for _, e := range r.Errors {
		codes[e.Code] = true
	}
	if diff := cmp.Diff(next.codes, codes); diff != "" {
		m.Fatalf("seed %d: refused (-want +got):\n%s%v\nbefore:\n%s\nnow:\n%s", m.seed, diff, r.Errors, m.w.sdl(), sdl)
	}
	was := m.w.sdl()
	if len(codes) == 0 {
		next.deployed()
		m.w = next
	}
	m.sameRows(was, sdl)
	m.sameTables(was, sdl)
	m.fill()
	m.sameRows(was, sdl)
	return len(codes) == 0
}

func (m *migrations) release(p store.Project) (compiledschema.Release, isolation.Scope) {
	m.Helper()
	p = m.h.current(p)
	payload, err := m.h.store.Payload(m.Context(), p.ID, p.Release)
	if err != nil {
		m.Fatal(err)
	}
	release, err := compiledschema.DecodeRelease(payload)
	if err != nil {
		m.Fatal(err)
	}
	scope, err := isolation.ForProject(p.ID, p.Placement)
	if err != nil {
		m.Fatal(err)
	}
	return release, scope
}

// sameRows compares what the release reads with the world.
func (m *migrations) sameRows(was, sdl string) {
	m.Helper()
	if len(m.w.types) == 0 {
		return
	}
	release, scope := m.release(m.p)
	query := &relational.Query{}
	want := map[string]any{}
	for _, t := range release.Model.Types {
		many := &relational.Many{Select: &relational.Select{Table: release.Layout.Table(t)}}
		for _, f := range t.Fields {
			var value relational.Value
			if f.IsRelation() {
				value = &relational.Many{Select: &relational.Select{Table: release.Layout.Table(f.Target()), Link: release.Layout.Link(f)},
					Fields: []relational.Field{{Key: "id", Value: relational.ColumnValue{Column: release.Layout.Table(f.Target()).ID}}}}
			} else {
				value = relational.ColumnValue{Column: release.Layout.Column(f)}
			}
			many.Fields = append(many.Fields, relational.Field{Key: f.Name, Value: value})
		}
		query.Fields = append(query.Fields, relational.Field{Key: t.Name, Value: many})
	}
	for _, t := range m.w.types {
		rows := []any{}
		for _, r := range t.rows {
			row := map[string]any{"id": r.id}
			for _, f := range t.fields {
				row[f.name] = r.values[f.name]
			}
			for _, rel := range m.w.rels {
				for i, e := range rel.ends {
					if e.of == t {
						row[e.field] = partnersOf(rel, i, r.id)
					}
				}
			}
			rows = append(rows, row)
		}
		slices.SortFunc(rows, func(a, b any) int {
			return strings.Compare(a.(map[string]any)["id"].(string), b.(map[string]any)["id"].(string))
		})
		want[t.name] = rows
	}
	answer, err := m.db.Query(m.Context(), scope, database.Statement{Statement: m.db.Dialect().Query(scope.Namespace(), query)})
	if err != nil {
		m.Fatalf("seed %d: %v\nbefore:\n%s\nnow:\n%s", m.seed, err, was, sdl)
	}
	var got map[string]any
	if err := json.Unmarshal(answer, &got); err != nil {
		m.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		m.Fatalf("seed %d: rows (-want +got):\n%s\nbefore:\n%s\nnow:\n%s", m.seed, diff, was, sdl)
	}
}

func partnersOf(r *aRelation, side int, id string) []any {
	ids := []string{}
	for edge := range r.edges {
		if edge[side] == id {
			ids = append(ids, edge[1-side])
		}
	}
	slices.Sort(ids)
	out := []any{}
	for _, id := range ids {
		out = append(out, map[string]any{"id": id})
	}
	return out
}

// fill adds some rows and edges.
func (m *migrations) fill() {
	m.Helper()
	w := m.w
	for range 3 {
		if len(w.types) == 0 {
			return
		}
		t := one(w, w.types)
		r := &aRow{id: w.name("row"), values: map[string]any{}}
		ok := true
		for _, f := range t.fields {
			r.values[f.name] = w.value(f)
			ok = ok && (!f.unique || !slices.ContainsFunc(t.rows, func(o *aRow) bool {
				return o.values[f.name] != nil && r.values[f.name] != nil && strings.EqualFold(literal(o.values[f.name]), literal(r.values[f.name]))
			}))
		}
		edges := map[*aRelation][2]string{}
		for _, rel := range w.rels {
			for i, e := range rel.ends {
				if e.of == t && e.required {
					edge, found := w.partner(rel, i, r.id)
					_, twice := edges[rel]
					ok = ok && found && !twice
					edges[rel] = edge
				}
			}
		}
		if !ok {
			continue
		}
		t.rows = append(t.rows, r)
		m.insert(t, r)
		for rel, edge := range edges {
			rel.edges[edge] = true
			m.connect(rel, edge)
		}
	}
	for range 4 {
		if len(w.rels) == 0 {
			return
		}
		rel := one(w, w.rels)
		if len(rel.ends[0].of.rows) == 0 {
			continue
		}
		id := one(w, rel.ends[0].of.rows).id
		if !rel.ends[0].list && w.partners(rel, 0)[id] > 0 {
			continue
		}
		if edge, ok := w.partner(rel, 0, id); ok && !rel.edges[edge] {
			rel.edges[edge] = true
			m.connect(rel, edge)
		}
	}
}

// partner finds a node for the other end that may have one more partner.
func (w *world) partner(r *aRelation, side int, id string) (edge [2]string, ok bool) {
	other := r.ends[1-side]
	taken := w.partners(r, 1-side)
	for _, row := range other.of.rows {
		if (other.list || taken[row.id] == 0) && w.chance(70) {
			edge[side], edge[1-side] = id, row.id
			return edge, true
		}
	}
	return edge, false
}

func (m *migrations) run(change relational.Change, args ...any) {
	m.Helper()
	_, scope := m.release(m.p)
	_, err := m.db.Batch(context.WithoutCancel(m.Context()), scope, []database.Statement{{Statement: m.db.Dialect().Change(scope.Namespace(), change), Args: args}})
	if err != nil {
		m.Fatalf("seed %d: %v\n%s", m.seed, err, m.w.sdl())
	}
}

func (m *migrations) insert(t *aType, r *aRow) {
	m.Helper()
	release, _ := m.release(m.p)
	typ := release.Model.Type(t.name)
	table := release.Layout.Table(typ)
	now := time.Now().UTC().Truncate(time.Millisecond)
	change := &relational.Insert{
		Table: table, Columns: []*relational.Column{table.ID, table.CreatedAt, table.UpdatedAt}, Values: []relational.Arg{1, 2, 2},
		Args: []relational.ArgType{{Kind: relational.ArgID}, {Kind: relational.ArgTime}},
	}
	args := []any{r.id, now}
	for _, f := range t.fields {
		v := r.values[f.name]
		if v == nil {
			continue
		}
		column := release.Layout.Column(typ.Field(f.name))
		kind, arg := argument(column.Kind, v)
		args = append(args, arg)
		change.Columns, change.Values, change.Args = append(change.Columns, column), append(change.Values, relational.Arg(len(args))), append(change.Args, relational.ArgType{Kind: kind})
	}
	m.run(change, args...)
}

func argument(k relational.Kind, v any) (relational.ArgKind, any) {
	switch k {
	case relational.KindID:
		return relational.ArgID, v
	case relational.KindText:
		return relational.ArgText, v
	case relational.KindInt:
		return relational.ArgInt, int64(v.(float64))
	case relational.KindFloat:
		return relational.ArgFloat, v
	case relational.KindBool:
		return relational.ArgBool, v
	case relational.KindTime:
		at, err := time.Parse(time.RFC3339, v.(string))
		if err != nil {
			panic(err)
		}
		return relational.ArgTime, at
	case relational.KindJSON:
		raw, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return relational.ArgJSON, string(raw)
	default:
		return relational.ArgWord, v
	}
}

func (m *migrations) connect(r *aRelation, edge [2]string) {
	m.Helper()
	release, _ := m.release(m.p)
	rel := release.Model.Relation(r.name)
	edges := release.Layout.Edges(rel)
	if rel.A().Name != r.ends[0].field { // sides don't swap, but the file's order may
		edge[0], edge[1] = edge[1], edge[0]
	}
	ids := []relational.ArgType{{Kind: relational.ArgID}, {Kind: relational.ArgID}}
	set := func(column, at *relational.Column, value, key relational.Arg) {
		m.run(&relational.Update{Table: edges.Table, Set: []relational.Assignment{{Column: column, Value: value}},
			Where: relational.Compare{Column: at, Op: relational.Equal, Arg: key}, Args: ids}, edge[0], edge[1])
	}
	switch edges.Table.ID {
	case nil:
		m.run(&relational.Insert{Table: edges.Table, Columns: []*relational.Column{edges.A, edges.B}, Values: []relational.Arg{1, 2}, Args: ids}, edge[0], edge[1])
	case edges.A:
		set(edges.B, edges.A, 2, 1)
	default:
		set(edges.A, edges.B, 1, 2)
	}
}

// sameTables compares the project's tables with those of one that had the model from
// the start.
func (m *migrations) sameTables(was, sdl string) {
	m.Helper()
	m.fresh++
	plain := m.w.sdl()
	fresh := m.h.project(fmt.Sprintf("fresh%d", m.fresh))
	if r := m.h.push(fresh, typesOnly(plain), nil); len(r.Errors) > 0 {
		m.Fatalf("seed %d: %v\n%s", m.seed, r.Errors, plain)
	}
	want, got := m.structure(fresh), m.structure(m.p)
	if diff := cmp.Diff(want, got); diff != "" {
		m.Fatalf("seed %d: tables (-want +got):\n%s\nbefore:\n%s\nnow:\n%s", m.seed, diff, was, sdl)
	}
	scope, err := isolation.ForProject(fresh.ID, fresh.Placement)
	if err != nil {
		m.Fatal(err)
	}
	if err := m.db.Drop(m.Context(), scope); err != nil {
		m.Fatal(err)
	}
}

// structure says of each column of a layout how it is stored, by the names of the
// model; and of all else that is there, by its own.
func (m *migrations) structure(p store.Project) map[string]string {
	m.Helper()
	release, scope := m.release(p)
	answer, err := m.db.Query(m.Context(), scope, database.Statement{Statement: dialect.Statement{
		SQL: catalog(m.db, scope.Namespace()), Returns: true}})
	if err != nil {
		m.Fatal(err)
	}
	var stored []struct {
		Table, Column, Type string
		NotNull             bool
		Indexes             []string // of the table
		Keys                []string // foreign, of the column
		Checks              string   // of the table
	}
	if err := json.Unmarshal(answer, &stored); err != nil {
		m.Fatalf("%v: %s", err, answer)
	}
	model := map[string]string{} // stored names to those of the model
	column := func(c *relational.Column, name string) { model[c.Table.Name+"."+c.Name] = name }
	for _, t := range release.Model.Types {
		table := release.Layout.Table(t)
		model[table.Name] = t.Name
		for _, c := range []*relational.Column{table.ID, table.CreatedAt, table.UpdatedAt} {
			column(c, t.Name+"."+c.Name)
		}
		for _, f := range t.Fields {
			if !f.IsRelation() {
				column(release.Layout.Column(f), t.Name+"."+f.Name)
			}
		}
	}
	for _, r := range release.Model.Relations {
		name := func(s datamodel.Side) string { return r.Name + "." + r.Ends[s].Name }
		edges := release.Layout.Edges(r)
		if edges.A != edges.Table.ID {
			column(edges.A, name(datamodel.SideA))
		}
		if edges.B != edges.Table.ID {
			column(edges.B, name(datamodel.SideB))
		}
	}
	out := map[string]string{}
	for _, s := range stored {
		name := model[s.Table+"."+s.Column]
		if name == "" {
			name = "left over: " + s.Table + "." + s.Column
		}
		text := fmt.Sprintf("%s notnull=%t", s.Type, s.NotNull)
		for what, index := range map[string]string{"unique": dialect.UniqueName(s.Table, s.Column), "index": dialect.IndexName(s.Table, s.Column)} {
			if slices.Contains(s.Indexes, index) {
				text += " " + what
			}
		}
		if strings.Contains(s.Checks, dialect.LengthName(s.Table, s.Column)) {
			text += " length"
		}
		for _, key := range s.Keys {
			table, action, _ := strings.Cut(key, " ")
			text += " -> " + model[table] + " " + action
		}
		words := strings.Fields(text)
		slices.Sort(words[2:])
		out[name] = strings.Join(words, " ")
	}
	return out
}

// catalog asks a product what it stores.
func catalog(db *database.DB, namespace string) string {
	if db.Dialect().Features().ParallelWriters {
		return `SELECT json_agg(json_build_object('Table', t.relname, 'Column', a.attname, 'Type', format_type(a.atttypid, a.atttypmod), 'NotNull', a.attnotnull,
			'Indexes', (SELECT coalesce(json_agg(x.relname), '[]') FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = t.oid),
			'Keys', (SELECT coalesce(json_agg(r.relname || ' ' || k.confdeltype::text), '[]') FROM pg_constraint k JOIN pg_class r ON r.oid = k.confrelid WHERE k.conrelid = t.oid AND k.contype = 'f' AND k.conkey = ARRAY[a.attnum]),
			'Checks', (SELECT coalesce(string_agg(k.conname, ' '), '') FROM pg_constraint k WHERE k.conrelid = t.oid AND k.contype = 'c')))
			FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid WHERE t.relnamespace = to_regnamespace('"` + namespace + `"') AND t.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped`
	}
	return `SELECT json_group_array(json_object('Table', t.name, 'Column', c.name, 'Type', c.type, 'NotNull', json(CASE WHEN c."notnull" THEN 'true' ELSE 'false' END),
		'Indexes', json((SELECT json_group_array(i.name) FROM pragma_index_list(t.name) AS i)),
		'Keys', json((SELECT json_group_array(k."table" || ' ' || replace(k.on_delete, ' ', '_')) FROM pragma_foreign_key_list(t.name) AS k WHERE k."from" = c.name)),
		'Checks', t.sql)) FROM sqlite_schema AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table'`
}
