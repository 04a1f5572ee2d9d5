package functiontest

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"sync"
	"testing"
	"time"

	"icehouse/dataplane/connector/function"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

func projects(t *testing.T, h *house) {
	module := `
		const fs = require('fs'), os = require('os'), path = require('path')
		let calls = 0
		module.exports = (event) => {
			const places = [os.tmpdir(), event.files ? process.cwd() : os.tmpdir()]
			const found = places.some((place) => fs.existsSync(path.join(place, 'note')))
			if (event.write) for (const place of places) fs.writeFileSync(path.join(place, 'note'), 'canary')
			globalThis.canary = event.write || globalThis.canary
			return [found, process.env.SECRET || null, globalThis.canary || null, calls++ > 0]
		}`
	f := files{"src/f.js": module}
	h.deployFiles(h.scope, "f", "1", f, map[string]string{"SECRET": "canary"})
	out, err := h.functions.Invoke(t.Context(), h.other, function.Call{Name: "f", Version: "1", Event: []byte("{}")})
	h.isError("another project's function", out, err, function.NotFound)
	event := `{"write":"canary"}`
	if h.functions.Features().Files {
		event = `{"write":"canary","files":true}`
	}
	h.expect("f", event, `[false,"canary","canary",false]`)
	h.deployFiles(h.other, "f", "1", f, nil)
	h.expectOf(h.other, function.Call{Name: "f", Version: "1", Event: []byte(strings.Replace(event, `"write":"canary"`, `"x":1`, 1))}, `[false,null,null,false]`)
	h.deployFiles(h.other, "g", "1", files{"src/g.js": `module.exports = () => 'other'`}, nil)
	out, err = h.invoke("g", "{}")
	h.isError("another project's function", out, err, function.NotFound)
	if err := h.functions.Remove(t.Context(), h.scope); err != nil {
		t.Fatal(err)
	}
	h.expectOf(h.other, function.Call{Name: "g", Version: "1"}, `"other"`)
	var none isolation.Scope
	if _, err := h.functions.Invoke(t.Context(), none, function.Call{Name: "f", Version: "1"}); !errors.Is(err, tenancy.ErrZeroScope) {
		t.Errorf("nobody's function: %v", err)
	}
}

