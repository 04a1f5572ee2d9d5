package datamodel

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the expectations in testdata anew")

// TestGolden parses every x.graphql of testdata/*.txtar and compares with what
// x.want says about it: the model with its hints and warnings, or the errors.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		wants := map[string]string{}
		inputs := []txtar.File{}
		for _, f := range archive.Files {
			if name, ok := strings.CutSuffix(f.Name, ".want"); ok {
				wants[name] = string(f.Data)
			} else {
				inputs = append(inputs, f)
			}
		}
		archive.Files = nil
		for _, input := range inputs {
			name := strings.TrimSuffix(input.Name, ".graphql")
			got := describe(t, string(input.Data))
			archive.Files = append(archive.Files, input, txtar.File{Name: name + ".want", Data: []byte(got)})
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+name, func(t *testing.T) {
				if diff := cmp.Diff(wants[name], got); diff != "" && !*update {
					t.Errorf("(-want +got)\n%s", diff)
				}
			})
		}
		if *update {
			if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// describe is the text form of what Parse says. It also takes every model
// through its other forms.
func describe(t *testing.T, sdl string) string {
	t.Helper()
	parsed, errs := Parse(sdl)
	if errs != nil {
		if parsed != nil {
			t.Error("errors and a result")
		}
		return list("error", errs)
	}
	checkForms(t, parsed.Model)
	var b strings.Builder
	b.WriteString(dump(parsed.Model))
	b.WriteString(dumpHints(parsed.Hints))
	b.WriteString(list("warning", parsed.Warnings))
	return b.String()
}

// checkForms says that the links hold, and that JSON and SDL give the model back.
func checkForms(t interface{ Errorf(string, ...any) }, m *DataModel) {
	if err := checkLinks(m); err != nil {
		t.Errorf("links: %v", err)
	}
	read, err := throughJSON(m)
	if err != nil {
		t.Errorf("JSON: %v", err)
		return
	}
	if err := checkLinks(read); err != nil {
		t.Errorf("links after JSON: %v", err)
	}
	if diff := diffModels(m, read); diff != "" {
		t.Errorf("JSON changes the model (-before +after)\n%s", diff)
	}
	again, errs := Parse(Print(m))
	if errs != nil {
		t.Errorf("the printed model is refused: %v\n%s", errs, Print(m))
		return
	}
	again.Model.KeepSides(m, Hints{})
	if diff := diffModels(m, again.Model); diff != "" {
		t.Errorf("printing changes the model (-before +after)\n%s", diff)
	}
}

func list(what string, all Diagnostics) string {
	var b strings.Builder
	for _, d := range all {
		fmt.Fprintf(&b, "%s %s\n", what, d)
	}
	return b.String()
}

func dump(m *DataModel) string {
	var b strings.Builder
	for _, t := range m.Types {
		fmt.Fprintf(&b, "type %s\n", t.Name)
		for _, f := range t.Fields {
			fmt.Fprintf(&b, "  %s: %s", f.Name, f.Form())
			for _, flag := range []struct {
				name string
				on   bool
			}{{"list", f.List}, {"required", f.Required}, {"unique", f.Unique}} {
				if flag.on {
					b.WriteString(" " + flag.name)
				}
			}
			if f.Default != nil {
				b.WriteString(" default " + dumpValue(f.Default))
			}
			if f.Relation != nil {
				fmt.Fprintf(&b, " %s/%c", f.Relation.Name, 'A'+f.Side)
			}
			b.WriteByte('\n')
		}
	}
	for _, e := range m.Enums {
		fmt.Fprintf(&b, "enum %s: %s\n", e.Name, strings.Join(e.Values, " "))
	}
	for _, r := range m.Relations {
		fmt.Fprintf(&b, "relation %s: A %s.%s, B %s.%s\n", r.Name, r.A().Type.Name, r.A().Name, r.B().Type.Name, r.B().Name)
	}
	return b.String()
}

func dumpValue(v *Value) string {
	if v.Null {
		return "null"
	}
	text, _ := json.Marshal(v.Text)
	return v.JSON + " from " + string(text)
}

func dumpHints(h Hints) string {
	var b strings.Builder
	for _, renames := range []struct {
		what string
		old  map[string]string
	}{{"type", h.TypeRenames}, {"field", h.FieldRenames}, {"enum", h.EnumRenames}, {"relation", h.RelationRenames}} {
		for _, name := range slices.Sorted(maps.Keys(renames.old)) {
			fmt.Fprintf(&b, "rename %s %s from %s\n", renames.what, name, renames.old[name])
		}
	}
	for _, values := range []map[string]*Value{h.MigrationValues, h.EnumMigrationValues} {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			fmt.Fprintf(&b, "migrate %s to %s\n", name, dumpValue(values[name]))
		}
	}
	return b.String()
}
