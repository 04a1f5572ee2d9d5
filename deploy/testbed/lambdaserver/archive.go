//go:build unix

package lambdaserver

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// unzip makes files of an archive, and links.
func unzip(code []byte, folder string) *failure {
	archive, err := zip.NewReader(bytes.NewReader(code), int64(len(code)))
	if err != nil {
		return invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
	}
	size := uint64(0)
	for _, f := range archive.File {
		size += f.UncompressedSize64
	}
	if size > maxUnzipped {
		return invalid("Unzipped size must be smaller than %d bytes", maxUnzipped)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return invalid("%v", err)
	}
	defer func() { _ = root.Close() }()
	for _, f := range archive.File {
		if err := place(f, root); err != nil {
			return invalid("Could not unzip uploaded file: %s: %v", f.Name, err)
		}
	}
	return nil
}

func place(f *zip.File, root *os.Root) error {
	name := path.Clean(f.Name)
	if !filepath.IsLocal(name) {
		return errors.New("it leads out of the archive")
	}
	if strings.HasSuffix(f.Name, "/") {
		return root.MkdirAll(name, 0o755)
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	from, err := f.Open()
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	if f.Mode().Type() == fs.ModeSymlink {
		target, err := io.ReadAll(from)
		if err != nil {
			return err
		}
		return root.Symlink(string(target), name)
	}
	if f.Mode().Perm()&0o044 != 0o044 {
		return errors.New("its permissions don't let Lambda read it")
	}
	to, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, f.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(to, io.LimitReader(from, maxUnzipped))
	return errors.Join(err, to.Close())
}
