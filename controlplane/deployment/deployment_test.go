package deployment_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"go.uber.org/goleak"

	"icehouse/controlplane/account"
	"icehouse/controlplane/definition"
	"icehouse/controlplane/deployment"
	"icehouse/controlplane/deployment/migrationplan"
	"icehouse/controlplane/deployment/migrationrun"
	"icehouse/controlplane/functiondeploy"
	"icehouse/controlplane/internal/memdb"
	"icehouse/controlplane/problem"
	"icehouse/controlplane/schemaregistry"
	"icehouse/controlplane/store"
	"icehouse/controlplane/store/sqlitestore"
	"icehouse/controlplane/store/storetest"
	"icehouse/dataplane/connector/database"
	"icehouse/deploy/testbed"
	"icehouse/tenancy"
	"icehouse/tenancy/egress"
	"icehouse/tenancy/token"
)

func TestMain(m *testing.M) {
	code := testbed.Main(m)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

var update = flag.Bool("update", false, "rewrite what the deploys of testdata answer")

// house is a control plane without its transport.
type house struct {
	t        *testing.T
	store    store.Store
	db       *memdb.DB
	deployer *deployment.Deployer
	registry *schemaregistry.Registry
	owner    store.Customer
	bundles  map[string]string
	told     []string
	mu       sync.Mutex
}

func newHouse(t *testing.T) *house {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "platform.db"), storetest.Keys)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	h := &house{t: t, store: s, db: &memdb.DB{}, bundles: map[string]string{}}
	h.restart(s)
	return h
}

