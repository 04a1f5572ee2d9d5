// Package npm puts programs of the npm registry on the disk for tests.
//
// In: the files of a folder: package.json, its lock file and what else the program
// needs. Out: the folder with the locked packages installed, below .cache of the
// checkout; it is made once for all test binaries, and anew when a file changes.
// Callers: the test helpers beside this package. node and npm must be on the
// machine.
package npm

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
)

// Install makes the folder, below a parent of this name, and returns its path.
// Install scripts of packages do not run.
func Install(name string, files map[string][]byte) (string, error) {
	root, err := checkout()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(root, ".cache", name, digest(files))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	done := filepath.Join(folder, "done")
	if _, err := os.Stat(done); err == nil {
		return folder, nil
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			return "", err
		}
	}
	npm := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	npm.Dir = folder
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w\n%s", err, bytes.TrimSpace(out))
	}
	return folder, os.WriteFile(done, nil, 0o644)
}

// digest names the content of the files.
func digest(files map[string][]byte) string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	sum := sha256.New()
	for _, name := range names {
		fmt.Fprintf(sum, "%s %d\n", name, len(files[name]))
		sum.Write(files[name])
	}
	return hex.EncodeToString(sum.Sum(nil))[:16]
}

// checkout is the root folder of this module.
func checkout() (string, error) {
	_, file, _, _ := runtime.Caller(0)
	for dir := filepath.Dir(file); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod above %s", file)
		}
	}
}
