// Package corpustest holds the whole system against services that people really
// wrote: it deploys each one through the system API and sends the operations that
// its clients and functions sent.
//
// In: the corpus beside the project and a running Icehouse on each database. Out:
// a report, and failures for each service that is not deployed, each operation
// that is refused though it fits the schema, and each internal error. make corpus
// runs it.
package corpustest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"icehouse/cmd/icehouse/internal/config"
	"icehouse/cmd/icehouse/internal/server"
	"icehouse/deploy/testbed"
	"icehouse/deploy/testbed/corpus"
	"icehouse/deploy/testbed/oracle"
	"icehouse/tenancy/secret/keyfile"
)

func TestMain(m *testing.M) { os.Exit(testbed.Main(m)) }

// refused are the services that the list expects to deploy and the contract does
// not let in, each with its reason.
var refused = map[string]string{
	"andresmechali--shareify":                   "[Int] is no form of a scalar field (V10)",
	"ceiboit--preference.pass":                  "a type called Subscription (LQ-D08)",
	"kevindanikowski--smodin":                   "relation names on more than two fields (V12)",
	"loydl--times":                              "the types file is not in the corpus",
	"marktani--invalid-service-definition":      "types without @model and id (V3, V4)",
	"nikolasburk--instagram":                    "no @model, id without @isUnique (V2, V4)",
	"prisma-archive--angular-fullstack-graphql": "a type without @model and id (V3, V4)",
	"prisma-archive--freecom":                   "no @model, id without @isUnique (V2, V4)",
	"rushabhrathod602--reputation":              "the permission query file has no operation (2066)",
	"rondim--obmen":                             "a relation field [Order!] (V9)",
}

// outdated are operations that a service's own schema has no place for any more,
// though the list expects them to be valid.
var outdated = map[string]string{
	"alecaivazis--army-list/003-client-query-ManageDataQuery.graphql":                                   "asks for allCodexes, which data-api §2.3 calls allCodices",
	"renancostanascimento--taskapp/004-client-query-GetUserByTokenQuery.graphql":                        "asks for a User by emailConfirmationToken, which is not unique any more",
	"bibleexchange--be-front-end/relay":                                                                 "are for the server of another product, which the client used before",
	"dobleuber--planning-poker/012-client-query-ProjectPageQuery.graphql":                               "selects Project.project, which was renamed",
	"rromanovsky--react-native-relay-graphcool-messenger/001-client-query-ChannelListPageQuery.graphql": "selects Channel.title, which was removed",
	"stevenfitzpatrick--mybettingslips/015-client-query-GetUserBets.graphql":                            "selects a field that Bet does not have",
}

