package deployment_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"icehouse/controlplane/definition"
	"icehouse/controlplane/deployment"
	"icehouse/dataplane/datamodel"
)

// corpusDir holds services that people really wrote. It lies beside the checkout
// where there is one.
const corpusDir = "../../../shared/corpus"

type service struct {
	ID, Dir, Format, Expect string
	YML                     *string
	Types                   []string
}

// refused are services that the corpus expects to deploy although they can't.
// Those whose data model is refused are the data model's affair: its own corpus
// test names them.
var refused = map[string]string{
	"rushabhrathod602--reputation": "the file of a permission query is empty (2066)",
	"loydl--times":                 "the corpus lacks its types file",
}

// TestCorpus deploys every service that is expected to deploy, twice: the second
// time there is nothing to say.
func TestCorpus(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(corpusDir, "index.json"))
	if err != nil {
		t.Skip("no corpus beside the checkout: the golden deploys stand alone")
	}
	var services []service
	if err := json.Unmarshal(data, &services); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t)
	deployed, warned := 0, map[string]int{}
	for _, s := range services {
		result, modelRefused, err := h.deployService(s)
		if err != nil {
			t.Errorf("%s: %v", s.ID, err)
			continue
		}
		for _, w := range result.Warnings {
			warned[shape.ReplaceAllString(w, "_")]++
		}
		switch {
		case s.Expect == "deploy" && len(result.Errors) > 0 && !modelRefused && refused[s.ID] == "":
			t.Errorf("%s: %v", s.ID, result.Errors)
		case len(result.Errors) == 0:
			if deployed++; refused[s.ID] != "" {
				t.Errorf("%s is deployed, but %s", s.ID, refused[s.ID])
			}
		default:
			t.Logf("%s (%s, %s): %s", s.ID, s.Format, s.Expect, result.Errors[0].Description)
		}
	}
	t.Logf("%d of %d services deployed", deployed, len(services))
	for w, n := range warned {
		t.Logf("%d times: %s", n, w)
	}
}

// shape leaves out of a warning what differs from service to service.
var shape = regexp.MustCompile("`[^`]*`|'[^']*'|[0-9]+:[0-9]+|functions\\.\\S+|[A-Z]\\w*\\.\\w+")

func (h *house) deployService(s service) (result *deployment.Result, modelRefused bool, err error) {
	p := h.project(strings.ReplaceAll(s.ID, ".", "-")[:min(len(s.ID), 60)] + "x")
	def, problems, err := definitionOfService(s)
	if err != nil || len(problems) > 0 {
		return &deployment.Result{Errors: problems}, false, err
	}
	if _, diagnostics := datamodel.Parse(def.SDL); len(diagnostics) > 0 {
		modelRefused = true
	}
	push := func() (*deployment.Result, error) {
		return h.deployer.Deploy(h.t.Context(), h.current(p), def, deployment.Request{})
	}
	first, err := push()
	if err != nil || len(first.Errors) > 0 {
		return first, modelRefused, err
	}
	again, err := push()
	if err != nil || len(again.Messages) > 0 || len(again.Errors) > 0 || again.Release != first.Release {
		h.t.Errorf("%s: the same deploy again: %v %+v", s.ID, err, again)
	}
	return first, false, nil
}

// definitionOfService reads a service; console-era ones consist of types.
func definitionOfService(s service) (*definition.Definition, definition.Problems, error) {
	root := filepath.Join(corpusDir, s.ID, "service")
	if s.YML == nil {
		sdl, err := os.ReadFile(filepath.Join(root, filepath.Base(s.Types[0])))
		return definition.FromSDL(string(sdl)), nil, err
	}
	config, err := configOfService(root, filepath.Base(*s.YML))
	if err != nil {
		return nil, nil, err
	}
	def, _, problems := definition.Load(config)
	return def, problems, nil
}

var reference = regexp.MustCompile(`\$\{[^}]*\}`)

// configOfService uploads a service as the command line would: every file by its
// path, one text for each function's code, variables replaced.
func configOfService(dir, yml string) (string, error) {
	module := func(name, dir, yml string) (definition.Module, map[string]any, error) {
		m := definition.Module{Name: name, Files: map[string]string{}}
		content, err := os.ReadFile(filepath.Join(dir, yml))
		if err != nil {
			return m, nil, err
		}
		m.Content = reference.ReplaceAllString(string(content), "https://example.org/value")
		err = filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(file)
			rel, _ := filepath.Rel(dir, file)
			m.Files["./"+filepath.ToSlash(rel)] = string(text)
			return err
		})
		var doc map[string]any
		_ = yaml.Unmarshal([]byte(m.Content), &doc) // Load says what is wrong
		functions, _ := doc["functions"].(map[string]any)
		for _, f := range functions {
			function, _ := f.(map[string]any)
			handler, _ := function["handler"].(map[string]any)
			code, _ := handler["code"].(string)
			if c, ok := handler["code"].(map[string]any); ok {
				code, _ = c["src"].(string)
			}
			if code != "" {
				m.Files[code] = "module.exports = event => event"
			}
		}
		return m, doc, err
	}
	root, doc, err := module("", dir, yml)
	if err != nil {
		return "", err
	}
	config := definition.Config{Modules: []definition.Module{root}}
	add := func(name, file string) error {
		m, _, err := module(name, filepath.Join(dir, filepath.Dir(file)), filepath.Base(file))
		config.Modules = append(config.Modules, m)
		return err
	}
	switch modules := doc["modules"].(type) {
	case map[string]any:
		for name, file := range modules {
			if err := add(name, file.(string)); err != nil {
				return "", err
			}
		}
	case []any:
		for _, file := range modules {
			if err := add(path.Base(path.Dir(file.(string))), file.(string)); err != nil {
				return "", err
			}
		}
	}
	out, err := json.Marshal(config)
	return string(out), err
}
