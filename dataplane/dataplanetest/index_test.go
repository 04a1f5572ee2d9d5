package dataplanetest

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/txtar"

	"icehouse/dataplane/connector/database/postgresdb"
	"icehouse/dataplane/relational"
	"icehouse/deploy/testbed"
)

// Every statement that the cases plan is explained on the real server: where a
// condition is on something that has an index, the index must serve it. Scans of
// whole tables are made unattractive first, so that small test tables don't hide
// an index that can't be used.
func TestConditionsUseTheirIndex(t *testing.T) {
	x, c := newExplainer(t)
	files, err := filepath.Glob("testdata/cases/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		g := &golden{archive: archive}
		p := Deploy(t, c, g.get("schema.graphql"))
		x.learn(t, p)
		for _, request := range g.requests() {
			stem := strings.TrimSuffix(request, ".graphql")
			r := Request{Query: g.get(request), Variables: []byte(g.get(stem + ".variables.json"))}
			plan, err := p.planFor(c, r, p.Scope.Namespace())
			if err != nil {
				continue // a case of a request that is refused
			}
			for _, s := range allSteps(plan) {
				x.check(t, fmt.Sprintf("%s %s", filepath.Base(file), request), s.Statement.SQL, len(s.Statement.Args))
			}
		}
	}
	t.Logf("%d statements explained, %d scans looked at", x.statements, x.scans)
	if x.statements < 100 || x.scans < 100 {
		t.Errorf("only %d statements and %d scans: this test looks at nothing", x.statements, x.scans)
	}
}

// The test above must be able to fail.
func TestAnIndexThatIsNotUsedIsNoticed(t *testing.T) {
	x := &explainer{indexed: []string{"author", "fold(email)"}}
	for filter, bad := range map[string]bool{
		`((t1.author = $1) AND (t1.pages > 3))`:        true,
		`(t1.author = ANY ($1))`:                       true,
		`((fold(t1.email) >= $1) AND (t1.pages > 3))`:  true,
		`((t1.author = $1) OR (t1.pages > 3))`:         false,
		`(t1.pages > 3)`:                               false,
		`(NOT (t1.author = $1))`:                       false,
		`(t1.author <> $1)`:                            false,
		`(strpos(fold(t1.email), $1) > 0)`:             false,
		`((t1.author IS NULL) AND (t1.author <> 'a'))`: false,
	} {
		if got := x.unused(filter) != ""; got != bad {
			t.Errorf("%s: noticed is %v", filter, got)
		}
	}
}

type explainer struct {
	conn              *pgx.Conn
	indexed           []string          // expressions that lead an index of the current project, as the server prints them
	grow              map[string]func() // makes a table large, once
	statements, scans int
}

