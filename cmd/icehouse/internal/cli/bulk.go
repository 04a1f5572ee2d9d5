package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"icehouse/cmd/icehouse/internal/ndf"
	"icehouse/cmd/icehouse/internal/rungroup"
	"icehouse/cmd/icehouse/internal/systemapi"
	"icehouse/dataplane/datamodel"
)

type exportCommand struct {
	Target string `short:"t" help:"The target whose data is exported."`
	Path   string `short:"e" name:"export-path" placeholder:"FILE.zip" help:"The archive to write; without it export-<time>.zip."`
	output
}

// Run writes all nodes of a service into an archive (platform §5.6).
func (c *exportCommand) Run(s *session) error {
	service, project, err := s.data(c.Target)
	if err != nil {
		return err
	}
	path := c.Path
	if path == "" {
		path = "export-" + s.Now().UTC().Format("2006-01-02T15:04:05.000Z") + ".zip"
	}
	_, force, release := rungroup.Interrupts(s.ctx, s.Signals)
	defer release()
	if err := ndf.Export(force, service, s.file(path), s.notef); err != nil {
		return err
	}
	return c.show(s, map[string]any{"project": described(project), "path": path}, func() { s.printf("Exported to %s\n", path) })
}

type importCommand struct {
	Source string `short:"s" required:"" placeholder:"FILE.zip" help:"The archive to import."`
	Target string `short:"t" help:"The target that gets the data."`
	output
}

// Run brings an archive into a service (platform §5.6). An import that was
// interrupted goes on where it was.
func (c *importCommand) Run(s *session) error {
	archive, others, err := ndf.Open(s.file(c.Source))
	if err != nil {
		return err
	}
	defer func() { _ = archive.Close() }() // nothing was written
	for _, name := range others {
		s.notef("warning: %s is no file of an import", name)
	}
	service, project, err := s.data(c.Target)
	if err != nil {
		return err
	}
	parsed, problems := datamodel.Parse(project.Schema)
	if len(problems) > 0 {
		return fmt.Errorf("the service has a data model that this version can't read: %w", problems)
	}
	if err := ndf.Check(archive, parsed.Model); err != nil {
		return err
	}
	stop, force, release := rungroup.Interrupts(s.ctx, s.Signals)
	defer release()
	im := &ndf.Import{Service: service, Archive: archive, State: s.file(c.Source) + ".state.json", Stop: stop.Done(), Note: s.notef}
	err = im.Run(force)
	switch {
	case errors.Is(err, ndf.ErrStopped):
		return errors.New("stopped; go on with the same command")
	case err != nil:
		return fmt.Errorf("%w\nGo on with the same command; %s remembers what was imported", err, c.Source+".state.json")
	}
	return c.show(s, map[string]any{"project": described(project), "path": c.Source}, func() {
		s.printf("Imported %s into service %s.\n", c.Source, project.Name)
	})
}

// data finds the data of a target's service. Finding the service proves that the
// token is good for it.
func (s *session) data(target string) (*ndf.Service, systemapi.Project, error) {
	conn, _, project, err := s.service(target)
	if err != nil {
		return nil, project, err
	}
	url := strings.TrimSuffix(conn.cluster.Host, "/") + "/simple/v1/" + project.ID
	return &ndf.Service{URL: url, Token: conn.Token, HTTP: systemapi.NewHTTP()}, project, nil
}

// file is a path as the user means it: from the working directory.
func (s *session) file(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.Dir, path)
}
