//go:build unix

package cli

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// lockFile locks a file for this process and those that inherit it, or says errRunning.
func lockFile(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) //nolint:gosec // a file's number is an int
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errRunning
	}
	return err
}

// terminate asks a process to end.
func terminate(process int) error { return syscall.Kill(process, syscall.SIGTERM) }

// detach keeps Ctrl-C of this terminal from a process that is about to start.
func detach(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
