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

// startCompose runs the server of compose.yml as a project of its own.
func startCompose(ctx context.Context) (url string, stop func(), err error) {
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	folder, err := os.MkdirTemp("", "icehouse-compose-")
	if err != nil {
		return "", nil, err
	}
	file := filepath.Join(folder, "compose.yml")
	project := fmt.Sprintf("icehouse-testbed-%d", port)
	compose := func(ctx context.Context, args ...string) error {
		ctx, cancel := context.WithTimeout(ctx, composeTimeout)
		defer cancel()
		cmd := exec.CommandContext(ctx, "docker", append([]string{"compose", "-f", file, "-p", project}, args...)...)
		cmd.Env = append(os.Environ(), fmt.Sprintf("ICEHOUSE_TEST_PORT=%d", port))
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("docker compose %s: %w: %s", args[0], err, out)
		}
		return nil
	}
	stop = func() {
		_ = compose(context.WithoutCancel(ctx), "down", "-v")
		_ = os.RemoveAll(folder)
	}
	err = os.WriteFile(file, composeFile, 0o600)
	if err == nil {
		err = compose(ctx, "up", "-d", "--wait")
	}
	if err != nil {
		stop()
		return "", nil, err
	}
	return fmt.Sprintf("postgres://postgres:icehouse@127.0.0.1:%d/postgres?sslmode=disable", port), stop, nil
}
