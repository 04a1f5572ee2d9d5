// Package functiontest is the specification of the function connector: what a product
// must do to run code.
//
// In: a way to open the product. Out: failed tests. Callers: the test of each product, and
// of whoever adds one.
package functiontest

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"icehouse/dataplane/connector/function"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

// Rig is a product under test.
type Rig struct {
	// Open makes functions as one process does. What was deployed through others that were
	// opened for the same test is callable.
	Open func(t *testing.T) *function.Functions
}

// Suite holds a product to the connector's specification.
func Suite(t *testing.T, r Rig) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *house)
	}{
		{"values are returned as JSON", returns},
		{"modules export functions in several ways", exports},
		{"a module requires what is in the bundle", requires},
		{"the environment is there when the module is loaded", environment},
		{"what is said is logged", says},
		{"of much output the end is kept", saysMuch},
		{"an exception has its name, message and stack", throws},
		{"what can't be loaded says why", loads},
		{"a process that ends fails one call", exits},
		{"who takes too long is ended", loops},
		{"who needs too much memory is ended", memory},
		{"processes that are left behind hurt nobody", forks},
		{"a value may be too large", tooLarge},
		{"noise is no answer", noise},
		{"what fails between calls fails no call", between},
		{"a call ends with its context", cancel},
		{"calls run side by side", parallel},
		{"projects are apart", projects},
		{"versions stay as they are", versions},
		{"what is removed is gone", removes},
		{"bundles stay within themselves", bundles},
		{"versions outlive the process that deployed them", outlives},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &house{Rig: r, t: t, scope: scope(t), other: scope(t)}
			h.functions = h.open()
			c.run(t, h)
		})
	}
}

// house is two projects in one product.
type house struct {
	Rig
	t            *testing.T
	functions    *function.Functions
	scope, other isolation.Scope
}

func (h *house) open() *function.Functions {
	h.t.Helper()
	f := h.Open(h.t)
	h.t.Cleanup(func() {
		if err := f.Close(); err != nil {
			h.t.Errorf("close: %v", err)
		}
	})
	return f
}

func scope(t *testing.T) isolation.Scope {
	t.Helper()
	s, err := isolation.ForProject(tenancy.ProjectID(tenancy.NewID()), "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// files are those of a bundle. Of names that end with @ the rest is a link's target.
type files map[string]string

type bundle struct{ *bytes.Reader }

func (bundle) Close() error { return nil }

func (f files) zip(t *testing.T) func(context.Context) (function.Bundle, error) {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for name, text := range f {
		head := &zip.FileHeader{Name: strings.TrimSuffix(name, "@"), Method: zip.Deflate}
		if strings.HasSuffix(name, "@") {
			head.SetMode(fs.ModeSymlink | 0o777)
		}
		w, err := z.CreateHeader(head)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return func(context.Context) (function.Bundle, error) { return bundle{bytes.NewReader(out.Bytes())}, nil }
}

// deploy deploys version 1 of a function whose module is src/NAME.js.
func (h *house) deploy(name, module string) {
	h.t.Helper()
	h.deployFiles(h.scope, name, "1", files{"src/" + name + ".js": module}, nil)
}

func (h *house) deployFiles(scope isolation.Scope, name, version string, f files, environment map[string]string) {
	h.t.Helper()
	if err := h.functions.Deploy(h.t.Context(), scope, code(h.t, name, version, f, environment)); err != nil {
		h.t.Fatal(err)
	}
}

func code(t *testing.T, name, version string, f files, environment map[string]string) function.Code {
	t.Helper()
	return function.Code{Name: name, Version: version, Entry: "src/" + name + ".js", Environment: environment, Bundle: f.zip(t)}
}

func (h *house) invoke(name, event string) (function.Output, error) {
	return h.functions.Invoke(h.t.Context(), h.scope, function.Call{Name: name, Version: "1", Event: []byte(event)})
}

// expect expects a value.
func (h *house) expect(name, event, want string) function.Output {
	h.t.Helper()
	return h.expectOf(h.scope, function.Call{Name: name, Version: "1", Event: []byte(event)}, want)
}

func (h *house) expectOf(scope isolation.Scope, c function.Call, want string) function.Output {
	h.t.Helper()
	if c.Event == nil {
		c.Event = []byte("{}")
	}
	out, err := h.functions.Invoke(h.t.Context(), scope, c)
	if err != nil {
		h.t.Fatalf("%s: %v; it said %q", c.Name, err, said(logs(out, err)))
	}
	if got := string(out.Value); got != want {
		h.t.Fatalf("%s returned %.1000s, not %s", c.Name, got, want)
	}
	return out
}

// expectError expects one of some kinds of errors.
func (h *house) expectError(name, event string, kinds ...function.Kind) *function.Error {
	h.t.Helper()
	out, err := h.invoke(name, event)
	return h.isError(name, out, err, kinds...)
}

func (h *house) isError(name string, out function.Output, err error, kinds ...function.Kind) *function.Error {
	h.t.Helper()
	known, ok := errors.AsType[*function.Error](err)
	if !ok {
		h.t.Fatalf("%s: the error is %v, the value %.1000s", name, err, out.Value)
	}
	for _, k := range kinds {
		if known.Kind == k {
			return known
		}
	}
	h.t.Fatalf("%s: the error %v is of kind %d, not %d; it said %q", name, known, known.Kind, kinds, said(known.Logs))
	return nil
}

func logs(out function.Output, err error) []function.Log {
	if known, ok := errors.AsType[*function.Error](err); ok {
		return known.Logs
	}
	return out.Logs
}

// said is all that was logged.
func said(logs []function.Log) string {
	var out []string
	for _, l := range logs {
		out = append(out, l.Text)
	}
	return strings.Join(out, "\n")
}

// inOrder expects some texts to be logged one after the other.
func (h *house) inOrder(logs []function.Log, want ...string) {
	h.t.Helper()
	rest := said(logs)
	for _, w := range want {
		_, after, ok := strings.Cut(rest, w)
		if !ok {
			h.t.Errorf("%q is not logged, or not in its place: %q", w, said(logs))
			return
		}
		rest = after
	}
}

// within expects that something does not take long.
func (h *house) within(d time.Duration, do func()) {
	h.t.Helper()
	began := time.Now()
	do()
	if took := time.Since(began); took > d {
		h.t.Errorf("it took %v, more than %v", took, d)
	}
}
