package dataplanetest

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
)

var update = flag.Bool("update", false, "write the golden files anew, from the reference context")

// RunCases sends every case of a folder to an API in a context. With reference, -update
// writes the answers; other contexts must give the same. Each writes the SQL of
// its own dialect.
//
// A case is a txtar file: schema.graphql is the data model; N.graphql are the
// requests, in order of their names, N.variables.json their variables, N.json
// the answers, N.<context>.sql the statements. permissions.json are the permission
// records, and N.as says who sends a request: admin, or a node's type and id; nobody
// without it. <id1> in a request is the first
// id that an answer showed.
func RunCases(t *testing.T, c Context, api compiledschema.API, dir string, reference bool) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s (%v)", dir, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			runCase(t, c, api, file, reference)
		})
	}
}

func runCase(t *testing.T, c Context, api compiledschema.API, file string, reference bool) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a := &golden{archive: archive}
	project := deployCase(t, c, a)
	n := &names{byID: map[string]string{}, ids: map[string]string{}}
	for _, request := range a.requests() {
		stem := strings.TrimSuffix(request, ".graphql")
		r := Request{Query: n.show(a.get(request)), Variables: []byte(n.show(a.get(stem + ".variables.json"))), API: api}
		r.sendAs(t, project, n.show(strings.TrimSpace(a.get(stem+".as"))))
		_, answer := project.Do(t, r)
		a.check(t, stem+".json", pretty(n.hide(answer)), reference)
		a.check(t, stem+"."+c.Name+".sql", Statements(t, c, project, r), true)
	}
	if log := project.Log.String(); log != "" {
		t.Errorf("unexpected failures were logged:\n%s", log)
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(a.archive), 0o644); err != nil { //nolint:gosec // test data
			t.Fatal(err)
		}
	}
}

// deployCase deploys a case's data model, open to everyone unless it says who may do
// what.
func deployCase(t *testing.T, c Context, a *golden) *Project {
	records := a.get("permissions.json")
	if records == "" {
		return Deploy(t, c, a.get("schema.graphql"))
	}
	parsed, problems := datamodel.Parse(a.get("schema.graphql"))
	if len(problems) > 0 {
		t.Fatalf("data model: %v", problems)
	}
	release := compiledschema.Release{Model: parsed.Model, Layout: relational.Build(parsed.Model, nil)}
	if err := json.Unmarshal([]byte(records), &release.Records); err != nil {
		t.Fatalf("permissions.json: %v", err)
	}
	return DeployRelease(t, c, release)
}

// sendAs gives a request the token of who is meant: admin, or a type and an id.
func (r *Request) sendAs(t *testing.T, p *Project, who string) {
	typeName, id, isNode := strings.Cut(who, " ")
	switch {
	case isNode:
		r.As, r.Token = typeName, p.NodeToken(t, typeName, id)
	case who == "admin":
		r.Token = AdminToken
	case who != "":
		t.Fatalf("nobody is called %q", who)
	}
}

// golden is a case's file being read, checked or rewritten.
type golden struct{ archive *txtar.Archive }

func (g *golden) find(name string) *txtar.File {
	for i := range g.archive.Files {
		if g.archive.Files[i].Name == name {
			return &g.archive.Files[i]
		}
	}
	return nil
}

func (g *golden) get(name string) string {
	if f := g.find(name); f != nil {
		return string(f.Data)
	}
	return ""
}

func (g *golden) requests() []string {
	var names []string
	for _, f := range g.archive.Files {
		if strings.HasSuffix(f.Name, ".graphql") && f.Name != "schema.graphql" {
			names = append(names, f.Name)
		}
	}
	sort.Strings(names)
	return names
}

func (g *golden) check(t *testing.T, name, got string, mayUpdate bool) {
	t.Helper()
	f := g.find(name)
	if *update && mayUpdate {
		if f == nil {
			g.insert(name)
			f = g.find(name)
		}
		f.Data = []byte(got)
		return
	}
	want := ""
	if f != nil {
		want = string(f.Data)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// insert puts a new file behind those of the same request.
func (g *golden) insert(name string) {
	stem, _, _ := strings.Cut(name, ".")
	at := len(g.archive.Files)
	for i := range g.archive.Files {
		if s, _, _ := strings.Cut(g.archive.Files[i].Name, "."); s == stem {
			at = i + 1
		}
	}
	g.archive.Files = append(g.archive.Files[:at], append([]txtar.File{{Name: name}}, g.archive.Files[at:]...)...)
}
