package cli

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"icehouse/cmd/icehouse/internal/servicedef"
)

// scaffold holds the files of a new service. A leading dot is written as "dot-",
// so that no tool takes them for files of this repository.
//
//go:embed scaffold
var scaffold embed.FS

var scaffoldFiles = []struct{ source, name string }{
	{"scaffold/graphcool.yml", servicedef.FileName},
	{"scaffold/types.graphql", "types.graphql"},
	{"scaffold/dot-gitignore", ".gitignore"},
}

type initCommand struct {
	Dir   string `arg:"" optional:"" default:"." help:"The folder; it is made when it is missing."`
	Force bool   `short:"f" help:"Replace the files of a service that is there already."`
}

func (c *initCommand) Run(s *session) error {
	dir := c.Dir
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(s.Dir, dir)
	}
	if _, err := os.Lstat(filepath.Join(dir, servicedef.FileName)); err == nil && !c.Force {
		return fmt.Errorf("%s has a %s already; --force replaces it", c.Dir, servicedef.FileName)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range scaffoldFiles {
		text, err := scaffold.ReadFile(f.source)
		if err != nil {
			return err
		}
		written, err := writeNew(filepath.Join(dir, f.name), text, c.Force)
		if err != nil {
			return err
		}
		verb := "  + "
		if !written {
			verb = "  kept "
		}
		s.printf("%s%s\n", verb, filepath.Join(c.Dir, f.name))
	}
	s.printf("\nNext:\n\n")
	if dir != s.Dir {
		s.printf("  cd %s\n", c.Dir)
	}
	s.printf("  %s deploy\n", s.Program)
	return nil
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
