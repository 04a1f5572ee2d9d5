package postgresdb_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/database/databasetest"
	"icehouse/dataplane/connector/database/postgresdb"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/relational"
	"icehouse/deploy/testbed"
)

const benchModel = `
type User @model { id: ID! @isUnique createdAt: DateTime! updatedAt: DateTime! name: String! karma: Int!
  posts: [Post!]! @relation(name: "PostAuthor") comments: [Comment!]! @relation(name: "CommentAuthor") }
type Post @model { id: ID! @isUnique createdAt: DateTime! updatedAt: DateTime! title: String! published: Boolean! likes: Int!
  author: User! @relation(name: "PostAuthor") comments: [Comment!]! @relation(name: "PostComments") }
type Comment @model { id: ID! @isUnique createdAt: DateTime! updatedAt: DateTime! text: String!
  post: Post! @relation(name: "PostComments") author: User! @relation(name: "CommentAuthor") }`

// benchRows fills the tables: $s is the schema.
const benchRows = `
INSERT INTO $s."User" (id, "createdAt", "updatedAt", name, karma) SELECT 'cu' || lpad(i::text, 23, '0'), now() - i * interval '1 minute', now(),
  substr(md5(i::text), 1, 8) || ' Name', i % 1000 FROM generate_series(1, 10000) i;
INSERT INTO $s."Post" (id, "createdAt", "updatedAt", title, published, likes, author) SELECT 'cp' || lpad(i::text, 23, '0'),
  now() - (hashint4(i) & 65535) * interval '1 minute', now(), 'Title ' || md5(i::text), i % 10 <> 0, hashint4(i) & 1023,
  'cu' || lpad((1 + (i::bigint * 7919) % 10000)::text, 23, '0') FROM generate_series(1, 100000) i;
INSERT INTO $s."Comment" (id, "createdAt", "updatedAt", text, post, author) SELECT 'cc' || lpad(i::text, 23, '0'),
  now() - (hashint4(i) & 65535) * interval '1 minute', now(), 'Text ' || md5(i::text), 'cp' || lpad((1 + i % 100000)::text, 23, '0'),
  'cu' || lpad((1 + (i::bigint * 104729) % 10000)::text, 23, '0') FROM generate_series(1, 500000) i;
CREATE INDEX ON $s."User" (name);
CREATE INDEX ON $s."User" (icehouse_shared.fold(name));
CREATE INDEX ON $s."Post" (author, "createdAt");
CREATE INDEX ON $s."Post" (likes);
CREATE INDEX ON $s."Comment" (post, "createdAt");`