func TestCorpus(t *testing.T) {
	services, err := corpus.Load(corpus.Dir(4))
	if os.IsNotExist(err) {
		t.Log("there is no corpus beside the project: nothing to hold the platform against")
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Run("sqlite", func(t *testing.T) { runCorpus(t, services, "") })
	t.Run("postgres", func(t *testing.T) { runCorpus(t, services, testbed.Database(t)) })
}

// tally counts what happened.
type tally struct {
	services, deployed int
	legacies, legacy   int      // of earlier formats (platform §1.11)
	others, refused    int      // that the list expects to be refused, for sure or perhaps
	queries            int      // permissions with a query
	warned             []string // about queries that can never hold
	apis               map[string]*answers
}

// answers counts the operations that were sent to one API.
type answers struct {
	operations, accepted, login, internal int
	codes                                 map[int]int
}

// strange are the services of earlier formats and the doubtful ones that end in another
// way than the list expects, each with its reason.
var strange = map[string]string{
	"hackur--graphcool-examples--cli-demo":  "types without any marker (V4)",
	"hackur--graphcool-examples--instagram": "types without any marker (V4)",
	"hackur--graphcool-examples--webshop":   "types without any marker (V4)",
	"nikolasburk--gc-webshop":               "types without any marker (V4)",
	"marktani--facebook-authentication":     "a function's name has a space (2060)",
	"nikolasburk--graphql-chat":             "types without any marker (V4)",
	"isakdl--goodtechhackbackend":           "arguments of fields and extensions of types are read and mean nothing",
	"brayanmcz--localateur":                 "arguments of fields are read and mean nothing",
}

// other holds a service against the list that it does not expect to deploy as it is.
func (c *tally) other(t *testing.T, p *platform, s *corpus.Service) {
	t.Helper()
	_, _, err := p.deploy(t, s)
	if reason, ok := strange[s.ID]; ok {
		if (err == nil) == (s.Expect == "legacy") {
			t.Errorf("%s ends as expected, and yet: %s", s.ID, reason)
		}
		return
	}
	if s.Expect == "legacy" {
		c.legacies++
		if err != nil {
			t.Errorf("%s is of an earlier format and was not deployed: %v", s.ID, err)
			return
		}
		c.legacy++
		return
	}
	c.others++
	if err == nil {
		t.Errorf("%s was deployed; expected: %v", s.ID, s.ExpectWhy)
		return
	}
	c.refused++
	t.Logf("%s (%v) is refused: %.300s", s.ID, s.ExpectWhy, err)
}

func (c *tally) of(api string) *answers {
	if c.apis[api] == nil {
		c.apis[api] = &answers{codes: map[int]int{}}
	}
	return c.apis[api]
}

func runCorpus(t *testing.T, services []*corpus.Service, databaseURL string) {
	p := start(t, databaseURL)
	js := oracle.Start(t)
	count := tally{apis: map[string]*answers{}}
	for _, s := range services {
		if s.Expect != "deploy" {
			count.other(t, p, s)
			continue
		}
		count.services++
		project, warned, err := p.deploy(t, s)
		if reason, ok := refused[s.ID]; ok {
			if err == nil {
				t.Errorf("%s was deployed; expected: %s", s.ID, reason)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s was not deployed: %v", s.ID, err)
			continue
		}
		count.deployed++
		n, err := s.PermissionQueries()
		if err != nil {
			t.Fatal(err)
		}
		count.queries += n
		for _, w := range warned {
			count.warned = append(count.warned, s.ID+": "+w)
		}
		for _, api := range []string{"simple", "relay"} {
			schema := p.introspect(t, js, api, project)
			p.operations(t, s, api, project, schema, count.of(api))
		}
	}
	t.Logf("%d of %d services of earlier formats deployed; %d of %d others refused, each with its reason", count.legacy, count.legacies, count.refused, count.others)
	t.Logf("%d services expected to deploy, %d deployed, %d refused by the contract", count.services, count.deployed, len(refused))
	t.Logf("%d permissions have a query; %d of them can never hold:\n%s", count.queries, len(count.warned), strings.Join(count.warned, "\n"))
	for _, api := range []string{"simple", "relay"} {
		a := count.of(api)
		t.Logf("%s: %d operations, %d accepted, %d refused (console login), %d internal errors", api, a.operations, a.accepted, a.login, a.internal)
		var codes []string
		for code, n := range a.codes {
			codes = append(codes, fmt.Sprintf("%d: %d", code, n))
		}
		sort.Strings(codes)
		t.Logf("%s: answers by error code: %s", api, strings.Join(codes, ", "))
	}
}

// platform is a running Icehouse.
type platform struct {
	url, token string
}

func start(t *testing.T, databaseURL string) *platform {
	t.Helper()
	keys := filepath.Join(t.TempDir(), "keys")
	if err := keyfile.Make(keys); err != nil {
		t.Fatal(err)
	}
	c, err := config.Config{
		SecretKeyFile: keys, Host: "127.0.0.1", DataDir: t.TempDir(), DatabaseURL: databaseURL, Role: config.All, Dev: databaseURL == "",
		MasterToken: strings.Repeat("m", 32), JWTSecret: strings.Repeat("s", 32), Grace: time.Second,
	}.Complete(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s, err := server.New(t.Context(), c, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError})))
	if err != nil {
		t.Fatal(err)
	}
	stop, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(stop, context.Background()) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("stop: %v", err)
		}
		if log.Len() > 0 {
			t.Errorf("the server logged errors:\n%s", log.String())
		}
	})
	p := &platform{url: s.URL()}
	var login struct {
		AuthenticateCustomer struct{ Token string }
	}
	p.system(t, `mutation ($token: String!) { authenticateCustomer(input: {auth0IdToken: $token}) { token } }`,
		map[string]any{"token": s.MasterToken()}, &login)
	p.token = login.AuthenticateCustomer.Token
	return p
}

