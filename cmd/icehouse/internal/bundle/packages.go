package bundle

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

const modulesFolder = "node_modules"

// packages are the npm packages that esbuild met. Those that can't be put into one file
// stay as they are: packages with code that Node loads by itself, with names of modules
// that only the run knows, or with files that they find by where they lie.
type packages struct {
	sync.Mutex
	dir   string
	known map[string]*installed // by folder, without symbolic links
	// required are those that stay and that own code or a bundled package requires, by
	// how the bundle does.
	required map[string]keptPackage
	found    bool // one was found to stay after esbuild had begun to bundle it
}

// keptPackage is a package that stays, and where it lies in an archive.
type keptPackage struct {
	*installed
	at string
}

// installed is a package on disk.
type installed struct {
	name  string
	real  string   // the folder, without symbolic links
	needs []string // names of packages
	stays bool
}

// packageName is the package of a path as code requires it.
func packageName(required string) string {
	parts := strings.SplitN(required, "/", 3)
	if strings.HasPrefix(required, "@") && len(parts) > 1 {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}

// installedCode says that a path is of a package that npm has put there.
func installedCode(name string) bool {
	return slices.Contains(strings.Split(filepath.ToSlash(name), "/"), modulesFolder)
}

// find looks for the folder of a package as Node does; "" when it is not installed.
func find(from, name string) string {
	for dir := from; ; dir = filepath.Dir(dir) {
		folder := filepath.Join(dir, modulesFolder, filepath.FromSlash(name))
		if info, err := os.Stat(folder); err == nil && info.IsDir() && filepath.Base(dir) != modulesFolder {
			return folder
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}

// stays says how a package is required that stays as it is; "" when it does not. From
// where the bundle lies, it finds by name what the service itself finds.
func (p *packages) stays(name, folder string) string {
	p.Lock()
	defer p.Unlock()
	one := p.open(name, folder)
	if !one.stays {
		return ""
	}
	at := p.home(folder, name)
	as := rootName + "/" + at
	if at == modulesFolder+"/"+name && find(p.dir, name) == folder {
		as = name
	}
	p.required[as] = keptPackage{one, at}
	return as
}

// open reads what counts of a package.
func (p *packages) open(name, folder string) *installed {
	real := folder
	if r, err := filepath.EvalSymlinks(folder); err == nil {
		real = r
	}
	if one, ok := p.known[real]; ok {
		return one
	}
	var about struct {
		Dependencies, OptionalDependencies, PeerDependencies map[string]string
		Gypfile                                              bool
	}
	if text, err := os.ReadFile(filepath.Join(real, "package.json")); err == nil {
		_ = json.Unmarshal(text, &about) // npm has installed it: a package without dependencies is the worst that can be
	}
	one := &installed{name: name, real: real, stays: about.Gypfile}
	for _, some := range []map[string]string{about.Dependencies, about.OptionalDependencies, about.PeerDependencies} {
		one.needs = append(one.needs, slices.Collect(maps.Keys(some))...)
	}
	slices.Sort(one.needs)
	one.needs = slices.Compact(one.needs)
	one.stays = one.stays || slices.ContainsFunc(one.needs, func(n string) bool { return builders[n] }) || native(real)
	p.known[real] = one
	return one
}

// builders are what packages depend on that have native code.
var builders = map[string]bool{
	"bindings": true, "nan": true, "node-addon-api": true, "node-gyp-build": true, "node-pre-gyp": true,
	"@mapbox/node-pre-gyp": true, "prebuild-install": true,
}

// native says that a package has code for the machine, without those inside it.
func native(folder string) bool {
	found := false
	_ = filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil //nolint:nilerr // what can't be read can't be required either
		case entry.IsDir() && entry.Name() == modulesFolder:
			return fs.SkipDir
		case entry.Name() == "binding.gyp" || path.Ext(entry.Name()) == ".node":
			found = true
			return fs.SkipAll
		}
		return nil
	})
	return found
}

var (
	// argument is what a call of require begins with.
	argument = regexp.MustCompile(`^require\s*\(\s*([^\s)][^\n]{0,80})`)
	// constant is a text with nothing after it; nearby is one that says where to search.
	constant = regexp.MustCompile("^(?:'[^']*'|\"[^\"]*\"|`[^`$]*`)\\s*[,)]")
	nearby   = regexp.MustCompile("^['\"`]\\.\\.?/")
)

