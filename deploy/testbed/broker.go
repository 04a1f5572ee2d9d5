package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// brokerProcess is a private server: a node with a name, a cookie and a port mapper
// of its own.
type brokerProcess struct {
	programs brokerPrograms
	folder   string
	env      []string
	run      *syscall.SysProcAttr
	mapper   *exec.Cmd
	server   *exec.Cmd
	exited   chan struct{}
}

func newBrokerProcess(programs brokerPrograms) (_ *Broker, err error) {
	p := &brokerProcess{programs: programs}
	if p.folder, err = os.MkdirTemp("", "icehouse-rabbitmq-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			p.clean()
		}
	}()
	credential, err := unprivileged(p.folder)
	if err != nil {
		return nil, err
	}
	p.run = &syscall.SysProcAttr{Credential: credential, Setpgid: true}
	var ports [4]int
	for i := range ports {
		if ports[i], err = freePort(); err != nil {
			return nil, err
		}
	}
	config := filepath.Join(p.folder, "rabbitmq.conf")
	settings := fmt.Sprintf("listeners.tcp.1 = 127.0.0.1:%d\nloopback_users = none\nlog.console = true\nlog.console.level = info\n", ports[0])
	plugins := filepath.Join(p.folder, "plugins")
	err = errors.Join(os.WriteFile(config, []byte(settings), 0o644), os.WriteFile(plugins, []byte("[].\n"), 0o644)) //nolint:gosec // the server's user reads them
	if err != nil {
		return nil, err
	}
	in := func(name string) string { return filepath.Join(p.folder, name) }
	p.env = []string{
		"HOME=" + p.folder, "PATH=" + programs.erlang + ":/usr/bin:/bin", "LC_ALL=C.UTF-8",
		"ERL_CRASH_DUMP_SECONDS=0",
		"ERL_EPMD_ADDRESS=127.0.0.1", fmt.Sprintf("ERL_EPMD_PORT=%d", ports[1]),
		fmt.Sprintf("RABBITMQ_NODENAME=test%d@localhost", ports[0]), fmt.Sprintf("RABBITMQ_DIST_PORT=%d", ports[2]),
		fmt.Sprintf("RABBITMQ_NODE_PORT=%d", ports[0]), "RABBITMQ_NODE_IP_ADDRESS=127.0.0.1",
		"RABBITMQ_CONF_ENV_FILE=" + in("none"), "RABBITMQ_CONFIG_FILE=" + config, "RABBITMQ_ENABLED_PLUGINS_FILE=" + plugins,
		"RABBITMQ_MNESIA_BASE=" + in("data"), "RABBITMQ_LOG_BASE=" + in("logs"), "RABBITMQ_LOGS=-", "RABBITMQ_PID_FILE=" + in("pid"),
		// With input allowed the script becomes the server, instead of waiting for it.
		"RABBITMQ_ALLOW_INPUT=1", "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-noinput +S 2:2 -kernel inet_dist_use_interface {127,0,0,1}",
	}
	p.mapper = p.command("epmd", "-port", fmt.Sprint(ports[1]), "-address", "127.0.0.1")
	if err := p.mapper.Start(); err != nil {
		return nil, err
	}
	return &Broker{URL: fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/", ports[0]), start: p.start, stop: p.stop, clean: p.clean}, nil
}

// command makes a command of the programs; it outlives the test that needs it.
func (p *brokerProcess) command(name string, args ...string) *exec.Cmd {
	folder := p.programs.erlang
	if name == "rabbitmq-server" {
		folder = p.programs.sbin
	}
	cmd := exec.Command(filepath.Join(folder, name), args...) //nolint:gosec // programs that were found
	cmd.Dir, cmd.Env, cmd.SysProcAttr = p.folder, p.env, p.run
	return cmd
}

func (p *brokerProcess) start(ctx context.Context) error {
	log, err := os.Create(filepath.Join(p.folder, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	p.server = p.command("rabbitmq-server")
	p.server.Stdout, p.server.Stderr = log, log
	if err := p.server.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	p.exited = exited
	go func() {
		_ = p.server.Wait()
		close(exited)
	}()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(log.Name())
		if err == nil && strings.Contains(string(text), "Server startup complete") {
			return nil
		}
		select {
		case <-exited:
			err = errors.New("the server ended")
		case <-ctx.Done():
			err = ctx.Err()
		case <-tick.C:
			continue
		}
		p.kill()
		text, _ = os.ReadFile(log.Name())
		return fmt.Errorf("%w: %s", err, text)
	}
}

// stop lets the server say goodbye.
func (p *brokerProcess) stop() {
	_ = syscall.Kill(-p.server.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(stopTimeout):
	}
	p.kill()
}

// kill ends what is left of the server.
func (p *brokerProcess) kill() {
	if p.server == nil || p.server.Process == nil {
		return
	}
	_ = syscall.Kill(-p.server.Process.Pid, syscall.SIGKILL)
	<-p.exited
	p.server = nil
}

func (p *brokerProcess) clean() {
	p.kill()
	if p.mapper != nil && p.mapper.Process != nil {
		_ = p.mapper.Process.Kill()
		_ = p.mapper.Wait()
	}
	_ = os.RemoveAll(p.folder)
}
