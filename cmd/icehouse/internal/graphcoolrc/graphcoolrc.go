// Package graphcoolrc knows which clusters there are and which services a
// folder deploys to: it reads and writes the two .graphcoolrc files (platform
// §5.2).
//
// In: the folder of a service, the home directory and the sources of variables.
// Out: Clusters and Targets; changes that leave the rest of a file alone.
// Callers: the commands of the cli package; dev writes the local cluster.
package graphcoolrc

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"icehouse/cmd/icehouse/internal/atomicfile"
	"icehouse/cmd/icehouse/internal/excerpt"
	"icehouse/cmd/icehouse/internal/variables"
	"icehouse/cmd/icehouse/internal/yamldoc"
)

// FileName is the name of both files.
const FileName = ".graphcoolrc"

// homeKey holds our part of the file in the home directory, which other tools
// use too.
const homeKey = "graphcool-framework"

const (
	defaultName     = "default"
	defaultFaaSHost = "http://localhost:60050"
)

// Cluster is an installation that hosts services.
type Cluster struct {
	Name     string
	Host     string // base URL of its APIs
	FaaSHost string // base URL for uploads of functions
	Secret   string // token for its management API; "" when there is none
	// Own: written in the home directory, by this user; not in a folder that
	// may have come from somewhere else.
	Own bool
}

// Target is a service under a name.
type Target struct {
	Name    string // "" when it was given as cluster/id
	Cluster string
	Project string // id or alias
}

func (t Target) String() string { return t.Cluster + "/" + t.Project }

// Environment is both files, read and filled.
type Environment struct {
	service, home file
	sources       variables.Sources
}

type file struct {
	path   string
	prefix []string // where our keys begin
	mode   os.FileMode
	root   *yamldoc.Node // our part
}

// Load reads the files. Those that are missing are empty; serviceDir may be ""
// outside of a service.
func Load(serviceDir, home string, sources variables.Sources) (*Environment, error) {
	e := &Environment{sources: sources}
	if serviceDir != "" {
		e.service = file{path: filepath.Join(serviceDir, FileName), mode: 0o644}
	}
	if home != "" {
		e.home = file{path: filepath.Join(home, FileName), mode: 0o600, prefix: []string{homeKey}}
	}
	if err := errors.Join(e.service.load(sources), e.home.load(sources)); err != nil {
		return e, err
	}
	if err := e.takeOver(); err != nil {
		e.service.warn(sources, "the token in %s is not taken over: %v", veryOldName, err)
	}
	return e, nil
}

func (*file) warn(sources variables.Sources, format string, args ...any) {
	if sources.Warn != nil {
		sources.Warn(fmt.Sprintf(format, args...))
	}
}

func (f *file) load(sources variables.Sources) error {
	f.root = &yamldoc.Node{Kind: yamldoc.Mapping}
	if f.path == "" {
		return nil
	}
	text, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	whole, err := yamldoc.Parse(text)
	if err != nil {
		var syntax *yamldoc.Error
		if errors.As(err, &syntax) {
			return fmt.Errorf("%s:%w\n%s", f.path, err, excerpt.Show(string(text), "  ", syntax.At.Line, syntax.At.Column))
		}
		return fmt.Errorf("%s:%w", f.path, err)
	}
	if len(f.prefix) > 0 && whole.Get(homeKey) == nil && (whole.Get("targets") != nil || whole.Get("clusters") != nil || whole.Get("environments") != nil) {
		f.prefix = nil // from before the file was shared
	}
	if whole, err = f.modernise(text, whole, sources); err != nil {
		return fmt.Errorf("%s:%w", f.path, err)
	}
	whole = sources.Fill(whole)
	if f.root = whole.Lookup(f.prefix...); f.root == nil {
		f.root = &yamldoc.Node{Kind: yamldoc.Mapping}
	}
	return nil
}

// modernise converts a file of the beta, keeps the old one beside it, and returns what it
// says now. Where nothing can be written it is converted in memory each time.
func (f *file) modernise(text []byte, whole *yamldoc.Node, sources variables.Sources) (*yamldoc.Node, error) {
	now, lost, err := convert(text, f.prefix)
	if err != nil || bytes.Equal(now, text) {
		return whole, err
	}
	old, err := keepOld(f.path, text, f.mode)
	if err == nil {
		err = atomicfile.Replace(f.path, now, f.mode)
	}
	if err != nil {
		f.warn(sources, "%s has the format of the beta, and can't be converted: %v", f.path, err)
	} else {
		f.warn(sources, "%s had the format of the beta; it is converted, and kept as %s", f.path, filepath.Base(old))
	}
	for _, what := range lost {
		f.warn(sources, "%s: the format of today has no place for %s", f.path, what)
	}
	return yamldoc.Parse(now)
}

