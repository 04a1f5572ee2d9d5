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
	"maps"
	"os"
	"path"
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
	Content  string            // the YAML text, variables replaced, without custom
	Files    map[string]string // texts by path, as written in the YAML
	Modules  []Module          // what the server merges into it (platform §9)
	Code     []Code            // of the functions that have some
	Paths    []string          // the files on disk, for those who watch them
	external map[string]External
	types    []typesFile // what the data model is made of
	written  []yamlFile  // the YAML of the root and of the modules
}

// Module is one definition as it travels (platform §1.7).
type Module struct {
	Name    string            `json:"name"` // "" for the root
	Content string            `json:"content"`
	Files   map[string]string `json:"files"`
	// External says where code was uploaded; the root has it for all modules (LQ-5).
	External map[string]External `json:"externalFiles,omitempty"`
}

// External is the archive that has a code file (platform §1.7).
type External struct {
	URL           string `json:"url"`
	LambdaHandler string `json:"lambdaHandler"`
	DevHandler    string `json:"devHandler"`
	Hash          string `json:"hash"`
}

// Code is the code of a function.
type Code struct {
	Function    string
	Source      string // the file, from the service's folder, clean, with slashes
	Environment map[string]string
	key         string // what the root calls the file
	module      string // that has the function
	file        string // what the module calls the file
}

// yamlFile is a definition's YAML as written, and what it says.
type yamlFile struct {
	path string // from the service's folder
	text string
	root *yamldoc.Node
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

// Load reads and checks the definition in a folder, with its modules. warn hears of
// what is odd but no mistake.
func Load(dir string, sources variables.Sources) (Definition, error) {
	l := newLoader(dir, FileName, sources.Warn)
	switch err := l.load(sources); {
	case errors.Is(err, fs.ErrNotExist):
		return Definition{}, fmt.Errorf("no %s in %s", FileName, dir)
	case err != nil:
		return Definition{}, err
	}
	l.loadModules(sources)
	if len(l.problems) > 0 {
		return Definition{}, l.problems
	}
	return l.def, nil
}

// loader gathers the problems and files of one graphcool.yml.
type loader struct {
	dir      string // of the service
	base     string // of the YAML, from dir, with slashes; "." at the root
	file     string // the YAML, from dir
	text     string // of the file
	warn     func(string)
	problems Problems
	def      Definition
}

func newLoader(dir, file string, warn func(string)) *loader {
	return &loader{dir: dir, base: path.Dir(file), file: file, warn: warn, def: Definition{Files: map[string]string{}}}
}

// load reads the YAML and the files that it names. Its error is about reading; what is
// wrong with the text are problems.
func (l *loader) load(sources variables.Sources) error {
	full := filepath.Join(l.dir, filepath.FromSlash(l.file))
	text, err := os.ReadFile(full)
	if err != nil {
		return err
	}
	l.text = string(text)
	l.def.Paths = []string{full}
	if l.unquotedWildcards(); len(l.problems) > 0 {
		return nil
	}
	root, err := yamldoc.Parse(text)
	var syntax *yamldoc.Error
	switch {
	case errors.As(err, &syntax):
		l.problem(syntax.At, "%s", syntax.Message)
		return nil
	case err != nil:
		return err
	}
	filled := sources.Fill(root)
	l.def.written = []yamlFile{{l.file, l.text, filled}}
	if l.check(filled); len(l.problems) == 0 {
		sent := l.collect(filled)
		if l.def.Content, err = content(text, root, sent); err != nil {
			return err
		}
	}
	l.problems = l.problems.sorted()
	return nil
}

func (l *loader) problem(at yamldoc.Position, format string, args ...any) {
	l.problems = append(l.problems, Problem{l.file, at, fmt.Sprintf(format, args...), excerpt.Show(l.text, "    ", at.Line, at.Column)})
}

func (l *loader) warning(at yamldoc.Position, format string, args ...any) {
	if l.warn != nil {
		l.warn(Problem{File: l.file, At: at, Message: fmt.Sprintf(format, args...)}.String())
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

// Config packs the definition as push and addProject take it.
func (d Definition) Config() string {
	var b strings.Builder
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	// Strings and maps of strings always encode.
	_ = out.Encode(map[string][]Module{"modules": append([]Module{{Content: d.Content, Files: d.Files, External: d.external}}, d.Modules...)})
	return strings.TrimSuffix(b.String(), "\n")
}

// Sources are the files with code.
func (d Definition) Sources() []string {
	var out []string
	for _, c := range d.Code {
		out = append(out, c.Source)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Uploaded is the definition whose code was uploaded: it says where instead of having
// the texts.
func (d Definition) Uploaded(bySource map[string]External) Definition {
	d.Files, d.external = maps.Clone(d.Files), map[string]External{}
	d.Modules = slices.Clone(d.Modules)
	for i := range d.Modules {
		d.Modules[i].Files = maps.Clone(d.Modules[i].Files)
	}
	for _, c := range d.Code {
		to, ok := bySource[c.Source]
		if !ok {
			continue
		}
		d.external[c.key] = to
		if c.module == "" {
			delete(d.Files, c.file)
		}
		for _, m := range d.Modules {
			if c.module == m.Name {
				delete(m.Files, c.file)
			}
		}
	}
	return d
}

// Unpack is the opposite of Config.
func Unpack(config string) (Definition, error) {
	var packed struct{ Modules []Module }
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