// BenchmarkFloor compares what the dialect writes with the least that a
// hand-written statement needs for the same answer, over the same connection.
func BenchmarkFloor(b *testing.B) {
	ctx := b.Context()
	url := testbed.Database(b)
	db, err := postgresdb.Open(ctx, postgresdb.Config{URL: url, MaxConns: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	parsed, diagnostics := datamodel.Parse(benchModel)
	if len(diagnostics) > 0 {
		b.Fatal(diagnostics)
	}
	scope, l := databasetest.Scope(b), relational.Build(parsed.Model, nil)
	if err := db.Provision(ctx, scope); err != nil {
		b.Fatal(err)
	}
	for _, step := range l.Create() {
		if err := db.Migrate(ctx, scope, db.Dialect().Schema(scope.Namespace(), step)); err != nil {
			b.Fatal(err)
		}
	}
	schema := pgx.Identifier{scope.Namespace()}.Sanitize()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		b.Fatal(err)
	}
	for _, sql := range append(strings.Split(benchRows, ";\n"), "VACUUM ANALYZE") {
		if _, err := conn.Exec(ctx, strings.ReplaceAll(sql, "$s", schema)); err != nil {
			b.Fatal(err)
		}
	}
	if err := conn.Close(ctx); err != nil {
		b.Fatal(err)
	}
	for _, w := range workloads(l) {
		floor := dialect.Statement{SQL: strings.ReplaceAll(w.floor, "$s", schema), Args: w.query.Args[:w.floorArgs], Returns: true}
		for name, s := range map[string]database.Statement{
			"floor":    {Statement: floor, Args: w.args[:w.floorArgs]},
			"icehouse": {Statement: db.Dialect().Query(scope.Namespace(), w.query), Args: w.args},
		} {
			b.Run(fmt.Sprintf("%s/%s", w.name, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := db.Query(ctx, scope, s); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

type workload struct {
	name, floor string
	floorArgs   int
	query       *relational.Query
	args        []any
}

func workloads(l *relational.Layout) []workload {
	m := l.Model()
	table := func(name string) *relational.Table { return l.Table(m.Type(name)) }
	column := func(typeName, field string) *relational.Column { return l.Column(m.Type(typeName).Field(field)) }
	link := func(typeName, field string) *relational.Link { return l.Link(m.Type(typeName).Field(field)) }
	fields := func(typeName string, names ...string) []relational.Field {
		var out []relational.Field
		for _, n := range names {
			out = append(out, relational.Field{Key: n, Value: relational.ColumnValue{Column: column(typeName, n)}})
		}
		return out
	}
	with := func(f []relational.Field, key string, v relational.Value) []relational.Field {
		return append(f, relational.Field{Key: key, Value: v})
	}
	root := func(key string, v relational.Value, types ...relational.ArgType) *relational.Query {
		return &relational.Query{Fields: []relational.Field{{Key: key, Value: v}}, Args: types}
	}
	id, number, truth, text := relational.ArgType{Kind: relational.ArgID}, relational.ArgType{Kind: relational.ArgInt},
		relational.ArgType{Kind: relational.ArgBool}, relational.ArgType{Kind: relational.ArgFold}
	popular := relational.And{
		relational.Compare{Column: column("Post", "likes"), Op: relational.GreaterEqual, Arg: 1},
		relational.Compare{Column: column("Post", "published"), Op: relational.Equal, Arg: 2},
	}
	newest := func(name string, s relational.Select) *relational.Select {
		s.Table, s.OrderBy, s.Desc = table(name), column(name, "createdAt"), true
		return &s
	}
	author := func(of string) relational.Value {
		return &relational.One{Select: &relational.Select{Table: table("User"), Link: link(of, "author")}, Fields: fields("User", "id", "name")}
	}
	return []workload{
		{name: "W1", floorArgs: 1, args: []any{"cp00000000000000000004321"},
			floor: `SELECT row_to_json(r) FROM (SELECT id, title, likes, published, "createdAt" FROM $s."Post" WHERE id = $1) r`,
			query: root("Post", &relational.One{Select: &relational.Select{Table: table("Post"), Where: relational.Compare{Column: column("Post", "id"), Op: relational.Equal, Arg: 1}},
				Fields: fields("Post", "id", "title", "likes", "published", "createdAt")}, id)},
		{name: "W2", floorArgs: 1, args: []any{int64(100), true},
			floor: `SELECT coalesce(json_agg(r), '[]') FROM (SELECT p.id, p.title, p."createdAt", (SELECT row_to_json(a) FROM (SELECT u.id, u.name) a) AS author
				FROM $s."Post" p JOIN $s."User" u ON u.id = p.author WHERE p.published AND p.likes >= $1 ORDER BY p."createdAt" DESC LIMIT 20) r`,
			query: root("allPosts", &relational.Many{Select: newest("Post", relational.Select{Where: popular, Max: 20}),
				Fields: with(fields("Post", "id", "title", "createdAt"), "author", author("Post"))}, number, truth)},
		{name: "W3", floorArgs: 1, args: []any{int64(500)},
			floor: `SELECT coalesce(json_agg(r), '[]') FROM (SELECT u.id, u.name, (SELECT coalesce(json_agg(r), '[]') FROM (
				SELECT p.id, p.title, (SELECT coalesce(json_agg(r), '[]') FROM (SELECT c.id, c.text, (SELECT row_to_json(x) FROM (SELECT a.id, a.name) x) AS author
				FROM $s."Comment" c JOIN $s."User" a ON a.id = c.author WHERE c.post = p.id ORDER BY c."createdAt" DESC LIMIT 5) r) AS comments
				FROM $s."Post" p WHERE p.author = u.id ORDER BY p."createdAt" DESC LIMIT 5) r) AS posts
				FROM $s."User" u WHERE u.karma >= $1 ORDER BY u."createdAt" DESC LIMIT 10) r`,
			query: root("allUsers", &relational.Many{Select: newest("User", relational.Select{Max: 10, Where: relational.Compare{Column: column("User", "karma"), Op: relational.GreaterEqual, Arg: 1}}),
				Fields: with(fields("User", "id", "name"), "posts", &relational.Many{Select: newest("Post", relational.Select{Link: link("User", "posts"), Max: 5}),
					Fields: with(fields("Post", "id", "title"), "comments", &relational.Many{Select: newest("Comment", relational.Select{Link: link("Post", "comments"), Max: 5}),
						Fields: with(fields("Comment", "id", "text"), "author", author("Comment"))})})}, number)},
		{name: "W4", floorArgs: 1, args: []any{int64(1015), true},
			floor: `SELECT '{"count":' || count(*) || '}' FROM $s."Post" WHERE published AND likes >= $1`,
			query: root("_allPostsMeta", relational.Object{Fields: []relational.Field{{Key: "count", Value: &relational.Count{Select: &relational.Select{Table: table("Post"), Where: popular}}}}}, number, truth)},
		{name: "W8", floorArgs: 2, args: []any{"0a1", "0a2"},
			floor: `SELECT coalesce(json_agg(r), '[]') FROM (SELECT p.id, p.title FROM $s."Post" p WHERE p.id IN (
				SELECT c.post FROM $s."Comment" c JOIN $s."User" u ON u.id = c.author WHERE u.name >= $1 AND u.name < $2) ORDER BY p."createdAt" DESC LIMIT 20) r`,
			query: root("allPosts", &relational.Many{Select: newest("Post", relational.Select{Max: 20, Where: relational.Exists{Select: &relational.Select{Table: table("Comment"), Link: link("Post", "comments"),
				Where: relational.Exists{Select: &relational.Select{Table: table("User"), Link: link("Comment", "author"),
					Where: relational.Match{Column: column("User", "name"), Kind: relational.StartsWith, Arg: 1, Upper: 2}}}}}}),
				Fields: fields("Post", "id", "title")}, text, text)},
	}
}
