// Package graphcoolcli runs the original command line, npm's graphcool-framework of
// 2017, unmodified, so that tests can hold our server against the client that users
// of the original have.
//
// In: the home and the folder of a user, arguments, and what to type. Out: what it
// wrote, and how it ended. Only tests call it. The locked version is installed as the
// oracle is (package npm); node and npm must be on the machine. It can't look up any
// name but localhost, and its error reports go to nobody: they, and the user's token
// with them, would go to hosts of the original. It runs without node's own fetch, which
// is younger than it is and does not send its bundles; it brings one of its own.
package graphcoolcli

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"icehouse/deploy/testbed/npm"
)

var (
	//go:embed package.json
	packageJSON []byte
	//go:embed package-lock.json
	packageLock []byte
	//go:embed offline.cjs
	offline []byte
)

// CLI is the installed command line.
type CLI struct{ folder string }

// Install puts it on the disk.
func Install() (CLI, error) {
	folder, err := npm.Install("graphcool-cli", map[string][]byte{"package.json": packageJSON, "package-lock.json": packageLock, "offline.cjs": offline})
	return CLI{folder}, err
}

// User is who runs it.
type User struct {
	Home string   // has the .graphcoolrc
	Dir  string   // working directory
	Env  []string // NAME=VALUE; beside these, only what node needs to run
}

// Answer is typed when the command line asks: when it has written the question since
// the last answer.
type Answer struct{ Question, Keys string }

// Result is what came of a run.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// patience is how long a run may take.
const patience = 2 * time.Minute

// Run runs one command. An error says that it could not be run, or did not end, or did
// not ask as expected.
func (c CLI) Run(u User, answers []Answer, args ...string) (Result, error) {
	node := exec.Command("node", append([]string{"--no-warnings", filepath.Join(c.folder, "node_modules", "graphcool-framework", "dist", "index.js")}, args...)...)
	node.Dir = u.Dir
	node.Env = append([]string{"HOME=" + u.Home, "PATH=" + os.Getenv("PATH"), "NODE_OPTIONS=--no-experimental-fetch --require=" + filepath.Join(c.folder, "offline.cjs")}, u.Env...)
	in, err := node.StdinPipe()
	if err != nil {
		return Result{}, err
	}
	typist := &typist{answers: answers, keys: in}
	var stderr bytes.Buffer
	node.Stdout, node.Stderr = typist, &stderr
	if err := node.Start(); err != nil {
		return Result{}, err
	}
	if len(answers) == 0 {
		_ = in.Close() // nobody will type
	}
	late := time.AfterFunc(patience, func() { _ = node.Process.Kill() }) // it may have ended just now
	err = node.Wait()
	result := Result{Stdout: typist.seen.String(), Stderr: stderr.String(), Code: node.ProcessState.ExitCode()}
	var ended *exec.ExitError
	switch {
	case !late.Stop():
		return result, fmt.Errorf("it did not end within %s", patience)
	case err != nil && !errors.As(err, &ended):
		return result, err
	case len(typist.answers) > 0:
		return result, fmt.Errorf("it never asked %q", typist.answers[0].Question)
	}
	return result, nil
}

// typist reads what the command line writes, and types the answers.
type typist struct {
	answers []Answer
	keys    io.WriteCloser
	seen    bytes.Buffer
	from    int // what was written before the last answer asks nothing
}

func (t *typist) Write(p []byte) (int, error) {
	t.seen.Write(p)
	if len(t.answers) == 0 {
		return len(p), nil
	}
	next := t.answers[0]
	if !strings.Contains(string(t.seen.Bytes()[t.from:]), next.Question) {
		return len(p), nil
	}
	t.from, t.answers = t.seen.Len(), t.answers[1:]
	// A command line that has ended reads no keys; how it ended is told by its code.
	_, _ = io.WriteString(t.keys, next.Keys)
	if len(t.answers) == 0 {
		_ = t.keys.Close()
	}
	return len(p), nil
}
