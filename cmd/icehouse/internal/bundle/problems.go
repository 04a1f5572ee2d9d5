package bundle

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/evanw/esbuild/pkg/api"

	"icehouse/cmd/icehouse/internal/excerpt"
)

// Problem is one finding about the code.
type Problem struct {
	File         string // from the service's folder, with slashes; "" when it is about none
	Line, Column int    // from 1, in characters
	Message      string
	Excerpt      string // the line that it is about, for people
}

func (p Problem) String() string {
	if p.File == "" {
		return p.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
}

// Problems are all findings, by file and line.
type Problems []Problem

func (p Problems) Error() string {
	lines := []string{"The code of the functions can't be bundled:"}
	for _, one := range p {
		lines = append(lines, "  "+one.String())
		if one.Excerpt != "" {
			lines = append(lines, one.Excerpt)
		}
	}
	return strings.Join(lines, "\n")
}

var unresolved = regexp.MustCompile(`^Could not resolve "(.+)"$`)

// problems turns what esbuild says into our form.
func (b *builder) problems(said []api.Message) Problems {
	var out Problems
	for _, m := range said {
		p := Problem{Message: b.words(m)}
		if l := m.Location; l != nil {
			p.File, p.Line, p.Column = filepath.ToSlash(l.File), l.Line, 1+utf8.RuneCountInString(l.LineText[:min(l.Column, len(l.LineText))])
			if text, err := os.ReadFile(filepath.Join(b.dir, l.File)); err == nil {
				p.Column = written(m, string(text), p)
				p.Excerpt = excerpt.Show(string(text), "    ", p.Line, p.Column)
			}
		}
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(x, y Problem) int {
		return cmp.Or(cmp.Compare(x.File, y.File), x.Line-y.Line, x.Column-y.Column)
	})
	return slices.Compact(out)
}

// written is the column of a problem in the author's line, which may have been loaded in
// other words: that of the path that could not be resolved.
func written(m api.Message, text string, p Problem) int {
	lines := strings.Split(text, "\n")
	missing := unresolved.FindStringSubmatch(m.Text)
	if missing == nil || p.Line > len(lines) {
		return p.Column
	}
	for _, quote := range []string{"'", `"`} {
		if before, _, ok := strings.Cut(lines[p.Line-1], quote+missing[1]+quote); ok {
			return 1 + utf8.RuneCountInString(before)
		}
	}
	return p.Column
}

// words says what is wrong, and for what is missing how to get it.
func (b *builder) words(m api.Message) string {
	missing := unresolved.FindStringSubmatch(m.Text)
	switch {
	case missing == nil:
		return m.Text
	case strings.HasPrefix(missing[1], "."):
		return fmt.Sprintf("there is no file %s", missing[1])
	case find(b.dir, packageName(missing[1])) != "":
		return fmt.Sprintf("the package %s has no file %s", packageName(missing[1]), missing[1])
	}
	name := packageName(missing[1])
	if b.listed(name) {
		return fmt.Sprintf("the package %s is in package.json and not installed; run: npm install", name)
	}
	return fmt.Sprintf("the package %s is not installed; run: npm install %s", name, name)
}

// listed says that the service's package.json has a package.
func (b *builder) listed(name string) bool {
	var about struct{ Dependencies, DevDependencies, OptionalDependencies map[string]any }
	text, err := os.ReadFile(filepath.Join(b.dir, "package.json"))
	if err != nil || json.Unmarshal(text, &about) != nil {
		return false
	}
	for _, some := range []map[string]any{about.Dependencies, about.DevDependencies, about.OptionalDependencies} {
		if _, ok := some[name]; ok {
			return true
		}
	}
	return false
}
