package functiondeploy

import (
	"archive/zip"
	"context"
	"io"
	"testing"

	"icehouse/controlplane/definition"
)

// TestVersion: a version stays as long as what runs does, wherever it was uploaded.
func TestVersion(t *testing.T) {
	base := func() definition.Function {
		return definition.Function{Name: "greet", Kind: definition.Resolver, Enabled: true, Code: &definition.Code{
			Path: "./src/greet.ts", Bundle: &definition.External{URL: "http://a/1", Hash: "h1", DevHandler: "src/greet-dev.js"}, Environment: map[string]string{"A": "1"},
		}}
	}
	was := Version(base())
	for name, c := range map[string]struct {
		change func(*definition.Function)
		stays  bool
	}{
		"another upload": {func(f *definition.Function) { f.Code.Bundle.URL = "http://b/2" }, true},
		"description":    {func(f *definition.Function) { f.Description = "x" }, true},
		"code":           {func(f *definition.Function) { f.Code.Bundle.Hash = "h2" }, false},
		"entry":          {func(f *definition.Function) { f.Code.Bundle.DevHandler = "src/other-dev.js" }, false},
		"environment":    {func(f *definition.Function) { f.Code.Environment["A"] = "2" }, false},
		"more of it":     {func(f *definition.Function) { f.Code.Environment["B"] = "" }, false},
		"a text":         {func(f *definition.Function) { f.Code.Bundle, f.Code.Text = nil, "x" }, false},
	} {
		f := base()
		c.change(&f)
		if now := Version(f); (now == was) != c.stays || len(now) != 32 {
			t.Errorf("%s: %s, was %s", name, now, was)
		}
	}
	if v := Version(definition.Function{Kind: definition.Resolver, Webhook: &definition.Webhook{}}); v != "" {
		t.Errorf("a webhook has the version %s", v)
	}
}

// TestCode: the entry stands beside the wrapper; one file is a bundle of its own.
func TestCode(t *testing.T) {
	s := &Service{}
	for _, c := range []struct {
		code  definition.Code
		entry string
	}{
		{definition.Code{Path: "./src/a.ts", Bundle: &definition.External{DevHandler: "src/a-dev.js"}}, "src/a.js"},
		{definition.Code{Path: `.\src\a.ts`, Bundle: &definition.External{DevHandler: `src\a-dev.js`}}, "src/a.js"},
		{definition.Code{Path: "./src/a.ts", Bundle: &definition.External{DevHandler: "./out/a.js"}}, "out/a.js"},
		{definition.Code{Path: "./src/a.ts", Bundle: &definition.External{DevHandler: "../../a-dev.js"}}, "a.js"},
		{definition.Code{Path: "./src/a.js", Text: "module.exports = 1"}, "a.js"},
	} {
		if code := s.Code("p", definition.Function{Name: "a", Kind: definition.Resolver, Code: &c.code}); code.Entry != c.entry {
			t.Errorf("%+v: %s, want %s", c.code, code.Entry, c.entry)
		}
	}
	code := s.Code("p", definition.Function{Name: "a", Kind: definition.Resolver, Code: &definition.Code{Path: "./src/a.js", Text: "module.exports = 1"}})
	bundle, err := code.Bundle(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = bundle.Close() }()
	archive, err := zip.NewReader(bundle, bundle.Size())
	if err != nil || len(archive.File) != 1 || archive.File[0].Name != "a.js" {
		t.Fatal(archive, err)
	}
	file, err := archive.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(file); err != nil || string(text) != "module.exports = 1" {
		t.Errorf("%s, %v", text, err)
	}
}
