package graphcoolrc_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"icehouse/cmd/icehouse/internal/graphcoolrc"
	"icehouse/cmd/icehouse/internal/variables"
)

// place is a service's folder and a home directory with their files.
type place struct {
	service, home string
	env           map[string]string
}

func newPlace(t *testing.T, service, home string) place {
	t.Helper()
	p := place{t.TempDir(), t.TempDir(), map[string]string{}}
	for dir, text := range map[string]string{p.service: service, p.home: home} {
		if text != "" {
			if err := os.WriteFile(filepath.Join(dir, graphcoolrc.FileName), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return p
}

func (p place) load(t *testing.T) *graphcoolrc.Environment {
	t.Helper()
	e, err := graphcoolrc.Load(p.service, p.home, variables.Sources{
		Env: func(name string) (string, bool) { v, ok := p.env[name]; return v, ok },
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func read(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, graphcoolrc.FileName))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const (
	serviceFile = "targets:\n  prod: mine/c1\n  dev: local/c2\n  staging: ${env:STAGING}\n  test: dev\n  deep: test\n  deeper: deep\n  default: dev\n"
	homeFile    = "graphcool-1.0:\n  clusters: {}\ngraphcool-framework:\n  clusters:\n    default: mine\n    mine: {host: 'https://api.example.org/', token: t0k}\n    local:\n      host: http://localhost:60000\n      clusterSecret: s3\n  targets:\n    shared: mine/c9\n    blind: dev\n"
)

func TestTarget(t *testing.T) {
	for name, c := range map[string]struct{ given, env, want, err string }{
		"default":               {"", "", "local/c2", ""},
		"by name":               {"prod", "", "mine/c1", ""},
		"in full":               {"mine/some-alias", "", "mine/some-alias", ""},
		"from a variable":       {"staging", "", "mine/c3", ""},
		"one alias":             {"test", "", "local/c2", ""},
		"two aliases":           {"deep", "", "local/c2", ""},
		"three are too many":    {"deeper", "", "", `target "deeper" leads nowhere: want CLUSTER/ID, or a name that leads there in two steps`},
		"of the home directory": {"shared", "", "mine/c9", ""},
		"home sees no service":  {"blind", "", "", `target "blind" leads nowhere: want CLUSTER/ID, or a name that leads there in two steps`},
		"environment wins":      {"prod", "dev", "local/c2", ""},
		"unknown":               {"prdo", "", "", `there is no target "prdo"; did you mean "prod"?`},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, serviceFile, homeFile)
			p.env["STAGING"] = "mine/c3"
			if c.env != "" {
				p.env["GRAPHCOOL_TARGET"] = c.env
			}
			got, err := p.load(t).Target(c.given)
			if c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Errorf("got %v, want %s", err, c.err)
				}
				return
			}
			if err != nil || got.String() != c.want {
				t.Errorf("got %v, %v; want %s", got, err, c.want)
			}
		})
	}
}

func TestClusters(t *testing.T) {
	e := newPlace(t, "clusters:\n  local: {host: 'http://elsewhere'}\n", homeFile).load(t)
	want := []graphcoolrc.Cluster{
		{Name: "local", Host: "http://elsewhere", FaaSHost: "http://localhost:60050"},
		{Name: "mine", Host: "https://api.example.org", FaaSHost: "http://localhost:60050", Secret: "t0k", Own: true},
	}
	if diff := cmp.Diff(want, e.Clusters()); diff != "" {
		t.Error(diff)
	}
	if e.DefaultCluster() != "mine" {
		t.Errorf("default is %q", e.DefaultCluster())
	}
	if _, err := e.Cluster("locall"); err == nil || err.Error() != `there is no cluster "locall"; did you mean "local"?` {
		t.Errorf("got %v", err)
	}
}