func versions(t *testing.T, h *house) {
	first := files{"src/f.js": `module.exports = (event) => new Promise((resolve) => setTimeout(() => resolve(1), event.ms || 0))`}
	h.deployFiles(h.scope, "f", "1", first, nil)
	var all sync.WaitGroup
	all.Go(func() {
		if out, err := h.invoke("f", `{"ms":1000}`); err != nil || string(out.Value) != "1" {
			t.Errorf("while the next version was deployed: %s %v", out.Value, err)
		}
	})
	time.Sleep(200 * time.Millisecond)
	h.deployFiles(h.scope, "f", "2", files{"src/f.js": `module.exports = () => 2`}, nil)
	h.expectOf(h.scope, function.Call{Name: "f", Version: "2"}, "2")
	h.expect("f", "{}", "1")
	h.deployFiles(h.scope, "f", "1", files{"src/f.js": `module.exports = () => 'never'`}, nil) // it is there already
	h.expect("f", "{}", "1")
	for range 4 { // at once
		all.Go(func() {
			for _, v := range []string{"3", "4"} {
				if err := h.functions.Deploy(t.Context(), h.scope, code(t, "f", v, first, nil)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	h.expectOf(h.scope, function.Call{Name: "f", Version: "4"}, "1")
	out, err := h.functions.Invoke(t.Context(), h.scope, function.Call{Name: "f", Version: "5", Event: []byte("{}")})
	h.isError("f", out, err, function.NotFound)
}

func removes(t *testing.T, h *house) {
	f := files{"src/f.js": `module.exports = (event) => new Promise((resolve) => setTimeout(() => resolve(require('./rest')), event.ms || 0))`, "src/rest.js": `module.exports = 1`}
	h.deployFiles(h.scope, "f", "1", f, nil)
	h.deployFiles(h.scope, "f", "2", f, nil)
	h.deployFiles(h.scope, "f", "3", files{"src/f.js": `module.exports = () => 3`}, nil)
	var all sync.WaitGroup
	all.Go(func() {
		if out, err := h.invoke("f", `{"ms":1000}`); err != nil || string(out.Value) != "1" {
			t.Errorf("a call that was under way: %s %v", out.Value, err)
		}
	})
	time.Sleep(300 * time.Millisecond)
	if err := h.functions.Remove(t.Context(), h.scope, function.Version{Name: "f", Version: "2"}, function.Version{Name: "g", Version: "1"}); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	for _, v := range []string{"1", "3"} {
		out, err := h.functions.Invoke(t.Context(), h.scope, function.Call{Name: "f", Version: v, Event: []byte("{}")})
		h.isError("f", out, err, function.NotFound)
	}
	h.expectOf(h.scope, function.Call{Name: "f", Version: "2"}, "1")
	h.deployFiles(h.scope, "f", "1", f, nil)
	h.expect("f", "{}", "1")
}

func bundles(t *testing.T, h *house) {
	fine := `module.exports = () => 1`
	for name, f := range map[string]files{
		"above":     {"src/f.js": fine, "../canary.js": fine},
		"within":    {"src/f.js": fine, "src/../../canary.js": fine},
		"windows":   {"src/f.js": fine, `..\canary.js`: fine},
		"absolute":  {"src/f.js": fine, "/canary.js": fine},
		"link":      {"src/f.js": fine, "src/passwd@": "/etc/passwd"},
		"linked":    {"src@": "/tmp", "src/f.js": fine},
		"link up":   {"src/f.js": fine, "src/up@": "../../canary"},
		"by links":  {"src/f.js": fine, "here@": ".", "up@": "here/..", "upper@": "up/.."},
		"no entry":  {"src/g.js": fine},
		"no module": {"src/f.js/index.js": fine},
	} {
		out, err := function.Output{}, h.functions.Deploy(t.Context(), h.scope, code(t, "f", "1", f, nil))
		h.isError(name, out, err, function.Crashed, function.TooLarge)
		out, err = h.invoke("f", "{}")
		h.isError(name, out, err, function.NotFound)
	}
	for name, c := range map[string]function.Code{
		"no archive": {Name: "f", Version: "1", Entry: "src/f.js", Bundle: files{}.zip(t)},
		"above":      {Name: "f", Version: "1", Entry: "../f.js", Bundle: files{"src/f.js": fine}.zip(t)},
	} {
		h.isError(name, function.Output{}, h.functions.Deploy(t.Context(), h.scope, c), function.Crashed)
	}
	h.within(10*time.Second, func() {
		err := h.functions.Deploy(t.Context(), h.scope, function.Code{Name: "f", Version: "1", Entry: "src/f.js", Bundle: bomb(t, fine)})
		h.isError("bomb", function.Output{}, err, function.Crashed, function.TooLarge)
	})
	// Links as npm makes them.
	h.deployFiles(h.scope, "l", "1", files{
		"src/l.js": `module.exports = () => require("mine")`, "node_modules/mine@": "../packages/mine", "packages/mine/index.js": `module.exports = 3`,
		"node_modules/.bin/mine@": "../mine/index.js", "node_modules/.bin/gone@": "../gone/x.js",
	}, nil)
	h.expect("l", "{}", "3")
	// Many functions have one bundle.
	many := files{"src/a.js": fine, "src/b.js": `module.exports = () => 2`, "large.bin": string(bytes.Repeat([]byte("0123456789abcdef"), 1<<18))}
	h.deployFiles(h.scope, "a", "1", many, nil)
	h.deployFiles(h.scope, "b", "1", many, nil)
	h.expect("a", "{}", "1")
	h.expect("b", "{}", "2")
}

// bomb is a bundle of some megabytes that would become sixteen gigabytes.
func bomb(t *testing.T, module string) func(context.Context) (function.Bundle, error) {
	t.Helper()
	var zeros, out bytes.Buffer
	deflated, err := flate.NewWriter(&zeros, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	const size = 64 << 20
	text := make([]byte, size)
	_, err = deflated.Write(text)
	err = errors.Join(err, deflated.Close())
	sum, z := crc32.ChecksumIEEE(text), zip.NewWriter(&out)
	for i := range 256 {
		w, createErr := z.CreateRaw(&zip.FileHeader{
			Name: fmt.Sprint("zeros", i), Method: zip.Deflate, CRC32: sum,
			CompressedSize64: uint64(zeros.Len()), UncompressedSize64: size,
		})
		if err = errors.Join(err, createErr); err == nil {
			_, err = w.Write(zeros.Bytes())
		}
	}
	w, createErr := z.Create("src/f.js")
	if err = errors.Join(err, createErr); err == nil {
		_, err = w.Write([]byte(module))
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return func(context.Context) (function.Bundle, error) { return bundle{bytes.NewReader(out.Bytes())}, nil }
}

func outlives(t *testing.T, h *house) {
	h.deployFiles(h.scope, "f", "1", files{"src/f.js": `module.exports = () => process.env.GREETING`}, map[string]string{"GREETING": "hello"})
	h.expect("f", "{}", `"hello"`)
	if err := h.functions.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.functions.Close(); err != nil {
		t.Errorf("once more: %v", err)
	}
	if out, err := h.invoke("f", "{}"); err == nil {
		t.Errorf("closed functions were invoked: %s", out.Value)
	}
	h.functions = h.open()
	h.expect("f", "{}", `"hello"`)
	out, err := h.functions.Invoke(t.Context(), h.other, function.Call{Name: "f", Version: "1", Event: []byte("{}")})
	h.isError("another project's function", out, err, function.NotFound)
}
