//go:build unix

package nodefunc

import (
	"bufio"
	"container/list"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"icehouse/dataplane/connector/function"
	"icehouse/dataplane/connector/function/nodecode"
)

// process is Node with one version's module.
type process struct {
	driver *driver
	set    *set

	// Under the pool's lock.
	place *list.Element // among the idle ones
	since time.Time     // when it became idle
	gone  bool

	cmd    *exec.Cmd
	home   string
	events *os.File
	frames chan frame // closed when everything has ended
	said   [2]*output
	used   bool

	mu     sync.Mutex // of what follows, and of setting cmd
	doomed bool
	reaped bool // and its id may be another's
}

// frame is what host.js sends.
type frame struct {
	kind byte
	text []byte
}

// The bounds of a process.
const (
	besideHeap = 512 << 20 // bytes: what Node has beside the heap, stacks and code among it
	maxFrame   = function.MaxValue + 1
	goodbye    = time.Second            // for Node to say why a module can't be loaded
	lastWords  = 200 * time.Millisecond // for pipes that somebody holds who can't be found
	rounds     = 20                     // of looking for processes that were left behind
)

// starting is a process for the one thread that starts all.
type starting struct {
	cmd  *exec.Cmd
	done chan error
}

// start starts processes: they end with the thread that has started them.
func (d *driver) start() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		select {
		case <-d.stopped:
			return
		case s := <-d.starts:
			s.done <- s.cmd.Start()
		}
	}
}

// begin starts Node.
func (p *process) begin() (err error) {
	d := p.driver
	node, err := d.node()
	if err != nil {
		return err
	}
	if p.home, err = os.MkdirTemp(d.run, "home-"); err != nil {
		return err
	}
	var files []*os.File
	defer func() {
		if err != nil {
			for _, f := range files {
				_ = f.Close()
			}
			_ = os.RemoveAll(p.home)
		}
	}()
	pipe := func() (r, w *os.File) {
		if err == nil {
			if r, w, err = os.Pipe(); err == nil {
				files = append(files, r, w)
			}
		}
		return r, w
	}
	eventsHere, events := pipe()
	answers, answersHere := pipe()
	stdout, stdoutHere := pipe()
	stderr, stderrHere := pipe()
	if err != nil {
		return err
	}
	for i, name := range []string{"stdout", "stderr"} {
		if p.said[i], err = newOutput(name, []*os.File{stdout, stderr}[i]); err != nil {
			return err
		}
	}
	// Stack traces name the files that the owner wrote, where a bundle has source maps.
	// What was written for Node 6 to 10 leaves rejections unhandled, which was no error.
	cmd := exec.Command(node, fmt.Sprintf("--max-old-space-size=%d", d.Memory>>20), "--enable-source-maps", "--unhandled-rejections=warn", d.script)
	cmd.Dir = p.set.root
	cmd.Env = []string{"PATH=" + filepath.Dir(node) + ":" + commands, "HOME=" + p.home, p.mark()}
	cmd.Stdout, cmd.Stderr = stdoutHere, stderrHere
	cmd.ExtraFiles = []*os.File{eventsHere, answersHere}
	cmd.SysProcAttr = attributes()
	s := starting{cmd, make(chan error, 1)}
	d.starts <- s
	if err = <-s.done; err != nil {
		return err
	}
	for _, theirs := range []*os.File{eventsHere, answersHere, stdoutHere, stderrHere} {
		_ = theirs.Close()
	}
	limitMemory(cmd.Process.Pid, uint64(d.Memory+besideHeap))
	p.mu.Lock()
	p.cmd, p.events, p.frames = cmd, events, make(chan frame, 4)
	doomed := p.doomed
	p.mu.Unlock()
	if doomed {
		p.kill()
	}
	d.processes.Go(func() { p.live(answers) })
	return nil
}

// mark is what the environment of the process and of those that it starts has, and no
// other's.
func (p *process) mark() string { return "TMPDIR=" + p.home }

// live reads what the process answers until it ends, and cleans up.
func (p *process) live(answers *os.File) {
	var following sync.WaitGroup
	for _, o := range p.said {
		following.Go(o.follow)
	}
	p.listen(bufio.NewReader(answers))
	p.driver.dying(p)
	p.kill()
	_ = p.cmd.Wait() // what it says is in ProcessState
	p.mu.Lock()
	p.reaped = true
	p.mu.Unlock()
	for range rounds {
		left := strays(p.mark())
		if len(left) == 0 {
			break
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(time.Millisecond)
	}
	for _, o := range p.said {
		_ = o.pipe.SetReadDeadline(time.Now().Add(lastWords))
	}
	following.Wait()
	close(p.frames)
	_ = answers.Close()
	_ = p.events.Close()
	_ = os.RemoveAll(p.home)
	p.driver.leave(p)
}

// listen passes frames on. It returns when there will be none, or none that can be trusted.
func (p *process) listen(answers *bufio.Reader) {
	for {
		var head [4]byte
		if _, err := io.ReadFull(answers, head[:]); err != nil {
			return
		}
		length := binary.BigEndian.Uint32(head[:])
		if length == 0 || length > maxFrame {
			return
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(answers, body); err != nil {
			return
		}
		select {
		case p.frames <- frame{body[0], body[1:]}:
		default: // nobody asked for so many
			return
		}
	}
}

// kill ends the process and all that it has started.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.doomed = true; p.cmd == nil || p.reaped {
		return
	}
	pid := p.cmd.Process.Pid
	started := children(pid)
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	for _, child := range started {
		_ = syscall.Kill(child, syscall.SIGKILL)
	}
}

