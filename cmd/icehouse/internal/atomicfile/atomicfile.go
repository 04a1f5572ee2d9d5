// Package atomicfile writes files in one step, so that nobody reads half of one.
//
// In: a path and a text. Out: the file. Callers: whatever changes files of the user.
package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
)

// Replace puts a new file in place of an old one. A link is followed: the file may live
// with others that its owner keeps together. Files that hold secrets (mode 0600) are for
// their owner only, others keep the mode that they have.
func Replace(path string, text []byte, mode os.FileMode) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if info, err := os.Stat(path); err == nil && mode != 0o600 {
		mode = info.Mode().Perm()
	}
	draft, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(draft.Name()) }()
	_, err = draft.Write(text)
	if err = errors.Join(err, draft.Chmod(mode), draft.Sync(), draft.Close()); err != nil {
		return err
	}
	return os.Rename(draft.Name(), path)
}