func (p *platform) post(t *testing.T, path string, body any) []byte {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+path, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func (p *platform) system(t *testing.T, query string, variables map[string]any, into any) {
	t.Helper()
	var answer struct {
		Data   json.RawMessage
		Errors []struct{ Message string }
		Error  string
	}
	raw := p.post(t, "/system", map[string]any{"query": query, "variables": variables})
	if err := json.Unmarshal(raw, &answer); err != nil || len(answer.Errors) > 0 || answer.Error != "" {
		t.Fatalf("system API: %v %s", err, raw)
	}
	if err := json.Unmarshal(answer.Data, into); err != nil {
		t.Fatal(err)
	}
}

// deploy adds a project and pushes the service to it, as the command line does.
func (p *platform) deploy(t *testing.T, s *corpus.Service) (project string, warned []string, err error) {
	t.Helper()
	definition, err := s.Config()
	if err != nil {
		return "", nil, err
	}
	var added struct {
		AddProject struct{ Project struct{ ID string } }
	}
	name := "s" + strings.Map(func(r rune) rune {
		if r == '.' {
			return '-'
		}
		return r
	}, s.ID)
	p.system(t, `mutation ($name: String!, $config: String) { addProject(input: {name: $name, config: $config, region: EU_WEST_1, clientMutationId: "static"}) { project { id } } }`,
		map[string]any{"name": name[:min(len(name), 64)], "config": `{"modules":[{"name":"","content":"types: ./types.graphql\n","files":{"./types.graphql":""}}]}`}, &added)
	var pushed struct {
		Push struct {
			Errors   []struct{ Type, Field, Description string }
			Warnings []string
		}
	}
	p.system(t, `mutation ($projectId: String!, $config: String!) { push(input: {projectId: $projectId, force: false, isDryRun: false, config: $config, version: 1}) { warnings errors { type field description } migrationMessages { type action name description subDescriptions { type action name description } } project { id } } }`,
		map[string]any{"projectId": added.AddProject.Project.ID, "config": definition}, &pushed)
	if len(pushed.Push.Errors) > 0 {
		return "", nil, fmt.Errorf("%v", pushed.Push.Errors)
	}
	for _, w := range pushed.Push.Warnings {
		if strings.Contains(w, "can never hold") {
			warned = append(warned, w)
		}
	}
	return added.AddProject.Project.ID, warned, nil
}

// introspect reads the schema as a client tool would, and holds it valid by
// graphql-js.
func (p *platform) introspect(t *testing.T, js *oracle.Oracle, api, project string) *ast.Schema {
	t.Helper()
	response, err := http.Get(p.url + "/" + api + "/v1/" + project + "/schema.json") //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct{ Data json.RawMessage }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	schema, err := gqlparser.LoadSchema(&ast.Source{Input: js.PrintClient(t, answer.Data)})
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func (p *platform) operations(t *testing.T, s *corpus.Service, api, project string, schema *ast.Schema, count *answers) {
	t.Helper()
	operations, err := s.Operations()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range operations {
		if o.API != api || !o.PredictedValid || outdated[s.ID+"/"+o.File] != "" || outdated[s.ID+"/"+api] != "" {
			continue
		}
		count.operations++
		doc, err := parser.ParseQuery(&ast.Source{Input: o.Text})
		if err != nil {
			t.Errorf("%s %s: %v", s.ID, o.File, err)
			continue
		}
		op := doc.Operations[0]
		if o.Name != "" && doc.Operations.ForName(o.Name) != nil {
			op = doc.Operations.ForName(o.Name)
		}
		raw := p.post(t, "/"+api+"/v1/"+project, map[string]any{"query": o.Text, "variables": corpus.Variables(schema, op), "operationName": op.Name})
		var answer struct {
			Data   *json.RawMessage
			Errors []answerError
			Error  string
		}
		switch err := json.Unmarshal(raw, &answer); {
		case err != nil, answer.Error != "":
			t.Errorf("%s %s: %s", s.ID, o.File, raw)
			continue
		}
		ok := true
		if needsLogin(o, answer.Errors) {
			count.login++
			continue
		}
		for _, e := range answer.Errors {
			count.codes[e.Code]++
			switch {
			case len(e.Path) == 0:
				ok = false
				t.Errorf("%s %s was refused: %s", s.ID, o.File, e.Message)
			case strings.HasPrefix(e.Message, "Whoops"):
				ok = false
				count.internal++
				t.Errorf("%s %s gave an internal error: %s", s.ID, o.File, raw)
			}
		}
		if ok {
			count.accepted++
		}
	}
}

type answerError struct {
	Code    int
	Message string
	Path    []any
}

// needsLogin says that an operation is refused because it needs the login of
// console projects, which is optional and not built (data-api §7.6).
func needsLogin(o corpus.Operation, errs []answerError) bool {
	if len(errs) == 0 || len(errs[0].Path) > 0 {
		return false
	}
	return strings.Contains(o.Text, "authProvider") || strings.Contains(o.Text, "signinUser")
}
