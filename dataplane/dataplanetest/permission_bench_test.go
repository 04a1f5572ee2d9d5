package dataplanetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/database/postgresdb"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
	"icehouse/deploy/testbed"
	"icehouse/tenancy"
)

// postgresRows are those of sqliteRows, for PostgreSQL.
func postgresRows(schema string) []string {
	in := func(text string) string { return strings.ReplaceAll(text, "$s", `"`+schema+`"`) }
	return []string{
		in(`INSERT INTO $s."User" (id, "createdAt", "updatedAt", name, email, karma) SELECT 'cu' || lpad(i::text, 23, '0'), '2017-01-01'::timestamptz + i * interval '1 hour', '2017-01-01', 'Name ' || i, i || '@example.org', i % 1000 FROM generate_series(1, 1000) AS i`),
		in(`INSERT INTO $s."Post" (id, "createdAt", "updatedAt", title, published, likes, author) SELECT 'cp' || lpad(i::text, 23, '0'), '2017-01-01'::timestamptz + (i * 7919 % 10007) * interval '1 minute', '2017-01-01', 'Title ' || i, i % 10 <> 0, i * 7919 % 1024, 'cu' || lpad((1 + i * 7919 % 1000)::text, 23, '0') FROM generate_series(1, 10000) AS i`),
		in(`INSERT INTO $s."Comment" (id, "createdAt", "updatedAt", text, post, author) SELECT 'cc' || lpad(i::text, 23, '0'), '2017-01-01'::timestamptz + (i * 7919 % 50021) * interval '1 minute', '2017-01-01', 'Text ' || i, 'cp' || lpad((1 + i % 10000)::text, 23, '0'), 'cu' || lpad((1 + i::bigint * 104729 % 1000)::text, 23, '0') FROM generate_series(1, 50000) AS i`),
		in(`ANALYZE $s."User"`), in(`ANALYZE $s."Post"`), in(`ANALYZE $s."Comment"`),
	}
}

// BenchmarkPermissions compares reads where everything is open with reads under
// rules: who has a token reads what is theirs (by a permission query on the owner) or
// public (by another on a column). Everything is allowed in the end, so that both
// answer the same.
func BenchmarkPermissions(b *testing.B) {
	db, err := postgresdb.Open(b.Context(), postgresdb.Config{URL: testbed.Database(b)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	c := Context{Name: "postgres", DB: db}
	rule := func(target, query string) compiledschema.Permission {
		return compiledschema.Permission{Target: target, Verb: compiledschema.Read, Authenticated: true, Query: query, Name: query}
	}
	deploy := func(p compiledschema.Permissions) (*Project, string) {
		parsed, problems := datamodel.Parse(blog)
		if len(problems) > 0 {
			b.Fatal(problems)
		}
		project := DeployRelease(b, c, compiledschema.Release{Model: parsed.Model, Layout: relational.Build(parsed.Model, nil), Permissions: p})
		if err := db.Migrate(b.Context(), project.Scope, postgresRows(project.Scope.Namespace())); err != nil {
			b.Fatal(err)
		}
		token, err := Keys.Node(project.ID, "cu"+fmt.Sprintf("%023d", 321), "User", time.Hour)
		if err != nil {
			b.Fatal(err)
		}
		return project, token
	}
	open, token := deploy(compiledschema.Permissions{Open: true})
	simple, simpleToken := deploy(compiledschema.Permissions{Records: []compiledschema.Permission{
		{Target: "User", Verb: compiledschema.Read, Authenticated: true}, {Target: "Post", Verb: compiledschema.Read, Authenticated: true}, {Target: "Comment", Verb: compiledschema.Read, Authenticated: true},
		rule("Post", "query ($node_id: ID!, $user_id: ID!) { SomePostExists(filter: {id: $node_id, author: {id: $user_id}}) }"),
	}})
	custom, customToken := deploy(compiledschema.Permissions{Records: []compiledschema.Permission{
		rule("User", "query ($node_id: ID!, $user_id: ID!) { SomeUserExists(filter: {id: $node_id, OR: [{id: $user_id}, {karma_gte: 0}]}) }"),
		rule("Post", "query ($node_id: ID!, $user_id: ID!) { SomePostExists(filter: {id: $node_id, author: {id: $user_id}}) }"),
		rule("Post", "query ($node_id: ID!) { SomePostExists(filter: {id: $node_id, likes_gte: 0}) }"),
		rule("Comment", "query ($node_id: ID!, $user_id: ID!) { SomeCommentExists(filter: {id: $node_id, author: {id: $user_id}}) }"),
		rule("Comment", "query ($node_text: String!) { SomeUserExists(filter: {id: $node_text}) }"),
		rule("Comment", "query ($node_id: ID!) { SomeCommentExists(filter: {id: $node_id, text_not: \"\"}) }"),
	}})
	for _, w := range []struct {
		name, query string
		variables   map[string]any
	}{
		{"W1", small, map[string]any{"id": "cp00000000000000000004321"}},
		{"W2", `query ($min: Int!) { allPosts(first: 20, filter: {published: true, likes_gte: $min}, orderBy: createdAt_DESC) { id title createdAt author { id name } } }`, map[string]any{"min": 100}},
		{"W3", nested, map[string]any{"min": 500}},
		{"list of 1000", `{ allPosts(first: 1000) { id title likes createdAt } }`, nil},
	} {
		body, err := json.Marshal(map[string]any{"query": w.query, "variables": w.variables})
		if err != nil {
			b.Fatal(err)
		}
		want := ""
		for _, p := range []struct {
			name    string
			project *Project
			token   string
			id      tenancy.ProjectID
		}{{"open", open, token, open.ID}, {"authenticated", simple, simpleToken, simple.ID}, {"by rules", custom, customToken, custom.ID}} {
			server := httptest.NewServer(p.project.Handler)
			b.Cleanup(server.Close)
			ask := func() string {
				request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, server.URL+"/simple/v1/"+string(p.id), bytes.NewReader(body))
				if err != nil {
					b.Fatal(err)
				}
				request.Header.Set("Content-Type", "application/json")
				request.Header.Set("Authorization", "Bearer "+p.token)
				response, err := http.DefaultClient.Do(request)
				if err != nil {
					b.Fatal(err)
				}
				text, err := io.ReadAll(response.Body)
				_ = response.Body.Close()
				if err != nil {
					b.Fatal(err)
				}
				return string(text)
			}
			switch got := ask(); {
			case strings.Contains(got, "errors"):
				b.Fatalf("%s %s: %.500s", w.name, p.name, got)
			case want == "":
				want = got
			case got != want:
				b.Fatalf("%s %s: another answer: %.500s", w.name, p.name, got)
			}
			b.Run(strings.ReplaceAll(w.name+"/"+p.name, " ", "_"), func(b *testing.B) {
				for b.Loop() {
					ask()
				}
			})
		}
	}
}
