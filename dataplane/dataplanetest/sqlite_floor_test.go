package dataplanetest

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	engines "modernc.org/sqlite"

	"icehouse/dataplane/connector/database/sqlitedb"
	"icehouse/dataplane/dialect/sqlite"
)

// sqliteRows are 1,000 users, 10,000 posts and 50,000 comments.
const sqliteRows = `
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
INSERT INTO "User" (id, "createdAt", "updatedAt", name, email, karma)
	SELECT printf('cu%023d', i), printf('2017-01-%02dT%02d:%02d:00.000Z', 1 + i % 28, i % 24, i % 60), '2017-01-01T00:00:00.000Z', printf('n%03x Name', i), i || '@example.org', i % 1000 FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
INSERT INTO "Post" (id, "createdAt", "updatedAt", title, published, likes, author)
	SELECT printf('cp%023d', i), printf('2017-%02d-%02dT%02d:%02d:00.000Z', 1 + i % 12, 1 + i % 28, i % 24, i % 60), '2017-01-01T00:00:00.000Z', 'Title ' || i, i % 10 <> 0, (i * 7919) % 1024, printf('cu%023d', 1 + (i * 7919) % 1000) FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
INSERT INTO "Comment" (id, "createdAt", "updatedAt", text, post, author)
	SELECT printf('cc%023d', i), printf('2017-%02d-%02dT%02d:%02d:00.000Z', 1 + i % 12, 1 + i % 28, i % 24, i % 60), '2017-01-01T00:00:00.000Z', 'Text ' || i, printf('cp%023d', 1 + i % 10000), printf('cu%023d', 1 + (i * 104729) % 1000) FROM n;
ANALYZE`

// floorWork is one workload of the rig: what a client asks, and the one statement
// that somebody would write for it by hand, which returns the field's JSON.
type floorWork struct {
	name, query, field string
	variables          func(i int) map[string]any
	names              []string // of the variables, in the order of the statement's arguments
	sql                []string // the last one answers
}

func floorWorks() []floorWork {
	always := func(v map[string]any) func(int) map[string]any { return func(int) map[string]any { return v } }
	const post = `INSERT INTO "Post" (id, "createdAt", "updatedAt", title, published, likes, author) VALUES (?1, ?2, ?2, ?3, 1, 0, ?4)`
	return []floorWork{
		{"W1", small, "Post", always(map[string]any{"id": "cp00000000000000000004321"}), []string{"id"}, []string{
			`SELECT json_object('id', id, 'title', title, 'likes', likes, 'published', json(iif(published, 'true', 'false')), 'createdAt', "createdAt") FROM "Post" WHERE id = ?1`}},
		{"W2", `query ($min: Int!) { allPosts(first: 20, filter: {published: true, likes_gte: $min}, orderBy: createdAt_DESC) { id title createdAt author { id name } } }`, "allPosts",
			always(map[string]any{"min": 100}), []string{"min"}, []string{
				`SELECT json_group_array(json_object('id', p.id, 'title', p.title, 'createdAt', p."createdAt", 'author', json((SELECT json_object('id', u.id, 'name', u.name) FROM "User" u WHERE u.id = p.author))))
				FROM (SELECT * FROM "Post" WHERE published AND likes >= ?1 ORDER BY "createdAt" DESC, id LIMIT 20) p`}},
		{"W3", nested, "allUsers", always(map[string]any{"min": 500}), []string{"min"}, []string{
			`SELECT json_group_array(json_object('id', u.id, 'name', u.name, 'posts', json((SELECT json_group_array(json_object('id', p.id, 'title', p.title, 'comments', json(
				(SELECT json_group_array(json_object('id', c.id, 'text', c.text, 'author', json((SELECT json_object('id', a.id, 'name', a.name) FROM "User" a WHERE a.id = c.author))))
				FROM (SELECT * FROM "Comment" WHERE post = p.id ORDER BY "createdAt" DESC, id LIMIT 5) c))))
				FROM (SELECT * FROM "Post" WHERE author = u.id ORDER BY "createdAt" DESC, id LIMIT 5) p))))
				FROM (SELECT * FROM "User" WHERE karma >= ?1 ORDER BY "createdAt" DESC, id LIMIT 10) u`}},
		{"W4", `query ($min: Int!) { _allPostsMeta(filter: {published: true, likes_gte: $min}) { count } }`, "_allPostsMeta", always(map[string]any{"min": 950}), []string{"min"}, []string{
			`SELECT json_object('count', count(*)) FROM "Post" WHERE published AND likes >= ?1`}},
		{"W8", `query ($n: String!) { allPosts(first: 20, filter: {comments_some: {author: {name_starts_with: $n}}}, orderBy: createdAt_DESC) { id title } }`, "allPosts",
			always(map[string]any{"n": "n12"}), []string{"n"}, []string{
				`SELECT json_group_array(json_object('id', id, 'title', title)) FROM (SELECT id, title FROM "Post" WHERE id IN (SELECT c.post FROM "Comment" c JOIN "User" u ON u.id = c.author
				WHERE u.name >= ?1 AND u.name < ?1 || char(0x10ffff)) ORDER BY "createdAt" DESC, id LIMIT 20)`}},
		{"W5", `mutation ($t: String!, $a: ID!) { createPost(title: $t, published: true, likes: 0, authorId: $a) { id title } }`, "createPost",
			func(i int) map[string]any {
				return map[string]any{"t": fmt.Sprint("bench ", i), "a": "cu00000000000000000000321"}
			},
			[]string{"new", "now", "t", "a"}, []string{post + ` RETURNING json_object('id', id, 'title', title)`}},
		{"W6", `mutation ($id: ID!, $t: String) { updatePost(id: $id, title: $t) { id title } }`, "updatePost",
			func(i int) map[string]any {
				return map[string]any{"t": fmt.Sprint("bench ", i), "id": fmt.Sprintf("cp%023d", 1+i%10000)}
			},
			[]string{"now", "t", "id"}, []string{`UPDATE "Post" SET title = ?2, "updatedAt" = ?1 WHERE id = ?3 RETURNING json_object('id', id, 'title', title)`}},
		{"W7", `mutation ($t: String!, $a: ID!) { createPost(title: $t, published: true, likes: 0, authorId: $a, comments: [{text: "one", authorId: $a}, {text: "two", authorId: $a}, {text: "three", authorId: $a}]) { id title comments { id text } } }`, "createPost",
			func(i int) map[string]any {
				return map[string]any{"t": fmt.Sprint("bench ", i), "a": "cu00000000000000000000321"}
			},
			[]string{"new", "now", "t", "a"}, []string{post,
				`INSERT INTO "Comment" (id, "createdAt", "updatedAt", text, post, author) VALUES (?1 || 'a', ?2, ?2, 'one', ?1, ?4), (?1 || 'b', ?2, ?2, 'two', ?1, ?4), (?1 || 'c', ?2, ?2, 'three', ?1, ?4)`,
				`SELECT json_object('id', ?1, 'title', ?3, 'comments', json((SELECT json_group_array(json_object('id', id, 'text', text)) FROM "Comment" WHERE post = ?1 AND ?4 IS NOT NULL)))`}},
	}
}

