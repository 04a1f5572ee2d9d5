package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DatabaseURL names the environment variable with the URL of a server for tests;
// where it is not set, DATABASE_URL counts, if it is a PostgreSQL URL. The user
// must be allowed to make databases and roles; testbed makes databases of its own
// in it and touches no other.
const DatabaseURL = "ICEHOUSE_TEST_DATABASE_URL"

// told returns the server that the environment names.
func told() string {
	if url := os.Getenv(DatabaseURL); url != "" {
		return url
	}
	if url := os.Getenv("DATABASE_URL"); strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		return url
	}
	return ""
}

// PostgreSQL returns the URL of a server, and how to stop it. stop is never nil
// and stops only what this call started.
func PostgreSQL(ctx context.Context) (url string, stop func(), err error) {
	nothing := func() {}
	if url := told(); url != "" {
		return url, nothing, nil
	}
	bin := findPrograms()
	if bin == "" && os.Geteuid() == 0 && installPackages(ctx) == nil {
		bin = findPrograms()
	}
	if bin != "" {
		url, stop, err := startServer(ctx, bin)
		if err != nil {
			return "", nothing, fmt.Errorf("start the PostgreSQL server in %s: %w", bin, err)
		}
		return url, stop, nil
	}
	if _, err := exec.LookPath("docker"); err == nil {
		url, stop, err := startCompose(ctx)
		if err != nil {
			return "", nothing, fmt.Errorf("start PostgreSQL in a container: %w", err)
		}
		return url, stop, nil
	}
	return "", nothing, errors.New("no PostgreSQL for tests: set DATABASE_URL" +
		" to a server's URL, or install the server (Debian: apt-get install postgresql), or Docker with compose")
}

// findPrograms returns the folder of the newest server programs.
func findPrograms() string {
	folders, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is right
	slices.SortFunc(folders, func(a, b string) int { return version(b) - version(a) })
	if path, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			folders = append([]string{filepath.Dir(real)}, folders...)
		}
	}
	for _, folder := range folders {
		if complete(folder) {
			return folder
		}
	}
	return ""
}

func complete(folder string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(folder, name)); err != nil {
			return false
		}
	}
	return true
}

func version(folder string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
	if err != nil {
		return 0
	}
	return n
}

// installPackages installs Debian's server without a cluster of its own.
func installPackages(ctx context.Context) error {
	release, err := os.ReadFile("/etc/os-release")
	if err != nil || !strings.Contains(string(release), "debian") {
		return errors.New("not a Debian system")
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for _, args := range [][]string{{"update", "-q"}, {"install", "-q", "-y", "--no-install-recommends", "postgresql"}} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w: %s", args[0], err, out)
		}
	}
	return nil
}
