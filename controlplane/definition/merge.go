package definition

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"icehouse/controlplane/problem"
)

// Load reads an upload: it merges the modules into one definition (platform
// §9.3) and resolves every text.
func Load(config string) (*Definition, []string, Problems) {
	c, problems := ParseConfig(config)
	if len(problems) > 0 {
		return nil, nil, problems
	}
	return c.Load()
}

// Load is Load for a config that is parsed already.
func (c Config) Load() (*Definition, []string, Problems) {
	var root *Module
	var problems Problems
	others := map[string]Module{}
	for i, m := range c.Modules {
		switch _, twice := others[m.Name]; {
		case m.Name == "" && root == nil:
			root = &c.Modules[i]
		case m.Name == "" || twice:
			problems.invalid("the config has two modules named %s", quote(m.Name))
		default:
			others[m.Name] = m
		}
	}
	if root == nil {
		problems.invalid(`the config needs a root module named ""`)
	}
	if len(problems) > 0 {
		return nil, nil, problems
	}
	def, warnings, problems := Read(Source{Content: root.Content, Files: root.Files, External: root.External})
	if len(problems) > 0 {
		return nil, nil, problems
	}
	listed, problems := modulePaths(root.Content)
	if len(problems) > 0 {
		return nil, nil, problems
	}
	for _, name := range slices.Sorted(maps.Keys(others)) {
		if _, ok := listed.path(name); !ok {
			problems.invalid("the module %s is not listed under modules in %s", quote(name), fileName)
		}
	}
	merged := false
	for _, l := range listed {
		m, ok := others[l.name]
		if !ok {
			problems.invalid("the module %s is listed in %s and not part of the upload", quote(l.name), fileName)
			continue
		}
		more, err := def.add(m, path.Dir(l.path), root.External)
		problems = append(problems, err...)
		warnings = append(warnings, more...)
		merged = true
	}
	if len(problems) > 0 {
		return nil, nil, problems
	}
	if merged {
		def.Source.Content = def.yaml()
		def.Source.Files = def.files()
	}
	return def, warnings, nil
}

type modulePath struct{ name, path string }

type moduleList []modulePath

func (l moduleList) path(name string) (string, bool) {
	for _, m := range l {
		if m.name == name {
			return m.path, true
		}
	}
	return "", false
}

// modulePaths reads the key modules: a map from name to path, or in the early
// form a list of paths, named by their folders (platform §9.2).
func modulePaths(content string) (moduleList, Problems) {
	root, _ := parseYAML(content) // Read has reported what is wrong with it
	r := &reader{}
	var list moduleList
	add := func(name string, v value) {
		if !r.want(v, "modules."+name, isString) {
			return
		}
		if why := badPath(v.text); why != "" {
			r.invalid(v.line, v.column, "modules.%s can't be used: %s", name, why)
			return
		}
		if name == "" {
			name = path.Base(path.Dir(path.Clean(v.text)))
		}
		if _, twice := list.path(name); twice {
			r.invalid(v.line, v.column, "the module %s is listed twice", quote(name))
			return
		}
		list = append(list, modulePath{name, v.text})
	}
	for _, e := range root.entries {
		switch {
		case e.key != "modules" || e.value.kind == isNull:
		case e.value.kind == isList:
			for _, item := range e.value.items {
				add("", item)
			}
		case r.want(e.value, "modules", isMap):
			for _, m := range e.value.entries {
				add(m.key, m.value)
			}
		}
	}
	return list, r.problems
}

// add merges one module whose files lie in base.
func (d *Definition) add(m Module, base string, external map[string]External) (warnings []string, problems Problems) {
	at := func(text string) string { return "module " + quote(m.Name) + ": " + text }
	// Bundles are uploaded once, from the root (LQ-5): the module's code finds
	// its own under the path that the root knows.
	own := maps.Clone(m.External)
	if own == nil {
		own = map[string]External{}
	}
	for name, bundle := range external {
		if inside, ok := strings.CutPrefix(path.Clean(name), path.Clean(base)+"/"); ok {
			own["./"+inside] = bundle
		}
	}
	part, found, problems := Read(Source{Content: m.Content, Files: m.Files, External: own})
	for i := range problems {
		problems[i].Description = at(problems[i].Description)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	for _, w := range found {
		warnings = append(warnings, at(w))
	}
	if nested, _ := modulePaths(m.Content); len(nested) > 0 {
		warnings = append(warnings, at("modules inside a module are not followed"))
	}
	move := func(name *string) {
		if *name != "" {
			*name = "./" + path.Join(base, *name)
		}
	}
	d.SDL += "\n" + part.SDL // not a space: the last line may be a comment
	for _, f := range part.Functions {
		for _, other := range d.Functions {
			if strings.EqualFold(other.Name, f.Name) {
				problems.add(problem.CodeFunctionNameTaken, "%s", at(fmt.Sprintf("A function with the name '%s' already exists in another module", f.Name)))
			}
		}
		move(&f.SchemaPath)
		move(&f.QueryPath)
		if f.Code != nil {
			move(&f.Code.Path)
		}
		d.Functions = append(d.Functions, f)
	}
	for _, p := range part.Permissions {
		move(&p.QueryPath)
		d.Permissions = append(d.Permissions, p)
	}
	for _, name := range part.RootTokens {
		if !slices.Contains(d.RootTokens, name) {
			d.RootTokens = append(d.RootTokens, name)
		}
	}
	return warnings, problems
}
