package dataplanetest

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/bcrypt"

	"icehouse/dataplane"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/function"
	"icehouse/dataplane/connector/function/lambdafunc"
	"icehouse/dataplane/connector/function/nodefunc"
	"icehouse/dataplane/connector/function/webhookfunc"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
	"icehouse/deploy/testbed/lambdaserver"
	"icehouse/tenancy"
	"icehouse/tenancy/directory"
	"icehouse/tenancy/egress"
	"icehouse/tenancy/functionlog"
	"icehouse/tenancy/isolation"
)

// scripted runs functions that are Go: by name, of the data and the whole event.
type scripted struct {
	mu    sync.Mutex
	does  map[string]func(data, event string) (string, error)
	calls []string // name and data
	last  function.Call
	log   []functionlog.Entry
}

func (s *scripted) Invoke(_ context.Context, _ isolation.Scope, c function.Call) (function.Output, error) {
	var event struct{ Data json.RawMessage }
	if err := json.Unmarshal(c.Event, &event); err != nil {
		return function.Output{}, err
	}
	s.mu.Lock()
	s.calls = append(s.calls, c.Name+" "+string(event.Data))
	s.last = c
	do := s.does[c.Name]
	s.mu.Unlock()
	if do == nil {
		return function.Output{}, &function.Error{Kind: function.NotFound, Text: "there is no " + c.Name}
	}
	out, err := do(string(event.Data), string(c.Event))
	return function.Output{Value: []byte(out), Logs: []function.Log{{Key: "stdout", Text: "hello"}}}, err
}

func (s *scripted) Add(e functionlog.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, e)
}

// called are the calls since the last time, in order of their text.
func (s *scripted) called() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.calls
	s.calls = nil
	return out
}

func always(value string) func(string, string) (string, error) {
	return func(string, string) (string, error) { return value, nil }
}

// deployFunctions serves a data model with functions; open to everyone unless records are
// given.
func deployFunctions(t *testing.T, c Context, sdl string, s *scripted, records []compiledschema.Permission, functions []compiledschema.Function, resolvers ...compiledschema.ResolverSource) *Project {
	return deployFunctionsWith(t, c, sdl, s, records, functions, func(*dataplane.Config) {}, "", resolvers...)
}

// deployFunctionsWith lets a test change how they are served, and calls all of them at a
// webhook's address followed by their names.
func deployFunctionsWith(t testing.TB, c Context, sdl string, s *scripted, records []compiledschema.Permission, functions []compiledschema.Function,
	change func(*dataplane.Config), webhook string, resolvers ...compiledschema.ResolverSource) *Project {
	t.Helper()
	parsed, problems := datamodel.Parse(sdl)
	if len(problems) > 0 {
		t.Fatalf("data model: %v", problems)
	}
	for _, r := range resolvers {
		functions = append(functions, compiledschema.Function{Name: r.Function, Kind: compiledschema.ResolverKind, Version: "v1"})
	}
	for i := range functions {
		functions[i].ID = "id-" + functions[i].Name
		functions[i].Version = "v1"
		if webhook != "" {
			functions[i].Webhook = &compiledschema.Webhook{URL: webhook + functions[i].Name}
		}
	}
	return DeployRelease(t, c, compiledschema.Release{
		Model: parsed.Model, Layout: relational.Build(parsed.Model, nil), Resolvers: resolvers, Functions: functions,
		Permissions: compiledschema.Permissions{Open: records == nil, Records: records},
	}, func(config *dataplane.Config) {
		config.Functions, config.FunctionLog = s, s
		config.Reach = dataplane.Addresses{HTTP: "http://127.0.0.1:1", WebSocket: "ws://127.0.0.1:1"}
		change(config)
	})
}

// TestInvocationsExceeded: no function is called for a project that may not.
func TestInvocationsExceeded(t *testing.T) {
	s := &scripted{does: map[string]func(string, string) (string, error){"enter": always(`{"data":{"token":"x"}}`)}}
	p := resolverProjectWith(t, embedded(t), s, func(c *dataplane.Config) {
		c.Directory = directory.New(exceeding{c.Directory}, directory.Options{TTL: time.Hour})
		t.Cleanup(c.Directory.Close)
	}, "")
	p.answers(t, `mutation { enter(email: "a") { token } }`,
		`{"enter":null} 5008 [enter] The function 'enter' was not called: the project has used up the function calls of its plan. Upgrade the plan`)
	if called := s.called(); len(called) > 0 {
		t.Errorf("called: %q", called)
	}
}

// exceeding knows projects that have used up their function calls.
type exceeding struct{ *directory.Directory }

func (e exceeding) FindProject(ctx context.Context, idOrAlias string) (directory.Entry, error) {
	entry, err := e.Lookup(ctx, idOrAlias)
	entry.Exceeded.Invocations = true
	return entry, err
}

func (p *Project) answers(t *testing.T, query, want string) {
	t.Helper()
	p.answersTo(t, Request{Query: query}, want)
}

func (p *Project) answersTo(t *testing.T, r Request, want string) {
	t.Helper()
	_, got := p.Do(t, r)
	if shown := hideRequest(got); shown != want {
		t.Errorf("%s\n got %s\nwant %s", r.Query, shown, want)
	}
}

