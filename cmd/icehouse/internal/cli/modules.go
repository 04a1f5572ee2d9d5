package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"icehouse/cmd/icehouse/internal/atomicfile"
	"icehouse/cmd/icehouse/internal/packagejson"
	"icehouse/cmd/icehouse/internal/repository"
	"icehouse/cmd/icehouse/internal/servicedef"
	"icehouse/cmd/icehouse/internal/yamldoc"
)

// modulesFolder is where modules are put, below the service's folder (platform §9.4).
const modulesFolder = "modules"

type modulesCommand struct {
	Add    modulesAddCommand    `cmd:"" help:"Bring a module from a git repository into the service of this folder."`
	Remove modulesRemoveCommand `cmd:"" help:"Take a module out, and delete its folder."`
	List   modulesListCommand   `cmd:"" help:"List the modules of the service of this folder."`
}

// download names what is brought from a repository, and how.
type download struct {
	Path      string `arg:"" help:"USER/REPO[/PATH][#BRANCH], an address on GitHub, or the short name of a template."`
	Hub       string `envvar:"ICEHOUSE_HUB" default:"https://github.com" placeholder:"URL" help:"Where repositories lie: a mirror of GitHub, or file:///FOLDER with USER/REPO below."`
	NoInstall bool   `help:"Do not install the packages that it needs."`
	output
}

// fetch brings the files.
func (d download) fetch(s *session) (repository.Place, map[string][]byte, error) {
	place, err := repository.Parse(d.Path, d.Hub)
	if err != nil {
		return place, nil, err
	}
	s.notef("Downloading %s", place)
	files, err := place.Fetch(s.ctx, d.Hub)
	return place, files, err
}

// serviceFolder is the folder of the service around the working directory, with its YAML.
func (s *session) serviceFolder() (dir string, text []byte, root *yamldoc.Node, err error) {
	if dir = servicedef.Find(s.Dir); dir == "" {
		return "", nil, nil, fmt.Errorf("no %s here or above", servicedef.FileName)
	}
	if text, err = os.ReadFile(filepath.Join(dir, servicedef.FileName)); err != nil {
		return "", nil, nil, err
	}
	if root, err = yamldoc.Parse(text); err != nil {
		return "", nil, nil, fmt.Errorf("%s:%w", servicedef.FileName, err)
	}
	return dir, text, root, nil
}

type modulesAddCommand struct{ download }

// Run puts the module into its folder and lists it in the YAML.
func (c *modulesAddCommand) Run(s *session) error {
	dir, text, root, err := s.serviceFolder()
	if err != nil {
		return err
	}
	place, files, err := c.fetch(s)
	if err != nil {
		return err
	}
	if files[servicedef.FileName] == nil {
		return fmt.Errorf("%s has no %s, so it is no module", place, servicedef.FileName)
	}
	name := place.Name()
	file := "./" + path.Join(modulesFolder, name, servicedef.FileName)
	listed := root.Get("modules")
	for _, m := range servicedef.ListModules(root) {
		if m.Name == name {
			return fmt.Errorf("%s:%d:%d: there is a module %s already; remove it first", servicedef.FileName, m.At.Line, m.At.Column, name)
		}
	}
	changed, err := listModule(text, listed, name, file)
	if err != nil {
		return err
	}
	packages, err := mergePackages(dir, files)
	if err != nil {
		return err
	}
	folder := filepath.Join(dir, modulesFolder, name)
	if err := writeFolder(folder, files); err != nil {
		return err
	}
	if err := atomicfile.Replace(filepath.Join(dir, servicedef.FileName), changed, 0o644); err != nil {
		return errors.Join(err, os.RemoveAll(folder))
	}
	if err := packages.write(dir); err != nil {
		return err
	}
	err = c.show(s, map[string]any{"module": name, "path": file, "packages": list(packages.Added)}, func() {
		s.printf("Added the module %s in %s.\n", name, path.Join(modulesFolder, name))
		s.printText(files, "README.md", "readme.md", "Readme.md")
	})
	if err == nil {
		s.install(dir, packages, c.NoInstall)
	}
	return err
}

// listModule adds a module to the key modules. The early list has no names: it stays one.
func listModule(text []byte, listed *yamldoc.Node, name, file string) ([]byte, error) {
	if listed != nil && listed.Kind == yamldoc.Sequence {
		more := *listed
		more.Items = append(slices.Clone(listed.Items), yamldoc.String(file))
		return yamldoc.Set(text, &more, "modules")
	}
	return yamldoc.Set(text, yamldoc.String(file), "modules", name)
}

// writeFolder makes a folder that is not there yet, whole or not at all.
func writeFolder(folder string, files map[string][]byte) error {
	if _, err := os.Lstat(folder); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already", folder)
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return err
	}
	draft, err := os.MkdirTemp(filepath.Dir(folder), "."+filepath.Base(folder)+"-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(draft) }()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		full := filepath.Join(draft, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(full, files[name], 0o644); err != nil {
			return err
		}
	}
	if err := os.Chmod(draft, 0o755); err != nil { //nolint:gosec // a folder of sources, as all others of the service
		return err
	}
	return os.Rename(draft, folder)
}

