package dialecttest_test

import (
	"bytes"
	"cmp"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"icehouse/dataplane/dialect"
	"icehouse/dataplane/dialect/dialecttest"
	"icehouse/dataplane/dialect/postgres"
	"icehouse/dataplane/dialect/sqlite"
	"icehouse/dataplane/relational"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var dialects = []struct {
	name string
	dialect.Dialect
}{{"postgres", postgres.Dialect{}}, {"sqlite", sqlite.Dialect{}}}

func model(t testing.TB) *relational.Layout {
	t.Helper()
	l, err := dialecttest.Model()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// render is the SQL of a case, one statement a line and its clauses on lines of
// their own.
func render(d dialect.Dialect, c dialecttest.Case) string {
	var sql []string
	switch {
	case c.Query != nil:
		sql = append(sql, d.Query("acme", c.Query).String())
	case c.Change != nil:
		sql = append(sql, d.Change("acme", c.Change).String())
	}
	for _, s := range c.Schema {
		sql = append(sql, d.Schema("acme", s)...)
	}
	text := strings.Join(sql, ";\n") + ";\n"
	for _, clause := range []string{" FROM ", " WHERE ", " ORDER BY ", " LIMIT ", " VALUES ", " ON CONFLICT "} {
		text = strings.ReplaceAll(text, clause, "\n "+clause[1:])
	}
	return text
}

// TestGolden keeps one file a case, with the SQL of each dialect in it.
func TestGolden(t *testing.T) {
	cases := dialecttest.Cases(model(t))
	slices.SortFunc(cases, func(a, b dialecttest.Case) int { return cmp.Compare(a.Name, b.Name) })
	known := map[string]bool{}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			file := filepath.Join("testdata", strings.NewReplacer(" ", "_", ",", "").Replace(c.Name)+".txtar")
			known[file] = true
			got := &txtar.Archive{Comment: []byte(c.Name + "\n\n")}
			for _, d := range dialects {
				got.Files = append(got.Files, txtar.File{Name: d.name + ".sql", Data: []byte(render(d, c))})
			}
			text := txtar.Format(got)
			if *update {
				if err := os.WriteFile(file, text, 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file) //nolint:gosec // a golden file
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(want, text) {
				t.Error(gocmp.Diff(string(want), string(text)))
			}
		})
	}
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !known[file] {
			t.Errorf("%s belongs to no case", file)
		}
	}
}