// alive reports whether there is a process.
func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// call runs the function once. A process that has ended before it began the call has not
// done anything of it.
func (p *process) call(ctx context.Context, event []byte) (out function.Output, begun bool, err error) {
	stop := context.AfterFunc(ctx, p.kill)
	defer stop()
	first := !p.used
	p.used = true
	for len(p.frames) > 0 { // what nobody asked for
		<-p.frames
	}
	p.send(first, event)
	for f := range p.frames {
		switch f.kind {
		case 's':
			begun = true
			continue
		case 'x': // Node says more, and ends
			impatient := time.AfterFunc(goodbye, p.kill)
			for range p.frames {
			}
			impatient.Stop()
			if ctx.Err() == nil {
				return out, true, p.exception("the function could not be loaded", f.text)
			}
			return out, true, p.failed(ctx)
		}
		logs := p.logs()
		if stop() {
			p.driver.release(p)
		}
		out, err = p.answer(f, logs)
		return out, true, err
	}
	if !begun && !first && ctx.Err() == nil {
		return out, false, nil
	}
	return out, true, p.failed(ctx)
}

// send sends an event, after what to load. If it can't be sent the process ends, and the
// frames say so.
func (p *process) send(first bool, event []byte) {
	var text []byte
	if first {
		what, err := json.Marshal(map[string]any{
			"root": p.set.root, "entry": p.set.Entry, "environment": p.set.Environment, "longest": function.MaxValue,
		})
		if err != nil {
			p.kill()
			return
		}
		text = append(binary.BigEndian.AppendUint32(text, uint32(len(what))), what...)
	}
	text = append(binary.BigEndian.AppendUint32(text, uint32(len(event))), event...)
	if _, err := p.events.Write(text); err != nil {
		p.kill()
	}
}

// answer reads what came of a call.
func (p *process) answer(f frame, logs []function.Log) (function.Output, error) {
	switch f.kind {
	case 'v':
		return function.Output{Value: f.text, Logs: logs}, nil
	case 'u':
		return function.Output{Logs: logs}, nil
	case 'l':
		text := fmt.Sprintf("the function returned %s bytes, of at most %d", f.text, function.MaxValue)
		return function.Output{}, &function.Error{Kind: function.TooLarge, Text: text, Logs: logs}
	default:
		return function.Output{}, p.thrown("", f.text, logs)
	}
}

func (p *process) exception(what string, text []byte) error {
	return p.thrown(what+": ", text, p.logs())
}

// thrown is an exception, from its JSON.
func (p *process) thrown(what string, text []byte, logs []function.Log) error {
	return nodecode.Thrown(what, []byte(p.shown(string(text))), logs)
}

// failed is the error of a call whose process has ended.
func (p *process) failed(ctx context.Context) error {
	logs := p.logs()
	fail := func(kind function.Kind, text string) error { return nodecode.Failed(kind, text, logs) }
	state, _ := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fail(function.TimedOut, fmt.Sprintf("the function took longer than %s", function.DefaultTimeout))
	case ctx.Err() != nil:
		return ctx.Err()
	case p.driver.isClosed():
		return closing()
	case state.Signaled() && outOfMemory(logs):
		return fail(function.OutOfMemory, fmt.Sprintf("the function needed more than %d MB of memory", p.driver.Memory>>20))
	case state.Signaled():
		return fail(function.Crashed, fmt.Sprintf("the function's process was ended by a signal: %s", state.Signal()))
	default:
		return fail(function.Crashed, fmt.Sprintf("the function's process exited with code %d before the function returned", state.ExitStatus()))
	}
}

// outOfMemory reports whether V8 has said so.
func outOfMemory(logs []function.Log) bool {
	for _, l := range logs {
		if l.Key == "stderr" && nodecode.OutOfMemory(l.Text) {
			return true
		}
	}
	return false
}

// logs takes what was said.
func (p *process) logs() []function.Log {
	var out []function.Log
	for _, o := range p.said {
		text := o.take()
		if o.key == "stderr" {
			text = p.shown(text)
		}
		if text != "" {
			out = append(out, function.Log{Key: o.key, Text: text})
		}
	}
	return out
}

func (d *driver) isClosed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closed
}
