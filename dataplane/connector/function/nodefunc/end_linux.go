package nodefunc

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

// attributes make a process the head of a group, which ends with the server.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// limitMemory limits what a process can have beside the heap of its scripts.
func limitMemory(pid int, bytes uint64) {
	limit := syscall.Rlimit{Cur: bytes, Max: bytes}
	_, _, _ = syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_DATA, uintptr(unsafe.Pointer(&limit)), 0, 0, 0) // it is gone, or limited by its heap alone
}

// children are the processes that a process has started, and those that they have.
func children(pid int) []int {
	var out []int
	lists, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, id := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(id); err == nil {
				out = append(append(out, child), children(child)...)
			}
		}
	}
	return out
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