// searches says that code requires modules whose names only the run knows. Of the
// author's files esbuild takes along all that may be meant, if it is told where.
func searches(text string, own bool) bool {
	const call = "require"
	before := byte(' ')
	for {
		at := strings.Index(text, call)
		if at < 0 {
			return false
		}
		if at > 0 {
			before = text[at-1]
		}
		m := argument.FindStringSubmatch(text[at:min(at+200, len(text))])
		if m != nil && !inName(before) && !constant.MatchString(m[1]) && !(own && nearby.MatchString(m[1])) {
			return true
		}
		text, before = text[at+len(call):], 'e'
	}
}

// inName says that what comes after this character is no word of its own.
func inName(c byte) bool {
	return c == '.' || c == '_' || c == '$' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// places are names that mean something else in another file.
var places = []string{"__dirname", "__filename", "require.resolve"}

// look decides by a file of a package whether the package can be put into one file.
func (p *packages) look(name string, text []byte) {
	code := string(text)
	if !searches(code, false) && !slices.ContainsFunc(places, func(p string) bool { return strings.Contains(code, p) }) {
		return
	}
	slashed := filepath.ToSlash(name)
	at := strings.LastIndex(slashed, "/"+modulesFolder+"/") + len(modulesFolder) + 2
	pkg := packageName(slashed[at:])
	p.Lock()
	defer p.Unlock()
	one := p.open(pkg, filepath.FromSlash(slashed[:at]+pkg))
	p.found = p.found || !one.stays
	one.stays = true
}

// kept is the package that a bundle requires in this way, if it stays.
func (p *packages) kept(required string) *keptPackage {
	for as := required; as != "."; as = path.Dir(as) {
		if one, ok := p.required[as]; ok {
			return &one
		}
	}
	return nil
}

// add puts a package that stays into an archive, with all that it needs.
func (p *packages) add(all tree, one keptPackage) error {
	placed := map[string]string{}
	for name := range all {
		if at := strings.LastIndex(name, modulesFolder+"/"); at >= 0 {
			at += len(modulesFolder) + 1
			folder := name[:at] + packageName(name[at:])
			if one := all[name].of; one != "" {
				placed[folder] = one
			}
		}
	}
	return p.place(all, placed, one.installed, one.at)
}

// home is where a package lies in an archive: where it does in the service, or in the
// outermost folder of packages if it was found above.
func (p *packages) home(folder, name string) string {
	if rel, err := filepath.Rel(p.dir, folder); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return modulesFolder + "/" + name
}

// place puts a package and what it needs at a place of the archive. placed are the
// folders on disk by place.
func (p *packages) place(all tree, placed map[string]string, one *installed, at string) error {
	if _, ok := placed[at]; ok {
		return nil
	}
	placed[at] = one.real
	if err := all.addFolder(one.real, at); err != nil {
		return fmt.Errorf("the package %s: %w", one.name, err)
	}
	for _, need := range one.needs {
		folder := find(one.real, need)
		if folder == "" {
			continue // an optional one, or the author was told by npm
		}
		p.Lock()
		next := p.open(need, folder)
		p.Unlock()
		where := p.home(folder, need)
		if !visible(where, at, need) || placed[where] != "" && placed[where] != next.real {
			where = at + "/" + modulesFolder + "/" + need
		}
		if provided(placed, at, need) == next.real {
			continue
		}
		if err := p.place(all, placed, next, where); err != nil {
			return err
		}
	}
	return nil
}

// visible says that a package at a place finds one at another place.
func visible(where, from, name string) bool {
	parent := strings.TrimSuffix(where, modulesFolder+"/"+name)
	return parent == "" || strings.HasPrefix(from+"/", parent)
}

// provided is the folder on disk of what a package at a place finds.
func provided(placed map[string]string, at, name string) string {
	for dir := at; ; dir = path.Dir(dir) {
		if real := placed[path.Join(dir, modulesFolder, name)]; real != "" {
			return real
		}
		if dir == "." || dir == "/" {
			return ""
		}
	}
}
