// Package dataplanetest is the specification of the APIs of projects, as cases
// that run against every context: the same requests must get the same answers on
// each database.
//
// In: txtar files, each one behaviour: a data model, requests and their answers,
// and the SQL that answers them in each dialect. Out: test failures, or, with
// -update, the files written anew from the reference context. Callers: the tests
// of this package and of rooms that serve the same API in another way.
package dataplanetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"icehouse/dataplane"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/relational"
	"icehouse/tenancy"
	"icehouse/tenancy/authn"
	"icehouse/tenancy/directory"
	"icehouse/tenancy/isolation"
	"icehouse/tenancy/token"
)

// Context is one way to serve projects.
type Context struct {
	Name string // of the context, and of its dialect in golden files
	DB   *database.DB
}

// Clock is the time of every request of a case.
var Clock = time.Date(2017, 11, 30, 12, 0, 0, 123_000_000, time.UTC)

// Project is a deployed data model behind its endpoint.
type Project struct {
	ID      tenancy.ProjectID
	Scope   isolation.Scope
	Schema  *compiledschema.Schema
	Plane   *dataplane.DataPlane
	Handler http.Handler
	Log     *Log
}

// Deploy makes a project of a data model with open permissions, without a
// control plane. It is dropped when the test ends.
func Deploy(t testing.TB, c Context, sdl string, resolvers ...compiledschema.ResolverSource) *Project {
	t.Helper()
	parsed, problems := datamodel.Parse(sdl)
	if len(problems) > 0 {
		t.Fatalf("data model: %v", problems)
	}
	release := compiledschema.Release{
		Model: parsed.Model, Layout: relational.Build(parsed.Model, nil), Resolvers: resolvers, Permissions: compiledschema.Permissions{Open: true},
	}
	return DeployRelease(t, c, release)
}

// DeployRelease serves a release from an empty database. configure changes how.
func DeployRelease(t testing.TB, c Context, release compiledschema.Release, configure ...func(*dataplane.Config)) *Project {
	t.Helper()
	ctx := t.Context()
	id := tenancy.ProjectID(tenancy.NewID())
	scope, err := isolation.ForProject(id, tenancy.DefaultPlacement)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.DB.Provision(ctx, scope); err != nil {
		t.Fatalf("provision: %v", err)
	}
	t.Cleanup(func() {
		if err := c.DB.Drop(context.WithoutCancel(ctx), scope); err != nil {
			t.Errorf("drop: %v", err)
		}
	})
	var ddl []dialect.Statement
	for _, step := range release.Layout.Create() {
		for _, sql := range c.DB.Dialect().Schema(scope.Namespace(), step) {
			ddl = append(ddl, dialect.Statement{SQL: sql})
		}
	}
	var handlers []database.Handler
	for _, f := range release.Functions {
		if f.Kind == compiledschema.EventHandler {
			of := release.Layout.Listen(release.Model.Type(f.Type))
			handlers = append(handlers, database.Handler{Function: f.ID, Model: f.Type, DDL: c.DB.Dialect().Schema(scope.Namespace(), of)})
		}
	}
	if err := c.DB.Advance(ctx, scope, 1, ddl, handlers...); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	data, err := compiledschema.EncodeRelease(release)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := release.Compile()
	if err != nil {
		t.Fatal(err)
	}
	log := &Log{}
	projects := directory.New(single{directory.Entry{Project: id, Placement: tenancy.DefaultPlacement, Release: 1}}, directory.Options{TTL: time.Hour})
	t.Cleanup(projects.Close)
	config := dataplane.Config{
		Directory: projects,
		Releases:  published(data),
		Database:  func(tenancy.Placement) (*database.DB, error) { return c.DB, nil },
		Tokens:    Keys,
		Grants:    grants{},
		Log:       slog.New(slog.NewTextHandler(log, nil)),
		Clock:     func() time.Time { return Clock },
		Mark:      mark,
		Timeout:   time.Minute,
	}
	for _, change := range configure {
		change(&config)
	}
	plane := dataplane.New(config)
	return &Project{ID: id, Scope: scope, Schema: schema, Plane: plane, Handler: plane.Handler(), Log: log}
}

// mark makes the SQL of golden files the same in each run.
const mark = "denied"

