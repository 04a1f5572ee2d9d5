package testbed

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Broker is a RabbitMQ server of a test process's own. Tests stop it and start it
// again, so that it is never one that others use: no variable names it.
type Broker struct {
	URL   string // stays the same
	start func(context.Context) error
	stop  func()
	clean func()
	up    bool
}

var broker struct {
	sync.Mutex
	*Broker
	err error
}

const brokerTimeout = 2 * time.Minute

// RabbitMQ returns the process's broker, running. It is started once a process; a
// package that calls this ends its TestMain with Main. Tests that use it don't run
// in parallel.
func RabbitMQ(t testing.TB) *Broker {
	t.Helper()
	broker.Lock()
	defer broker.Unlock()
	if broker.Broker == nil && broker.err == nil {
		broker.Broker, broker.err = newBroker(context.Background())
	}
	if broker.err != nil {
		t.Fatal(broker.err)
	}
	broker.Start(t)
	return broker.Broker
}

// Start starts the broker and waits until it is ready; a running one is left alone.
func (b *Broker) Start(t testing.TB) {
	t.Helper()
	if b.up {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), brokerTimeout)
	defer cancel()
	if err := b.start(ctx); err != nil {
		t.Fatalf("start the broker: %v", err)
	}
	b.up = true
}

// Stop stops the broker as an operator does.
func (b *Broker) Stop() {
	if b.up {
		b.stop()
	}
	b.up = false
}

// stopBroker ends the process's broker.
func stopBroker() {
	broker.Lock()
	defer broker.Unlock()
	if broker.Broker != nil {
		broker.clean()
	}
	broker.Broker, broker.err = nil, nil
}

// newBroker finds server programs on this machine or in Debian's packages, or the
// compose file.
func newBroker(ctx context.Context) (*Broker, error) {
	root, err := findBroker()
	if err != nil {
		root, err = fetchBroker(ctx)
	}
	if err == nil {
		return newBrokerProcess(root)
	}
	if _, missing := exec.LookPath("docker"); missing == nil {
		return newBrokerContainer()
	}
	return nil, fmt.Errorf("no RabbitMQ for tests: install the server (Debian: apt-get install rabbitmq-server), or Docker with compose: %w", err)
}

// brokerPrograms are the folders of a server.
type brokerPrograms struct {
	sbin   string // with rabbitmq-server
	erlang string // with erl and epmd
}

var errNoBroker = errors.New("there is no rabbitmq-server")

// findBroker looks for installed programs.
func findBroker() (brokerPrograms, error) {
	erl, err := exec.LookPath("erl")
	if err != nil {
		return brokerPrograms{}, errNoBroker
	}
	for _, pattern := range []string{"/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin", "/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin"} {
		folders, _ := filepath.Glob(pattern) // the patterns are right
		for _, folder := range folders {
			if _, err := exec.LookPath(filepath.Join(folder, "rabbitmq-server")); err == nil {
				return brokerPrograms{sbin: folder, erlang: filepath.Dir(erl)}, nil
			}
		}
	}
	return brokerPrograms{}, errNoBroker
}

// fetchBroker unpacks Debian's packages into a folder of its own, where they are
// for the next run too: nothing is installed, no service starts.
func fetchBroker(ctx context.Context) (brokerPrograms, error) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return brokerPrograms{}, err
	}
	home, err := brokerHome()
	if err != nil {
		return brokerPrograms{}, err
	}
	// Packages that are tested at the same time fetch it once.
	lock, err := os.OpenFile(home+".lock", os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // our own folder
	if err != nil {
		return brokerPrograms{}, err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil { //nolint:gosec // a file's number is an int
		return brokerPrograms{}, err
	}
	if p, err := unpacked(home); err == nil {
		return p, nil
	}
	draft := home + ".new"
	if err := errors.Join(os.RemoveAll(draft), os.RemoveAll(home)); err != nil {
		return brokerPrograms{}, err
	}
	defer os.RemoveAll(draft)
	if err := errors.Join(unpackBroker(ctx, draft), relocate(filepath.Join(draft, "usr/lib/erlang/bin/erl"), home)); err != nil {
		return brokerPrograms{}, err
	}
	if err := os.Rename(draft, home); err != nil {
		return brokerPrograms{}, err
	}
	return unpacked(home)
}

// brokerHome is where packages are unpacked: readable by the user that servers of
// root run as.
func brokerHome() (string, error) {
	cache := "/var/cache"
	if os.Geteuid() != 0 {
		var err error
		if cache, err = os.UserCacheDir(); err != nil {
			return "", err
		}
	}
	folder := filepath.Join(cache, "icehouse-testbed")
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // nothing secret
		return "", err
	}
	return filepath.Join(folder, "rabbitmq"), nil
}