func newExplainer(t *testing.T) (*explainer, Context) {
	t.Helper()
	url := testbed.Database(t)
	db, err := postgresdb.Open(t.Context(), postgresdb.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	for _, setting := range []string{"enable_seqscan = off", "plan_cache_mode = force_generic_plan"} {
		if _, err := conn.Exec(t.Context(), "SET "+setting); err != nil {
			t.Fatal(err)
		}
	}
	return &explainer{conn: conn}, Context{Name: "postgres", DB: db}
}

// learn asks the server how it prints the expressions that have an index.
//
// It fills the tables first: what an empty table costs says nothing.
func (x *explainer) learn(t *testing.T, p *Project) {
	t.Helper()
	x.indexed = nil
	layout := p.Schema.Layout()
	tables := append(append([]*relational.Table{}, layout.Tables...), layout.Joins...)
	x.grow = map[string]func(){}
	for _, table := range tables {
		x.fill(t, p, table, 1, filledRows)
		x.grow[table.Name] = func() { x.fill(t, p, table, filledRows+1, manyRows) }
	}
	for _, table := range tables {
		for _, c := range table.Columns {
			if !c.Unique && c.References == nil {
				continue
			}
			name := pgx.Identifier{p.Scope.Namespace(), table.Name}.Sanitize()
			expression := "t1." + pgx.Identifier{c.Name}.Sanitize()
			if c.Kind == relational.KindText {
				expression = "icehouse_shared.fold(" + expression + ")"
			}
			var out string
			if err := x.conn.QueryRow(t.Context(), "EXPLAIN (VERBOSE, FORMAT JSON) SELECT "+expression+" FROM "+name+" AS t1").Scan(&out); err != nil {
				t.Fatal(err)
			}
			var plans []struct{ Plan struct{ Output []string } }
			if err := json.Unmarshal([]byte(out), &plans); err != nil {
				t.Fatal(err)
			}
			x.indexed = append(x.indexed, plain(plans[0].Plan.Output[0]))
		}
	}
}

// Tables have filledRows rows. Where a small table may be read whole with reason,
// it gets manyRows and must then be read by its index.
const (
	filledRows = 500
	manyRows   = 20_000
)

// fill puts rows into a table, without looking at foreign keys.
func (x *explainer) fill(t *testing.T, p *Project, table *relational.Table, from, to int) {
	t.Helper()
	var columns, values []string
	for _, c := range table.Columns {
		columns = append(columns, pgx.Identifier{c.Name}.Sanitize())
		switch {
		case c.Kind == relational.KindInt, c.Kind == relational.KindFloat:
			values = append(values, "i")
		case c.Kind == relational.KindBool:
			values = append(values, "i % 2 = 0")
		case c.Kind == relational.KindTime:
			values = append(values, "timestamptz '2017-01-01' + i * interval '1 hour'")
		case c.Kind == relational.KindJSON:
			values = append(values, "'[]'::json")
		default:
			values = append(values, "'c' || i")
		}
	}
	name := pgx.Identifier{p.Scope.Namespace(), table.Name}.Sanitize()
	for _, sql := range []string{
		"SET session_replication_role = replica",
		fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM generate_series(%d, %d) AS i", name, strings.Join(columns, ", "), strings.Join(values, ", "), from, to),
		"ANALYZE " + name,
	} {
		if _, err := x.conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

var aliases = regexp.MustCompile(`\bt\d+(_\d+)?\.`)

// plain leaves the aliases out, which differ from place to place.
func plain(expression string) string { return aliases.ReplaceAllString(expression, "") }

type scan struct {
	Type      string `json:"Node Type"`
	Relation  string `json:"Relation Name"`
	Filter    string
	IndexCond string `json:"Index Cond"`
	Plans     []scan
}

func (x *explainer) check(t *testing.T, what, sql string, args int) {
	t.Helper()
	x.statements++
	if _, err := x.conn.Exec(t.Context(), "PREPARE explained AS "+sql); err != nil {
		t.Errorf("%s does not parse: %v\n%s", what, err, sql)
		return
	}
	for {
		finding := x.explain(t, args)
		if finding == nil {
			break
		}
		grow := x.grow[finding.Relation]
		if grow == nil {
			t.Errorf("%s: %s of %s where an index could serve %s\n%s", what, finding.Type, finding.Relation, x.unused(finding.Filter), sql)
			break
		}
		delete(x.grow, finding.Relation)
		grow()
	}
	if _, err := x.conn.Exec(t.Context(), "DEALLOCATE explained"); err != nil {
		t.Fatal(err)
	}
}

// explain returns the first scan that should have used an index.
func (x *explainer) explain(t *testing.T, args int) *scan {
	t.Helper()
	nulls := strings.TrimSuffix(strings.Repeat("NULL,", args), ",")
	if nulls != "" {
		nulls = "(" + nulls + ")"
	}
	var out string
	if err := x.conn.QueryRow(t.Context(), "EXPLAIN (FORMAT JSON) EXECUTE explained"+nulls, pgx.QueryExecModeSimpleProtocol).Scan(&out); err != nil {
		t.Fatal(err)
	}
	var plans []struct{ Plan scan }
	if err := json.Unmarshal([]byte(out), &plans); err != nil {
		t.Fatal(err)
	}
	return x.walk(plans[0].Plan)
}

func (x *explainer) walk(s scan) *scan {
	if s.Relation != "" {
		x.scans++
		// A bitmap scan has an index below it; what it filters beside is a second
		// condition that a second index was not worth.
		if s.IndexCond == "" && !strings.HasPrefix(s.Type, "Bitmap") && x.unused(s.Filter) != "" {
			return &s
		}
	}
	for _, child := range s.Plans {
		if found := x.walk(child); found != nil {
			return found
		}
	}
	return nil
}

// unused returns the condition of a filter, among those that must all hold, that
// an index could have served.
func (x *explainer) unused(filter string) string {
	for _, condition := range conjuncts(filter) {
		condition = plain(condition)
		for _, expression := range x.indexed {
			for _, quoted := range []string{expression, `"` + expression + `"`} {
				for _, op := range []string{" = ", " >= ", " > ", " < ", " <= "} {
					if strings.HasPrefix(condition, quoted+op) || strings.HasPrefix(condition, "("+quoted+")"+op) {
						return condition
					}
				}
			}
		}
	}
	return ""
}

// conjuncts splits a printed condition at the ANDs of its outermost level.
func conjuncts(s string) []string {
	s = strings.TrimSpace(s)
	for strings.HasPrefix(s, "(") && closing(s) == len(s)-1 {
		s = s[1 : len(s)-1]
	}
	var out []string
	depth, from := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		default:
			if depth == 0 && strings.HasPrefix(s[i:], " AND ") {
				out = append(out, conjuncts(s[from:i])...)
				from = i + len(" AND ")
			}
			if depth == 0 && strings.HasPrefix(s[i:], " OR ") {
				return nil
			}
		}
	}
	if from == 0 {
		return []string{s}
	}
	return append(out, conjuncts(s[from:])...)
}

// closing is where the bracket that s begins with is closed.
func closing(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}
