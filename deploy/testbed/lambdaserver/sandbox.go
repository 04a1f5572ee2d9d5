//go:build unix

package lambdaserver

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

//go:embed runtime.mjs
var script []byte

// sandbox is a process with one function.
type sandbox struct {
	server *Server
	of     *lambda
	id     string
	home   string
	cmd    *exec.Cmd
	said   *output
	calls  chan call     // for the process to take
	ends   chan ending   // what it says of a call
	exited chan struct{} // closed when it has ended
	killed sync.Once
	begun  sync.Once // it has asked for a call, or ended
}

type call struct {
	id, event string
	deadline  time.Time
}

// ending is what a process says of a call; of its module when there is no id.
type ending struct {
	id      string
	failed  bool
	payload []byte
}

// result is what a client gets.
type result struct {
	failed  bool
	payload []byte
	log     []byte
}

// run runs a function once.
func (s *Server) run(ctx context.Context, f *lambda, event []byte) (result, error) {
	began := time.Now()
	c := call{id: requestID(), event: string(event)}
	b, e, peak, err := s.attempt(ctx, f, c)
	if err != nil {
		return result{}, err
	}
	if len(e.payload) > maxResponse {
		e = ending{c.id, true, errorPayload("Function.ResponseSizeTooLarge", fmt.Sprintf("Response payload size (%d bytes) exceeded maximum allowed payload size (%d bytes).", len(e.payload), maxResponse))}
	}
	took := time.Since(began)
	b.said.say("END RequestId: " + c.id)
	b.said.say(fmt.Sprintf("REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t",
		c.id, float64(took.Microseconds())/1000, took.Milliseconds()+1, f.MemorySize, min(peak>>20, int64(f.MemorySize))))
	log := b.said.take()
	s.release(b)
	return result{e.failed, e.payload, log}, nil
}

// attempt runs a call in a sandbox. One that ends before it takes the call is none.
func (s *Server) attempt(ctx context.Context, f *lambda, c call) (*sandbox, ending, int64, error) {
	for {
		b, fresh, err := s.sandbox(f)
		if err != nil {
			return nil, ending{}, 0, err
		}
		c.deadline = time.Now().Add(time.Duration(f.Timeout) * time.Second)
		b.said.say("START RequestId: " + c.id + " Version: $LATEST")
		if e, peak, begun := b.call(ctx, c); begun || fresh {
			return b, e, peak, nil
		}
	}
}

func errorPayload(kind, message string) []byte {
	text, _ := json.Marshal(map[string]string{"errorType": kind, "errorMessage": message}) // two texts
	return text
}

// call lets the process run a call, and ends it when it takes too much. It has begun
// when the process has taken it.
func (b *sandbox) call(ctx context.Context, c call) (e ending, peak int64, begun bool) {
	failed := func(kind, message string) (ending, int64, bool) {
		return ending{c.id, true, errorPayload(kind, "RequestId: "+c.id+" Error: "+message)}, peak, begun
	}
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	late := time.NewTimer(time.Until(c.deadline))
	defer late.Stop()
	for calls := b.calls; ; {
		select {
		case calls <- c:
			calls, begun = nil, true
		case e = <-b.ends:
			if e.id == "" || e.id == c.id {
				return e, peak, begun
			}
		case <-b.exited:
			select {
			case e = <-b.ends: // it has said so before it ended
				if e.id == "" || e.id == c.id {
					return e, peak, begun
				}
			default:
			}
			return failed("Runtime.ExitError", b.how())
		case <-ctx.Done(): // nobody waits for it
			b.kill()
			begun = true
			return failed("Runtime.ExitError", "Runtime exited with error: signal: killed")
		case <-late.C:
			b.kill()
			begun = true
			return failed("Sandbox.Timedout", fmt.Sprintf("Task timed out after %d.00 seconds", b.of.Timeout))
		case <-look.C:
			used := b.memory()
			if peak = max(peak, used); used > int64(b.of.MemorySize)<<20 {
				b.kill()
				begun = true
				return failed("Runtime.OutOfMemory", "Runtime exited with error: signal: killed")
			}
		}
	}
}

// how says how the process has ended.
func (b *sandbox) how() string {
	state, _ := b.cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case state.Signaled():
		return "Runtime exited with error: signal: " + state.Signal().String()
	case state.ExitStatus() != 0:
		return fmt.Sprintf("Runtime exited with error: exit status %d", state.ExitStatus())
	default:
		return "Runtime exited without providing a reason"
	}
}

// memory is how many bytes the process has.
func (b *sandbox) memory() int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", b.cmd.Process.Pid)) // it is gone, or not Linux
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// sandbox is one that waits, or a fresh one. Few start at a time: whoever waits for that
// takes one that becomes free before.
func (s *Server) sandbox(f *lambda) (b *sandbox, fresh bool, err error) {
	s.mu.Lock()
	for {
		if b := s.takeIdle(f); b != nil {
			s.mu.Unlock()
			return b, false, nil
		}
		if s.starting < together {
			break
		}
		s.changed.Wait()
	}
	s.starting++
	f.users++
	s.mu.Unlock()
	if b, err = s.start(f); err != nil {
		s.mu.Lock()
		s.starting--
		f.users--
		s.mu.Unlock()
		s.changed.Broadcast()
	}
	return b, true, err
}

// takeIdle takes the sandbox that became free last.
func (s *Server) takeIdle(f *lambda) *sandbox {
	for i := len(s.idle) - 1; i >= 0; i-- {
		b := s.idle[i]
		if b.of != f {
			continue
		}
		s.idle = slices.Delete(s.idle, i, i+1)
		select {
		case <-b.exited:
		default:
			b.signal(syscall.SIGCONT)
			return b
		}
	}
	return nil
}

