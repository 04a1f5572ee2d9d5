package cli

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"icehouse/cmd/icehouse/internal/graphcoolrc"
	"icehouse/cmd/icehouse/internal/servicedef"
)

// scaffold holds the files of a new service. A leading dot is written as "dot-",
// so that no tool takes them for files of this repository.
//
//go:embed scaffold
var scaffold embed.FS

type initCommand struct {
	Dir     string `arg:"" optional:"" default:"." help:"The folder; it is made when it is missing."`
	Force   bool   `short:"f" help:"Replace the files of a service that is there already."`
	Copy    string `short:"c" placeholder:"SERVICE" help:"Write down a deployed service: its id or alias, a target, or CLUSTER/ID."`
	Cluster string `help:"The cluster that has the service to copy."`
	output
}

// newFile is a file of a new service.
type newFile struct {
	Path    string `json:"path"`    // below the folder
	Written bool   `json:"written"` // else it was there and stays
	text    []byte
}

func (c *initCommand) Run(s *session) error {
	dir := s.file(c.Dir)
	if _, err := os.Lstat(filepath.Join(dir, servicedef.FileName)); err == nil && !c.Force {
		return fmt.Errorf("%s has a %s already; --force replaces it", c.Dir, servicedef.FileName)
	}
	files, err := scaffoldFiles()
	if c.Copy != "" {
		files, err = c.copied(s)
	}
	if err != nil {
		return err
	}
	for i := range files {
		f := &files[i]
		path := filepath.Join(dir, f.Path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if f.Written, err = writeNew(path, f.text, c.Force); err != nil {
			return err
		}
	}
	return c.show(s, map[string]any{"dir": c.Dir, "files": files}, func() {
		for _, f := range files {
			verb := "  + "
			if !f.Written {
				verb = "  kept "
			}
			s.printf("%s%s\n", verb, filepath.Join(c.Dir, f.Path))
		}
		s.printf("\nNext:\n\n")
		if dir != s.Dir {
			s.printf("  cd %s\n", c.Dir)
		}
		s.printf("  %s deploy\n", s.Program)
	})
}

func scaffoldFiles() ([]newFile, error) {
	var out []newFile
	for _, f := range []struct{ source, name string }{
		{"scaffold/graphcool.yml", servicedef.FileName},
		{"scaffold/types.graphql", "types.graphql"},
		{"scaffold/dot-gitignore", ".gitignore"},
	} {
		text, err := scaffold.ReadFile(f.source)
		if err != nil {
			return nil, err
		}
		out = append(out, newFile{Path: f.name, text: text})
	}
	return out, nil
}

// copied are the files of a deployed service. The code of its functions is not among
// them: the platform has it in bundles only.
func (c *initCommand) copied(s *session) ([]newFile, error) {
	env, _, err := s.environment()
	if err != nil {
		return nil, err
	}
	target, err := c.source(env)
	if err != nil {
		return nil, err
	}
	conn, err := s.connect(env, target.Cluster)
	if err != nil {
		return nil, err
	}
	project, err := conn.project(target)
	if err != nil {
		return nil, err
	}
	definition, err := servicedef.Unpack(project.Definition)
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", project.Name, err)
	}
	out := []newFile{{Path: servicedef.FileName, text: []byte(definition.Content)}}
	for _, path := range slices.Sorted(maps.Keys(definition.Files)) {
		local := filepath.FromSlash(path)
		if !filepath.IsLocal(local) {
			return nil, fmt.Errorf("service %s has the file %s, which would not be inside the folder", project.Name, path)
		}
		out = append(out, newFile{Path: filepath.Clean(local), text: []byte(definition.Files[path])})
	}
	return out, nil
}

// source is the service to copy. The environment does not choose another one.
func (c *initCommand) source(env *graphcoolrc.Environment) (graphcoolrc.Target, error) {
	cluster, project, ok := strings.Cut(c.Copy, "/")
	if ok {
		return graphcoolrc.Target{Cluster: cluster, Project: project}, nil
	}
	for _, t := range env.Targets() {
		if t.Name == c.Copy && c.Cluster == "" {
			return t, nil
		}
	}
	cluster, err := chooseCluster(env, c.Cluster, "--cluster")
	return graphcoolrc.Target{Cluster: cluster, Project: c.Copy}, err
}

// writeNew writes a file; one that is there already only by force.
func writeNew(path string, text []byte, force bool) (written bool, err error) {
	how := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		how = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, how, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err = f.Write(text)
	return true, errors.Join(err, f.Close())
}
