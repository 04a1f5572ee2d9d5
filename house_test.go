// Package icehouse_test holds the house to its rules: who may import whom, what
// each package must say about itself, and where things may lie.
//
// The rules are in web/docs/ARCHITECTURE.md; each failure names its reason. Run
// them with -count=1: a cached result hides a new import.
package icehouse_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "icehouse"

// source is one Go file of the house.
type source struct {
	path      string // from the root, with slashes
	pkg       string // its folder
	syntax    *ast.File
	lines     int
	test      bool // a test, or a package that exists for tests
	generated bool
}

// house reads every Go file.
func house(t *testing.T) (files []source, set *token.FileSet) {
	t.Helper()
	set = token.NewFileSet()
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if entry.IsDir() {
			if base := path.Base(name); name != "." && (base[0] == '.' || base == "testdata" || base == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" || path.Dir(name) == "." {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		pkg := path.Dir(name)
		files = append(files, source{
			path: name, pkg: pkg, syntax: syntax,
			lines:     strings.Count(string(text), "\n"),
			test:      strings.HasSuffix(name, "_test.go") || strings.HasSuffix(pkg, "test") || within(pkg, "deploy/testbed"),
			generated: ast.IsGenerated(syntax),
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files, set
}

// within reports whether a folder is dir or lies in it.
func within(folder, dir string) bool {
	return folder == dir || strings.HasPrefix(folder, dir+"/")
}

func withinAny(folder string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return within(folder, dir) })
}

// imports are the import paths of a file.
func (s source) imports() []string {
	var out []string
	for _, i := range s.syntax.Imports {
		if name, err := strconv.Unquote(i.Path.Value); err == nil {
			out = append(out, name)
		}
	}
	return out
}

func TestTopLevelFolders(t *testing.T) {
	rooms := []string{"cmd", "controlplane", "dataplane", "tenancy", "billing", "migrations", "web", "deploy", "examples"}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && e.Name()[0] != '.' && e.Name() != "bin" && !slices.Contains(rooms, e.Name()) {
			t.Errorf("%s/: the top-level folders are fixed (%s); put it into the room that owns it", e.Name(), strings.Join(rooms, " "))
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	files, _ := house(t)
	said, all := map[string]bool{}, map[string]string{}
	for _, f := range files {
		if strings.HasSuffix(f.path, "_test.go") || f.generated {
			continue
		}
		name := f.syntax.Name.Name
		all[f.pkg] = name
		doc := f.syntax.Doc.Text()
		if strings.HasPrefix(doc, "Package "+name+" ") || name == "main" && strings.HasPrefix(doc, "Command ") {
			said[f.pkg] = true
		}
	}
	for pkg, name := range all {
		if !said[pkg] {
			t.Errorf("%s: package %s has no package comment; say what comes in, what goes out and who calls", pkg, name)
		}
	}
}

func TestFilesStaySmall(t *testing.T) {
	const most = 800
	files, _ := house(t)
	for _, f := range files {
		if f.lines > most && !f.generated {
			t.Errorf("%s has %d lines; above %d a reader searches instead of reads: split it by subject", f.path, f.lines, most)
		}
	}
}

// TestEnginesAreNamedWhereTheyLive keeps the rest of the code free of the
// difference.
func TestEnginesAreNamedWhereTheyLive(t *testing.T) {
	homes := []string{
		"dataplane/dialect/postgres", "dataplane/dialect/sqlite", "dataplane/connector",
		"controlplane/store/postgresstore", "controlplane/store/sqlitestore", "migrations", "cmd", "deploy",
	}
	files, set := house(t)
	for _, f := range files {
		if f.test || f.generated || withinAny(f.pkg, homes) {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if _, ok := n.(*ast.ImportSpec); ok {
				return false
			}
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text := strings.ToLower(lit.Value)
				if slices.ContainsFunc([]string{"postgres", "sqlite", "rabbit", "amqp"}, func(product string) bool { return strings.Contains(text, product) }) {
					t.Errorf("%s: %s names an engine; what differs between engines belongs to a dialect or its Features", set.Position(lit.Pos()), lit.Value)
				}
			}
			return true
		})
	}
}

// TestOnlyMainLooksAtTheProcess keeps commands and servers runnable in a test.
func TestOnlyMainLooksAtTheProcess(t *testing.T) {
	names := []string{"Args", "Getenv", "LookupEnv", "Environ", "Setenv", "Exit", "Stdin", "Stdout", "Stderr", "Getwd", "Chdir", "UserHomeDir"}
	files, set := house(t)
	for _, f := range files {
		if f.test || f.path == "cmd/icehouse/main.go" || !slices.Contains(f.imports(), "os") {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "os" && slices.Contains(names, s.Sel.Name) {
					t.Errorf("%s: os.%s: only main looks at the process; take it from the Config or the cli.Process", set.Position(n.Pos()), s.Sel.Name)
				}
			}
			return true
		})
	}
}
