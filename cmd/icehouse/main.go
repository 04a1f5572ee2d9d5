// Command icehouse is the platform: its server in every role, and the command
// line that deploys services to it.
package main

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/term"

	"icehouse/cmd/icehouse/internal/cli"
)

func main() { os.Exit(run()) }

// run hands the process over as a value; nothing else looks at it.
func run() int {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	dir, _ := os.Getwd()
	home, _ := os.UserHomeDir()
	program := "icehouse"
	if self, err := os.Executable(); err == nil {
		found, _ := exec.LookPath(program)
		if target, _ := filepath.EvalSymlinks(found); target != self {
			program = self
		}
	}
	p := cli.Process{
		Program: program, Args: os.Args[1:], Env: os.LookupEnv, Dir: dir, Home: home, Now: time.Now, Signals: signals,
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}
	if info, err := os.Stdout.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		p.Color = os.Getenv("NO_COLOR") == ""
		p.Open = open
	}
	if stdin := int(os.Stdin.Fd()); term.IsTerminal(stdin) {
		p.Secret = func() (string, error) {
			text, err := term.ReadPassword(stdin)
			return string(text), err
		}
	}
	return cli.Run(context.Background(), p)
}

// open shows a page in the browser, by the program that each system has for that.
func open(url string) error {
	command := []string{"xdg-open"}
	switch runtime.GOOS {
	case "darwin":
		command = []string{"open"}
	case "windows":
		command = []string{"rundll32", "url.dll,FileProtocolHandler"}
	}
	return exec.Command(command[0], append(command[1:], url)...).Start()
}
