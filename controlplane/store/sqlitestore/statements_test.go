package sqlitestore

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"testing"
)

// TestStatements prepares every statement of the queries: sqlc compiles them for the
// other engine only.
func TestStatements(t *testing.T) {
	db, err := open(t.Context(), filepath.Join(t.TempDir(), "p.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	files, err := filepath.Glob("../sqlstore/queries/*.sql.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		statements := 0
		ast.Inspect(file, func(n ast.Node) bool {
			constant, ok := n.(*ast.ValueSpec)
			if !ok || len(constant.Values) != 1 {
				return true
			}
			literal, ok := constant.Values[0].(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			statement, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			prepared, err := db.PrepareContext(t.Context(), words.Replace(statement))
			if err != nil {
				t.Errorf("%s: %v", constant.Names[0].Name, err)
				return true
			}
			statements++
			if err := prepared.Close(); err != nil {
				t.Error(err)
			}
			return true
		})
		if statements == 0 {
			t.Errorf("%s: no statements", name)
		}
	}
}
