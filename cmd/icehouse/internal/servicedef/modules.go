package servicedef

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"

	"icehouse/cmd/icehouse/internal/variables"
	"icehouse/cmd/icehouse/internal/yamldoc"
)

// modulesKey lists the modules: a mapping from name to path, or in an early format a list
// of paths (platform §9.2).
const modulesKey = "modules"

// Listed is a module as the root names it.
type Listed struct {
	Name string
	Path string // of its graphcool.yml, from the service's folder, with slashes, clean
	At   yamldoc.Position
}

// ListModules reads the key modules. What is no text is left out.
func ListModules(root *yamldoc.Node) []Listed {
	list := root.Get(modulesKey)
	if list.Null() {
		return nil
	}
	var out []Listed
	add := func(name string, n *yamldoc.Node) {
		if text, ok := n.Text(); ok {
			out = append(out, Listed{name, path.Clean(text), n.At})
		}
	}
	for _, e := range list.EntriesOrNone() {
		add(e.Key, e.Value)
	}
	for _, item := range list.Items {
		text, _ := item.Text()
		add(path.Base(path.Dir(path.Clean(text))), item)
	}
	return out
}

func (l *loader) checkModules(key string, n *yamldoc.Node) {
	switch {
	case l.base != "." || n.Null(): // modules inside a module are not followed: the server says so
		return
	case n.Kind == yamldoc.Scalar:
		l.problem(n.At, "%s: want a mapping from a name to the path of a %s", key, FileName)
		return
	}
	var values []*yamldoc.Node
	for _, e := range n.Entries {
		values = append(values, e.Value)
	}
	for _, v := range append(values, n.Items...) {
		if _, ok := v.Text(); !ok {
			l.problem(v.At, "%s: want the path of a %s", key, FileName)
		}
	}
	var names []string
	for _, m := range ListModules(&yamldoc.Node{Kind: yamldoc.Mapping, Entries: []yamldoc.Entry{{Key: modulesKey, Value: n}}}) {
		switch {
		case outside(m.Path):
			l.problem(m.At, "%s: a module must be inside the folder of %s", m.Path, FileName)
		case m.Name == "" || path.Dir(m.Path) == ".":
			l.problem(m.At, "%s: a module has a name, and a folder of its own", m.Path)
		case slices.Contains(names, m.Name):
			l.problem(m.At, "there are two modules named %s", m.Name)
		}
		names = append(names, m.Name)
	}
}

// loadModules reads the modules that a checked root names. References in a module are
// filled from its own file.
func (l *loader) loadModules(sources variables.Sources) {
	if len(l.def.written) == 0 || len(l.problems) > 0 && l.def.Content == "" {
		return // the list itself may be wrong
	}
	var inside Problems
	for _, m := range ListModules(l.def.written[0].root) {
		named := sources
		if sources.Warn != nil {
			named.Warn = func(text string) { sources.Warn(m.Path + ": " + text) }
		}
		part := newLoader(l.dir, m.Path, sources.Warn)
		switch err := part.load(named); {
		case errors.Is(err, fs.ErrNotExist):
			l.problem(m.At, "%s: there is no such file", m.Path)
		case err != nil:
			l.problem(m.At, "%s: %v", m.Path, err)
		}
		inside = append(inside, part.problems...)
		l.def.Modules = append(l.def.Modules, Module{Name: m.Name, Content: part.def.Content, Files: part.def.Files})
		for _, code := range part.def.Code {
			code.module = m.Name
			l.def.Code = append(l.def.Code, code)
		}
		l.def.types = append(l.def.types, part.def.types...)
		l.def.written = append(l.def.written, part.def.written...)
		for _, name := range part.def.Paths {
			if !slices.Contains(l.def.Paths, name) {
				l.def.Paths = append(l.def.Paths, filepath.Clean(name))
			}
		}
	}
	l.problems = append(l.problems.sorted(), inside...)
}
