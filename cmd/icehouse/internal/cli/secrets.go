package cli

import (
	"path/filepath"

	"icehouse/cmd/icehouse/internal/config"
	"icehouse/cmd/icehouse/internal/connectors"
	"icehouse/cmd/icehouse/internal/rungroup"
	"icehouse/tenancy/secret/keyfile"
)

type secretsCommand struct {
	AddKey secretsAddKeyCommand `cmd:"" help:"Make a key file, or add a key at the end of one. The first key of a file seals, all of them open."`
	Seal   secretsSealCommand   `cmd:"" help:"Seal all that services were deployed with by the key that seals now: after an upgrade from a version without keys, or when a key is to go."`
}

type secretsAddKeyCommand struct {
	output
	File string `arg:"" help:"The file."`
}

func (c *secretsAddKeyCommand) Run(s *session) error {
	path := c.File
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.Dir, path)
	}
	if err := keyfile.Add(path); err != nil {
		return err
	}
	return c.show(s, map[string]string{"file": path}, func() {
		s.printf("%s has a new key. Keep a copy where the database's backups are not: without its keys nothing that is sealed can be read.\n", path)
	})
}

type secretsSealCommand struct {
	DatabaseURL string `envvar:"DATABASE_URL" help:"sqlite:FOLDER or postgres://... of the platform."`
	keys
	output
}

func (c *secretsSealCommand) Run(s *session) error {
	complete, err := config.Config{DatabaseURL: c.DatabaseURL, SecretKeyFile: c.SecretKeyFile, KMSKey: c.KMSKey}.CompleteForOperator(s.Dir)
	if err != nil {
		return err
	}
	ctx, _, release := rungroup.Interrupts(s.ctx, s.Signals)
	defer release()
	n, err := connectors.Seal(ctx, complete)
	if err != nil {
		return err
	}
	return c.show(s, map[string]int{"releases": n}, func() { s.printf("Sealed %d releases.\n", n) })
}
