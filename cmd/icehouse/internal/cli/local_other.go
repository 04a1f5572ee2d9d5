//go:build !unix

package cli

import (
	"errors"
	"os"
	"os/exec"
)

// Locks that are inherited, and requests to end, are Unix's.
var errNoLocal = errors.New("servers run in the background on Unix systems only; here, leave one open in a terminal with: icehouse dev")

func lockFile(*os.File) error { return errNoLocal }

func terminate(int) error { return errNoLocal }

func detach(*exec.Cmd) {}