// unpacked finds the programs in an unpacked folder.
func unpacked(home string) (brokerPrograms, error) {
	folders, _ := filepath.Glob(filepath.Join(home, "usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin"))
	if len(folders) == 0 {
		return brokerPrograms{}, errNoBroker
	}
	p := brokerPrograms{sbin: folders[0], erlang: filepath.Join(home, "usr/lib/erlang/bin")}
	if _, err := exec.LookPath(filepath.Join(p.erlang, "erl")); err != nil {
		if p.erlang, err = exec.LookPath("erl"); err != nil { // installed, so not among what is missing
			return brokerPrograms{}, err
		}
		p.erlang = filepath.Dir(p.erlang)
	}
	return p, nil
}

// unpackBroker downloads and unpacks the server and the parts of Erlang that are
// not installed.
func unpackBroker(ctx context.Context, folder string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	packages := filepath.Join(folder, "packages")
	if err := os.MkdirAll(packages, 0o755); err != nil { //nolint:gosec // nothing secret
		return err
	}
	run := func(name string, args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir = packages
		cmd.Env = append(os.Environ(), "LC_ALL=C")
		out, err := cmd.Output()
		if err != nil {
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				err = fmt.Errorf("%w: %s", err, exit.Stderr)
			}
			return "", fmt.Errorf("%s %s: %w", name, args[0], err)
		}
		return string(out), nil
	}
	list := []string{"install", "--print-uris", "-qq", "-y", "--no-install-recommends", "rabbitmq-server"}
	out, err := run("apt-get", list...)
	if err != nil && os.Geteuid() == 0 {
		if _, err = run("apt-get", "update", "-qq"); err == nil {
			out, err = run("apt-get", list...)
		}
	}
	if err != nil {
		return err
	}
	download := []string{"download", "-qq"}
	for line := range strings.Lines(out) {
		// 'http://.../erlang-base_25.2.3_amd64.deb' erlang-base_25.2.3_amd64.deb SIZE HASH
		if fields := strings.Fields(line); len(fields) > 2 {
			if name, _, _ := strings.Cut(fields[1], "_"); name == "rabbitmq-server" || strings.HasPrefix(name, "erlang-") {
				download = append(download, name)
			}
		}
	}
	if _, err := run("apt-get", download...); err != nil {
		return err
	}
	files, _ := filepath.Glob(filepath.Join(packages, "*.deb"))
	for _, file := range files {
		if _, err := run("dpkg", "-x", file, folder); err != nil {
			return err
		}
	}
	return errors.Join(os.RemoveAll(packages), os.Chmod(folder, 0o755)) //nolint:gosec // nothing secret
}

// relocate tells Debian's erl where it will be; it looks for itself in /usr alone.
func relocate(script, home string) error {
	text, err := os.ReadFile(script) //nolint:gosec // our own folder
	if errors.Is(err, fs.ErrNotExist) {
		return nil // installed, so not among what was fetched
	}
	if err != nil {
		return err
	}
	moved := strings.ReplaceAll(string(text), "ROOTDIR=/usr/lib/erlang", "ROOTDIR="+home+"/usr/lib/erlang")
	return os.WriteFile(script, []byte(moved), 0o755) //nolint:gosec // a program
}

// newBrokerContainer is the server of compose.yml.
func newBrokerContainer() (*Broker, error) {
	c, err := newCompose("rabbitmq")
	if err != nil {
		return nil, err
	}
	return &Broker{
		URL:   fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/", c.port),
		start: c.up,
		stop:  func() { _ = c.run(context.Background(), "stop", "rabbitmq") },
		clean: c.down,
	}, nil
}
