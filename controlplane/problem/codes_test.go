package problem_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestCodesAreInOrder keeps the list one that a number is found in.
func TestCodesAreInOrder(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	last := ""
	for _, spec := range file.Decls[0].(*ast.GenDecl).Specs {
		v := spec.(*ast.ValueSpec)
		name, number := v.Names[0].Name, v.Values[0].(*ast.BasicLit).Value
		if len(number) != 4 || number <= last {
			t.Errorf("%s = %s stands behind %s: numbers have four digits and go up", name, number, last)
		}
		if v.Comment.Text() == "" {
			t.Errorf("%s = %s: say behind it in a line what it is", name, number)
		}
		last = number
	}
}

// TestCodesHaveNames finds errors of this room that are made with a bare number.
func TestCodesHaveNames(t *testing.T) {
	set := token.NewFileSet()
	err := filepath.WalkDir("..", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") || strings.HasSuffix(filepath.Dir(name), "test") {
			return err
		}
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		bare := func(e ast.Expr) {
			if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.INT && len(lit.Value) == 4 {
				t.Errorf("%s: the number %s has a name in codes.go, or needs one", set.Position(lit.Pos()), lit.Value)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.SelectorExpr); ok && (f.Sel.Name == "New" || f.Sel.Name == "add") && len(n.Args) > 0 {
					bare(n.Args[0])
				}
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Code" {
					bare(n.Value)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
