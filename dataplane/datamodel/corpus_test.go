package datamodel

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCorpus parses the type definitions of real projects, where they are at
// hand. Whatever the original platform deployed must parse here.
func TestCorpus(t *testing.T) {
	root := filepath.Join("..", "..", "..", "shared", "corpus")
	index, err := os.ReadFile(filepath.Join(root, "index.json"))
	if err != nil {
		t.Log("the corpus of real projects is absent; the golden cases stand alone")
		return
	}
	var services []struct {
		ID     string
		Dir    string
		Expect string
		Types  []string
	}
	if err := json.Unmarshal(index, &services); err != nil {
		t.Fatal(err)
	}
	// Projects that the index expects to deploy although the contract refuses
	// them: the index looks at less than the validation does.
	refused := map[string]string{
		"andresmechali--shareify":                   "scalar lists [Int] (V10)",
		"ceiboit--preference.pass":                  "a type called Subscription (LQ-D08)",
		"kevindanikowski--smodin":                   "two relation names on more than two fields (V12)",
		"marktani--invalid-service-definition":      "two types without @model and id (V3, V4)",
		"nikolasburk--instagram":                    "no @model, id without @isUnique (V2, V4)",
		"prisma-archive--angular-fullstack-graphql": "a type without @model and id (V3, V4)",
		"prisma-archive--freecom":                   "no @model, id without @isUnique (V2, V4)",
		"rondim--obmen":                             "a relation field [Order!] (V9)",
	}
	counts := map[string]int{}
services:
	for _, s := range services {
		sdl := ""
		for _, name := range s.Types {
			name = strings.TrimPrefix(name, s.Dir+"/")
			text, err := os.ReadFile(filepath.Join(root, s.ID, "service", name))
			if err != nil {
				t.Logf("%s: the corpus lacks the file %s", s.ID, name)
				counts["incomplete"]++
				continue services
			}
			sdl += string(text) + "\n"
		}
		parsed, errs := Parse(sdl)
		if len(errs) > 0 {
			counts[s.Expect+" refused"]++
			if s.Expect == "deploy" && refused[s.ID] == "" {
				t.Errorf("%s:\n%v", s.ID, errs)
			} else {
				t.Logf("%s (%s) %s:\n%v", s.ID, s.Expect, refused[s.ID], errs)
			}
			continue
		}
		counts[s.Expect+" accepted"]++
		if refused[s.ID] != "" {
			t.Errorf("%s is accepted, but %s", s.ID, refused[s.ID])
		}
		if len(parsed.Warnings) > 0 {
			t.Logf("%s (%s) warnings:\n%v", s.ID, s.Expect, parsed.Warnings)
		}
		again, errs := Parse(Print(parsed.Model))
		if len(errs) > 0 {
			t.Errorf("%s: the printed model is refused:\n%v", s.ID, errs)
			continue
		}
		if diff := diffModels(parsed.Model, again.Model); diff != "" {
			t.Errorf("%s: printing and parsing changes the model:\n%s", s.ID, diff)
		}
	}
	t.Log(counts)
}
