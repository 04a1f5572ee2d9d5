//go:build unix

package nodefunc

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"icehouse/dataplane/connector/function"
	"icehouse/dataplane/connector/function/nodecode"
	"icehouse/tenancy/isolation"
)

//go:embed host.js
var host []byte

// What a process has in PATH beside the folder of Node.
const commands = "/usr/local/bin:/usr/bin:/bin"

// grace is how long Close waits for calls.
const grace = 5 * time.Second

// attempts is how many processes may turn out to be gone before one begins the call.
const attempts = 5

// Open makes the product, with function.DefaultMemory, at most 32 processes, 8 of them
// for one project and 4 for one version, each kept for 5 minutes after its last call. That
// there is no Node is no error yet.
func Open(o Options) (function.Driver, error) {
	for option, byDefault := range map[*int]int{&o.Memory: function.DefaultMemory, &o.Processes: 32, &o.PerProject: 8, &o.PerVersion: 4} {
		if *option == 0 {
			*option = byDefault
		}
	}
	if o.Idle == 0 {
		o.Idle = 5 * time.Minute
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	o.Dir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	sweepRuns(dir)
	run, err := os.MkdirTemp(dir, fmt.Sprintf("%s%d-", runs, os.Getpid()))
	if err != nil {
		return nil, err
	}
	script := filepath.Join(run, "host.js")
	// Node looks upwards for a package.json that says how to read modules.
	if err := errors.Join(os.WriteFile(script, host, 0o600), os.WriteFile(filepath.Join(run, "code.cjs"), nodecode.Script, 0o600), os.WriteFile(filepath.Join(dir, "package.json"), []byte("{}\n"), 0o600)); err != nil {
		return nil, err
	}
	d := &driver{Options: o, run: run, script: script, pool: newPool(), deploying: map[string]chan struct{}{}}
	d.workers.Go(d.start)
	d.workers.Go(d.endIdle)
	return d, nil
}

func (d *driver) Features() function.Features { return function.Features{Product: "node", Files: true} }

// node finds Node.
func (d *driver) node() (string, error) {
	if d.Node != "" {
		return d.Node, nil
	}
	path, err := exec.LookPath("node")
	if err != nil {
		return "", noNode(err)
	}
	return path, nil
}

func noNode(cause error) error {
	return &function.Error{Kind: function.Unavailable, Text: "functions with code need Node.js on the server, and there is none: install Node.js 18 or later", Cause: cause}
}

func (d *driver) Deploy(ctx context.Context, scope isolation.Scope, c function.Code) error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.calls.Done()
	node, err := d.node()
	if err != nil {
		return err
	}
	if _, err := os.Stat(node); err != nil {
		return noNode(err)
	}
	return d.deploy(ctx, key{scope.Namespace(), c.Name, c.Version}, c)
}

func (d *driver) Remove(ctx context.Context, scope isolation.Scope, keep []function.Version) error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.calls.Done()
	return d.remove(ctx, scope.Namespace(), keep)
}

func (d *driver) Invoke(ctx context.Context, scope isolation.Scope, c function.Call) (function.Output, error) {
	if err := d.enter(); err != nil {
		return function.Output{}, err
	}
	defer d.calls.Done()
	s, err := d.find(ctx, key{scope.Namespace(), c.Name, c.Version})
	if err != nil {
		return function.Output{}, err
	}
	for range attempts {
		p, err := d.acquire(ctx, s, c.Nested)
		if err != nil {
			return function.Output{}, err
		}
		out, begun, err := p.call(ctx, c.Event)
		if begun {
			return out, err
		}
	}
	return function.Output{}, &function.Error{Kind: function.Unavailable, Text: "the function's processes ended before they began the call"}
}

// enter counts a call, so that Close waits for it.
func (d *driver) enter() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return closing()
	}
	d.calls.Add(1)
	return nil
}

func closing() error {
	return &function.Error{Kind: function.Unavailable, Text: "the server that runs functions stops"}
}

// Close lets calls end for a while, then ends all processes.
func (d *driver) Close() error {
	d.close()
	ended := make(chan struct{})
	go func() {
		d.calls.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(grace):
		d.kill()
		<-ended
	}
	d.processes.Wait()
	d.stop.Do(func() { close(d.stopped) })
	d.workers.Wait()
	return os.RemoveAll(d.run)
}

// shown is a text with the paths that its owner knows.
func (p *process) shown(text string) string {
	const separator = string(filepath.Separator)
	return strings.NewReplacer(p.set.root+separator, "", p.driver.run+separator, "").Replace(text)
}
