package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"icehouse/cmd/icehouse/internal/atomicfile"
	"icehouse/cmd/icehouse/internal/config"
	"icehouse/cmd/icehouse/internal/graphcoolrc"
	"icehouse/cmd/icehouse/internal/systemapi"
)

// A local cluster is the dev server in the background (platform §5.5). It lives in a
// folder of the home directory:
//
//	~/.icehouse/local/NAME/
//	  lock         held by the server for as long as it lives, whatever ends it
//	  server.json  its process and ports
//	  log          what it says
//	  data/        its data folder
type localCommand struct {
	Up      localUpCommand      `cmd:"" help:"Start a server in the background, and make it a cluster of yours."`
	Stop    localStopCommand    `cmd:"" help:"Stop a local server; its data stay."`
	Restart localRestartCommand `cmd:"" help:"Stop a local server and start it again."`
	Ps      localPsCommand      `cmd:"" help:"List the local servers."`
	Pull    localPullCommand    `cmd:"" help:"Say how a local server is updated."`
	Eject   localEjectCommand   `cmd:"" help:"Write files that run the server in containers."`
}

const (
	firstPort          = 60000
	firstFunctionsPort = 60050
	mostPorts          = 50
	longestStart       = 30 * time.Second
	longestStop        = 20 * time.Second // more than a server's grace
	askEvery           = 50 * time.Millisecond
)

type localName struct {
	Name string `short:"n" default:"local" help:"The name of the cluster."`
	output
}

// localServer is the folder of a local cluster.
type localServer struct {
	name, dir string
}

// localState is what server.json says.
type localState struct {
	Process       int `json:"process"`
	Port          int `json:"port"`
	FunctionsPort int `json:"functionsPort"`
}

func (s localState) url() string { return "http://localhost:" + strconv.Itoa(s.Port) }

