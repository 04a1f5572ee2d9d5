package nodecode

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"icehouse/dataplane/connector/function"
)

// What a bundle may become.
const (
	MaxUnpacked = 512 << 20 // bytes
	maxEntries  = 100_000
)

// Unusable is code that can't be run.
func Unusable(format string, args ...any) error {
	return &function.Error{Kind: function.Crashed, Text: fmt.Sprintf(format, args...)}
}

// TooLarge is a bundle that has too much.
func TooLarge() error {
	return &function.Error{Kind: function.TooLarge, Text: fmt.Sprintf("the bundle has more than %d bytes or %d files", MaxUnpacked, maxEntries)}
}

// Unpack writes the files of an archive into an empty folder, and nothing outside of it.
// They can only be read: other versions have the same bundle.
func Unpack(ctx context.Context, b function.Bundle, to string) error {
	archive, err := zip.NewReader(b, b.Size())
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // names are looked at below
		return Unusable("the bundle is no zip archive: %v", err)
	}
	if len(archive.File) > maxEntries {
		return TooLarge()
	}
	root, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	said := uint64(0)
	for _, f := range archive.File {
		if said += min(f.UncompressedSize64, MaxUnpacked+1); said > MaxUnpacked {
			return TooLarge()
		}
	}
	left := int64(MaxUnpacked) // whatever it says
	var links []*zip.File
	for _, f := range archive.File {
		name := strings.ReplaceAll(f.Name, `\`, "/") // from Windows
		isDir := f.Mode().IsDir() || strings.HasSuffix(name, "/")
		clean := path.Clean(name)
		switch {
		case !filepath.IsLocal(name) || strings.Contains(name, "\x00"):
			return Unusable("the bundle has a file outside of itself: %s", strconv.Quote(f.Name))
		case isDir:
			if err := root.MkdirAll(clean, 0o700); err != nil {
				return Unusable("the bundle's folder %s: %v", strconv.Quote(f.Name), cause(err))
			}
			continue
		case f.Mode().Type() == fs.ModeSymlink: // as npm makes them for commands and for packages beside
			links = append(links, f)
			continue
		case !f.Mode().IsRegular():
			return Unusable("the bundle has a device: %s", strconv.Quote(f.Name))
		}
		written, err := extract(ctx, f, root, clean, left)
		if left -= written; left < 0 {
			return TooLarge()
		}
		if err != nil {
			return err
		}
	}
	return linked(root, links)
}

// maxLink is how long the path may be that a link has.
const maxLink = 4096

// linked makes links to what is in the bundle, when all files are there. Those to nothing
// are left out.
func linked(root *os.Root, links []*zip.File) error {
	for _, f := range links {
		name := path.Clean(strings.ReplaceAll(f.Name, `\`, "/"))
		refused := func(why any) error { return Unusable("the bundle's link %s: %v", strconv.Quote(f.Name), why) }
		from, err := f.Open()
		if err != nil {
			return refused(cause(err))
		}
		target, err := io.ReadAll(io.LimitReader(from, maxLink+1))
		_ = from.Close()
		switch {
		case err != nil:
			return refused(cause(err))
		case len(target) > maxLink || path.IsAbs(string(target)) || !filepath.IsLocal(path.Join(path.Dir(name), string(target))):
			return refused("it leads out of the bundle")
		}
		if err := root.MkdirAll(path.Dir(name), 0o700); err != nil {
			return refused(cause(err))
		}
		if err := root.Symlink(string(target), name); err != nil {
			return refused(cause(err))
		}
	}
	for _, f := range links { // through other links it may lead elsewhere than it says
		name := path.Clean(strings.ReplaceAll(f.Name, `\`, "/"))
		if _, err := root.Stat(name); errors.Is(err, fs.ErrNotExist) {
			err = root.Remove(name)
			if err != nil {
				return err
			}
		} else if err != nil {
			return Unusable("the bundle's link %s leads out of the bundle", strconv.Quote(f.Name))
		}
	}
	return nil
}

// extract writes one file, and at most one byte more than it may have.
func extract(ctx context.Context, f *zip.File, root *os.Root, name string, most int64) (int64, error) {
	broken := func(err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return Unusable("the bundle's file %s: %v", strconv.Quote(f.Name), cause(err))
	}
	from, err := f.Open()
	if err != nil {
		return 0, broken(err)
	}
	defer func() { _ = from.Close() }()
	if err := root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return 0, broken(err)
	}
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) { // the last one of a name counts
		return 0, broken(err)
	}
	to, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400|f.Mode()&0o100)
	if err != nil {
		return 0, broken(err)
	}
	n, err := io.Copy(to, io.LimitReader(Reader(ctx, from), most+1))
	if err = errors.Join(err, to.Close()); err != nil {
		return n, broken(err)
	}
	return n, nil
}

// cause is an error without the paths of this machine.
func cause(err error) error {
	if known, ok := errors.AsType[*fs.PathError](err); ok {
		return known.Err
	}
	return err
}

// Reader reads until its context ends.
func Reader(ctx context.Context, from io.Reader) io.Reader { return reader{ctx, from} }

type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