// hideRequest leaves out what differs between requests.
func hideRequest(body string) string {
	var answer struct {
		Data   json.RawMessage `json:"data"`
		Errors []struct {
			Code          int             `json:"code"`
			Message       string          `json:"message"`
			Path          []any           `json:"path"`
			FunctionError json.RawMessage `json:"functionError,omitempty"`
		} `json:"errors"`
	}
	if json.Unmarshal([]byte(body), &answer) != nil || answer.Data == nil {
		return body
	}
	var data bytes.Buffer
	_ = json.Compact(&data, answer.Data)
	out := data.String()
	for _, e := range answer.Errors {
		message, _, _ := strings.Cut(e.Message, " See the function's log for executionId '")
		out += fmt.Sprintf(" %d %v %s", e.Code, e.Path, message)
		if e.FunctionError != nil {
			out += " " + string(e.FunctionError)
		}
	}
	return out
}

const sumSDL = `type SumPayload { total: Int! parts: [Int!] at: DateTime note: String }
extend type Query { sum(values: [Int!]!, name: String = "it"): SumPayload! }`

const listSDL = `type Row { id: ID! n: Float }
extend type Query { rows: [Row!] }`

const enterSDL = `type EnterPayload { token: String }
extend type Mutation { enter(email: String!): EnterPayload }`

func resolverProject(t *testing.T, c Context, s *scripted) *Project {
	return resolverProjectWith(t, c, s, func(*dataplane.Config) {}, "")
}

func resolverProjectWith(t *testing.T, c Context, s *scripted, change func(*dataplane.Config), webhook string) *Project {
	return deployFunctionsWith(t, c, `type Post @model { id: ID! @isUnique title: String }
type User @model { id: ID! @isUnique name: String }`, s, nil, nil, change, webhook,
		compiledschema.ResolverSource{Function: "sum", SDL: sumSDL},
		compiledschema.ResolverSource{Function: "rows", SDL: listSDL},
		compiledschema.ResolverSource{Function: "enter", SDL: enterSDL})
}

// runner runs functions that return one text each.
type runner struct {
	name string
	// returns makes a function return a text that is an expression of JavaScript, or
	// something else where the runtime can.
	returns   func(t *testing.T, p *Project, name, text string)
	functions function.Invoker
	webhook   string // of all functions
	managed   bool
}

