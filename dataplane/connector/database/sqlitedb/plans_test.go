package sqlitedb

import (
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"icehouse/dataplane/dialect/dialecttest"
	"icehouse/dataplane/dialect/sqlite"
)

// TestPlans asks the engine how it would find the rows of common queries.
func TestPlans(t *testing.T) {
	l, err := dialecttest.Model()
	if err != nil {
		t.Fatal(err)
	}
	c, err := Config{Statements: 1}.open(filepath.Join(t.TempDir(), "rows.db"), true, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	}()
	for _, step := range l.Create() {
		for _, sql := range (sqlite.Dialect{}).Schema("", step) {
			if err := c.exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, s := range dialecttest.Shapes(l) {
		index := s.Index
		if s.Key {
			index = "autoindex"
			if strings.HasPrefix(s.Index, "_") {
				index = "PRIMARY KEY"
			}
		}
		if p := plan(t, c, (sqlite.Dialect{}).Query("", s.Query).SQL); !strings.Contains(p, index) {
			t.Errorf("%s is not found by %s:\n%s", s.Name, index, p)
		}
	}
}

func plan(t *testing.T, c *conn, sql string) string {
	t.Helper()
	q, ok := c.engine.(sqldriver.QueryerContext)
	if !ok {
		t.Fatal("the engine can't query")
	}
	args := []sqldriver.NamedValue{{Ordinal: 1, Value: "x"}, {Ordinal: 2, Value: "y"}}
	rows, err := q.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+sql, args[:strings.Count(sql, "?2")+1])
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var lines []string
	for values := make([]sqldriver.Value, 4); ; {
		err := rows.Next(values)
		if errors.Is(err, io.EOF) {
			return strings.Join(lines, "\n")
		}
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprint(values[3]))
	}
}
