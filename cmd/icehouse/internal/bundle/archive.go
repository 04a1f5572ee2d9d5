package bundle

import (
	"archive/zip"
	"cmp"
	"compress/flate"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

//go:embed wrapper/dev.js
var devWrapper string

//go:embed wrapper/lambda.js
var lambdaWrapper string

// wrappers are the files that start a function, by what is appended to its name
// (platform §2.12).
var wrappers = map[string]string{"-dev.js": devWrapper, "-lambda.js": lambdaWrapper}

// What the files beside the code may come to.
const (
	maxBeside      = 100 << 20 // bytes
	maxBesideFiles = 10_000
)

// file is one entry of an archive: a content, or what is on disk.
type file struct {
	name    string
	content []byte
	disk    string
	mode    fs.FileMode
	of      string // the folder on disk of the package that it is of
}

// tree is what an archive will have, by name.
type tree map[string]file

// addFolder takes along a package without those inside it.
func (t tree) addFolder(folder, at string) error {
	return filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == modulesFolder && name != folder:
			return fs.SkipDir
		case !entry.Type().IsRegular() || neverRun[path.Ext(name)]:
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(folder, name)
		t[at+"/"+filepath.ToSlash(rel)] = file{disk: name, mode: info.Mode() & 0o111, of: folder}
		return err
	})
}

// besides are folders and files that no function reads when it runs. Names that begin
// with a dot are those of tools, and may be secret.
var (
	notBeside = map[string]bool{
		modulesFolder: true, "build": true, "events": true,
		"graphcool.yml": true, "package.json": true, "package-lock.json": true, "npm-shrinkwrap.json": true, "yarn.lock": true, "tsconfig.json": true,
	}
	codeFiles = map[string]bool{".js": true, ".cjs": true, ".mjs": true, ".jsx": true}
	neverRun  = map[string]bool{".ts": true, ".tsx": true, ".map": true, ".flow": true} // of packages
	neverRead = map[string]bool{".ts": true, ".tsx": true, ".map": true, ".zip": true}
)

// addFilesBeside takes along the files of the service's folder that the code may read.
func (b *builder) addFilesBeside(all tree, code bool) error {
	var count int
	var size int64
	sizes := map[string]int64{} // by what is outermost
	err := filepath.WalkDir(b.dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == b.dir {
			return err
		}
		base := entry.Name()
		ext := path.Ext(base)
		switch {
		case base[0] == '.' || notBeside[base]:
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !entry.Type().IsRegular() || neverRead[ext] || codeFiles[ext] && !code:
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(b.dir, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if _, ok := all[rel]; ok {
			return nil
		}
		all[rel] = file{disk: name, mode: info.Mode() & 0o111}
		first, _, _ := strings.Cut(rel, "/")
		sizes[first] += info.Size()
		size, count = size+info.Size(), count+1
		if size > maxBeside || count > maxBesideFiles {
			largest := first
			for name, bytes := range sizes {
				if bytes > sizes[largest] || bytes == sizes[largest] && name < largest {
					largest = name
				}
			}
			return fmt.Errorf("the files beside the code, which functions can read, are more than %d MB or %d files, most of it in %s; move the service into a folder of its own",
				maxBeside>>20, maxBesideFiles, largest)
		}
		return nil
	})
	return err
}

// seal fixes what is in the bundle.
func (b *Bundle) seal(all tree) error {
	for name, f := range all {
		f.name = name
		b.files = append(b.files, f)
	}
	slices.SortFunc(b.files, func(x, y file) int { return cmp.Compare(x.name, y.name) })
	whole := sha256.New()
	for _, f := range b.files {
		one := sha256.New()
		n, err := f.copyTo(one)
		if err != nil {
			return err
		}
		b.Size += n
		whole.Write(fmt.Appendf(nil, "%d %s %x\n", len(f.name), f.name, one.Sum(nil)))
	}
	b.Hash = hex.EncodeToString(whole.Sum(nil))
	return nil
}

func (f file) copyTo(w io.Writer) (int64, error) {
	if f.disk == "" {
		n, err := w.Write(f.content)
		return int64(n), err
	}
	from, err := os.Open(f.disk)
	if err != nil {
		return 0, err
	}
	defer from.Close()
	return io.Copy(w, from)
}

// packed is when all files of an archive are from: the first day of the format.
var packed = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// Zip writes the archive. Equal bundles are equal archives.
func (b *Bundle) Zip(w io.Writer) error {
	archive := zip.NewWriter(w)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.DefaultCompression) })
	for _, f := range b.files {
		header := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: packed}
		header.SetMode(0o644 | f.mode)
		entry, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := f.copyTo(entry); err != nil {
			return err
		}
	}
	return archive.Close()
}

// Unpack writes the files into a folder.
func (b *Bundle) Unpack(dir string) error {
	for _, f := range b.files {
		name := filepath.Join(dir, filepath.FromSlash(f.name))
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			return err
		}
		to, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600|f.mode)
		if err != nil {
			return err
		}
		_, err = f.copyTo(to)
		if closed := to.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return err
		}
	}
	return nil
}
