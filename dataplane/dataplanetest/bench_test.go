package dataplanetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/dialect/postgres"
	"icehouse/dataplane/relational"
	"icehouse/tenancy/isolation"
)

// constant is a database that answers at once, so that only our own work is
// measured.
type constant struct{ answer []byte }

func (constant) Dialect() dialect.Dialect { return postgres.Dialect{} }
func (c constant) Query(context.Context, isolation.Scope, database.Statement) ([]byte, error) {
	return c.answer, nil
}
func (c constant) Batch(_ context.Context, _ isolation.Scope, s []database.Statement) ([][]byte, error) {
	out := make([][]byte, len(s))
	for i := range out {
		out[i] = c.answer
	}
	return out, nil
}
func (constant) Transact(context.Context, isolation.Scope, func(database.Tx) error) error { return nil }
func (constant) Provision(context.Context, isolation.Scope) error                         { return nil }
func (constant) Drop(context.Context, isolation.Scope) error                              { return nil }
func (constant) Migrate(context.Context, isolation.Scope, []string) error                 { return nil }
func (constant) Advance(context.Context, isolation.Scope, int64, []dialect.Statement, []database.Handler) error {
	return nil
}
func (constant) Close() error { return nil }

const blog = `
type User @model {
  id: ID! @isUnique
  createdAt: DateTime!
  updatedAt: DateTime!
  name: String!
  email: String! @isUnique
  karma: Int! @defaultValue(value: 0)
  posts: [Post!]! @relation(name: "PostAuthor")
  comments: [Comment!]! @relation(name: "CommentAuthor")
}
type Post @model {
  id: ID! @isUnique
  createdAt: DateTime!
  updatedAt: DateTime!
  title: String!
  published: Boolean! @defaultValue(value: false)
  likes: Int! @defaultValue(value: 0)
  author: User! @relation(name: "PostAuthor")
  comments: [Comment!]! @relation(name: "PostComments")
  tags: [Tag!]! @relation(name: "PostTags")
}
type Comment @model {
  id: ID! @isUnique
  createdAt: DateTime!
  text: String!
  post: Post! @relation(name: "PostComments")
  author: User! @relation(name: "CommentAuthor")
}
type Tag @model {
  id: ID! @isUnique
  name: String! @isUnique
  posts: [Post!]! @relation(name: "PostTags")
}
type Page @model {
  id: ID! @isUnique
  path: String! @isUnique
  body: String
}`

// Models is a data model of n types with ten fields each, relations among them.
func Models(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "type Model%d @model {\n  id: ID! @isUnique\n  createdAt: DateTime!\n  updatedAt: DateTime!\n  name: String!\n  slug: String @isUnique\n  count: Int\n  flag: Boolean\n  score: Float\n  next: Model%d @relation(name: \"Next%d\")\n  previous: [Model%d!]! @relation(name: \"Next%d\")\n}\n",
			i, (i+1)%n, i, (i+n-1)%n, (i+n-1)%n)
	}
	return b.String()
}

const (
	small  = `query W1($id: ID!) { Post(id: $id) { id title likes published createdAt } }`
	nested = `query W3($min: Int!) { allUsers(first: 10, filter: { karma_gte: $min }, orderBy: createdAt_DESC) { id name posts(first: 5, orderBy: createdAt_DESC) { id title comments(first: 5, orderBy: createdAt_DESC) { id text author { id name } } } } }`
)

func serve(b *testing.B, sdl string) *Project {
	b.Helper()
	return Deploy(b, Context{Name: "none", DB: database.Open(constant{[]byte(`{"a":1}`)})}, sdl)
}

// discard is a ResponseWriter that keeps nothing.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header { return d.header }
func (d *discard) Write(p []byte) (int, error) {
	if d.status == 0 {
		d.status = http.StatusOK
	}
	return len(p), nil
}
func (d *discard) WriteHeader(status int) { d.status = status }

// post sends bodies to the handler. What it needs for that it has before, so that
// what is allocated is the server's.
func post(b *testing.B, p *Project, body func(i int) []byte) {
	b.Helper()
	postTo(b, p.Handler, "/simple/v1/"+string(p.ID), body)
}

func postTo(b *testing.B, h http.Handler, path string, body func(i int) []byte) {
	b.Helper()
	reader := bytes.NewReader(nil)
	request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, path, io.NopCloser(reader))
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	w := &discard{header: http.Header{}}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		text := body(i)
		reader.Reset(text)
		request.ContentLength = int64(len(text))
		clear(w.header)
		w.status = 0
		h.ServeHTTP(w, request)
		if w.status != http.StatusOK {
			b.Fatalf("status %d", w.status)
		}
		i++
	}
}

func body(query string, variables map[string]any) []byte {
	out, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		panic(err)
	}
	return out
}

// BenchmarkWarm is a request whose document and plan are known, with everything
// from the handler to the last byte but the network and the database.
func BenchmarkWarm(b *testing.B) {
	for name, request := range map[string][]byte{
		"small":  body(small, map[string]any{"id": "cj00000000000000000000000"}),
		"nested": body(nested, map[string]any{"min": 3}),
	} {
		b.Run(name, func(b *testing.B) {
			p := serve(b, blog)
			post(b, p, func(int) []byte { return request })
		})
	}
}

// BenchmarkNewLiteral is a text that differs from all before in a literal only.
func BenchmarkNewLiteral(b *testing.B) {
	p := serve(b, blog)
	post(b, p, func(i int) []byte {
		return body(fmt.Sprintf(`{ Post(id: "cj%023d") { id title likes published createdAt } }`, i), nil)
	})
}

// BenchmarkCold is a document that was never seen: parsed, validated, planned.
func BenchmarkCold(b *testing.B) {
	for name, c := range map[string]struct{ sdl, query string }{
		"small":           {blog, small},
		"nested":          {blog, nested},
		"nested-50models": {blog + Models(45), nested},
	} {
		b.Run(name, func(b *testing.B) {
			p := serve(b, c.sdl)
			post(b, p, func(i int) []byte {
				return body(strings.Replace(c.query, "{ id", fmt.Sprintf("{ k%d: id", i), 1), map[string]any{"id": "cj00000000000000000000000", "min": 3})
			})
		})
	}
}

// BenchmarkRetained reports what an idle project keeps in memory: model, layout
// and compiled schema.
func BenchmarkRetained(b *testing.B) {
	for _, n := range []int{5, 50} {
		b.Run(fmt.Sprintf("models=%d", n), func(b *testing.B) {
			parsed, problems := datamodel.Parse(Models(n))
			if len(problems) > 0 {
				b.Fatal(problems)
			}
			data, err := compiledschema.EncodeRelease(compiledschema.Release{Model: parsed.Model, Layout: relational.Build(parsed.Model, nil), Permissions: compiledschema.Permissions{Open: true}})
			if err != nil {
				b.Fatal(err)
			}
			kept := make([]*compiledschema.Schema, 0, 200)
			before := heap()
			for b.Loop() {
				release, err := compiledschema.DecodeRelease(data)
				if err != nil {
					b.Fatal(err)
				}
				schema, err := release.Compile()
				if err != nil {
					b.Fatal(err)
				}
				if len(kept) < cap(kept) {
					kept = append(kept, schema)
				}
			}
			b.ReportMetric(float64(heap()-before)/float64(len(kept)), "B/project")
			b.ReportMetric(float64(len(data)), "B/release")
			if kept[0] == nil {
				b.Fatal("nothing kept")
			}
		})
	}
}
