package testbed

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	_ "embed"
)

//go:embed compose.yml
var composeFile []byte

const composeTimeout = 5 * time.Minute

// compose runs one service of compose.yml as a project of its own.
type compose struct {
	service, folder, project string
	port                     int
}

func newCompose(service string) (*compose, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "icehouse-compose-")
	if err != nil {
		return nil, err
	}
	c := &compose{service: service, folder: folder, project: fmt.Sprintf("icehouse-testbed-%d", port), port: port}
	if err := os.WriteFile(c.file(), composeFile, 0o600); err != nil {
		_ = os.RemoveAll(folder)
		return nil, err
	}
	return c, nil
}

func (c *compose) file() string { return filepath.Join(c.folder, "compose.yml") }

func (c *compose) run(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, composeTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", append([]string{"compose", "-f", c.file(), "-p", c.project}, args...)...) //nolint:gosec // our own file
	cmd.Env = append(os.Environ(), fmt.Sprintf("ICEHOUSE_TEST_PORT=%d", c.port))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("docker compose %s: %w: %s", args[0], err, out)
	}
	return nil
}

// up starts the service and waits until it is ready.
func (c *compose) up(ctx context.Context) error { return c.run(ctx, "up", "-d", "--wait", c.service) }

// down removes the service with all it kept.
func (c *compose) down() {
	_ = c.run(context.Background(), "down", "-v")
	_ = os.RemoveAll(c.folder)
}

// startCompose runs the database server of compose.yml.
func startCompose(ctx context.Context) (url string, stop func(), err error) {
	c, err := newCompose("postgresql")
	if err != nil {
		return "", nil, err
	}
	if err := c.up(ctx); err != nil {
		c.down()
		return "", nil, err
	}
	return fmt.Sprintf("postgres://postgres:icehouse@127.0.0.1:%d/postgres?sslmode=disable", c.port), c.down, nil
}
