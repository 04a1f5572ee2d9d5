package ndf

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Kinds are the kinds of elements, in the order in which they are imported. Each
// has a folder in an archive.
var Kinds = []string{"nodes", "lists", "relations"}

// maxFile is how many bytes a file of an archive that we write has (data-api
// §9.1); maxImport is what a server takes (data-api §5.4).
const (
	maxFile   = 10_000_000
	maxImport = 12 << 20
)

// Archive is an archive being read.
type Archive struct {
	Files []File // in the order of an import
	zip   *zip.ReadCloser
}

// File is one document of an archive.
type File struct {
	Name   string // with its folder
	Kind   string
	number int
	entry  *zip.File
}

// fileName is the name of a document: any number of leading zeros.
var fileName = regexp.MustCompile(`^(nodes|lists|relations)/0*([0-9]{1,9})\.json$`)

// Open opens an archive. others are the files in it that are none of ours.
func Open(path string) (a *Archive, others []string, err error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	a = &Archive{zip: z}
	for _, entry := range z.File {
		m := fileName.FindStringSubmatch(entry.Name)
		switch {
		case entry.FileInfo().IsDir():
			continue
		case m == nil:
			others = append(others, entry.Name)
			continue
		}
		number, _ := strconv.Atoi(m[2]) // nine digits always fit
		a.Files = append(a.Files, File{Name: entry.Name, Kind: m[1], number: number, entry: entry})
	}
	slices.SortStableFunc(a.Files, func(x, y File) int {
		return cmp.Or(slices.Index(Kinds, x.Kind)-slices.Index(Kinds, y.Kind), x.number-y.number)
	})
	if len(a.Files) == 0 && len(others) > 0 { // an archive without any files is the export of a service without nodes
		return nil, nil, errors.Join(fmt.Errorf("%s has no files such as nodes/000001.json", path), z.Close())
	}
	for i := 1; i < len(a.Files); i++ {
		if x, y := a.Files[i-1], a.Files[i]; x.Kind == y.Kind && x.number == y.number {
			return nil, nil, errors.Join(fmt.Errorf("%s: %s and %s have the same number", path, x.Name, y.Name), z.Close())
		}
	}
	return a, others, nil
}

// Close closes the archive.
func (a *Archive) Close() error { return a.zip.Close() }

// Read reads a document.
func (f File) Read() ([]byte, error) {
	r, err := f.entry.Open()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	text, err := io.ReadAll(io.LimitReader(r, maxImport+1)) // whatever the directory says of its size
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	if len(text) > maxImport {
		return nil, fmt.Errorf("%s has more than %d bytes; divide it into files of 10 MB", f.Name, maxImport)
	}
	return text, nil
}

// lenient lets a name stand twice in an object: values of Json fields are kept as
// they are.
var lenient = jsontext.AllowDuplicateNames(true)

func decoder(text []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(text), lenient)
}

// members walks the members of an object. Values are parts of it.
func members(object []byte, do func(name string, value jsontext.Value) error) error {
	d := decoder(object)
	if d.PeekKind() != '{' {
		return errors.New("an object is wanted")
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != '}' {
		token, err := d.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		value, err := d.ReadValue()
		if err != nil {
			return err
		}
		if err := do(name, value); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// items walks the items of a list. Values are parts of it.
func items(list []byte, do func(i int, item jsontext.Value) error) error {
	d := decoder(list)
	if d.PeekKind() != '[' {
		return errors.New("a list is wanted")
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for i := 0; d.PeekKind() != ']'; i++ {
		item, err := d.ReadValue()
		if err != nil {
			return err
		}
		if err := do(i, item); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// elements walks the elements of a document of a kind.
func elements(document []byte, kind string, do func(i int, element jsontext.Value) error) error {
	var values jsontext.Value
	valueType := ""
	err := members(document, func(name string, value jsontext.Value) error {
		switch name {
		case "valueType":
			valueType, _ = text(value)
		case "values":
			values = value
		}
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("is no document: %w", err)
	case valueType != kind:
		return fmt.Errorf(`has the valueType %q, which is not its folder's`, valueType)
	case values.Kind() != '[':
		return errors.New(`has no list of "values"`)
	}
	return items(values, do)
}

// text reads a JSON string.
func text(value jsontext.Value) (s string, ok bool) {
	if value.Kind() != '"' {
		return "", false
	}
	out, err := jsontext.AppendUnquote(nil, value)
	return string(out), err == nil
}

// writer writes an archive. Nothing has its name before all of it is there.
type writer struct {
	path  string
	file  *os.File
	out   *bufio.Writer
	zip   *zip.Writer
	kind  string
	files int    // of the kind
	next  []byte // the document being made; nil: none
}

func newWriter(path string) (*writer, error) {
	if _, err := os.Stat(path); err == nil {
		return nil, fmt.Errorf("%s exists already", path)
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part")
	if err != nil {
		return nil, err
	}
	out := bufio.NewWriter(file)
	return &writer{path: path, file: file, out: out, zip: zip.NewWriter(out)}, nil
}

// closing ends a document.
const closing = "]}\n"

// begin starts the files of a kind.
func (w *writer) begin(kind string) { w.kind, w.files = kind, 0 }

// add puts an element into the document, or into a new one when it is full.
func (w *writer) add(element []byte) error {
	if w.next != nil && len(w.next)+len(",")+len(element)+len(closing) > maxFile {
		if err := w.flush(); err != nil {
			return err
		}
	}
	if w.next == nil {
		w.next = fmt.Appendf(nil, `{"valueType":"%s","values":[`, w.kind)
	} else {
		w.next = append(w.next, ',')
	}
	w.next = append(w.next, element...)
	return nil
}

// flush ends the document.
func (w *writer) flush() error {
	if w.next == nil {
		return nil
	}
	w.files++
	entry, err := w.zip.Create(fmt.Sprintf("%s/%06d.json", w.kind, w.files))
	if err == nil {
		_, err = entry.Write(append(w.next, closing...))
	}
	w.next = nil
	return err
}

// finish gives the archive its name.
func (w *writer) finish() error {
	err := errors.Join(w.zip.Close(), w.out.Flush(), w.file.Sync(), w.file.Close())
	if err != nil {
		return err
	}
	return os.Rename(w.file.Name(), w.path)
}

// abandon removes an archive that is not finished.
func (w *writer) abandon() {
	_ = w.file.Close()
	_ = os.Remove(w.file.Name())
}
