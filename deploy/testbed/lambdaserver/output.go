//go:build unix

package lambdaserver

import (
	"os"
	"sync"
	"syscall"
)

// tailSize is what an invocation shows of the log.
const tailSize = 4 << 10

// output is what a sandbox says: the end of it.
type output struct {
	pipe *os.File
	raw  syscall.RawConn

	mu     sync.Mutex
	text   []byte
	buffer [8 << 10]byte
	end    bool
}

func newOutput(pipe *os.File) (*output, error) {
	raw, err := pipe.SyscallConn()
	return &output{pipe: pipe, raw: raw}, err
}

// follow reads until nobody has the other end any more.
func (o *output) follow() {
	for {
		err := o.raw.Read(func(fd uintptr) bool {
			o.mu.Lock()
			defer o.mu.Unlock()
			return o.read(fd) || o.end
		})
		if err != nil || o.ended() {
			return
		}
	}
}

func (o *output) ended() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.end
}

// read takes what is in the pipe, and says whether there may be more.
func (o *output) read(fd uintptr) bool {
	for range 64 { // more than a pipe holds
		n, err := syscall.Read(int(fd), o.buffer[:])
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return false
		case err != nil || n == 0:
			o.end = true
			return false
		default:
			o.keep(o.buffer[:n])
		}
	}
	return true
}

func (o *output) keep(said []byte) {
	o.text = append(o.text, said...)
	if over := len(o.text) - tailSize; over > 0 {
		o.text = o.text[:copy(o.text, o.text[over:])]
	}
}

// say adds a line of the platform's own.
func (o *output) say(line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	_ = o.raw.Control(func(fd uintptr) { o.read(fd) }) // what the function said before
	if len(o.text) > 0 && o.text[len(o.text)-1] != '\n' {
		line = "\n" + line
	}
	o.keep([]byte(line + "\n"))
}

// take returns what was said since it was called last.
func (o *output) take() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := o.text
	o.text = nil
	return text
}
