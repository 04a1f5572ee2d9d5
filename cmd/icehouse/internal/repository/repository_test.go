package repository

import (
	"archive/tar"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Place{
		"email-password":         {"graphcool", "templates", "auth/email-password", ""},
		"fixer#dev":              {"graphcool", "templates", "misc/fixer-wrapper", "dev"},
		"messaging/ses":          {"graphcool", "templates", "messaging/ses", ""},
		"ada/tools":              {"ada", "tools", "", ""},
		"ada/tools/a/b#next/one": {"ada", "tools", "a/b", "next/one"},
		"ada/tools#next/a":       {"ada", "tools", "a", "next"},
		"https://github.com/a/b": {"a", "b", "", ""},
		"github.com/a/b.git":     {"a", "b", "", ""},
		"file:///mirror/a/b/c":   {"a", "b", "c", ""},
		"https://github.com/auth/x/tree/main/mods/mail/": {"auth", "x", "mods/mail", "main"},
	} {
		if got, err := Parse(text, "file:///mirror/"); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"":                       "no name",
		"mailgum":                `did you mean "mailgun"`,
		"ada/../x":               `"..", can't`,
		"ada/x/.git":             "can't be a part",
		"--upload-pack=x/y":      "can't be a part",
		"a/b#-x":                 "can't be a branch",
		"https://gitlab.com/x/y": "--hub",
	} {
		if _, err := Parse(text, Hub); err == nil || !strings.Contains(err.Error(), strings.Replace(want, ",", "", 1)) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func packed(t *testing.T, headers ...tar.Header) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		h.Mode = 0o644
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, h.Size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func TestArchivesStayInside(t *testing.T) {
	many := make([]tar.Header, mostFiles+1)
	for i := range many {
		many[i] = tar.Header{Name: strings.Repeat("x", i%100+1), Typeflag: tar.TypeReg}
		many[i].Name += string(rune('a' + i/100))
	}
	for want, headers := range map[string][]tar.Header{
		"would not be inside": {{Name: "../x", Typeflag: tar.TypeReg}},
		"is a link":           {{Name: "x", Typeflag: tar.TypeSymlink, Linkname: "/etc"}},
		"larger than 32 MB":   {{Name: "x", Typeflag: tar.TypeReg, Size: largestTotal}, {Name: "y", Typeflag: tar.TypeReg, Size: 1}},
		"more than 2000":      many,
	} {
		if _, err := read(packed(t, headers...)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestFetch(t *testing.T) {
	hub := t.TempDir()
	repo := filepath.Join(hub, "ada", "tools")
	run := func(args ...string) {
		t.Helper()
		c := exec.Command("git", append([]string{"-C", repo, "-c", "user.name=a", "-c", "user.email=a@b"}, args...)...)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if err := os.MkdirAll(filepath.Join(repo, "mail", "src"), 0o755); err != nil {
		t.Fatal(err)
	}
	run("init", "-q", "-b", "main")
	for name, text := range map[string]string{"mail/graphcool.yml": "types: x\n", "mail/src/a.js": "a", "other": "o"} {
		if err := os.WriteFile(filepath.Join(repo, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run("add", ".")
	run("commit", "-qm", "one")
	run("checkout", "-q", "-b", "next")
	if err := os.WriteFile(filepath.Join(repo, "other"), []byte("next"), 0o644); err != nil {
		t.Fatal(err)
	}
	run("commit", "-qam", "two")
	run("checkout", "-q", "main")
	got, err := Place{User: "ada", Repo: "tools", Sub: "mail"}.Fetch(t.Context(), "file://"+hub)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]byte{"graphcool.yml": []byte("types: x\n"), "src/a.js": []byte("a")}, got); diff != "" {
		t.Error(diff)
	}
	if got, err = (Place{User: "ada", Repo: "tools", Branch: "next"}).Fetch(t.Context(), "file://"+hub); err != nil || string(got["other"]) != "next" {
		t.Errorf("%v, %v", got, err)
	}
	for _, p := range []Place{{User: "ada", Repo: "none"}, {User: "ada", Repo: "tools", Sub: "nothing"}, {User: "ada", Repo: "tools", Branch: "nothing"}} {
		if _, err := p.Fetch(t.Context(), "file://"+hub); err == nil {
			t.Errorf("%s is there", p)
		}
	}
	if err := os.Symlink("/etc", filepath.Join(repo, "mail", "link")); err != nil {
		t.Fatal(err)
	}
	run("add", ".")
	run("commit", "-qm", "three")
	if _, err := (Place{User: "ada", Repo: "tools", Sub: "mail"}).Fetch(t.Context(), "file://"+hub); err == nil || !strings.Contains(err.Error(), "is a link") {
		t.Errorf("a link: %v", err)
	}
}