// Clusters lists the clusters, the service's own first.
func (e *Environment) Clusters() []Cluster {
	var out []Cluster
	for _, f := range []file{e.service, e.home} {
		for _, entry := range f.root.Get("clusters").EntriesOrNone() {
			host, _ := entry.Value.Get("host").Text()
			if host == "" || slices.ContainsFunc(out, func(c Cluster) bool { return c.Name == entry.Key }) {
				continue
			}
			c := Cluster{Name: entry.Key, Host: strings.TrimRight(host, "/"), Own: f.path == e.home.path}
			c.FaaSHost, _ = entry.Value.Get("faasHost").Text()
			c.FaaSHost = cmp.Or(strings.TrimRight(c.FaaSHost, "/"), defaultFaaSHost)
			c.Secret, _ = entry.Value.Get("clusterSecret").Text()
			out = append(out, c)
		}
	}
	return out
}

// Cluster finds a cluster by name.
func (e *Environment) Cluster(name string) (Cluster, error) {
	all := e.Clusters()
	known := make([]string, 0, len(all))
	for _, c := range all {
		if c.Name == name {
			return c, nil
		}
		known = append(known, c.Name)
	}
	return Cluster{}, fmt.Errorf("there is no cluster %q%s", name, suggest(name, known))
}

// DefaultCluster is the name under clusters.default; "" when there is none.
func (e *Environment) DefaultCluster() string {
	for _, f := range []file{e.service, e.home} {
		if name, ok := f.root.Lookup("clusters", defaultName).Text(); ok {
			return name
		}
	}
	return ""
}

// suggest names the known name that is most like a wrong one.
func suggest(wrong string, known []string) string {
	if len(known) == 0 {
		return ""
	}
	best := slices.MinFunc(known, func(a, b string) int {
		return levenshtein.ComputeDistance(wrong, a) - levenshtein.ComputeDistance(wrong, b)
	})
	return fmt.Sprintf("; did you mean %q?", best)
}

// ErrNoTarget says that no target was named and there is no default.
var ErrNoTarget = errors.New("no target: name one with --target, or deploy first")

// Target finds the target of a command: given is the --target flag, "" for the
// default.
func (e *Environment) Target(given string) (Target, error) {
	if fromEnv, ok := e.sources.Env("GRAPHCOOL_TARGET"); ok && fromEnv != "" {
		given = fromEnv
	}
	name := cmp.Or(given, defaultName)
	if t, ok := parseTarget(name); ok {
		return t, nil
	}
	t, ok := e.find(name)
	if !ok && given == "" {
		return Target{}, ErrNoTarget
	}
	if ok {
		return t, nil
	}
	if slices.Contains(e.names(), name) {
		return Target{}, fmt.Errorf("target %q leads nowhere: want CLUSTER/ID, or a name that leads there in two steps", name)
	}
	return Target{}, &UnknownTargetError{name, suggest(name, e.names())}
}

// UnknownTargetError is a target that neither file names.
type UnknownTargetError struct{ Name, hint string }

func (e *UnknownTargetError) Error() string {
	return fmt.Sprintf("there is no target %q%s", e.Name, e.hint)
}

// Targets lists the named targets, the service's own first.
func (e *Environment) Targets() []Target {
	var out []Target
	for _, name := range e.names() {
		if t, ok := e.find(name); ok {
			t.Name = name
			out = append(out, t)
		}
	}
	return out
}

func (e *Environment) names() []string {
	var out []string
	for _, f := range []file{e.service, e.home} {
		for _, entry := range f.root.Get("targets").EntriesOrNone() {
			if entry.Key != defaultName && !slices.Contains(out, entry.Key) {
				out = append(out, entry.Key)
			}
		}
	}
	return out
}

// maxAliases is how many names may lead to each other before cluster/id.
const maxAliases = 2

