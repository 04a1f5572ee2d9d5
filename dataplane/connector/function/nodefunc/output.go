//go:build unix

package nodefunc

import (
	"bytes"
	"os"
	"strings"
	"sync"
	"syscall"
	"unicode/utf8"

	"icehouse/dataplane/connector/function"
)

// output is what a process says on one stream: the end of it.
type output struct {
	key  string
	pipe *os.File
	raw  syscall.RawConn

	mu     sync.Mutex
	text   []byte
	cut    bool
	buffer [8 << 10]byte
	end    bool
}

// several is how many times a stream is read before others may have the lock. It is more
// than a pipe holds.
const several = 64

func newOutput(key string, pipe *os.File) (*output, error) {
	raw, err := pipe.SyscallConn()
	return &output{key: key, pipe: pipe, raw: raw}, err
}

// follow reads until nobody has the other end any more.
func (o *output) follow() {
	for {
		end := false
		err := o.raw.Read(func(fd uintptr) bool {
			o.mu.Lock()
			defer o.mu.Unlock()
			more := o.read(fd)
			end = o.end
			return more || end
		})
		if end || err != nil {
			return
		}
	}
}

// read takes what is in the pipe, and says whether there may be more.
func (o *output) read(fd uintptr) bool {
	for range several {
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
	if over := len(o.text) + len(said) - function.MaxLog; over > 0 {
		o.cut = true
		fromText := min(over, len(o.text))
		o.text = o.text[:copy(o.text, o.text[fromText:])]
		said = said[over-fromText:]
	}
	o.text = append(o.text, said...)
}

// take returns what was said since it was called last. What a process wrote before it
// answered is in the pipe by now, if it was not read yet.
func (o *output) take() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	_ = o.raw.Control(func(fd uintptr) { o.read(fd) }) // closed: there is no more
	text := o.text
	if o.cut { // perhaps within a character
		for i := 0; i < utf8.UTFMax && len(text) > 0 && !utf8.RuneStart(text[0]); i++ {
			text = text[1:]
		}
	}
	said := string(bytes.TrimSpace(bytes.ToValidUTF8(text, []byte("\uFFFD"))))
	o.text, o.cut = o.text[:0], false
	return strings.Clone(said)
}
