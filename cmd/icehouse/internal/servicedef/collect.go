package servicedef

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"icehouse/cmd/icehouse/internal/yamldoc"
)

// queryPath is a reference to a GraphQL file: path, or path:operationName.
var queryPath = regexp.MustCompile(`^(.*graphql)(?::(.*))?$`)

// collect reads the files that a checked definition names (platform §1.5) and
// returns what is sent of the YAML: without custom, and with one path of types.
func (l *loader) collect(root *yamldoc.Node) *yamldoc.Node {
	sent := *root
	sent.Entries = slices.DeleteFunc(slices.Clone(root.Entries), func(e yamldoc.Entry) bool { return e.Key == customKey })
	for i, e := range sent.Entries {
		switch e.Key {
		case "types":
			sent.Entries[i].Value = l.collectTypes(e.Value)
		case "functions":
			sent.Entries[i].Value = l.collectFunctions(e.Value)
		case "permissions":
			l.collectPermissions(e.Value)
		}
	}
	return &sent
}

// collectTypes joins the files of the data model into the first one.
func (l *loader) collectTypes(n *yamldoc.Node) *yamldoc.Node {
	var texts []string
	var first *yamldoc.Node
	var each func(n *yamldoc.Node)
	each = func(n *yamldoc.Node) {
		for _, item := range n.Items {
			each(item)
		}
		path, ok := n.Text()
		if !ok {
			return
		}
		if first == nil {
			first = n
		}
		if text, ok := l.read(n, path); ok {
			texts = append(texts, text)
			l.def.types = append(l.def.types, typesFile{filepath.Join(filepath.FromSlash(l.base), filepath.FromSlash(path)), text})
		}
	}
	each(n)
	path, _ := first.Text()
	l.keep(path, strings.Join(texts, "\n"))
	return first
}

func (l *loader) collectFunctions(n *yamldoc.Node) *yamldoc.Node {
	out := *n
	out.Entries = slices.Clone(n.Entries)
	for i, e := range out.Entries {
		function := e.Value
		for _, key := range []string{"schema", "query"} {
			if value := function.Get(key); value != nil {
				l.collectQuery(value, false)
			}
		}
		if code := function.Lookup("handler", "code"); code != nil {
			l.collectCode(e.Key, code)
		}
		// The beta's name of resolvers.
		if kind, _ := function.Get("type").Text(); kind == "schemaExtension" {
			renamed := *function
			renamed.Entries = slices.Clone(function.Entries)
			for j := range renamed.Entries {
				if renamed.Entries[j].Key == "type" {
					renamed.Entries[j].Value = yamldoc.String("resolver")
				}
			}
			out.Entries[i].Value = &renamed
		}
	}
	return &out
}

func (l *loader) collectCode(function string, n *yamldoc.Node) {
	code := Code{Function: function, Environment: map[string]string{}}
	for _, e := range n.Get("environment").EntriesOrNone() {
		code.Environment[e.Key], _ = e.Value.Text()
	}
	if src := n.Get("src"); src != nil {
		n = src
	}
	name, _ := n.Text()
	switch ext := filepath.Ext(name); {
	case ext != ".js" && ext != ".ts":
		l.problem(n.At, "%s: the code of a function is a .js or .ts file", name)
	case outside(name):
		l.problem(n.At, "%s: the code of a function must be inside the folder of %s", name, FileName)
	default:
		if text, ok := l.read(n, name); ok {
			code.file = l.keep(name, text)
			code.Source = path.Join(l.base, name)
			if code.key = code.file; l.base != "." {
				code.key = "./" + code.Source
			}
			l.def.Code = append(l.def.Code, code)
		}
	}
}

func (l *loader) collectPermissions(n *yamldoc.Node) {
	for _, permission := range n.Items {
		if query := permission.Get("query"); query != nil {
			l.collectQuery(query, true)
		}
	}
}

// collectQuery reads a GraphQL file. A value that is no path of one is left to
// the server.
func (l *loader) collectQuery(n *yamldoc.Node, named bool) {
	value, _ := n.Text()
	m := queryPath.FindStringSubmatch(value)
	if m == nil {
		return
	}
	path := m[1]
	switch {
	case m[2] != "" && !named:
		l.problem(n.At, "%s: only the query of a permission may name an operation of its file", value)
	case outside(path):
		l.problem(n.At, "%s: the file must be inside the folder of %s", path, FileName)
	default:
		if text, ok := l.read(n, path); ok {
			l.keep(path, text)
		}
	}
}

// keep takes a text along: in the root under the path as written, in a module under one
// that starts with "./" (platform §9.2). It returns that path.
func (l *loader) keep(name, text string) string {
	if l.base != "." && !path.IsAbs(name) {
		name = "./" + path.Clean(name)
	}
	l.def.Files[name] = text
	return name
}

func outside(path string) bool { return !filepath.IsLocal(filepath.FromSlash(path)) }

// read returns the text of a file that the definition names at n.
func (l *loader) read(n *yamldoc.Node, path string) (string, bool) {
	full := filepath.FromSlash(path)
	if !filepath.IsAbs(full) {
		full = filepath.Join(l.dir, filepath.FromSlash(l.base), full)
	}
	text, err := os.ReadFile(full)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.problem(n.At, "%s: there is no such file", path)
		return "", false
	case err != nil:
		l.problem(n.At, "%s: %v", path, err)
		return "", false
	}
	if !slices.Contains(l.def.Paths, full) {
		l.def.Paths = append(l.def.Paths, full)
	}
	return string(text), true
}