// runners are the ways in which functions run.
func runners(t *testing.T) []*runner {
	fake := &scripted{does: map[string]func(string, string) (string, error){}}
	scriptedOne := &runner{name: "scripted", functions: fake, managed: true}
	scriptedOne.returns = func(_ *testing.T, _ *Project, name, text string) { fake.does[name] = always(text) }

	lambdaserver.Start(t).Lead()
	inNode, err := nodefunc.Open(nodefunc.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	inLambda, err := lambdafunc.Open(t.Context(), lambdafunc.Options{Role: lambdaserver.Role})
	if err != nil {
		t.Fatal(err)
	}

	var mu sync.Mutex
	texts := map[string]string{}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		text := texts[strings.TrimPrefix(r.URL.Path, "/")]
		if text == "" {
			w.WriteHeader(http.StatusNoContent)
		}
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(web.Close)
	client := egress.New(egress.Policy{Loopback: true})
	t.Cleanup(client.Close)
	hooks := &runner{name: "webhook", functions: function.Open(nil, webhookfunc.New(client, time.Now)), webhook: web.URL + "/"}
	hooks.returns = func(_ *testing.T, _ *Project, name, text string) {
		mu.Lock()
		defer mu.Unlock()
		texts[name] = text
	}
	return []*runner{scriptedOne, deployed(t, "node", inNode), deployed(t, "lambda", inLambda), hooks}
}

// deployed is the runner of a product that runs code.
func deployed(t *testing.T, name string, driver function.Driver) *runner {
	product := function.Open(driver, nil)
	t.Cleanup(func() {
		if err := product.Close(); err != nil {
			t.Error(err)
		}
	})
	current := &versions{by: product}
	r := &runner{name: name, managed: true, functions: current}
	r.returns = func(t *testing.T, p *Project, name, text string) {
		current.version = "v" + tenancy.NewID()
		if text == "" {
			text = "undefined"
		}
		err := product.Deploy(t.Context(), p.Scope, function.Code{Name: name, Version: current.version, Entry: "f.js", Bundle: func(context.Context) (function.Bundle, error) {
			return zipped("f.js", "module.exports = async () => ("+text+")"), nil
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// versions calls the version that was deployed last.
type versions struct {
	by      function.Invoker
	version string
}

func (v *versions) Invoke(ctx context.Context, scope isolation.Scope, c function.Call) (function.Output, error) {
	c.Version = v.version
	return v.by.Invoke(ctx, scope, c)
}

type archive struct{ *bytes.Reader }

func (archive) Close() error { return nil }

func zipped(name, text string) function.Bundle {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	w, _ := z.Create(name)
	_, _ = w.Write([]byte(text))
	_ = z.Close()
	return archive{bytes.NewReader(out.Bytes())}
}

// TestWhatFunctionsReturn goes through the table of platform §2.5 for resolvers, with
// each runtime.
func TestWhatFunctionsReturn(t *testing.T) {
	for _, r := range runners(t) {
		t.Run(r.name, func(t *testing.T) { whatFunctionsReturn(t, embedded(t), r) })
	}
	each(t, func(t *testing.T, c Context) {
		s := &scripted{does: map[string]func(string, string) (string, error){}}
		p := resolverProject(t, c, s)
		for _, row := range []struct {
			failure *function.Error
			want    string
		}{
			{&function.Error{Kind: function.Crashed, Text: "Error: oh no\n    at greet.ts:3"}, `{"enter":null} 5008 [enter] The function 'enter' failed: Error: oh no.`},
			{&function.Error{Kind: function.TimedOut, Text: "it took too long"}, `{"enter":null} 5008 [enter] The function 'enter' failed: it took too long.`},
			{&function.Error{Kind: function.BadStatus, Status: 500, Body: []byte("x"), Text: "x"}, `{"enter":null} 5000 [enter] The webhook of the function 'enter' answered with the status 500.`},
			{&function.Error{Kind: function.Unreachable, Text: "nobody answers"}, `{"enter":null} 5005 [enter] The webhook of the function 'enter' can't be reached: nobody answers.`},
		} {
			s.does["enter"] = func(string, string) (string, error) { return "", row.failure }
			p.answers(t, `mutation { enter(email: "a") { token } }`, row.want)
		}
		// A panic of ours ends one request, whichever goroutine it is in.
		s.does["enter"] = func(string, string) (string, error) { panic("on purpose") }
		if _, answer := p.Do(t, Request{Query: `mutation { enter(email: "a") { token } }`}); !strings.Contains(answer, `{"data":{"enter":null},"errors":[{"message":"Whoops.`) {
			t.Error(answer)
		}
		// What runs elsewhere was not reached when it does not answer in time, and may answer too much.
		p = resolverProjectWith(t, c, s, func(*dataplane.Config) {}, "http://127.0.0.1/")
		for kind, want := range map[function.Kind]string{
			function.TimedOut: `{"enter":null} 5005 [enter] The webhook of the function 'enter' can't be reached: x.`,
			function.TooLarge: `{"enter":null} 5003 [enter] The function 'enter' failed: x.`,
		} {
			s.does["enter"] = func(string, string) (string, error) { return "", &function.Error{Kind: kind, Text: "x"} }
			p.answers(t, `mutation { enter(email: "a") { token } }`, want)
		}
	})
}

func whatFunctionsReturn(t *testing.T, c Context, r *runner) {
	s := &scripted{}
	p := resolverProjectWith(t, c, s, func(config *dataplane.Config) { config.Functions = r.functions }, r.webhook)
	check := func(name, query string, returned, want string) {
		t.Helper()
		r.returns(t, p, name, returned)
		p.answers(t, query, want)
	}
	for _, row := range []struct{ returned, want string }{
		{`{"data":{"token":"x","more":1}}`, `{"enter":{"t":"x","__typename":"EnterPayload"}}`},
		{`{}`, `{"enter":null}`},
		{``, `{"enter":null}`},
		{`{"data":null}`, `{"enter":null}`},
		{`{"data":[{"token":"x"}]}`, `{"enter":null} 5007 [enter] Data that is not an object was returned by the function enter`},
		{`{"data":5}`, `{"enter":null} 5007 [enter] Data that is not an object was returned by the function enter`},
		{`{"error":"bad \"e-mail\""}`, `{"enter":null} 5001 [enter] function execution error: bad "e-mail" "bad \"e-mail\""`},
		{`{"error":{"code":1,"m":"é"}}`, `{"enter":null} 5002 [enter] function execution error {"code":1,"m":"é"}`},
		{`{"error":null,"data":{"token":"x"}}`, `{"enter":{"t":"x","__typename":"EnterPayload"}}`},
		{`{"error":null}`, `{"enter":null}`},
		{`{"error":5}`, `{"enter":null} 5003 [enter] The function returned an error that is neither a text nor an object.`},
		{`{"error":[]}`, `{"enter":null} 5003 [enter] The function returned an error that is neither a text nor an object.`},
		{`[1]`, `{"enter":null} 5003 [enter] The function returned no JSON object with data or error.`},
		{`"text"`, `{"enter":null} 5003 [enter] The function returned no JSON object with data or error.`},
		{`{"data":{"token":"half \ud83d of \u00e9"}}`, `{"enter":{"t":"half � of é","__typename":"EnterPayload"}}`},
		{`{"data":{"token":5}}`, `{"enter":null} 5004 [enter] The function returned a value for the field 'token' that is not of the type String.`},
	} {
		check("enter", `mutation { enter(email: "a") { t: token __typename } }`, row.returned, row.want)
	}
	if r.managed { // LQ-13, LQ-14
		check("enter", `mutation { enter(email: "a") { t: token } }`, `null`, `{"enter":null}`)
		check("enter", `mutation { enter(email: "a") { t: token } }`, `{"response":{"data":{"token":"x"}},"logs":[]}`, `{"enter":{"t":"x"}}`)
	} else {
		check("enter", `mutation { enter(email: "a") { t: token } }`, `null`, `{"enter":null} 5003 [enter] The function returned no JSON object with data or error.`)
		check("enter", `mutation { enter(email: "a") { t: token } }`, `{"response":{"data":{"token":"x"}}}`, `{"enter":null}`)
		check("enter", `mutation { enter(email: "a") { t: token } }`, `no JSON`, `{"enter":null} 5003 [enter] The function returned something that is no JSON.`)
		check("enter", `mutation { enter(email: "a") { t: token } }`, ` `, `{"enter":null} 5003 [enter] The function returned something that is no JSON.`)
	}
	for _, row := range []struct{ returned, want string }{
		{`{"data":{"total":3,"parts":[1,2],"at":"2017-01-01"}}`, `{"b":{"total":3,"parts":[1,2],"at":"2017-01-01T00:00:00.000Z","note":null}}`},
		{`{}`, `null 2063 [b] The function 'sum' returned no data, but its type SumPayload! can't be null.`},
		{`{"data":null}`, `null 2063 [b] The function 'sum' returned no data, but its type SumPayload! can't be null.`},
		{`{"data":{"parts":[]}}`, `null 0 [b total] Cannot return null for non-nullable field 'total'.`},
		{`{"data":{"total":1,"parts":3}}`, `null 5004 [b] The function returned a value for the field 'parts' that is not of the type [Int!].`},
		{`{"data":{"total":1.5}}`, `null 5004 [b] The function returned a value for the field 'total' that is not of the type Int.`},
	} {
		check("sum", `{ b: sum(values: [1, 2]) { total parts at note } }`, row.returned, row.want)
	}
	for _, row := range []struct{ returned, want string }{
		{`{"data":[{"n":1.5,"id":7},{"id":"a"}]}`, `{"rows":[{"id":"7","n":1.5},{"id":"a","n":null}]}`},
		{`{"data":{"id":"a"}}`, `{"rows":null} 5007 [rows] Data that is not a list was returned by the function rows`},
		{`{"data":[{"n":1}]}`, `{"rows":null} 0 [rows 0 id] Cannot return null for non-nullable field 'id'.`},
		{`{"data":[1]}`, `{"rows":null} 5007 [rows] Data that is not a list of objects was returned by the function rows`},
		{`{"data":[{"id":"a"},null]}`, `{"rows":null} 5007 [rows] Data that is not a list of objects was returned by the function rows`},
		{`{"data":[]}`, `{"rows":[]}`},
	} {
		check("rows", `{ rows { id n } }`, row.returned, row.want)
	}
	for _, e := range s.log {
		if !json.Valid(e.Message) || e.Function == "" {
			t.Errorf("a log entry: %+v %s", e, e.Message)
		}
	}
}

// TestResolvers asks resolvers beside what the database answers, in both APIs.
func TestResolvers(t *testing.T) {
	each(t, func(t *testing.T, c Context) {
		var event string
		s := &scripted{does: map[string]func(string, string) (string, error){
			"sum":  func(_, e string) (string, error) { event = e; return `{"data":{"total":3}}`, nil },
			"rows": always(`{"data":[]}`),
			// What it was told, it says again.
			"enter": func(_, e string) (string, error) { return `{"data":{"token":"x"},"seen":` + e + `}`, nil },
		}}
		p := resolverProject(t, c, s)
		p.answers(t, `query { allPosts { title } a: sum(values: 1) { total } rows { id } _allPostsMeta { count } b: sum(values: [], name: null) { total } }`,
			`{"allPosts":[],"a":{"total":3},"rows":[],"_allPostsMeta":{"count":0},"b":{"total":3}}`)
		called := s.called()
		if len(called) != 3 {
			t.Errorf("called: %q", called)
		}
		for _, want := range []string{`sum {"name":"it","values":[1]}`, `rows {}`, `sum {"name":null,"values":[]}`} {
			if !strings.Contains(strings.Join(called, "\n"), want) {
				t.Errorf("%s is not among %q", want, called)
			}
		}
		if !strings.Contains(event, `"auth":null`) {
			t.Error("auth of nobody: ", event)
		}
		p.answersTo(t, Request{API: compiledschema.Relay, Query: `query($v: [Int!]!) { viewer { sum(values: $v) { total } id } }`, Variables: []byte(`{"v":[4]}`)},
			`{"viewer":{"sum":{"total":3},"id":"viewer-fixed"}}`)
		_ = s.called()
		p.answers(t, `mutation { a: createPost(title: "x") { title } enter(email: "a") { token } b: createPost(title: "y") { title } }`,
			`{"a":{"title":"x"},"enter":{"token":"x"},"b":{"title":"y"}}`)

		_, created := p.Do(t, Request{Query: `mutation { createUser(name: "u") { id } }`})
		id := strings.Split(created, `"`)[7]
		r := Request{Query: `{ sum(values: 1) { total } }`, Token: p.NodeToken(t, "User", id), As: "User"}
		p.answersTo(t, r, `{"sum":{"total":3}}`)
		if !strings.Contains(event, `"auth":{"nodeId":"`+id+`","typeName":"User","token":"`+r.Token+`"}`) {
			t.Error("auth of a node: ", event)
		}
		// It is told of the request's headers but those with secrets of the platform (LQ-11).
		p.answersTo(t, Request{Query: r.Query, Token: AdminToken, Header: http.Header{"X-A": {"1", "2"}, "Cookie": {"session=eyJ"}}}, `{"sum":{"total":3}}`)
		if !strings.Contains(event, `"headers":{"content-type":"application/json","x-a":"1, 2"}`) {
			t.Error("headers: ", event)
		}
		if s.last.Nested {
			t.Error("a call is taken for one that a function waits for")
		}
		p.answersTo(t, Request{Query: r.Query, Token: regexp.MustCompile(`"pat":"([^"]+)`).FindStringSubmatch(event)[1]}, `{"sum":{"total":3}}`)
		if !s.last.Nested {
			t.Error("a call that a function waits for is taken for any")
		}
		p.answersTo(t, Request{Query: r.Query, Token: AdminToken}, `{"sum":{"total":3}}`)
		if !strings.Contains(event, `"typeName":"PAT","token":"`+AdminToken) {
			t.Error("auth of an admin: ", event)
		}
		p.answers(t, `mutation { deleteUser(id: "`+id+`") { id } }`, `{"deleteUser":{"id":"`+id+`"}}`)
		p.answersTo(t, r, `{"sum":{"total":3}}`)
		if !strings.Contains(event, `"auth":null`) {
			t.Error("auth of a node that is gone: ", event)
		}
		p.answersTo(t, Request{Query: `mutation { enter(email: "a") { token } }`, Token: r.Token, As: "User"}, `{"enter":{"token":"x"}}`)
		p.answersTo(t, Request{Query: `mutation { enter(email: "a") { token } }`, Token: AdminToken}, `{"enter":{"token":"x"}}`)
		for _, e := range s.log {
			if !json.Valid(e.Message) || !e.Success || e.Function == "" || strings.Contains(string(e.Message), AdminToken) || strings.Contains(string(e.Message), "eyJ") || strings.Contains(string(e.Message), "1, 2") {
				t.Errorf("a log entry: %+v %s", e, e.Message)
			}
		}
	})
}

const customerSDL = `type Customer @model { id: ID! @isUnique email: String! @isUnique name: String age: Int tags: [String!] level: Level @defaultValue(value: LOW) meta: Json
  orders: [Order!]! @relation(name: "Orders") }
type Order @model { id: ID! @isUnique text: String! customer: Customer @relation(name: "Orders") tags: [Tag!]! @relation(name: "Tags") }
type Tag @model { id: ID! @isUnique orders: [Order!]! @relation(name: "Tags") }
enum Level { LOW HIGH }`

func hook(name string, kind compiledschema.FunctionKind, t string, verb compiledschema.Verb) compiledschema.Function {
	return compiledschema.Function{Name: name, Kind: kind, Type: t, Verb: verb}
}

// TestHooksBefore goes through platform §2.6.
func TestHooksBefore(t *testing.T) {
	each(t, func(t *testing.T, c Context) {
		s := &scripted{does: map[string]func(string, string) (string, error){
			"create": func(data, _ string) (string, error) {
				switch {
				case strings.Contains(data, "refused"):
					return `{"error":"no"}`, nil
				case strings.Contains(data, "asis"):
					return `{}`, nil
				case strings.Contains(data, "missing"):
					return `{"data":{"name":"n"}}`, nil
				case strings.Contains(data, "typed"):
					return `{"data":{"email":"t","age":"5"}}`, nil
				case strings.Contains(data, "list"):
					return `{"data":[]}`, nil
				}
				return strings.ReplaceAll(`{"data":`+strings.TrimSuffix(data, "}")+`,"name":"changed","age":7,"tags":["a","b"],"level":"HIGH","meta":{"a":[1]},"id":"other","bogus":1}}`, "A@B", "a@b"), nil
			},
			"order": func(data, _ string) (string, error) {
				return `{"data":` + strings.ReplaceAll(data, "raw", "cooked") + `}`, nil
			},
			"update": func(string, string) (string, error) { return `{"data":{"name":null,"age":8}}`, nil },
			"delete": always(`{"data":5}`),
			"check":  always(`{}`),
		}}
		p := deployFunctions(t, c, customerSDL, s, nil, []compiledschema.Function{
			hook("create", compiledschema.OperationBefore, "Customer", compiledschema.Create),
			hook("check", compiledschema.PreWrite, "Customer", compiledschema.Create),
			hook("update", compiledschema.OperationBefore, "Customer", compiledschema.Update),
			hook("delete", compiledschema.OperationBefore, "Customer", compiledschema.Delete),
			hook("order", compiledschema.OperationBefore, "Order", compiledschema.Create),
		})
		all := func(want string) {
			t.Helper()
			p.answers(t, `{ allCustomers(orderBy: email_ASC) { email name age tags level meta orders(orderBy: text_ASC) { text } } }`, `{"allCustomers":`+want+`}`)
		}
		// All values are replaced; nested nodes have hooks of their own.
		p.answersTo(t, Request{Query: `mutation($e: String!) { createCustomer(email: $e, age: null, orders: [{text: "raw 1"}, {text: "raw 2"}]) { email name } }`, Variables: []byte(`{"e":"A@B"}`)},
			`{"createCustomer":{"email":"a@b","name":"changed"}}`)
		called := s.called()
		if diff := cmp.Diff([]string{
			`check {"age":7,"email":"a@b","id":"ID","level":"HIGH","meta":{"a":[1]},"name":"changed","orders":[{"text":"raw 1"},{"text":"raw 2"}],"tags":["a","b"]}`,
			`create {"age":null,"email":"A@B","id":"ID","orders":[{"text":"raw 1"},{"text":"raw 2"}]}`, `order {"id":"ID","text":"raw 1"}`, `order {"id":"ID","text":"raw 2"}`,
		}, hideIDs(called)); diff != "" {
			t.Error(diff)
		}
		first := `{"email":"a@b","name":"changed","age":7,"tags":["a","b"],"level":"HIGH","meta":{"a":[1]},"orders":[{"text":"cooked 1"},{"text":"cooked 2"}]}`
		all("[" + first + "]")
		// Nothing is written when one hook refuses, or returns what can't be written.
		for _, row := range []struct{ email, want string }{
			{"refused", `5001 [createCustomer] function execution error: no "no"`},
			{"missing", `3020 [createCustomer] You are trying to set a required field to null. Fieldname if known: email`},
			{"typed", `5004 [createCustomer] The function returned a value for the field 'age' that is not of the type Int.`},
			{"list", `5007 [createCustomer] Data that is not an object was returned by the function create`},
		} {
			p.answers(t, `mutation { createCustomer(email: "`+row.email+`", orders: [{text: "raw"}]) { email } }`, `{"createCustomer":null} `+row.want)
		}
		all("[" + first + "]")
		p.answers(t, `mutation { createCustomer(email: "asis", name: "n") { email level } }`, `{"createCustomer":{"email":"asis","level":"LOW"}}`)
		// Unique values are those that were returned.
		p.answers(t, `mutation { createCustomer(email: "A@B") { email } }`,
			`{"createCustomer":null} 3010 [createCustomer] A unique constraint would be violated on Customer. Details: Field name = email`)
		_ = s.called()
		// Invalid input is found before.
		p.answersTo(t, Request{Query: `mutation($e: String!) { createCustomer(email: $e) { email } }`, Variables: []byte(`{"e":"` + strings.Repeat("x", 262145) + `"}`)}, `{"createCustomer":null} 3007 [createCustomer] Value for field email is too long.`)
		p.answers(t, `mutation { updateCustomer(id: "cjnobodyhasthisidever0000", name: "x") { email } }`,
			`{"updateCustomer":null} 3002 [updateCustomer] 'Customer' has no item with id 'cjnobodyhasthisidever0000'`)
		p.answers(t, `mutation { createCustomer(email: "z", ordersIds: ["cjnobodyhasthisidever0000"]) { email } }`,
			`{"createCustomer":null} 3011 [createCustomer] A node that should be connected does not exist. Id if available: cjnobodyhasthisidever0000`)
		p.answers(t, `mutation { createOrder(text: "z", customerId: "cjnobodyhasthisidever0000") { text } }`,
			`{"createOrder":null} 3011 [createOrder] A node that should be connected does not exist. Id if available: cjnobodyhasthisidever0000`)
		p.answers(t, `mutation { createOrder(text: "z", tagsIds: ["cjnobodyhasthisidever0000"]) { text } }`,
			`{"createOrder":null} 3011 [createOrder] A node that should be connected does not exist. Id if available: cjnobodyhasthisidever0000`)
		if called := s.called(); len(called) > 0 {
			t.Errorf("called: %q", called)
		}
		_, got := p.Do(t, Request{Query: `{ Customer(email: "asis") { id } }`})
		id := strings.Split(got, `"`)[7]
		p.answers(t, `mutation { updateCustomer(id: "`+id+`", email: "asis2", name: "m") { email name age } }`, `{"updateCustomer":{"email":"asis","name":null,"age":8}}`)
		p.answers(t, `mutation { updateCustomer(id: "`+id+`", orders: [{text: "raw 3"}]) { name orders { text } } }`, `{"updateCustomer":{"name":null,"orders":[{"text":"cooked 3"}]}}`)
		if diff := cmp.Diff([]string{`order {"id":"ID","text":"raw 3"}`, `update {"email":"asis2","id":"ID","name":"m"}`}, hideIDs(s.called())); diff != "" {
			t.Error(diff)
		}
		p.answers(t, `mutation { updateOrCreateCustomer(update: {id: "`+id+`", age: 1}, create: {email: "c"}) { email age } }`, `{"updateOrCreateCustomer":{"email":"asis","age":8}}`)
		p.answers(t, `mutation { updateOrCreateCustomer(update: {id: "cjnobodyhasthisidever0000", age: 1}, create: {email: "c"}) { email age } }`, `{"updateOrCreateCustomer":{"email":"c","age":7}}`)
		p.answersTo(t, Request{API: compiledschema.Relay, Query: `mutation { createCustomer(input: {email: "relay", clientMutationId: "m"}) { customer { email age } clientMutationId } }`},
			`{"createCustomer":{"customer":{"email":"relay","age":7},"clientMutationId":"m"}}`)
		_ = s.called()
		s.mu.Lock()
		s.does["delete"] = always(`{"error":{"no":1}}`)
		s.mu.Unlock()
		p.answers(t, `mutation { deleteCustomer(id: "`+id+`") { email } }`, `{"deleteCustomer":null} 5002 [deleteCustomer] function execution error {"no":1}`)
		s.mu.Lock()
		s.does["delete"] = always(`{"data":5}`)
		s.mu.Unlock()
		p.answers(t, `mutation { deleteCustomer(id: "`+id+`") { email } }`, `{"deleteCustomer":{"email":"asis"}}`)
		if diff := cmp.Diff([]string{`delete {"id":"ID"}`, `delete {"id":"ID"}`}, hideIDs(s.called())); diff != "" {
			t.Error(diff)
		}
		if log := p.Log.String(); log != "" {
			t.Error(log)
		}
	})
}

var ids = regexp.MustCompile(`"c[a-z0-9]{24}"`)

// hideIDs sorts calls and leaves out the ids of nodes.
func hideIDs(calls []string) []string {
	var out []string
	for _, c := range calls {
		out = append(out, ids.ReplaceAllString(c, `"ID"`))
	}
	slices.Sort(out)
	return out
}

// TestPasswordsInHooks: a password is hashed when it is read (data-api §2.12). Hooks and
// logs see the hash; what a hook returns as one is stored as it is, anything else is
// hashed.
func TestPasswordsInHooks(t *testing.T) {
	each(t, func(t *testing.T, c Context) {
		s := &scripted{does: map[string]func(string, string) (string, error){}}
		var hooks []compiledschema.Function
		for _, verb := range []compiledschema.Verb{compiledschema.Create, compiledschema.Update} {
			hooks = append(hooks, hook("before", compiledschema.OperationBefore, "User", verb))
		}
		p := deployFunctions(t, c, `type User @model { id: ID! @isUnique name: String password: Password }`, s, nil, hooks)
		other := `$2a$04$` + strings.Repeat("a", 53)
		for _, row := range []struct{ returns, stored string }{
			{"as is", "seen"}, {"nothing", "seen"}, {other, other}, {"changed", ""},
		} {
			var seen string
			s.does["before"] = func(data, _ string) (string, error) {
				var given struct{ Password string }
				err := json.Unmarshal([]byte(data), &given)
				switch seen = given.Password; row.returns {
				case "nothing":
					return `{}`, err
				case "as is":
					return `{"data":` + data + `}`, err
				default:
					return `{"data":{"password":"` + row.returns + `"}}`, err
				}
			}
			answer := func(query string) (id, password string) {
				t.Helper()
				_, text := p.Do(t, Request{Query: query})
				var got struct {
					Data map[string]struct{ ID, Password string }
				}
				if err := json.Unmarshal([]byte(text), &got); err != nil || len(got.Data) != 1 {
					t.Fatal(text, err)
				}
				for _, one := range got.Data {
					id, password = one.ID, one.Password
				}
				plain := "secret1"
				if row.returns == "changed" {
					plain = "changed"
				}
				if want := strings.ReplaceAll(row.stored, "seen", seen); want != "" && password != want || bcrypt.CompareHashAndPassword([]byte(seen), []byte("secret1")) != nil ||
					row.stored != other && bcrypt.CompareHashAndPassword([]byte(password), []byte(plain)) != nil {
					t.Errorf("%s: stored %s, seen %s", row.returns, password, seen)
				}
				return id, password
			}
			id, _ := answer(`mutation { createUser(password: "secret1") { id password } }`)
			answer(`mutation { updateUser(id: "` + id + `", password: "secret1") { id password } }`)
		}
		for _, e := range s.log {
			if strings.Contains(string(e.Message), "secret1") {
				t.Errorf("a password is in a log: %s", e.Message)
			}
		}
	})
}

// TestHooksAndPermissions: who may not write runs no function; what is looked at is what
// was given.
func TestHooksAndPermissions(t *testing.T) {
	each(t, func(t *testing.T, c Context) {
		s := &scripted{does: map[string]func(string, string) (string, error){
			"create": func(data, _ string) (string, error) {
				return `{"data":` + strings.ReplaceAll(data, "mine", "theirs") + `}`, nil
			},
		}}
		p := deployFunctions(t, c, `type Post @model { id: ID! @isUnique text: String! }`, s, []compiledschema.Permission{
			{Target: "Post", Verb: compiledschema.Create, Query: `query($input_text: String) { SomePostExists(filter: {text: $input_text}) }`},
			{Target: "Post", Verb: compiledschema.Read},
		}, []compiledschema.Function{hook("create", compiledschema.OperationBefore, "Post", compiledschema.Create)})
		p.answers(t, `mutation { createPost(text: "mine") { text } }`, `{"createPost":null} 3008 [createPost] Insufficient permissions for this mutation`)
		if called := s.called(); len(called) > 0 {
			t.Errorf("called: %q", called)
		}
		p.answersTo(t, Request{Query: `mutation { createPost(text: "mine") { text } }`, Token: AdminToken}, `{"createPost":{"text":"theirs"}}`)
		p.answers(t, `mutation { createPost(text: "mine") { text } }`, `{"createPost":null} 3008 [createPost] Insufficient permissions for this mutation`)
		p.answers(t, `mutation { createPost(text: "theirs") { text } }`, `{"createPost":{"text":"theirs"}}`)
	})
}

// TestHooksOfOneBranch: of an updateOrCreate only the branch that is taken runs hooks, and
// the other may be forbidden, or have none.
func TestHooksOfOneBranch(t *testing.T) {
	const refused = ` 3008 [updateOrCreatePost] Insufficient permissions for this mutation`
	each(t, func(t *testing.T, c Context) {
		for _, row := range []struct {
			may, hooked        compiledschema.Verb
			found, missing     string
			onFound, onMissing int
		}{
			{compiledschema.Update, compiledschema.Create, `{"updateOrCreatePost":{"text":"b"}}`, `{"updateOrCreatePost":null}` + refused, 0, 0},
			{compiledschema.Update, compiledschema.Update, `{"updateOrCreatePost":{"text":"hook"}}`, `{"updateOrCreatePost":null}` + refused, 1, 0},
			{compiledschema.Create, compiledschema.Create, `{"updateOrCreatePost":null}` + refused, `{"updateOrCreatePost":{"text":"hook"}}`, 0, 1},
			{compiledschema.Create, compiledschema.Update, `{"updateOrCreatePost":null}` + refused, `{"updateOrCreatePost":{"text":"c"}}`, 0, 0},
		} {
			s := &scripted{does: map[string]func(string, string) (string, error){"hook": always(`{"data":{"text":"hook"}}`)}}
			p := deployFunctions(t, c, `type Post @model { id: ID! @isUnique text: String }`, s, []compiledschema.Permission{
				{Target: "Post", Verb: row.may}, {Target: "Post", Verb: compiledschema.Read},
			}, []compiledschema.Function{hook("hook", compiledschema.OperationBefore, "Post", row.hooked)})
			_, created := p.Do(t, Request{Query: `mutation { createPost(text: "a") { id } }`, Token: AdminToken})
			id := ids.FindString(created)
			_ = s.called()
			ask := func(id, want string, calls int) {
				t.Helper()
				p.answers(t, `mutation { updateOrCreatePost(update: {id: `+id+`, text: "b"}, create: {text: "c"}) { text } }`, want)
				if called := s.called(); len(called) != calls {
					t.Errorf("called: %q", called)
				}
			}
			ask(id, row.found, row.onFound)
			ask(`"cjnobodyhasthisidever0000"`, row.missing, row.onMissing)
		}
	})
}

// TestHooksAfter goes through platform §2.7.
func TestHooksAfter(t *testing.T) {
	each(t, func(t *testing.T, c Context) {
		s := &scripted{does: map[string]func(string, string) (string, error){}}
		after := func(value string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, name := range []string{"created", "updated", "deleted"} {
				s.does[name] = always(value)
			}
		}
		p := deployFunctions(t, c, customerSDL, s, nil, []compiledschema.Function{
			hook("created", compiledschema.OperationAfter, "Customer", compiledschema.Create),
			hook("updated", compiledschema.OperationAfter, "Customer", compiledschema.Update),
			hook("deleted", compiledschema.OperationAfter, "Customer", compiledschema.Delete),
			hook("never", compiledschema.OperationAfter, "Order", compiledschema.Create),
		})
		after(`{}`)
		p.answers(t, `mutation { createCustomer(email: "a", tags: ["x"], meta: "{\"a\":1}", orders: [{text: "o"}]) { email orders { text } } }`,
			`{"createCustomer":{"email":"a","orders":[{"text":"o"}]}}`)
		if diff := cmp.Diff([]string{`created {"id":"ID","email":"a","name":null,"age":null,"tags":["x"],"level":"LOW","meta":{"a":1}}`}, withoutTimes(hideIDs(s.called()))); diff != "" {
			t.Error(diff)
		}
		after(`{"data":{"email":"shown","age":3,"id":"made up"}}`)
		p.answers(t, `mutation { createCustomer(email: "b", name: "n") { id email name a: age level orders { text } } }`,
			`{"createCustomer":{"id":"made up","email":"shown","name":null,"a":3,"level":null,"orders":[]}}`)
		_, got := p.Do(t, Request{Query: `{ Customer(email: "b") { id } }`})
		id := strings.Split(got, `"`)[7]
		p.answersTo(t, Request{API: compiledschema.Relay, Query: `mutation { updateCustomer(input: {id: "` + id + `", age: 9, clientMutationId: "m"}) { customer { email age orders(first: 1) { edges { node { text } } } } edge { node { email } } clientMutationId } }`},
			`{"updateCustomer":{"customer":{"email":"shown","age":3,"orders":{"edges":[]}},"edge":{"node":{"email":"shown"}},"clientMutationId":"m"}}`)
		after(`{"data":{"age":"x"}}`)
		p.answers(t, `mutation { updateCustomer(id: "`+id+`", age: 10) { age } }`, `{"updateCustomer":null} 5004 [updateCustomer] The function returned a value for the field 'age' that is not of the type Int.`)
		after(`{"error":"late"}`)
		p.answers(t, `mutation { updateCustomer(id: "`+id+`", age: 11) { age } }`, `{"updateCustomer":null} 5001 [updateCustomer] function execution error: late "late"`)
		p.answers(t, `{ Customer(id: "`+id+`") { age } }`, `{"Customer":{"age":11}}`)
		_ = s.called()
		after(`{"data":{"email":"gone"}}`)
		p.answers(t, `mutation { updateOrCreateCustomer(update: {id: "`+id+`", age: 12}, create: {email: "c"}) { age } }`, `{"updateOrCreateCustomer":{"age":12}}`)
		p.answers(t, `mutation { deleteCustomer(id: "`+id+`") { email name } }`, `{"deleteCustomer":{"email":"gone","name":null}}`)
		p.answers(t, `mutation { deleteCustomer(id: "`+id+`") { email name } }`, `{"deleteCustomer":null} 3002 [deleteCustomer] 'Customer' has no item with id '`+id+`'`)
		if diff := cmp.Diff([]string{`deleted {"id":"ID","email":"b","name":"n","age":12,"tags":null,"level":"LOW","meta":null}`}, withoutTimes(hideIDs(s.called()))); diff != "" {
			t.Error(diff)
		}
		if log := p.Log.String(); log != "" {
			t.Error(log)
		}
	})
}

var times = regexp.MustCompile(`"(createdAt|updatedAt)":"[^"]*",?`)

func withoutTimes(calls []string) []string {
	for i := range calls {
		calls[i] = strings.ReplaceAll(times.ReplaceAllString(calls[i], ""), ",}", "}")
	}
	return calls
}

// each runs a test in every context.
func each(t *testing.T, test func(*testing.T, Context)) {
	for _, c := range contexts(t) {
		t.Run(c.Name, func(t *testing.T) { test(t, c) })
	}
}
