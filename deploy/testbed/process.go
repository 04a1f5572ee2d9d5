package testbed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	initTimeout  = 60 * time.Second
	startTimeout = 30 * time.Second
	stopTimeout  = 10 * time.Second
)

// settings trade safety for speed: the rows are gone after the run anyway.
const settings = `
listen_addresses = '127.0.0.1'
port = %d
unix_socket_directories = '%s'
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 300
max_locks_per_transaction = 256
`

// startServer runs a server of its own in a temporary folder.
func startServer(ctx context.Context, bin string) (url string, stop func(), err error) {
	folder, err := os.MkdirTemp("", "icehouse-postgresql-")
	if err != nil {
		return "", nil, err
	}
	clean := func() { _ = os.RemoveAll(folder) }
	defer func() {
		if err != nil {
			clean()
		}
	}()
	credential, err := unprivileged(folder)
	if err != nil {
		return "", nil, err
	}
	command := func(ctx context.Context, name string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, filepath.Join(bin, name), args...)
		cmd.Dir = folder
		cmd.Env = []string{"HOME=" + folder, "PATH=" + bin + ":/usr/bin:/bin", "LC_ALL=C"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential, Setpgid: true}
		return cmd
	}
	data := filepath.Join(folder, "data")
	initCtx, cancel := context.WithTimeout(ctx, initTimeout)
	defer cancel()
	if out, err := command(initCtx, "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync").CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	config, err := os.OpenFile(filepath.Join(data, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0) //nolint:gosec // our own folder
	if err != nil {
		return "", nil, err
	}
	_, err = fmt.Fprintf(config, settings, port, folder)
	if err = errors.Join(err, config.Close()); err != nil {
		return "", nil, err
	}
	log, err := os.Create(filepath.Join(folder, "log")) //nolint:gosec // our own folder
	if err != nil {
		return "", nil, err
	}
	defer log.Close()
	// The server outlives ctx: stop ends it.
	server := command(context.WithoutCancel(ctx), "postgres", "-D", data)
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		return "", nil, err
	}
	exited := make(chan struct{})
	go func() {
		_ = server.Wait()
		close(exited)
	}()
	stop = func() {
		// SIGQUIT: at once, without a last checkpoint.
		_ = server.Process.Signal(syscall.SIGQUIT)
		select {
		case <-exited:
		case <-time.After(stopTimeout):
			_ = server.Process.Kill()
			<-exited
		}
		clean()
	}
	if err := awaitReady(ctx, port, data, exited); err != nil {
		text, _ := os.ReadFile(filepath.Join(folder, "log")) //nolint:gosec // our own folder
		stop()
		return "", nil, fmt.Errorf("%w: %s", err, text)
	}
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port), stop, nil
}

// unprivileged picks whom the server runs as and gives it the folder; nil is the
// current user.
func unprivileged(folder string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 != nil || err2 != nil || uid == 0 {
			continue
		}
		if err := os.Chown(folder, int(uid), int(gid)); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("there is no unprivileged user, postgres or nobody, to run the server as")
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	address, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, errors.New("no TCP address")
	}
	return address.Port, nil
}

// awaitReady waits until the server says in its status file that it is ready.
func awaitReady(ctx context.Context, port int, data string, exited <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if status, err := os.ReadFile(filepath.Join(data, "postmaster.pid")); err == nil && ready(string(status)) {
			return nil
		}
		select {
		case <-exited:
			return errors.New("the server ended")
		case <-ctx.Done():
			return fmt.Errorf("the server did not get ready on port %d: %w", port, ctx.Err())
		case <-tick.C:
		}
	}
}

// ready reads the last line of the status file, which the server rewrites.
func ready(status string) bool {
	lines := strings.Split(strings.TrimSpace(status), "\n")
	return len(lines) >= 8 && strings.TrimSpace(lines[7]) == "ready"
}
