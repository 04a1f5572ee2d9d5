package lambdafunc

import (
	"archive/zip"
	"context"
	_ "embed"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"icehouse/dataplane/connector/function"
	"icehouse/dataplane/connector/function/nodecode"
)

//go:embed icehouse-lambda.mjs
var wrapper []byte

// What a bundle gets beside its own files. handler is the function that Lambda calls.
var added = map[string][]byte{"icehouse-lambda.mjs": wrapper, "icehouse-code.cjs": nodecode.Script}

const handler = "icehouse-lambda.handle"

// archive writes what Lambda unpacks into an empty file: the bundle, and what calls the
// function. What is refused elsewhere is refused here: the bundle is unpacked once, and its files are
// taken over as they were packed.
func archive(ctx context.Context, c function.Code, entry string, to io.Writer) (err error) {
	b, err := c.Bundle(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = b.Close() }() // it was only read
	if b.Size() > nodecode.MaxUnpacked {
		return nodecode.TooLarge()
	}
	folder, err := os.MkdirTemp("", "icehouse-bundle-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	if err := nodecode.Unpack(ctx, b, folder); err != nil {
		return err
	}
	if info, err := os.Stat(filepath.Join(folder, filepath.FromSlash(entry))); err != nil || !info.Mode().IsRegular() {
		return nodecode.Unusable("the bundle has no file %s", strconv.Quote(c.Entry))
	}
	from, err := zip.NewReader(b, b.Size())
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return err
	}
	files := map[string]*zip.File{} // the last one of a name counts
	for _, f := range from.File {
		name := strings.ReplaceAll(f.Name, `\`, "/")
		if f.Mode().IsDir() || strings.HasSuffix(name, "/") {
			continue
		}
		files[path.Clean(name)] = f
	}
	w := zip.NewWriter(to)
	for name, f := range files {
		if _, err := os.Lstat(filepath.Join(folder, filepath.FromSlash(name))); errors.Is(err, fs.ErrNotExist) || added[name] != nil {
			continue // a link to nothing, or not the bundle's to say
		}
		if err := take(ctx, w, name, f); err != nil {
			return err
		}
	}
	for name, text := range added {
		head := &zip.FileHeader{Name: name, Method: zip.Deflate}
		head.SetMode(0o644)
		one, err := w.CreateHeader(head)
		if err == nil {
			_, err = one.Write(text)
		}
		if err != nil {
			return err
		}
	}
	return w.Close()
}

// take copies a file as it is packed. Lambda's user must be able to read it.
func take(ctx context.Context, w *zip.Writer, name string, f *zip.File) error {
	head := f.FileHeader
	head.Name = name
	if f.Mode().Type() == fs.ModeSymlink {
		head.SetMode(fs.ModeSymlink | 0o777)
	} else {
		head.SetMode(0o644 | f.Mode()&0o100 | f.Mode()&0o100>>3 | f.Mode()&0o100>>6)
	}
	from, err := f.OpenRaw()
	if err != nil {
		return err
	}
	one, err := w.CreateRaw(&head)
	if err != nil {
		return err
	}
	_, err = io.Copy(one, nodecode.Reader(ctx, from))
	return err
}
