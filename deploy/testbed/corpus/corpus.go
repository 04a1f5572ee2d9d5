// Package corpus reads services that people really wrote, where they lie beside
// the project.
//
// In: the folder of the corpus. Out: definitions as they travel to the server,
// operations, and values for their variables. Only tests call it; they pass where
// there is no corpus, and say so.
package corpus

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// Service is one service of the corpus.
type Service struct {
	ID     string `json:"id"`
	Format string `json:"format"` // framework-1.0, beta, console-era or types-only
	Expect string `json:"expect"` // deploy, legacy, probably-reject or reject
	// ExpectWhy says why a service is not expected to deploy.
	ExpectWhy []string `json:"expectWhy"`
	Types     []string `json:"types"`
	YML       *string  `json:"yml"`
	dir       string
}

// Operation is one operation that belongs to a service.
type Operation struct {
	File           string `json:"file"`
	Operation      string `json:"operation"`
	Name           string `json:"name"`
	API            string `json:"api"` // simple or relay
	PredictedValid bool   `json:"predictedValid"`
	Text           string `json:"-"`
}

// Dir is where the corpus lies for a test in a package that is depth folders
// below the project's root.
func Dir(depth int) string {
	return filepath.Join(strings.Repeat(".."+string(filepath.Separator), depth+1), "shared", "corpus")
}

// Load reads the list of services. The error is fs.ErrNotExist where there is no
// corpus.
func Load(dir string) ([]*Service, error) {
	data, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		return nil, err
	}
	var services []*Service
	if err := json.Unmarshal(data, &services); err != nil {
		return nil, err
	}
	for _, s := range services {
		s.dir = filepath.Join(dir, s.ID)
	}
	return services, nil
}

// Operations reads a service's operations.
func (s *Service) Operations() ([]Operation, error) {
	data, err := os.ReadFile(filepath.Join(s.dir, "operations.json"))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var operations []Operation
	if err := json.Unmarshal(data, &operations); err != nil {
		return nil, err
	}
	for i := range operations {
		text, err := os.ReadFile(filepath.Join(s.dir, "operations", operations[i].File))
		if err != nil {
			return nil, err
		}
		operations[i].Text = string(text)
	}
	return operations, nil
}

// module is one definition as it travels.
type module struct {
	Name    string            `json:"name"` // "" for the root
	Content string            `json:"content"`
	Files   map[string]string `json:"files"`
}

// Config is the service's definition as it travels to the server (platform
// §1.7), with its modules. Function sources are no part of the corpus: a function
// that does nothing stands for each.
func (s *Service) Config() (string, error) {
	root := filepath.Join(s.dir, "service")
	if s.YML == nil {
		var all []string
		for _, t := range s.Types {
			data, err := os.ReadFile(filepath.Join(root, filepath.Base(filepath.FromSlash(t))))
			if err != nil {
				return "", err
			}
			all = append(all, string(data))
		}
		return encode([]module{{
			Content: "types: ./types.graphql\npermissions:\n- operation: \"*\"\n",
			Files:   map[string]string{"./types.graphql": strings.Join(all, "\n")},
		}})
	}
	first, listed, err := readModule("", filepath.Join(root, filepath.Base(filepath.FromSlash(*s.YML))))
	if err != nil {
		return "", err
	}
	all := []module{first}
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		m, _, err := readModule(name, filepath.Join(root, filepath.FromSlash(listed[name])))
		if err != nil {
			return "", err
		}
		all = append(all, m)
	}
	return encode(all)
}

// readModule reads one graphcool.yml with the files that it names; listed are the paths
// of its modules.
func readModule(name, yml string) (m module, listed map[string]string, err error) {
	root := filepath.Dir(yml)
	m = module{Name: name, Files: map[string]string{}}
	data, err := os.ReadFile(yml)
	if err != nil {
		return m, nil, err
	}
	m.Content = string(data)
	var definition struct {
		Types     any `yaml:"types"` // a path, or a list of them
		Functions map[string]struct {
			Handler struct {
				Code any `yaml:"code"`
			} `yaml:"handler"`
			Schema string `yaml:"schema"`
			Query  string `yaml:"query"`
		} `yaml:"functions"`
		Permissions []struct {
			Query string `yaml:"query"`
		} `yaml:"permissions"`
		Modules map[string]string `yaml:"modules"`
	}
	if err := yaml.Unmarshal(data, &definition); err != nil {
		return m, nil, fmt.Errorf("%s: %w", yml, err)
	}
	var paths []string
	switch types := definition.Types.(type) {
	case string:
		paths = []string{types}
	case []any:
		// The command line joins the files into one.
		joined, err := joinTypes(root, types)
		if err != nil {
			return m, nil, err
		}
		m.Files["./types.graphql"] = joined
		if m.Content, err = withTypes(data, "./types.graphql"); err != nil {
			return m, nil, err
		}
	}
	for _, f := range definition.Functions {
		paths = append(paths, f.Schema, f.Query)
		code, _ := f.Handler.Code.(string)
		if c, ok := f.Handler.Code.(map[string]any); ok {
			code, _ = c["src"].(string)
		}
		if code != "" {
			m.Files[code] = "module.exports = function () { return { data: {} } }\n"
		}
	}
	for _, p := range definition.Permissions {
		path, _, _ := strings.Cut(p.Query, ":")
		paths = append(paths, path)
	}
	for _, path := range paths {
		if path == "" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
		if err != nil {
			return m, nil, err
		}
		m.Files[path] = string(data)
	}
	return m, definition.Modules, nil
}

func encode(modules []module) (string, error) {
	out, err := json.Marshal(map[string]any{"modules": modules})
	return string(out), err
}

func joinTypes(root string, paths []any) (string, error) {
	var all []string
	for _, path := range paths {
		data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(fmt.Sprint(path))))
		if err != nil {
			return "", err
		}
		all = append(all, string(data))
	}
	return strings.Join(all, "\n"), nil
}

func withTypes(definition []byte, path string) (string, error) {
	var all map[string]any
	if err := yaml.Unmarshal(definition, &all); err != nil {
		return "", err
	}
	all["types"] = path
	out, err := yaml.Marshal(all)
	return string(out), err
}

// TypesText is the service's type definition alone.
func (s *Service) TypesText() (string, error) {
	config, err := s.Config()
	if err != nil {
		return "", err
	}
	var c struct {
		Modules []struct {
			Content string
			Files   map[string]string
		}
	}
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		return "", err
	}
	var definition struct {
		Types string `yaml:"types"`
	}
	if err := yaml.Unmarshal([]byte(c.Modules[0].Content), &definition); err != nil {
		return "", err
	}
	return c.Modules[0].Files[definition.Types], nil
}

// PermissionQueries counts the permissions that have a query.
func (s *Service) PermissionQueries() (int, error) {
	config, err := s.Config()
	if err != nil {
		return 0, err
	}
	var c struct{ Modules []struct{ Content string } }
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		return 0, err
	}
	n := 0
	for _, m := range c.Modules {
		var definition struct {
			Permissions []struct {
				Query string `yaml:"query"`
			} `yaml:"permissions"`
		}
		if err := yaml.Unmarshal([]byte(m.Content), &definition); err != nil {
			return 0, err
		}
		for _, p := range definition.Permissions {
			if p.Query != "" {
				n++
			}
		}
	}
	return n, nil
}
