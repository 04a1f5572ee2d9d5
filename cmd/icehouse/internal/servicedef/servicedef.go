// Package servicedef reads the definition of a service from disk: graphcool.yml
// and the files that it names.
//
// In: a folder, and the sources of variables. Out: a Definition, packed as the
// management API takes it (platform §1.7), or Problems that name file, line and
// column. Callers: the commands of the cli package.
//
//	graphcool.yml -> yamldoc.Parse -> variables.Fill -> check -> collect files -> Definition.Config
package servicedef

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"icehouse/cmd/icehouse/internal/excerpt"
	"icehouse/cmd/icehouse/internal/variables"
	"icehouse/cmd/icehouse/internal/yamldoc"
)

// FileName is the file that makes a folder a service.
const FileName = "graphcool.yml"

// Definition is what a deploy sends.
type Definition struct {
	Content string            // the YAML text, variables replaced, without custom
	Files   map[string]string // texts by path, as written in the YAML
	Paths   []string          // the files on disk, for those who watch them
	types   []typesFile       // what the data model is made of
	text    string            // of the YAML as written, and what it says
	root    *yamldoc.Node
}

// Empty is the definition of a service before its first deploy.
func Empty() Definition {
	return Definition{Content: "types: ./types.graphql\n", Files: map[string]string{"./types.graphql": ""}}
}

// Problem is one finding about a definition.
type Problem struct {
	File    string
	At      yamldoc.Position
	Message string
	Excerpt string // the line that it is about, for people
}

func (p Problem) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.At.Line, p.At.Column, p.Message)
}

// Problems are all findings, in the order of the text.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, 0, len(p)+1)
	lines = append(lines, "The definition in "+FileName+" is not valid:")
	for _, one := range p {
		lines = append(lines, "  "+one.String())
		if one.Excerpt != "" {
			lines = append(lines, one.Excerpt)
		}
	}
	return strings.Join(lines, "\n")
}

// sorted brings findings into text order: the checks run from the outside in.
func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(a.At.Line-b.At.Line, a.At.Column-b.At.Column)
	})
	return p
}

// Find walks up from dir to the folder that holds a definition; "" when there
// is none.
func Find(dir string) string {
	for {
		if info, err := os.Stat(filepath.Join(dir, FileName)); err == nil && info.Mode().IsRegular() {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// Load reads and checks the definition in a folder. warn hears of what is odd
// but no mistake.
func Load(dir string, sources variables.Sources) (Definition, error) {
	path := filepath.Join(dir, FileName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Definition{}, fmt.Errorf("no %s in %s", FileName, dir)
	}
	if err != nil {
		return Definition{}, err
	}
	l := loader{dir: dir, text: string(text), warn: sources.Warn, def: Definition{Files: map[string]string{}, Paths: []string{path}}}
	if l.unquotedWildcards(); len(l.problems) > 0 {
		return Definition{}, l.problems
	}
	root, err := yamldoc.Parse(text)
	var syntax *yamldoc.Error
	switch {
	case errors.As(err, &syntax):
		l.problem(syntax.At, "%s", syntax.Message)
		return Definition{}, l.problems
	case err != nil:
		return Definition{}, err
	}
	filled := sources.Fill(root)
	l.check(filled)
	if len(l.problems) > 0 {
		return Definition{}, l.problems.sorted()
	}
	sent := l.collect(filled)
	if len(l.problems) > 0 {
		return Definition{}, l.problems.sorted()
	}
	l.def.text, l.def.root = l.text, filled
	l.def.Content, err = content(text, root, sent)
	return l.def, err
}

// loader gathers the problems and files of one definition.
type loader struct {
	dir      string
	text     string // of the file
	warn     func(string)
	problems Problems
	def      Definition
}

func (l *loader) problem(at yamldoc.Position, format string, args ...any) {
	l.problems = append(l.problems, Problem{FileName, at, fmt.Sprintf(format, args...), excerpt.Show(l.text, "    ", at.Line, at.Column)})
}

func (l *loader) warning(at yamldoc.Position, format string, args ...any) {
	if l.warn != nil {
		l.warn(Problem{File: FileName, At: at, Message: fmt.Sprintf(format, args...)}.String())
	}
}

// content is the text that is sent: the author's own with comments and line
// numbers while it says the same, a rendering otherwise.
func content(text []byte, root, sent *yamldoc.Node) (string, error) {
	if !root.Aliased() {
		own, err := yamldoc.Remove(text, customKey)
		if err != nil {
			return "", err
		}
		if kept, err := yamldoc.Parse(own); err == nil && kept.Equal(sent) {
			return string(own), nil
		}
	}
	return string(yamldoc.Render(sent)), nil
}

var wildcard = regexp.MustCompile(`^(\s*-?\s*operation:\s*)\*\s*(#.*)?$`)

// unquotedWildcards finds `operation: *`, which YAML takes for an alias.
func (l *loader) unquotedWildcards() {
	line := 0
	for row := range strings.Lines(l.text) {
		line++
		if m := wildcard.FindStringSubmatchIndex(strings.TrimRight(row, "\r\n")); m != nil {
			l.problem(yamldoc.Position{Line: line, Column: m[3] + 1}, `an unquoted * means something else in YAML; write operation: "*"`)
		}
	}
}

// module is a definition as it travels (platform §1.7).
type module struct {
	Name    string            `json:"name"`
	Content string            `json:"content"`
	Files   map[string]string `json:"files"`
}

// Config packs the definition as push and addProject take it.
func (d Definition) Config() string {
	var b strings.Builder
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	// Strings and maps of strings always encode.
	_ = out.Encode(map[string][]module{"modules": {{Content: d.Content, Files: d.Files}}})
	return strings.TrimSuffix(b.String(), "\n")
}

// Unpack is the opposite of Config.
func Unpack(config string) (Definition, error) {
	var packed struct{ Modules []module }
	if err := json.Unmarshal([]byte(config), &packed); err != nil {
		return Definition{}, fmt.Errorf("read the deployed definition: %w", err)
	}
	for _, m := range packed.Modules {
		if m.Name == "" {
			return Definition{Content: m.Content, Files: m.Files}, nil
		}
	}
	return Definition{}, errors.New("the deployed definition has no root module")
}
