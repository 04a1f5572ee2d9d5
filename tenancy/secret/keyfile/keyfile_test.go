package keyfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"icehouse/tenancy/secret"
	"icehouse/tenancy/secret/keyfile"
)

func open(t *testing.T, path string) *secret.Sealer {
	t.Helper()
	keys, err := keyfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return secret.New(keys)
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRotation adds a key, lets it wrap, and takes the old one away.
func TestRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder", "keys")
	if err := keyfile.Add(path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	first := read(t, path)
	seal := func(text string) []byte {
		out, err := open(t, path).Seal(t.Context(), "ca", "x", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	opens := func(sealed []byte, text string) bool {
		got, err := open(t, path).Open(t.Context(), "ca", "x", sealed)
		if err != nil && !errors.Is(err, secret.ErrUnknownKey) {
			t.Error(err)
		}
		return err == nil && string(got) == text
	}
	one := seal("one")
	if err := keyfile.Add(path); err != nil {
		t.Fatal(err)
	}
	both := read(t, path)
	if !strings.HasPrefix(both, first) || strings.Count(both, "\n") != 2 {
		t.Fatalf("%d lines, and the first key is not the first", strings.Count(both, "\n"))
	}
	two := seal("two")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	second := strings.TrimPrefix(both, first)
	write("# the new one\n" + second + "\n  " + first)
	three := seal("three")
	if !opens(one, "one") || !opens(two, "two") || !opens(three, "three") {
		t.Error("with both keys not everything opens")
	}
	write(second)
	if opens(one, "one") || opens(two, "two") || !opens(three, "three") {
		t.Error("the second key opens what the first sealed, or not what it did itself")
	}
	write(first)
	if !opens(one, "one") || !opens(two, "two") || opens(three, "three") {
		t.Error("a key that was added at the end sealed something")
	}
}

func TestManyMakeOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := keyfile.Make(path); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if strings.Count(read(t, path), "\n") != 1 {
		t.Error("not one key")
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("%d files", len(files))
	}
}

func TestOpenRefuses(t *testing.T) {
	const hush = "hushhushhushhushhushhushhushhushhushhushhu*"
	for text, want := range map[string]string{
		"":                            "has no key",
		"# only words\n\n":            "has no key",
		"# a\n" + hush + "\n":         "line 2 is not 32 bytes",
		strings.Repeat("A", 42):       "line 1 is not 32 bytes",
		strings.Repeat("A", 60):       "line 1 is not 32 bytes",
		strings.Repeat("#\n", 1e6):    "is no file of keys",
		strings.Repeat("A", 43):       "",
		strings.Repeat("A", 43) + "=": "",
		strings.Repeat("+", 42) + "A": "",
	} {
		path := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := keyfile.Open(path)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush")) {
			t.Errorf("%.50q: %v", text, err)
		}
	}
	if _, err := keyfile.Open(t.TempDir()); err == nil {
		t.Error("a folder is no file of keys")
	}
	if _, err := keyfile.Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