var localNames = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,62}$`)

func (s *session) localServer(name string) (localServer, error) {
	if s.Home == "" {
		return localServer{}, errors.New("there is no home directory to keep local servers in")
	}
	if !localNames.MatchString(name) || name == "default" {
		return localServer{}, fmt.Errorf("%q can't name a local cluster: want letters, digits, - and _", name)
	}
	return localServer{name, filepath.Join(s.Home, ".icehouse", "local", name)}, nil
}

func (l localServer) file(name string) string { return filepath.Join(l.dir, name) }

// errRunning says that another process holds the lock.
var errRunning = errors.New("it is running")

// lock takes the server's lock. A server inherits it and holds it until it ends, so that
// whoever gets it knows that no server runs.
func (l localServer) lock() (*os.File, error) {
	f, err := os.OpenFile(l.file("lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (l localServer) running() (bool, error) {
	f, err := l.lock()
	switch {
	case errors.Is(err, errRunning):
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	}
	return false, f.Close()
}

func (l localServer) state() (localState, error) {
	var state localState
	text, err := os.ReadFile(l.file("server.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return state, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &state)
	}
	return state, err
}

type localUpCommand struct {
	Port          int `help:"Port of the APIs; else the one that it had, or the first that is free from 60000."`
	FunctionsPort int `help:"Port for uploads of functions; else as it was, or free from 60050."`
	localName
}

// Run starts the server, waits until it answers and keeps it as a cluster.
func (c *localUpCommand) Run(s *session) error {
	l, err := s.localServer(c.Name)
	if err != nil {
		return err
	}
	state, err := s.up(l, c.Port, c.FunctionsPort)
	if err != nil {
		return err
	}
	return c.show(s, map[string]any{"cluster": l.name, "url": state.url(), "process": state.Process, "data": l.file("data"), "log": l.file("log")}, func() {
		s.printf("Cluster %s answers at %s (process %d).\n", l.name, state.url(), state.Process)
		s.printf("%-10s %s\n%-10s %s\n", "Data:", l.file("data"), "Log:", l.file("log"))
		s.printf("Next: %s deploy --new-service NAME --new-service-cluster %s\n", s.Program, l.name)
	})
}

func (s *session) up(l localServer, port, functionsPort int) (localState, error) {
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return localState{}, err
	}
	before, err := l.state()
	if err != nil {
		return localState{}, err
	}
	lock, err := l.lock()
	if errors.Is(err, errRunning) {
		return localState{}, fmt.Errorf("cluster %s is running already, at %s; stop it with: %s local stop --name %s", l.name, before.url(), s.Program, l.name)
	}
	if err != nil {
		return localState{}, err
	}
	defer lock.Close() // the server holds it by itself
	state := localState{}
	if state.Port, err = choosePort(port, before.Port, firstPort); err != nil {
		return state, err
	}
	if state.FunctionsPort, err = choosePort(functionsPort, before.FunctionsPort, firstFunctionsPort); err != nil {
		return state, err
	}
	ended, err := s.start(l, lock, &state)
	if err != nil {
		return state, err
	}
	text, err := json.Marshal(state)
	if err == nil {
		err = atomicfile.Replace(l.file("server.json"), append(text, '\n'), 0o600)
	}
	if err == nil {
		err = s.await(l, state, ended)
	}
	if err != nil {
		_ = terminate(state.Process) // it has ended by itself, perhaps
	}
	return state, err
}

// start runs the dev server on its own, with the lock.
func (s *session) start(l localServer, lock *os.File, state *localState) (ended <-chan error, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(l.file("log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	c := exec.Command(self, "dev", "--announce", "none", "--port", strconv.Itoa(state.Port), //nolint:noctx // it outlives this process
		"--functions-port", strconv.Itoa(state.FunctionsPort), "--data-dir", l.file("data"))
	c.Dir, c.Stdout, c.Stderr, c.ExtraFiles = l.dir, log, log, []*os.File{lock}
	detach(c)
	if err := c.Start(); err != nil {
		return nil, err
	}
	state.Process = c.Process.Pid
	end := make(chan error, 1)
	go func() { end <- c.Wait() }() // ends with the server or this process
	return end, nil
}

// await waits until the server lets its owner in, and keeps it as a cluster.
func (s *session) await(l localServer, state localState, ended <-chan error) error {
	ctx, stop := context.WithTimeout(s.ctx, longestStart)
	defer stop()
	api := systemapi.Client{Host: state.url(), HTTP: systemapi.NewHTTP()}
	defer api.HTTP.CloseIdleConnections()
	for {
		master, err := s.localMasterToken(l)
		if err == nil {
			var token string
			if token, err = api.Authenticate(ctx, master); err == nil {
				return s.keepLocal(l, state, token)
			}
		}
		select {
		case <-ended:
			return fmt.Errorf("the server ended at once; its log %s ends with:\n%s", l.file("log"), lastLines(l.file("log")))
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w; see its log %s", err, l.file("log"))
		case <-time.After(askEvery):
		}
	}
}

// localMasterToken is the environment's, which the server takes as well, or the one that
// it made.
func (s *session) localMasterToken(l localServer) (string, error) {
	if token, ok := s.Env("MASTER_TOKEN"); ok && token != "" {
		return token, nil
	}
	text, err := os.ReadFile(filepath.Join(l.file("data"), config.MasterTokenFile))
	return strings.TrimSpace(string(text)), err
}

func (s *session) keepLocal(l localServer, state localState, token string) error {
	env, err := graphcoolrc.Load("", s.Home, s.sources())
	if err != nil {
		return err
	}
	return env.SaveCluster(graphcoolrc.Cluster{
		Name: l.name, Host: state.url(), FaaSHost: "http://localhost:" + strconv.Itoa(state.FunctionsPort), Secret: token,
	}, true)
}

// choosePort is the given port, or the one from before if it is free, or the first free one.
func choosePort(given, before, first int) (int, error) {
	if given != 0 {
		if !free(given) {
			return 0, fmt.Errorf("port %d is taken", given)
		}
		return given, nil
	}
	if before != 0 && free(before) {
		return before, nil
	}
	for port := first; port < first+mostPorts; port++ {
		if free(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no port is free from %d to %d: give one", first, first+mostPorts-1)
}

func free(port int) bool {
	listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)) //nolint:noctx // it waits for nobody
	if err != nil {
		return false
	}
	return listener.Close() == nil
}

// lastLines are the last lines of a log.
func lastLines(name string) string {
	const most = 2000
	f, err := os.Open(name)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil {
		_, _ = f.Seek(max(0, info.Size()-most), io.SeekStart)
	}
	text, _ := io.ReadAll(io.LimitReader(f, most))
	return strings.TrimSpace(string(text))
}

type localStopCommand struct{ localName }

// Run stops the server.
func (c *localStopCommand) Run(s *session) error {
	l, err := s.localServer(c.Name)
	if err != nil {
		return err
	}
	was, err := s.stop(l)
	if err != nil {
		return err
	}
	return c.show(s, map[string]any{"cluster": l.name, "stopped": was}, func() {
		if was {
			s.printf("Stopped cluster %s.\n", l.name)
		} else {
			s.printf("Cluster %s does not run.\n", l.name)
		}
	})
}

// stop asks the server to end and waits for it.
func (s *session) stop(l localServer) (was bool, err error) {
	if was, err = l.running(); err != nil || !was {
		return false, err
	}
	state, err := l.state()
	if err == nil && state.Process <= 1 {
		err = errors.New("it is just starting; try again")
	}
	if err == nil {
		err = terminate(state.Process)
	}
	if err != nil {
		return true, fmt.Errorf("stop cluster %s: %w", l.name, err)
	}
	ctx, end := context.WithTimeout(s.ctx, longestStop)
	defer end()
	for {
		if still, err := l.running(); err != nil || !still {
			return true, err
		}
		select {
		case <-ctx.Done():
			return true, fmt.Errorf("cluster %s (process %d) has not ended after %s", l.name, state.Process, longestStop)
		case <-time.After(askEvery):
		}
	}
}

type localRestartCommand struct{ localName }

// Run stops the server and starts it with the same ports.
func (c *localRestartCommand) Run(s *session) error {
	l, err := s.localServer(c.Name)
	if err != nil {
		return err
	}
	if _, err := s.stop(l); err != nil {
		return err
	}
	return (&localUpCommand{localName: c.localName}).Run(s)
}

type localPsCommand struct{ output }

// Run lists the local servers.
func (c *localPsCommand) Run(s *session) error {
	entries, err := os.ReadDir(filepath.Join(s.Home, ".icehouse", "local"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	all := []map[string]any{}
	var rows [][]string
	for _, e := range entries {
		l, err := s.localServer(e.Name())
		if err != nil || !e.IsDir() {
			continue // no folder of ours
		}
		running, err := l.running()
		if err != nil {
			return err
		}
		state, err := l.state()
		if err != nil {
			return err
		}
		all = append(all, map[string]any{"cluster": l.name, "running": running, "url": state.url(), "process": state.Process})
		rows = append(rows, []string{l.name, map[bool]string{true: "running", false: "stopped"}[running], state.url(), strconv.Itoa(state.Process)})
	}
	return c.show(s, all, func() { s.table([]string{"CLUSTER", "STATE", "ADDRESS", "PROCESS"}, rows) })
}

type localPullCommand struct{ localName }

// Run says that there is nothing to pull.
func (c *localPullCommand) Run(s *session) error {
	version, _ := built()
	return c.show(s, map[string]any{"version": version, "pulled": false}, func() {
		s.printf("There are no images: a local server is this program (%s). Put a newer one in its place, then: %s local restart --name %s\n",
			version, cmp.Or(s.Program, "icehouse"), c.Name)
	})
}
