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
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
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

// home is the temporary folder of a server of our own.
type home struct {
	bin, folder, data string
	credential        *syscall.Credential
}

func newHome(bin string) (h home, err error) {
	if h.folder, err = os.MkdirTemp("", "icehouse-postgresql-"); err != nil {
		return h, err
	}
	h.bin, h.data = bin, filepath.Join(h.folder, "data")
	if h.credential, err = unprivileged(h.folder); err != nil {
		h.clean()
	}
	return h, err
}

func (h home) clean() { _ = os.RemoveAll(h.folder) }

func (h home) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(h.bin, name), args...)
	cmd.Dir = h.folder
	cmd.Env = []string{"HOME=" + h.folder, "PATH=" + h.bin + ":/usr/bin:/bin", "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: h.credential, Setpgid: true}
	return cmd
}

// start fills the folder, by a program of the server's, and runs the server with further
// settings.
func (h home) start(ctx context.Context, more string, fill ...string) (port int, stop func(), err error) {
	defer func() {
		if err != nil {
			h.clean()
		}
	}()
	fillCtx, cancel := context.WithTimeout(ctx, initTimeout)
	defer cancel()
	if out, err := h.command(fillCtx, fill[0], fill[1:]...).CombinedOutput(); err != nil {
		return 0, nil, fmt.Errorf("%s: %w: %s", fill[0], err, out)
	}
	if port, err = freePort(); err != nil {
		return 0, nil, err
	}
	config, err := os.OpenFile(filepath.Join(h.data, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0) //nolint:gosec // our own folder
	if err != nil {
		return 0, nil, err
	}
	_, err = fmt.Fprintf(config, settings+more, port, h.folder)
	if err = errors.Join(err, config.Close()); err != nil {
		return 0, nil, err
	}
	stop, err = h.run(ctx, port, h.clean)
	return port, stop, err
}

// run runs the server. stop ends it.
func (h home) run(ctx context.Context, port int, clean func()) (stop func(), err error) {
	return supervise(ctx, h.command(context.WithoutCancel(ctx), "postgres", "-D", h.data), port, h.folder, h.data, clean)
}

func serverAddress(port int) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port)
}

// startServer runs a server of its own in a temporary folder.
func startServer(ctx context.Context, bin string) (url string, stop func(), err error) {
	h, err := newHome(bin)
	if err != nil {
		return "", nil, err
	}
	port, stop, err := h.start(ctx, "", h.initdb()...)
	return serverAddress(port), stop, err
}

// primary starts a server for a test alone, with further settings.
func primary(t testing.TB, more string) (h home, port int, stop func()) {
	t.Helper()
	bin := findPrograms()
	if bin == "" {
		t.Skip("this test needs the programs of a PostgreSQL server on this machine")
	}
	h, err := newHome(bin)
	if err != nil {
		t.Fatal(err)
	}
	port, stop, err = h.start(t.Context(), more, h.initdb()...)
	if err != nil {
		t.Fatal(err)
	}
	return h, port, stop
}

// initdb is how an empty server is made.
func (h home) initdb() []string {
	return []string{"initdb", "-D", h.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"}
}

// Followed starts two servers for a test, of which the second shows what is written to
// the first so much later, and only to read.
func Followed(t testing.TB, later time.Duration) (url, readerURL string, stopReader func()) {
	t.Helper()
	first, port, stop := primary(t, "wal_level = replica\n")
	t.Cleanup(stop)
	second, err := newHome(first.bin)
	if err != nil {
		t.Fatal(err)
	}
	delay := fmt.Sprintf("recovery_min_apply_delay = %d\n", later.Milliseconds())
	readerPort, stopReader, err := second.start(t.Context(), delay, "pg_basebackup", "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-U", "postgres", "-D", second.data, "-R", "-X", "stream", "-c", "fast", "--no-sync")
	if err != nil {
		t.Fatal(err)
	}
	stopReader = sync.OnceFunc(stopReader)
	t.Cleanup(stopReader)
	return serverAddress(port), serverAddress(readerPort), stopReader
}

// supervise starts a server and waits until it is ready. It outlives ctx: stop ends it.
func supervise(ctx context.Context, server *exec.Cmd, port int, folder, data string, clean func()) (stop func(), err error) {
	log, err := os.Create(filepath.Join(folder, "log")) //nolint:gosec // our own folder
	if err != nil {
		return nil, err
	}
	defer log.Close()
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		return nil, err
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
		return nil, fmt.Errorf("%w: %s", err, text)
	}
	return stop, nil
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
	return len(lines) >= 8 && slices.Contains([]string{"ready", "standby"}, strings.TrimSpace(lines[7]))
}
