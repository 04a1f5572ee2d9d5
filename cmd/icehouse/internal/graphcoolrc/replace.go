package graphcoolrc

import (
	"errors"
	"os"
	"path/filepath"
)

// replaceFile puts a new file in place of an old one in one step, so that
// nobody reads half of it. A link is followed: the file may live with others
// that its owner keeps together. Files that hold secrets are for their owner
// only, others keep the mode that they have.
func replaceFile(path string, text []byte, mode os.FileMode) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if info, err := os.Stat(path); err == nil && mode != 0o600 {
		mode = info.Mode().Perm()
	}
	draft, err := os.CreateTemp(filepath.Dir(path), FileName+"-*")
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
