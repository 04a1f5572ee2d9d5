package functiondeploy

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"icehouse/controlplane/definition"
	"icehouse/dataplane/connector/function"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

// Version names what runs of a function: the same as long as code, entry and environment
// are the same (LQ-22). It is "" for functions that don't run here.
func Version(f definition.Function) string {
	if f.Code == nil || !f.Runs() {
		return ""
	}
	all := sha256.New()
	part := func(text string) { fmt.Fprintf(all, "%d:%s,", len(text), text) }
	part(entry(f.Code))
	part(f.Code.Text)
	if f.Code.Bundle != nil {
		part(f.Code.Bundle.Hash)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Code.Environment)) {
		part(name)
		part(f.Code.Environment[name])
	}
	return hex.EncodeToString(all.Sum(nil))[:32]
}

// Versions are those of all functions of a definition that run here.
func Versions(d *definition.Definition) (out []function.Version) {
	if d == nil {
		return nil
	}
	for _, f := range d.Functions {
		if v := Version(f); v != "" {
			out = append(out, function.Version{Name: f.Name, Version: v})
		}
	}
	return out
}

// entry is the module that exports the function. In a bundle it stands beside the
// wrapper that the client names for local use (platform §2.12).
func entry(c *definition.Code) string {
	if c.Bundle == nil {
		return strings.TrimSuffix(path.Base(path.Clean("/"+c.Path)), path.Ext(c.Path)) + ".js"
	}
	dev := path.Clean("/" + strings.ReplaceAll(c.Bundle.DevHandler, `\`, "/"))[1:]
	if module, ok := strings.CutSuffix(dev, "-dev.js"); ok {
		return module + ".js"
	}
	return dev
}

// Code is the version of a function of a project, as what runs it takes it.
func (s *Service) Code(project tenancy.ProjectID, f definition.Function) function.Code {
	out := function.Code{Name: f.Name, Version: Version(f), Entry: entry(f.Code), Environment: f.Code.Environment}
	out.Bundle = func(context.Context) (function.Bundle, error) { return packed(out.Entry, f.Code.Text) }
	if b := f.Code.Bundle; b != nil {
		out.Bundle = func(context.Context) (function.Bundle, error) { return s.open(project, b.URL) }
	}
	return out
}

// open opens an uploaded bundle.
func (s *Service) open(project tenancy.ProjectID, address string) (function.Bundle, error) {
	owner, deploy, ok := parts(address)
	if ours, _ := s.check(owner, deploy); !ok || !ours || owner != string(project) {
		return nil, errors.New("the bundle is none of this project")
	}
	f, err := os.Open(s.file(owner, deploy, ".zip"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("the bundle is not there")
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &stored{f, info.Size()}, nil
}

type stored struct {
	*os.File
	size int64
}

func (s *stored) Size() int64 { return s.size }

// packed is a bundle of one file.
func packed(name, text string) (function.Bundle, error) {
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	w, err := archive.Create(name)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return nil, err
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return inMemory{bytes.NewReader(out.Bytes())}, nil
}

type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

// Runtime makes the code of functions callable, and calls it. *function.Functions is one.
type Runtime interface {
	function.Invoker
	Deploy(context.Context, isolation.Scope, function.Code) error
	Remove(ctx context.Context, scope isolation.Scope, keep ...function.Version) error
}

// None is a Runtime where no functions run: they are stored, and wait.
type None struct{}

// Invoke implements Runtime.
func (None) Invoke(context.Context, isolation.Scope, function.Call) (function.Output, error) {
	return function.Output{}, &function.Error{Kind: function.Unavailable, Text: "no functions run here"}
}

// Deploy implements Runtime.
func (None) Deploy(context.Context, isolation.Scope, function.Code) error { return nil }

// Remove implements Runtime.
func (None) Remove(context.Context, isolation.Scope, ...function.Version) error { return nil }
