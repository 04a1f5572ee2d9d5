// Command seeder makes the projects that the performance rig measures, and copies
// the rig's rows into their tables.
//
// In: a running Icehouse, its database, which also has the rig's schemas, and the
// rig's data model. Out: projects with the aliases p1 and t000 ... t199, with open
// permissions and the rig's rows under the same ids. deploy/bench/seed calls it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

func main() {
	url := flag.String("url", "", "base URL of the server")
	database := flag.String("database", "", "URL of the database")
	model := flag.String("model", "", "file with the data model")
	token := flag.String("token", "", "master token")
	flag.Parse()
	s := &seeder{url: *url, client: &http.Client{Timeout: time.Minute}}
	if err := s.run(context.Background(), *database, *model, *token); err != nil {
		log.Fatal(err)
	}
}

type seeder struct {
	url, token string
	client     *http.Client
}

func (s *seeder) run(ctx context.Context, database, model, master string) error {
	text, err := os.ReadFile(model) //nolint:gosec // a file that the caller names
	if err != nil {
		return err
	}
	if err := s.wait(ctx); err != nil {
		return err
	}
	var login struct{ AuthenticateCustomer struct{ Token string } }
	if err := s.system(ctx, `mutation ($t: String!) { authenticateCustomer(input: {auth0IdToken: $t}) { token } }`, map[string]any{"t": master}, &login); err != nil {
		return err
	}
	s.token = login.AuthenticateCustomer.Token
	config, err := json.Marshal(map[string]any{"modules": []any{map[string]any{
		"name": "", "content": "types: ./types.graphql\npermissions:\n- operation: \"*\"\n", "files": map[string]string{"./types.graphql": string(text)},
	}}})
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	aliases := []string{"p1"}
	for i := range 200 {
		aliases = append(aliases, fmt.Sprintf("t%03d", i))
	}
	for _, alias := range aliases {
		var added struct {
			AddProject struct{ Project struct{ ID string } }
		}
		if err := s.system(ctx, `mutation ($n: String!, $c: String) { addProject(input: {name: $n, alias: $n, config: $c}) { project { id } } }`, map[string]any{"n": alias, "c": string(config)}, &added); err != nil {
			return err
		}
		if err := fill(ctx, conn, alias, added.AddProject.Project.ID); err != nil {
			return fmt.Errorf("fill %s: %w", alias, err)
		}
	}
	_, err = conn.Exec(ctx, "VACUUM ANALYZE")
	return err
}

// fill copies one tenant's rows, and makes the indexes that the rig gives every
// engine, which the data model has no words for. Where one of them begins like one
// of ours, ours goes, as the others have it.
func fill(ctx context.Context, conn *pgx.Conn, from, to string) error {
	_, err := conn.Exec(ctx, strings.NewReplacer("FROM_", pgx.Identifier{from}.Sanitize(), "TO_", pgx.Identifier{to}.Sanitize()).Replace(`
SET session_replication_role = replica;
INSERT INTO TO_."User" ("id", "createdAt", "updatedAt", "name", "email", "bio", "karma") SELECT id, created_at, updated_at, name, email, bio, karma FROM FROM_.users;
INSERT INTO TO_."Post" ("id", "createdAt", "updatedAt", "title", "slug", "content", "published", "likes", "author") SELECT id, created_at, updated_at, title, slug, content, published, likes, author_id FROM FROM_.posts;
INSERT INTO TO_."Comment" ("id", "createdAt", "updatedAt", "text", "approved", "post", "author") SELECT id, created_at, updated_at, text, approved, post_id, author_id FROM FROM_.comments;
INSERT INTO TO_."Tag" ("id", "createdAt", "updatedAt", "name") SELECT id, created_at, updated_at, name FROM FROM_.tags;
INSERT INTO TO_."_PostTags" ("A", "B") SELECT post_id, tag_id FROM FROM_.post_tags;
SET session_replication_role = DEFAULT;
CREATE INDEX ON TO_."User" (icehouse_shared.fold("name"));
CREATE INDEX ON TO_."Post" ("author", "createdAt");
CREATE INDEX ON TO_."Post" ("likes");
CREATE INDEX ON TO_."Comment" ("post", "createdAt");
DROP INDEX TO_."Post.author.idx", TO_."Comment.post.idx";
`), pgx.QueryExecModeSimpleProtocol)
	return err
}

func (s *seeder) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		var anything struct{ Viewer struct{ ID string } }
		err := s.system(ctx, `{ viewer { id } }`, nil, &anything)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server did not come up: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s *seeder) system(ctx context.Context, query string, variables map[string]any, into any) error {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/system", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if s.token != "" {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	response, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // read to the end
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	var answer struct {
		Data   json.RawMessage
		Errors []struct{ Message string }
	}
	if err := json.Unmarshal(raw, &answer); err != nil || len(answer.Errors) > 0 {
		return fmt.Errorf("system API: %v %s", err, raw)
	}
	return json.Unmarshal(answer.Data, into)
}