// restart makes a new process over the same store and database.
func (h *house) restart(s store.Store) {
	h.t.Helper()
	now := time.Now
	tokens, err := token.NewKeys("a secret of sixteen bytes", now)
	if err != nil {
		h.t.Fatal(err)
	}
	accounts := &account.Service{Store: s, Tokens: tokens, Now: now}
	db := database.Open(h.db)
	databases := func(tenancy.Placement) (*database.DB, error) { return db, nil }
	h.registry = schemaregistry.New(s, func(p tenancy.ProjectID) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.told = append(h.told, string(p))
	})
	h.deployer = &deployment.Deployer{
		Store: s, RootToken: accounts.NewRootToken, Logger: slog.New(slog.DiscardHandler), Now: now,
		Runner: &migrationrun.Runner{Store: s, Databases: databases, Publish: h.registry.Publish, Logger: slog.New(slog.DiscardHandler), Lease: time.Second},
		Bundle: func(_ context.Context, _ tenancy.ProjectID, url string) (string, bool, error) {
			hash, ok := h.bundles[url]
			return hash, ok, nil
		},
		Functions: functiondeploy.None{}, Code: (&functiondeploy.Service{}).Code,
	}
	if h.owner, err = accounts.First(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) project(name string) store.Project {
	h.t.Helper()
	id := tenancy.ProjectID(tenancy.NewID())
	p := store.Project{ID: id, Name: name, Owner: h.owner.ID, Placement: tenancy.DefaultPlacement, Region: "EU_WEST_1",
		AllowQueries: true, AllowMutations: true, Ejected: true, CreatedAt: time.Now(), UpdatedAt: time.Now()}
	err := h.store.AddProject(h.t.Context(), p, store.Seat{ID: tenancy.NewID(), Project: id, Customer: h.owner.ID, Owner: true, Status: store.Joined, CreatedAt: time.Now()})
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

func (h *house) push(p store.Project, config string, change func(*deployment.Request)) *deployment.Result {
	h.t.Helper()
	r := deployment.Request{Config: config, Customer: h.owner.ID}
	if change != nil {
		change(&r)
	}
	result, err := h.deployer.Push(h.t.Context(), p, r)
	if err != nil {
		h.t.Fatal(err)
	}
	return result
}

func (h *house) current(p store.Project) store.Project {
	h.t.Helper()
	p, err := h.store.Project(h.t.Context(), string(p.ID))
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

func typesOnly(sdl string) string {
	return configOf(map[string]string{"graphcool.yml": "types: ./types.graphql\n", "types.graphql": sdl})
}

// configOf makes an upload of a service's files.
func configOf(files map[string]string) string {
	m := definition.Module{Files: map[string]string{}}
	for name, text := range files {
		switch {
		case name == "graphcool.yml":
			m.Content = text
		case name == "externalFiles":
			if err := json.Unmarshal([]byte(text), &m.External); err != nil {
				panic(err)
			}
		default:
			m.Files["./"+name] = text
		}
	}
	out, err := json.Marshal(definition.Config{Modules: []definition.Module{m}})
	if err != nil {
		panic(err)
	}
	return string(out)
}

// TestDeploys runs the deploys of testdata/deploy. Each archive holds the files
// of its deploys under 1/, 2/ ...; its comment may say of a deploy: "2: dryrun",
// "2: force", "2: rows Post". The last file, want, is what they answer.
func TestDeploys(t *testing.T) {
	files, err := filepath.Glob("testdata/deploy/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no deploys in testdata", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := runArchive(t, archive)
			last := len(archive.Files) - 1
			if want := string(archive.Files[last].Data); archive.Files[last].Name != "want" {
				archive.Files = append(archive.Files, txtar.File{Name: "want", Data: []byte(got)})
			} else if archive.Files[last].Data = []byte(got); !*update {
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("(-want +got; rewrite with -update):\n%s", diff)
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func runArchive(t *testing.T, archive *txtar.Archive) string {
	h := newHouse(t)
	p := h.project("golden")
	other := h.project("other")
	h.push(other, typesOnly("type Canary @model { id: ID! @isUnique }"), nil)
	var out strings.Builder
	for n := 1; ; n++ {
		prefix := fmt.Sprintf("%d/", n)
		files := map[string]string{}
		for _, f := range archive.Files {
			if name, ok := strings.CutPrefix(f.Name, prefix); ok {
				files[name] = string(f.Data)
			}
		}
		if len(files) == 0 {
			break
		}
		request := deployment.Request{Config: configOf(files), Customer: h.owner.ID}
		for line := range strings.Lines(string(archive.Comment)) {
			words := strings.Fields(line)
			if len(words) < 2 || words[0] != fmt.Sprintf("%d:", n) {
				continue
			}
			switch words[1] {
			case "dryrun":
				request.DryRun = true
			case "force":
				request.Force = true
			case "rows":
				h.db.SetRows(p.ID, words[2], true)
			case "bundle":
				h.bundles[words[2]] = words[3]
			default:
				t.Fatalf("unknown word %q", words[1])
			}
		}
		before := len(h.db.Statements(p.ID))
		result, err := h.deployer.Push(t.Context(), h.current(p), request)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "deploy %d: release %d\n", n, result.Release)
		print(&out, result)
		for _, s := range h.db.Statements(p.ID)[before:] {
			fmt.Fprintf(&out, "  ddl: %s\n", s)
		}
		if got := h.current(p).Release; got != result.Release {
			t.Fatalf("release %d serves, the answer says %d", got, result.Release)
		}
	}
	if h.current(other).Release != 1 || len(h.db.Statements(other.ID)) != 1 {
		t.Fatal("another project was touched")
	}
	return out.String()
}

func print(out *strings.Builder, result *deployment.Result) {
	var walk func(indent string, all []migrationplan.Message)
	walk = func(indent string, all []migrationplan.Message) {
		for _, m := range all {
			fmt.Fprintf(out, "%s%s %s %s: %s\n", indent, m.Type, m.Action, m.Name, m.Description)
			walk(indent+"  ", m.Sub)
		}
	}
	walk("  ", result.Messages)
	for _, e := range result.Errors {
		fmt.Fprintf(out, "  error %s.%s %d: %s\n", e.Type, e.Field, e.Code, e.Description)
	}
	for _, w := range result.Warnings {
		fmt.Fprintf(out, "  warning: %s\n", w)
	}
	for _, s := range result.Steps {
		fmt.Fprintf(out, "  step: %s (%s, %d rows)\n", s.Does, s.Lock, s.Rows)
	}
}

const (
	postOnly = "type Post @model { id: ID! @isUnique title: String }"
	twoTypes = postOnly + " type User @model { id: ID! @isUnique }"
)

func TestRepeatedPushIsQuiet(t *testing.T) {
	h := newHouse(t)
	p := h.project("quiet")
	if r := h.push(p, typesOnly(postOnly), nil); r.Release != 1 || len(r.Messages) == 0 {
		t.Fatalf("first push: %+v", r)
	}
	if r := h.push(p, typesOnly(postOnly), nil); r.Release != 1 || len(r.Messages) != 0 || len(r.Errors) != 0 {
		t.Fatalf("second push: %+v", r)
	}
	// A comment is no change of the model, and yet what is shown is what was sent.
	if r := h.push(p, typesOnly("# hello\n"+postOnly), nil); r.Release != 2 || len(r.Messages) != 0 {
		t.Fatalf("push with a comment: %+v", r)
	}
}

// TestSecretsStay deploys what a client is shown of a service: nothing changes, whoever
// may not see the values.
func TestSecretsStay(t *testing.T) {
	h := newHouse(t)
	p := h.project("secrets")
	config := func(key string) string {
		text, err := json.Marshal(definition.Config{Modules: []definition.Module{{
			Content: "types: ./t\nfunctions:\n  f:\n    type: operationAfter\n    operation: Post.create\n    handler: {code: {src: ./f.js, environment: {KEY: '" + key + "'}}}\n",
			Files:   map[string]string{"./t": postOnly, "./f.js": "module.exports = e => e"},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	deployed := func() *definition.Definition {
		t.Helper()
		now := h.current(p)
		release, err := h.store.Release(t.Context(), p.ID, now.Release)
		if err != nil {
			t.Fatal(err)
		}
		def, err := definition.Decode(release.Definition)
		if err != nil {
			t.Fatal(err)
		}
		return def
	}
	h.push(p, config("planted"), nil)
	shown := deployed().Shown().Render()
	for _, dry := range []bool{true, false} {
		r := h.push(h.current(p), shown, func(r *deployment.Request) { r.DryRun = dry })
		said := strings.Join(r.Warnings, "\n")
		if len(r.Errors) > 0 || len(r.Messages) > 0 || !strings.Contains(said, "The function 'f' keeps the value of 'KEY'") || strings.Contains(shown+said, "planted") {
			t.Errorf("%+v\n%s", r, shown)
		}
	}
	if key := deployed().Function("f").Code.Environment["KEY"]; key != "planted" {
		t.Errorf("the value is %q now", key)
	}
	h.push(h.current(p), config("other"), nil)
	if key := deployed().Function("f").Code.Environment["KEY"]; key != "other" {
		t.Errorf("the new value is %q", key)
	}
	// Another project has none to keep.
	second := h.project("second")
	if r := h.push(second, shown, nil); len(r.Errors) > 0 || strings.Contains(strings.Join(r.Warnings, "\n"), "keeps") {
		t.Errorf("%+v", r)
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	h := newHouse(t)
	p := h.project("dry")
	r := h.push(p, typesOnly(postOnly), func(r *deployment.Request) { r.DryRun = true })
	if len(r.Messages) != 1 || r.Release != 0 || h.db.Exists(p.ID) || h.current(p).Release != 0 {
		t.Fatalf("dry run: %+v", r)
	}
	if _, err := h.registry.FindProject(t.Context(), string(p.ID)); !errors.Is(err, tenancy.ErrUnknownProject) {
		t.Fatalf("a project without a release is found: %v", err)
	}
}

func TestFailingMigrationLeavesTheOldRelease(t *testing.T) {
	h := newHouse(t)
	p := h.project("failing")
	h.push(p, typesOnly(postOnly), nil)
	h.db.Fail = func(tenancy.ProjectID, []string) error { return &database.Error{Kind: database.Internal} }
	if _, err := h.deployer.Push(t.Context(), p, deployment.Request{Config: typesOnly(twoTypes)}); err == nil {
		t.Fatal("no error")
	}
	if entry, err := h.registry.FindProject(t.Context(), string(p.ID)); err != nil || entry.Release != 1 {
		t.Fatalf("%+v %v", entry, err)
	}
	h.db.Fail = nil
	if r := h.push(p, typesOnly(twoTypes), nil); r.Release != 2 {
		t.Fatalf("%+v", r)
	}
}

func TestRowsThatCameMeanwhile(t *testing.T) {
	h := newHouse(t)
	p := h.project("race")
	h.push(p, typesOnly(postOnly), nil)
	h.db.Fail = func(tenancy.ProjectID, []string) error { return &database.Error{Kind: database.MissingValue} }
	r := h.push(p, typesOnly("type Post @model { id: ID! @isUnique title: String n: Int! }"), nil)
	if len(r.Errors) != 1 || r.Release != 1 {
		t.Fatalf("%+v", r)
	}
}

// killed is a store whose process dies when a release is to be published.
type killed struct{ store.Store }

var errKilled = errors.New("the process is gone")

func (k *killed) Publish(context.Context, store.Publication) error        { return errKilled }
func (k *killed) Unlock(context.Context, tenancy.ProjectID, string) error { return errKilled }

func TestKilledHalfWay(t *testing.T) {
	h := newHouse(t)
	p := h.project("killed")
	h.push(p, typesOnly(postOnly), nil)
	alive := h.store
	h.restart(&killed{Store: alive})
	if _, err := h.deployer.Push(t.Context(), p, deployment.Request{Config: typesOnly(twoTypes)}); !errors.Is(err, errKilled) {
		t.Fatalf("error %v", err)
	}
	h.restart(alive)
	if entry, err := h.registry.FindProject(t.Context(), string(p.ID)); err != nil || entry.Release != 1 {
		t.Fatalf("the old release does not serve: %+v %v", entry, err)
	}
	// The next deploy waits for the dead one's lease, finishes it, and goes on
	// from there: its own change is one field.
	third := "type Post @model { id: ID! @isUnique title: String more: Int } type User @model { id: ID! @isUnique }"
	r := h.push(p, typesOnly(third), nil)
	if r.Release != 3 || len(r.Messages) != 1 || r.Messages[0].Name != "Post" {
		t.Fatalf("%+v", r)
	}
	if _, err := h.store.Release(t.Context(), p.ID, 2); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"create table Post (id id required unique, createdAt time required, updatedAt time required, title text)",
		"create table User (id id required unique, createdAt time required, updatedAt time required)",
		"add to Post column more int",
	}
	if diff := cmp.Diff(want, h.db.Statements(p.ID)); diff != "" {
		t.Fatal(diff)
	}
}

func TestRepeatAfterKill(t *testing.T) {
	h := newHouse(t)
	p := h.project("killed")
	alive := h.store
	h.restart(&killed{Store: alive})
	if _, err := h.deployer.Push(t.Context(), p, deployment.Request{Config: typesOnly(postOnly)}); !errors.Is(err, errKilled) {
		t.Fatalf("error %v", err)
	}
	h.restart(alive)
	if r := h.push(p, typesOnly(postOnly), nil); r.Release != 1 || len(r.Errors) != 0 {
		t.Fatalf("%+v", r)
	}
}

func TestPushesOfOneProjectAreSerialised(t *testing.T) {
	h := newHouse(t)
	p := h.project("busy")
	h.push(p, typesOnly(postOnly), nil)
	h.db.Fail = func(tenancy.ProjectID, []string) error { time.Sleep(20 * time.Millisecond); return nil }
	var wg sync.WaitGroup
	releases := make([]int64, 4)
	for i := range releases {
		wg.Go(func() {
			sdl := fmt.Sprintf("%s type T%d @model { id: ID! @isUnique }", postOnly, i)
			r, err := h.deployer.Push(t.Context(), p, deployment.Request{Config: typesOnly(sdl)})
			if err != nil {
				t.Error(err)
				return
			}
			if len(r.Errors) == 0 {
				releases[i] = r.Release
			}
		})
	}
	wg.Wait()
	if h.db.Most != 1 {
		t.Fatalf("%d migrations at once", h.db.Most)
	}
	// The first to come adds its type; each other would remove that type.
	done := 0
	for _, r := range releases {
		if r != 0 {
			done++
		}
	}
	if done != 1 || h.current(p).Release != 2 {
		t.Fatalf("%d deploys went through, release %d", done, h.current(p).Release)
	}
}

func TestRootTokens(t *testing.T) {
	h := newHouse(t)
	p := h.project("tokens")
	with := func(names string) string {
		return configOf(map[string]string{"graphcool.yml": "types: ./types.graphql\nrootTokens: [" + names + "]\n", "types.graphql": ""})
	}
	h.push(p, with("a, b"), nil)
	first, err := h.store.RootTokens(t.Context(), p.ID)
	if err != nil || len(first) != 2 {
		t.Fatal(first, err)
	}
	h.push(p, with("b, c"), nil)
	second, err := h.store.RootTokens(t.Context(), p.ID)
	if err != nil || len(second) != 2 {
		t.Fatal(second, err)
	}
	for _, tok := range second {
		if tok.Name == "b" && tok.Token != first[0].Token && tok.Token != first[1].Token {
			t.Fatal("an unchanged token got another text")
		}
		if tok.Name == "a" {
			t.Fatal("a removed token is still there")
		}
	}
}

// TestWebhookAddresses: what is no URL is refused (2056); what this installation does not
// call is deployed, and said.
func TestWebhookAddresses(t *testing.T) {
	h := newHouse(t)
	p := h.project("p")
	hook := func(url string) *deployment.Result {
		t.Helper()
		text, err := json.Marshal(map[string]any{"modules": []any{definition.Module{
			Content: "types: ./t\nfunctions:\n  f: {type: operationBefore, operation: Post.create, handler: {webhook: " + strconv.Quote(url) + "}}\n",
			Files:   map[string]string{"./t": postOnly},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		return h.push(h.current(p), string(text), func(r *deployment.Request) { r.DryRun = true })
	}
	for url, why := range map[string]string{
		"ftp://example.org": "scheme", "example.org/x": "scheme", "http:///x": "host", "https://user:word@example.org": "password", "http://example.org:0": "port",
		"https://ex ample.org": "spaces", "https://ex_ample!.org": "host", "https://example.org/a\\b": "backslash",
	} {
		if r := hook(url); len(r.Errors) != 1 || r.Errors[0].Code != problem.CodeFunctionURL || !strings.Contains(r.Errors[0].Description, why) {
			t.Errorf("%s: %+v", url, r.Errors)
		}
	}
	private := []string{"http://localhost:3000", "http://127.0.0.1", "http://10.1.2.3/x", "http://[::1]", "http://169.254.169.254/latest", "http://2130706433"}
	for _, url := range private {
		if r := hook(url); len(r.Errors) > 0 || !strings.Contains(strings.Join(r.Warnings, "\n"), "The webhook of the function 'f' will not be called: ") {
			t.Errorf("%s: %+v %q", url, r.Errors, r.Warnings)
		}
	}
	h.deployer.Webhooks = egress.Policy{Loopback: true, Open: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for _, url := range append(private[:4:4], "https://baf7c6d8.ngrok.io/a?b=c#d") {
		if r := hook(url); len(r.Errors) > 0 || len(r.Warnings) > 0 {
			t.Errorf("%s: %+v %q", url, r.Errors, r.Warnings)
		}
	}
}
