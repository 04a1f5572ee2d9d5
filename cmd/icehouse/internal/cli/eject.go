package cli

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"icehouse/cmd/icehouse/internal/config"
)

// ejected holds the files of local eject.
//
//go:embed eject
var ejected embed.FS

type localEjectCommand struct {
	Force bool `short:"f" help:"Replace files that are there; the secrets, too."`
	output
}

// Run writes a compose file, the recipe of its image, and the variables with new secrets
// (platform §5.5). It replaces nothing unless by force.
func (c *localEjectCommand) Run(s *session) error {
	names := []struct {
		source, name string
		mode         os.FileMode
	}{{"compose.yml", "docker-compose.yml", 0o644}, {"Dockerfile", "Dockerfile", 0o644}, {"env", "icehouse.env", 0o600}, {"keys", "icehouse.keys", 0o600}}
	for _, f := range names {
		if _, err := os.Lstat(filepath.Join(s.Dir, f.name)); err == nil && !c.Force {
			return fmt.Errorf("%s is here already; --force replaces it", f.name)
		}
	}
	written := []string{}
	for _, f := range names {
		text, err := fs.ReadFile(ejected, "eject/"+f.source)
		if err != nil {
			return err
		}
		// The database's password stands twice.
		filled := strings.ReplaceAll(string(text), "@DATABASE@", config.RandomSecret())
		for strings.Contains(filled, "@SECRET@") {
			filled = strings.Replace(filled, "@SECRET@", config.RandomSecret(), 1)
		}
		if err := os.WriteFile(filepath.Join(s.Dir, f.name), []byte(filled), f.mode); err != nil {
			return err
		}
		if err := os.Chmod(filepath.Join(s.Dir, f.name), f.mode); err != nil {
			return err
		}
		written = append(written, f.name)
	}
	return c.show(s, map[string]any{"written": written}, func() {
		s.printf("Wrote %s. Keep icehouse.env and icehouse.keys secret, and a copy of the keys.\n\nNext:\n\n", strings.Join(written, ", "))
		s.printf("  cp \"%s\" icehouse     (a Linux build, made with CGO_ENABLED=0)\n", s.Program)
		s.printf("  docker compose up --build --detach\n")
		s.printf("  %s clusters --connect --name mine --host http://localhost:60000     (MASTER_TOKEN is in icehouse.env)\n", s.Program)
	})
}