type single struct{ entry directory.Entry }

func (s single) FindProject(_ context.Context, idOrAlias string) (directory.Entry, error) {
	if idOrAlias != string(s.entry.Project) {
		return directory.Entry{}, tenancy.ErrUnknownProject
	}
	return s.entry, nil
}

type published []byte

func (p published) Release(context.Context, tenancy.ProjectID, int64) ([]byte, error) { return p, nil }

// AdminToken is the one token that may do everything in the projects of tests.
const AdminToken = "an admin's token"

// Keys sign the tokens of tests.
var Keys = func() *token.Keys {
	keys, err := token.NewKeys("the secret of all tests", func() time.Time { return Clock })
	if err != nil {
		panic(err)
	}
	return keys
}()

// grants has one root token for every project, and no seats.
type grants struct{}

func (grants) RootTokens(context.Context, tenancy.ProjectID) ([]string, error) {
	return []string{AdminToken}, nil
}

func (grants) HasSeat(context.Context, tenancy.ProjectID, authn.Account) (bool, error) {
	return false, nil
}

// Log keeps what the data plane logged: unexpected failures show there.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Request is the body of a request.
type Request struct {
	Query         string          `json:"query"`
	Variables     json.RawMessage `json:"variables,omitempty"`
	OperationName string          `json:"operationName,omitempty"`

	API   compiledschema.API `json:"-"` // to which it is sent
	Token string             `json:"-"` // of who sends it; "" for nobody
	As    string             `json:"-"` // the type of the node whose token it is

	Header http.Header `json:"-"` // beside what these need

	Explain   bool   `json:"-"` // asks for an explanation
	ExplainAs string `json:"-"` // to be answered as somebody else
}

// Do sends one GraphQL request and returns status and body.
func (p *Project) Do(t testing.TB, r Request) (int, string) {
	t.Helper()
	body, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return p.post(t, r.API, "", string(body), r)
}

// Post sends a body to the Simple API.
func (p *Project) Post(t testing.TB, path, body string) (int, string) {
	t.Helper()
	return p.post(t, compiledschema.Simple, path, body, Request{})
}

func (p *Project) post(t testing.TB, api compiledschema.API, path, body string, r Request) (int, string) {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/"+api.String()+"/v1/"+string(p.ID)+path, strings.NewReader(body))
	maps.Copy(request.Header, r.Header)
	request.Header.Set("Content-Type", "application/json")
	if r.Token != "" {
		request.Header.Set("Authorization", "Bearer "+r.Token)
	}
	if r.Explain {
		request.Header.Set("X-Icehouse-Explain", "1")
		request.Header.Set("X-Icehouse-As", r.ExplainAs)
	}
	w := httptest.NewRecorder()
	p.Handler.ServeHTTP(w, request)
	answer, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(answer)
}

// names replaces what differs from run to run: ids by the order in which they
// appear, request ids by one word.
type names struct {
	byID map[string]string
	ids  map[string]string
}

var (
	requestIDs = regexp.MustCompile(`[a-z0-9-]+:(simple|relay):c[a-z0-9]{24}`)
	cuids      = regexp.MustCompile(`\bc[a-z0-9]{24}\b`)
)

func (n *names) hide(text string) string {
	text = requestIDs.ReplaceAllString(text, "<request>")
	return cuids.ReplaceAllStringFunc(text, func(id string) string {
		if name, ok := n.byID[id]; ok {
			return name
		}
		name := fmt.Sprintf("<id%d>", len(n.byID)+1)
		n.byID[id], n.ids[name] = name, id
		return name
	})
}

// show puts the real ids back into a request.
func (n *names) show(text string) string {
	for name, id := range n.ids {
		text = strings.ReplaceAll(text, name, id)
	}
	return text
}

// pretty indents JSON and keeps the order of its keys.
func pretty(text string) string {
	var out bytes.Buffer
	if err := json.Indent(&out, []byte(text), "", "  "); err != nil {
		return text + "\n"
	}
	return out.String() + "\n"
}

// NodeToken is the token of a node.
func (p *Project) NodeToken(t testing.TB, typeName, id string) string {
	t.Helper()
	text, err := Keys.Node(p.ID, id, typeName, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
