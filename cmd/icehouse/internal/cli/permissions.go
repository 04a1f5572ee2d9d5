package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"icehouse/cmd/icehouse/internal/config"
	"icehouse/cmd/icehouse/internal/dataapi"
	"icehouse/cmd/icehouse/internal/permissiontest"
	"icehouse/cmd/icehouse/internal/server"
	"icehouse/cmd/icehouse/internal/servicedef"
	"icehouse/cmd/icehouse/internal/systemapi"
)

type permissionsCommand struct {
	Test permissionsTestCommand `cmd:"" help:"Carry out the tests in permissions.test.yml, against copies that are thrown away."`
}

type permissionsTestCommand struct{ output }

// Run deploys the service of this folder to a server of its own, once for each test.
func (c *permissionsTestCommand) Run(s *session) error {
	_, dir, err := s.environment()
	if err != nil {
		return err
	}
	if dir == "" {
		return fmt.Errorf("no %s here or above", servicedef.FileName)
	}
	text, err := os.ReadFile(filepath.Join(dir, permissiontest.FileName))
	if err != nil {
		return err
	}
	file, err := permissiontest.Parse(text, func(path string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, path)) })
	if err != nil {
		return err
	}
	definition, err := servicedef.Load(dir, s.sources())
	if err != nil {
		return err
	}
	return s.withServer(func(ctx context.Context, srv *server.Server) error {
		return c.run(ctx, s, srv, file, definition.Config())
	})
}

// withServer runs a server on free ports, with data that are thrown away, for as long
// as use takes.
func (s *session) withServer(use func(context.Context, *server.Server) error) error {
	folder, err := os.MkdirTemp("", "icehouse-permissions-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }() // in the folder for such things
	c, err := config.Config{Role: config.All, Dev: true, Host: "127.0.0.1", DataDir: folder, Grace: time.Second}.Complete(folder)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(s.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	srv, err := server.New(s.ctx, c, log)
	if err != nil {
		return fmt.Errorf("start a server for the tests: %w", err)
	}
	stop, end := context.WithCancel(s.ctx)
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(stop, s.ctx) }()
	err = use(s.ctx, srv)
	end()
	if stopped := <-ended; err == nil {
		err = stopped
	}
	return err
}

// tested is what came of one test.
type tested struct {
	Name        string   `json:"name"`
	As          string   `json:"as"`
	Line        int      `json:"line"`
	Differences []string `json:"differences"` // none: as expected
}

func (c *permissionsTestCommand) run(ctx context.Context, s *session, srv *server.Server, file *permissiontest.File, definition string) error {
	http := systemapi.NewHTTP()
	defer http.CloseIdleConnections()
	system := systemapi.Client{Host: srv.URL(), HTTP: http}
	var err error
	if system.Token, err = system.Authenticate(ctx, srv.MasterToken()); err != nil {
		return err
	}
	failed, all := 0, []tested{}
	for i, test := range file.Tests {
		project, err := system.AddProject(ctx, fmt.Sprintf("copy-%d", i+1), "", definition)
		if err != nil {
			return fmt.Errorf("the service can't be deployed: %w", err)
		}
		result, err := file.Run(ctx, test, permissiontest.Copy{
			API: dataapi.Client{URL: srv.URL(), Project: project.ID, Token: system.Token, HTTP: http},
			NodeToken: func(ctx context.Context, id, typeName string) (string, error) {
				return system.NodeToken(ctx, project.ID, id, typeName)
			},
		})
		if err != nil {
			return err
		}
		one := tested{test.Name, test.As, test.At.Line, list(result.Differences)}
		if all = append(all, one); len(one.Differences) > 0 {
			failed++
		}
		if !c.JSON {
			s.printTested(one)
		}
	}
	err = c.show(s, map[string]any{"tests": all, "failed": failed}, func() { s.printf("\n%d tests, %d failed\n", len(all), failed) })
	if err == nil && failed > 0 {
		err = errReported
	}
	return err
}

func (s *session) printTested(t tested) {
	if len(t.Differences) == 0 {
		s.printf("%s %s\n", s.paint("32", "ok  "), t.Name)
		return
	}
	s.printf("%s %s (%s:%d, as %s)\n", s.paint("31", "FAIL"), t.Name, permissiontest.FileName, t.Line, t.As)
	for _, d := range t.Differences {
		s.printf("       %s\n", d)
	}
}