// floor answers a workload with net/http, encoding/json and its statements.
type floor struct {
	work   floorWork
	db     *sql.DB
	stmts  []*sql.Stmt
	writes int
}

func (f *floor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var call struct{ Variables map[string]any }
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &call)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	args := make([]any, len(f.work.names))
	for i, name := range f.work.names {
		switch name {
		case "new":
			f.writes++
			args[i] = fmt.Sprintf("c%s%022d", f.work.name, f.writes)
		case "now":
			args[i] = time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
		default:
			args[i] = call.Variables[name]
		}
	}
	var text []byte
	run := func(s *sql.Stmt, last bool) error {
		if last {
			return s.QueryRowContext(r.Context(), args...).Scan(&text)
		}
		_, err := s.ExecContext(r.Context(), args...)
		return err
	}
	if len(f.stmts) == 1 {
		err = run(f.stmts[0], true)
	} else {
		var tx *sql.Tx
		if tx, err = f.db.BeginTx(r.Context(), nil); err == nil {
			for i, s := range f.stmts {
				if err == nil {
					err = run(tx.StmtContext(r.Context(), s), i == len(f.stmts)-1)
				}
			}
			if err == nil {
				err = tx.Commit()
			} else {
				_ = tx.Rollback()
			}
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header()["Content-Type"] = []string{"application/json"}
	_, _ = w.Write(append(append([]byte(`{"data":{"`+f.work.field+`":`), text...), "}}"...))
}

// BenchmarkSQLiteFloor compares requests with the least that somebody would write
// by hand for the same answer over the same engine, file and indexes. The writes
// come last: what they leave would change what the reads meet.
func BenchmarkSQLiteFloor(b *testing.B) {
	folder := b.TempDir()
	store, err := sqlitedb.Open(sqlitedb.Config{Folder: folder})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() })
	p := Deploy(b, Context{Name: "sqlite", DB: store}, blog)
	paths, err := filepath.Glob(filepath.Join(folder, "*", "rows.db"))
	if err != nil || len(paths) != 1 {
		b.Fatal(paths, err)
	}
	for _, f := range sqlite.Functions() { // the file's indexes call them
		engines.MustRegisterDeterministicScalarFunction(f.Name, 1, func(_ *engines.FunctionContext, args []driver.Value) (driver.Value, error) {
			if args[0] == nil {
				return nil, nil
			}
			return f.Call(args[0])
		})
	}
	db, err := sql.Open("sqlite", "file:"+paths[0]+"?_pragma=foreign_keys(1)&_pragma=synchronous(NORMAL)&_pragma=busy_timeout(5000)&_pragma=temp_store(MEMORY)&_txlock=immediate")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	for _, statement := range strings.Split(sqliteRows, ";\n") {
		if _, err := db.ExecContext(b.Context(), statement); err != nil {
			b.Fatal(err, statement)
		}
	}
	for _, work := range floorWorks() {
		f := &floor{work: work, db: db}
		for _, s := range work.sql {
			stmt, err := db.PrepareContext(b.Context(), s)
			if err != nil {
				b.Fatal(err, s)
			}
			f.stmts = append(f.stmts, stmt)
		}
		request := func(i int) []byte { return body(work.query, work.variables(i)) }
		if !strings.HasPrefix(work.query, "mutation") {
			sameAnswer(b, f, p.Handler, "/simple/v1/"+string(p.ID), request(0))
		}
		b.Run(work.name+"/floor", func(b *testing.B) { postTo(b, f, "/", request) })
		b.Run(work.name+"/icehouse", func(b *testing.B) { post(b, p, request) })
	}
}

func sameAnswer(b *testing.B, floor, icehouse http.Handler, path string, body []byte) {
	b.Helper()
	var answers [2]any
	for i, h := range []http.Handler{floor, icehouse} {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, path, strings.NewReader(string(body)))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if err := json.Unmarshal(w.Body.Bytes(), &answers[i]); err != nil {
			b.Fatal(err, w.Body)
		}
	}
	if a, c := fmt.Sprint(answers[0]), fmt.Sprint(answers[1]); a != c {
		b.Fatalf("the floor answers\n%.600s\nnot\n%.600s", a, c)
	}
}