// find follows a name to cluster/id. A name of the home directory's file stays
// in that file.
func (e *Environment) find(name string) (Target, bool) {
	files := []file{e.service, e.home}
	for range maxAliases + 1 {
		value := ""
		for i, f := range files {
			if v, ok := f.root.Lookup("targets", name).Text(); ok {
				value, files = v, files[i:]
				break
			}
		}
		if t, ok := parseTarget(value); ok {
			t.Name = name
			return t, true
		}
		if value == "" {
			return Target{}, false
		}
		name = value
	}
	return Target{}, false
}

var targetText = regexp.MustCompile(`^([^/\s]+)/([A-Za-z0-9_-]+)$`)

func parseTarget(text string) (Target, bool) {
	m := targetText.FindStringSubmatch(text)
	if m == nil {
		return Target{}, false
	}
	return Target{Cluster: m[1], Project: m[2]}, true
}

// SaveTarget stores a target in the service's folder; asDefault makes it the
// default, which a first target becomes anyway.
func (e *Environment) SaveTarget(t Target, asDefault bool) error {
	_, err := e.Target("")
	return e.service.change(e.sources, func(f *file, text []byte) ([]byte, error) {
		text, failed := yamldoc.Set(text, yamldoc.String(t.String()), f.at("targets", t.Name)...)
		if failed == nil && (asDefault || errors.Is(err, ErrNoTarget)) {
			return yamldoc.Set(text, yamldoc.String(t.Name), f.at("targets", defaultName)...)
		}
		return text, failed
	})
}

// Forget removes the targets of a deleted service from both files, and the
// defaults that named them.
func (e *Environment) Forget(gone Target) error {
	return errors.Join(e.service.forget(e, gone), e.home.forget(e, gone))
}

func (f *file) forget(e *Environment, gone Target) error {
	var names []string
	for _, entry := range f.root.Get("targets").EntriesOrNone() {
		if value, _ := entry.Value.Text(); value == gone.String() {
			names = append(names, entry.Key)
		} else if t, ok := e.find(entry.Key); ok && t.String() == gone.String() {
			names = append(names, entry.Key) // an alias of it
		}
	}
	if len(names) == 0 {
		return nil
	}
	return f.change(e.sources, func(f *file, text []byte) ([]byte, error) {
		var err error
		for _, name := range names {
			if text, err = yamldoc.Remove(text, f.at("targets", name)...); err != nil {
				return nil, err
			}
		}
		return text, nil
	})
}

// SaveCluster stores a cluster in the home directory. What else stands at it
// stays. asDefault makes it the default if there is none.
func (e *Environment) SaveCluster(c Cluster, asDefault bool) error {
	if e.home.path == "" {
		return errors.New("there is no home directory to keep the cluster in")
	}
	asDefault = asDefault && e.DefaultCluster() == ""
	return e.home.change(e.sources, func(f *file, text []byte) ([]byte, error) {
		var err error
		for _, entry := range [][2]string{{"host", c.Host}, {"faasHost", c.FaaSHost}, {"clusterSecret", c.Secret}} {
			if text, err = yamldoc.Set(text, yamldoc.String(entry[1]), f.at("clusters", c.Name, entry[0])...); err != nil {
				return nil, err
			}
		}
		if asDefault {
			return yamldoc.Set(text, yamldoc.String(c.Name), f.at("clusters", defaultName)...)
		}
		return text, nil
	})
}

// SetDefaultCluster makes a cluster of this user the default.
func (e *Environment) SetDefaultCluster(name string) error {
	return e.home.change(e.sources, func(f *file, text []byte) ([]byte, error) {
		return yamldoc.Set(text, yamldoc.String(name), f.at("clusters", defaultName)...)
	})
}

func (f *file) at(keys ...string) []string { return append(slices.Clone(f.prefix), keys...) }

// change edits the text as it is on disk now, references unfilled, and reads
// the file again.
func (f *file) change(sources variables.Sources, edit func(*file, []byte) ([]byte, error)) error {
	text, err := os.ReadFile(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	now, _, err := convert(text, f.prefix)
	if err != nil {
		return fmt.Errorf("%s:%w", f.path, err)
	}
	changed, err := edit(f, now)
	if err != nil {
		return fmt.Errorf("%s:%w", f.path, err)
	}
	if string(changed) != string(text) {
		if err := atomicfile.Replace(f.path, changed, f.mode); err != nil {
			return err
		}
	}
	return f.load(sources)
}
