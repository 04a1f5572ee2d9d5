package compiledschema

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
)

// service is a real project of the corpus.
type service struct {
	id         string
	schema     *Schema
	operations []operation
	goldens    []golden
}

type operation struct {
	File           string
	API            string
	PredictedValid bool
	Foreign        bool
	text           string
}

// golden is the schema that the original platform generated for a service.
type golden struct {
	Path    string
	API     string
	Compare struct {
		MissingTypes, ExtraTypes int
		Fields                   struct{ Same, Diff int }
	}
	text string
}

// corpus returns the services that must deploy and whose type definition the
// data model accepts. It is empty when the corpus is not beside the checkout.
func corpus(t *testing.T) []service {
	t.Helper()
	root := filepath.Join("..", "..", "..", "shared", "corpus")
	text, err := os.ReadFile(filepath.Join(root, "index.json"))
	if err != nil {
		t.Log("the corpus of real projects is not beside this checkout; only the built-in cases are tested")
		return nil
	}
	var index []struct {
		ID, Dir, Expect string
		Types           []string
		Yml             string
		Generated       []golden
	}
	if err := json.Unmarshal(text, &index); err != nil {
		t.Fatal(err)
	}
	var services []service
	refused := 0
	for _, entry := range index {
		if entry.Expect != "deploy" {
			continue
		}
		folder := filepath.Join(root, entry.ID)
		at := func(name string) string {
			return filepath.Join(folder, "service", strings.TrimPrefix(name, entry.Dir+"/"))
		}
		sdl := ""
		for _, name := range entry.Types {
			text, _ := os.ReadFile(at(name))
			sdl += string(text) + "\n"
		}
		parsed, _ := datamodel.Parse(sdl)
		if parsed == nil {
			refused++ // the data model's own corpus test says why
			continue
		}
		in := Input{Model: parsed.Model, Layout: relational.Build(parsed.Model, nil)}
		if entry.Yml != "" {
			for function, file := range resolverFiles(t, at(entry.Yml)) {
				text, err := os.ReadFile(filepath.Join(filepath.Dir(at(entry.Yml)), file))
				if err != nil {
					t.Logf("%s: the corpus lacks the schema file of %s", entry.ID, function)
					continue
				}
				r, err := ParseResolver(function, string(text))
				if err != nil {
					t.Errorf("%s: %v", entry.ID, err)
					continue
				}
				in.Resolvers = append(in.Resolvers, r)
			}
		}
		schema, err := Compile(in)
		if err != nil {
			t.Errorf("%s: %v", entry.ID, err)
			continue
		}
		s := service{id: entry.ID, schema: schema}
		if list, err := os.ReadFile(filepath.Join(folder, "operations.json")); err == nil {
			if err := json.Unmarshal(list, &s.operations); err != nil {
				t.Fatal(err)
			}
			for i := range s.operations {
				text, err := os.ReadFile(filepath.Join(folder, "operations", s.operations[i].File))
				if err != nil {
					t.Fatal(err)
				}
				s.operations[i].text = string(text)
			}
		}
		for _, g := range entry.Generated {
			name := g.API + "-" + filepath.Base(g.Path)
			if text, err := os.ReadFile(filepath.Join(folder, "generated", name)); err == nil {
				g.text = string(text)
				s.goldens = append(s.goldens, g)
			}
		}
		services = append(services, s)
	}
	t.Logf("%d services compiled, %d have a type definition that the data model refuses", len(services), refused)
	return services
}

// resolverFiles are the schema files of a definition's resolver functions.
func resolverFiles(t *testing.T, path string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var definition struct {
		Functions map[string]struct{ Type, Schema string }
	}
	if err := yaml.Unmarshal(text, &definition); err != nil {
		t.Logf("%s: %v", path, err)
	}
	files := map[string]string{}
	for name, f := range definition.Functions {
		if f.Schema != "" {
			files[name] = f.Schema
		}
	}
	return files
}