// TestBeta converts files of the beta and keeps them beside.
func TestBeta(t *testing.T) {
	service := "# ours\ndefault: dev\nenvironments:\n  dev: c1\n  prod:\n    projectId: c2\n    envVars: {KEY: x}\n  none: {}\n"
	home := "graphcool-framework:\n  clusters:\n    mine: # kept\n      host: http://h\n      token: t0k\n"
	p := newPlace(t, service, home)
	if err := os.WriteFile(filepath.Join(p.service, graphcoolrc.FileName+".old"), []byte("another"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.home, ".graphcool"), []byte(`{"token": "old"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	var warned []string
	load := func() *graphcoolrc.Environment {
		e, err := graphcoolrc.Load(p.service, p.home, variables.Sources{
			Env: func(string) (string, bool) { return "", false }, Warn: func(m string) { warned = append(warned, m) },
		})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	e := load()
	var got []string
	for _, target := range e.Targets() {
		got = append(got, target.Name+"="+target.String())
	}
	if diff := cmp.Diff([]string{"dev=shared-eu-west-1/c1", "prod=shared-eu-west-1/c2"}, got); diff != "" {
		t.Error(diff)
	}
	if target, err := e.Target(""); err != nil || target.Project != "c1" {
		t.Errorf("default %v, %v", target, err)
	}
	if diff := cmp.Diff([]graphcoolrc.Cluster{{Name: "mine", Host: "http://h", FaaSHost: "http://localhost:60050", Secret: "t0k", Own: true}}, e.Clusters()); diff != "" {
		t.Error(diff)
	}
	if len(warned) != 4 {
		t.Errorf("warnings: %q", warned)
	}
	for path, want := range map[string]string{
		filepath.Join(p.service, ".graphcoolrc"):      "# ours\ntargets:\n  dev: shared-eu-west-1/c1\n  prod: shared-eu-west-1/c2\n  default: dev\n",
		filepath.Join(p.service, ".graphcoolrc.old"):  "another",
		filepath.Join(p.service, ".graphcoolrc.old2"): service,
		filepath.Join(p.home, ".graphcoolrc"):         "graphcool-framework:\n  clusters:\n    mine: # kept\n      host: http://h\n      clusterSecret: t0k\n      faasHost: http://localhost:60050\n  platformToken: old\n",
		filepath.Join(p.home, ".graphcoolrc.old"):     home,
	} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(text)); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
	warned = nil
	if load(); len(warned) > 0 {
		t.Errorf("converted twice: %q", warned)
	}
}

func TestSaveTarget(t *testing.T) {
	p := newPlace(t, "", "")
	e := p.load(t)
	if _, err := e.Target(""); !errors.Is(err, graphcoolrc.ErrNoTarget) {
		t.Fatalf("got %v", err)
	}
	for _, c := range []struct {
		target    graphcoolrc.Target
		asDefault bool
		want      string
	}{
		{graphcoolrc.Target{Name: "dev", Cluster: "local", Project: "c1"}, false, "targets:\n  dev: local/c1\n  default: dev\n"},
		{graphcoolrc.Target{Name: "prod", Cluster: "mine", Project: "c2"}, false, "targets:\n  dev: local/c1\n  default: dev\n  prod: mine/c2\n"},
		{graphcoolrc.Target{Name: "dev", Cluster: "local", Project: "c3"}, false, "targets:\n  dev: local/c3\n  default: dev\n  prod: mine/c2\n"},
		{graphcoolrc.Target{Name: "prod", Cluster: "mine", Project: "c2"}, true, "targets:\n  dev: local/c3\n  default: prod\n  prod: mine/c2\n"},
	} {
		if err := e.SaveTarget(c.target, c.asDefault); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, read(t, p.service)); diff != "" {
			t.Error(diff)
		}
	}
	if err := e.Forget(graphcoolrc.Target{Cluster: "mine", Project: "c2"}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, p.service); got != "targets:\n  dev: local/c3\n" {
		t.Errorf("after Forget: %q", got)
	}
}

func TestSaveClusterTouchesNothingElse(t *testing.T) {
	p := newPlace(t, "", "")
	// The file lives elsewhere, as it does for people who keep such files in a
	// repository.
	kept := filepath.Join(t.TempDir(), "rc")
	before := "# mine\ngraphcool-1.0:\n  clusters: {a: b}\ngraphcool-framework:\n  platformToken: 'x'   # old\n"
	if err := os.WriteFile(kept, []byte(before), 0o644); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(p.home, graphcoolrc.FileName)
	if err := os.Symlink(kept, path); err != nil {
		t.Fatal(err)
	}
	if err := p.load(t).SaveCluster(graphcoolrc.Cluster{Name: "local", Host: "http://localhost:60000", FaaSHost: "http://localhost:60050", Secret: "a.b.c"}, true); err != nil {
		t.Fatal(err)
	}
	want := before + "  clusters:\n    local:\n      host: http://localhost:60000\n      faasHost: http://localhost:60050\n      clusterSecret: a.b.c\n    default: local\n"
	if diff := cmp.Diff(want, read(t, p.home)); diff != "" {
		t.Error(diff)
	}
	link, err := os.Lstat(path)
	if err != nil || link.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
	if info, err := os.Stat(kept); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}