type modulesRemoveCommand struct {
	Name string `arg:"" help:"The module."`
	output
}

// Run takes a module out of the YAML, and deletes its folder if it is below modules.
func (c *modulesRemoveCommand) Run(s *session) error {
	dir, text, root, err := s.serviceFolder()
	if err != nil {
		return err
	}
	var names []string
	for i, m := range servicedef.ListModules(root) {
		names = append(names, m.Name)
		if m.Name != c.Name {
			continue
		}
		changed, err := unlistModule(text, root.Get("modules"), m.Name, i)
		if err != nil {
			return err
		}
		if err := atomicfile.Replace(filepath.Join(dir, servicedef.FileName), changed, 0o644); err != nil {
			return err
		}
		folder, kept := path.Dir(m.Path), true
		if folder == path.Join(modulesFolder, m.Name) {
			kept = false
			if err := os.RemoveAll(filepath.Join(dir, filepath.FromSlash(folder))); err != nil {
				return err
			}
		}
		return c.show(s, map[string]any{"removed": m.Name, "folderKept": kept}, func() {
			s.printf("Removed the module %s.\n", m.Name)
			if kept {
				s.printf("Its folder %s stays.\n", folder)
			}
		})
	}
	return fmt.Errorf("there is no module %q; there are: %s", c.Name, strings.Join(names, ", "))
}

func unlistModule(text []byte, listed *yamldoc.Node, name string, i int) ([]byte, error) {
	if len(listed.Entries)+len(listed.Items) == 1 {
		return yamldoc.Remove(text, "modules")
	}
	if listed.Kind == yamldoc.Sequence {
		fewer := *listed
		fewer.Items = slices.Delete(slices.Clone(listed.Items), i, i+1)
		return yamldoc.Set(text, &fewer, "modules")
	}
	return yamldoc.Remove(text, "modules", name)
}

type modulesListCommand struct{ output }

// Run lists the modules that the YAML names.
func (c *modulesListCommand) Run(s *session) error {
	_, _, root, err := s.serviceFolder()
	if err != nil {
		return err
	}
	all := []map[string]string{}
	for _, m := range servicedef.ListModules(root) {
		all = append(all, map[string]string{"name": m.Name, "path": m.Path})
	}
	return c.show(s, all, func() {
		for _, m := range all {
			s.printf("%-20s %s\n", m["name"], m["path"])
		}
	})
}

// packages is what a download brings into package.json.
type packages struct{ packagejson.Merged }

// mergePackages reads what the service has and what the download needs.
func mergePackages(dir string, files map[string][]byte) (packages, error) {
	needs := files[packagejson.FileName]
	if needs == nil {
		return packages{}, nil
	}
	ours, err := os.ReadFile(filepath.Join(dir, packagejson.FileName))
	if errors.Is(err, fs.ErrNotExist) {
		ours, err = nil, nil
	}
	if err != nil {
		return packages{}, err
	}
	m, err := packagejson.Merge(ours, needs)
	return packages{m}, err
}

func (p packages) write(dir string) error {
	if len(p.Added) == 0 {
		return nil
	}
	return atomicfile.Replace(filepath.Join(dir, packagejson.FileName), p.Text, 0o644)
}

// install installs new packages with the service's package manager, or says how.
func (s *session) install(dir string, p packages, no bool) {
	for _, w := range p.Warnings {
		s.notef("warning: %s", w)
	}
	if len(p.Added) == 0 {
		return
	}
	manager := "npm"
	if _, err := os.Stat(filepath.Join(dir, "yarn.lock")); err == nil {
		manager = "yarn"
	}
	s.notef("New in %s: %s", packagejson.FileName, strings.Join(p.Added, ", "))
	if no {
		s.notef("Install them with: %s install", manager)
		return
	}
	if err := s.runInstall(dir, manager); err != nil {
		s.notef("warning: they are not installed (%v); in %s, run: %s install", err, dir, manager)
	}
}

// printText prints the first of the files that there is, from behind its first heading.
func (s *session) printText(files map[string][]byte, names ...string) {
	for _, name := range names {
		if text, ok := files[name]; ok {
			s.printf("\n%s\n", strings.TrimSpace(printable(behindHeading(string(text)))))
			return
		}
	}
}

func behindHeading(text string) string {
	if rest, ok := strings.CutPrefix(strings.TrimLeft(text, "\r\n\ufeff "), "# "); ok {
		_, rest, _ = strings.Cut(rest, "\n")
		return rest
	}
	return text
}

// printable keeps a stranger's text from steering the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return -1
		}
		return r
	}, text)
}
