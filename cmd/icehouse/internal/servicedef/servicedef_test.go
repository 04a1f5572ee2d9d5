package servicedef_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"icehouse/cmd/icehouse/internal/servicedef"
	"icehouse/cmd/icehouse/internal/variables"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata")

const outcomeFile = "outcome"

// TestLoad runs the cases of testdata: a service's files, and under "outcome"
// the warnings and what would be sent, or the problems.
func TestLoad(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases", err)
	}
	for _, path := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			dir, want := t.TempDir(), ""
			for _, f := range archive.Files {
				if f.Name == outcomeFile {
					want = string(f.Data)
					continue
				}
				full := filepath.Join(dir, f.Name)
				if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(full, f.Data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got := outcome(dir)
			if *update {
				for i := range archive.Files {
					if archive.Files[i].Name == outcomeFile {
						archive.Files[i].Data = []byte(got)
					}
				}
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func outcome(dir string) string {
	var b strings.Builder
	env := map[string]string{"HOOK": "https://hooks.example.org/x", "KEY": "k1"}
	d, err := servicedef.Load(dir, variables.Sources{
		Env:     func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Options: map[string]any{"stage": "prod"},
		Warn:    func(m string) { b.WriteString("warning: " + m + "\n") },
	})
	if err != nil {
		b.WriteString(err.Error() + "\n")
		return b.String()
	}
	b.WriteString(strings.ReplaceAll(strings.ReplaceAll(d.Config(), `\n`, "\n"), `","`, "\",\n\"") + "\n")
	return b.String()
}

func TestFindWalksUp(t *testing.T) {
	top := t.TempDir()
	deep := filepath.Join(top, "src", "permissions")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	if got := servicedef.Find(deep); got != "" {
		t.Errorf("found %s", got)
	}
	if err := os.WriteFile(filepath.Join(top, servicedef.FileName), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := servicedef.Find(deep); got != top {
		t.Errorf("found %q, want %q", got, top)
	}
}