// signal tells the process something. Between calls it is stopped, with all that it has started.
func (b *sandbox) signal(what syscall.Signal) {
	select {
	case <-b.exited: // and its id may be another's
	default:
		_ = syscall.Kill(-b.cmd.Process.Pid, what)
	}
}

// started lets others start.
func (b *sandbox) started() {
	b.begun.Do(func() {
		s := b.server
		s.mu.Lock()
		s.starting--
		s.mu.Unlock()
		s.changed.Broadcast()
	})
}

func (s *Server) start(f *lambda) (_ *sandbox, err error) {
	b := &sandbox{server: s, of: f, id: requestID(), calls: make(chan call), ends: make(chan ending, 1), exited: make(chan struct{})}
	if b.home, err = os.MkdirTemp(s.dir, "sandbox-"); err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = w.Close() }()
	if b.said, err = newOutput(r); err != nil {
		return nil, err
	}
	b.cmd = exec.Command(s.node, fmt.Sprintf("--max-old-space-size=%d", f.MemorySize), filepath.Join(s.dir, "runtime.mjs"))
	b.cmd.Dir, b.cmd.Stdout, b.cmd.Stderr = f.folder, w, w
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	b.cmd.Env = []string{
		b.mark(), "TMPDIR=" + b.home, "HOME=" + b.home, "PATH=" + filepath.Dir(s.node) + ":/usr/local/bin:/usr/bin:/bin", "LANG=en_US.UTF-8", "TZ=:UTC",
		"_HANDLER=" + f.Handler, "LAMBDA_TASK_ROOT=" + f.folder, "AWS_LAMBDA_RUNTIME_API=" + s.http.Listener.Addr().String() + "/" + b.id,
		"AWS_LAMBDA_FUNCTION_NAME=" + f.FunctionName, "AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(f.MemorySize),
		"AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region, "AWS_ACCESS_KEY_ID=role", "AWS_SECRET_ACCESS_KEY=role", "AWS_SESSION_TOKEN=role",
	}
	if f.Environment != nil {
		for name, value := range f.Environment.Variables {
			b.cmd.Env = append(b.cmd.Env, name+"="+value)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New("the server is closed")
	}
	if err := b.cmd.Start(); err != nil {
		return nil, err
	}
	s.waiting[b.id] = b
	s.running.Go(b.live)
	return b, nil
}

// mark is what the environment of the process and of those that it starts has.
func (b *sandbox) mark() string { return "AWS_LAMBDA_LOG_STREAM_NAME=" + b.id }

// live waits for the end of the process, and cleans up.
func (b *sandbox) live() {
	var following sync.WaitGroup
	following.Go(b.said.follow)
	_ = b.cmd.Wait() // what it says is in ProcessState
	for range 20 {
		left := strays(b.mark())
		if len(left) == 0 {
			break
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(time.Millisecond)
	}
	_ = b.said.pipe.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	following.Wait()
	close(b.exited)
	b.started()
	_ = os.RemoveAll(b.home)
	s := b.server
	s.mu.Lock()
	delete(s.waiting, b.id)
	s.idle = slices.DeleteFunc(s.idle, func(other *sandbox) bool { return other == b })
	b.of.users--
	last := b.of.deleted && b.of.users == 0
	s.mu.Unlock()
	if last {
		_ = os.RemoveAll(b.of.folder)
	}
}

// strays are processes whose environment has an entry.
func strays(entry string) []int {
	var out []int
	folders, _ := os.ReadDir("/proc")
	for _, f := range folders {
		pid, err := strconv.Atoi(f.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		environ, _ := os.ReadFile("/proc/" + f.Name() + "/environ")
		if bytes.Contains(append([]byte{0}, environ...), []byte("\x00"+entry+"\x00")) {
			out = append(out, pid)
		}
	}
	return out
}

// kill ends the process; live ends what it has started.
func (b *sandbox) kill() {
	b.killed.Do(func() { b.signal(syscall.SIGKILL) })
	<-b.exited
}

// release keeps a sandbox for the next call.
func (s *Server) release(b *sandbox) {
	s.mu.Lock()
	var over *sandbox
	select {
	case <-b.exited:
	default:
		switch {
		case b.of.deleted || s.closed:
			over = b
		default:
			b.signal(syscall.SIGSTOP)
			if s.idle = append(s.idle, b); len(s.idle) > warm {
				over, s.idle = s.idle[0], s.idle[1:]
			}
		}
	}
	s.mu.Unlock()
	s.changed.Broadcast()
	if over != nil {
		over.kill()
	}
}

// next is the Runtime API's question for a call.
func (s *Server) next(w http.ResponseWriter, r *http.Request) {
	b := s.asking(r)
	if b == nil {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	b.started()
	select {
	case c := <-b.calls:
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", c.id)
		w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(c.deadline.UnixMilli(), 10))
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", b.of.FunctionArn)
		_, _ = io.WriteString(w, c.event)
	case <-b.exited:
	case <-r.Context().Done():
	}
}

// done is what the Runtime API is told of a call, or of a module that can't be loaded.
func (s *Server) done(w http.ResponseWriter, r *http.Request) {
	b := s.asking(r)
	payload, err := io.ReadAll(io.LimitReader(r.Body, 64<<20))
	if b == nil || err != nil {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	select {
	case b.ends <- ending{r.PathValue("id"), r.PathValue("how") != "response", payload}:
	default: // nobody asked
	}
	w.WriteHeader(http.StatusAccepted)
}

func (s *Server) asking(r *http.Request) *sandbox {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting[r.PathValue("sandbox")]
}
