package dataplanetest

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"icehouse/dataplane/connector/database"
	"icehouse/tenancy/isolation"
)

// counter counts what reaches a product.
type counter struct {
	database.Driver
	queries, batches, transactions atomic.Int64
}

func (c *counter) Query(ctx context.Context, scope isolation.Scope, s database.Statement) ([]byte, error) {
	c.queries.Add(1)
	return c.Driver.Query(ctx, scope, s)
}

func (c *counter) Batch(ctx context.Context, scope isolation.Scope, s []database.Statement) ([][]byte, error) {
	c.batches.Add(1)
	return c.Driver.Batch(ctx, scope, s)
}

func (c *counter) Transact(ctx context.Context, scope isolation.Scope, do func(database.Tx) error) error {
	c.transactions.Add(1)
	return c.Driver.Transact(ctx, scope, do)
}

func (c *counter) take() string {
	return fmt.Sprintf("%d queries, %d batches, %d transactions", c.queries.Swap(0), c.batches.Swap(0), c.transactions.Swap(0))
}

// A query is one statement however many root fields and levels it has; a create,
// update or delete is one batch, which is one round trip.
func TestRoundTrips(t *testing.T) {
	for _, context := range contexts(t) {
		t.Run(context.Name, func(t *testing.T) {
			c := &counter{}
			db := context.DB.Wrap(func(d database.Driver) database.Driver {
				c.Driver = d
				return c
			})
			p := Deploy(t, Context{Name: context.Name, DB: db}, blog)
			const one, batch = "1 queries, 0 batches, 0 transactions", "0 queries, 1 batches, 0 transactions"
			for _, request := range []struct{ query, want string }{
				{`{ __typename }`, "0 queries, 0 batches, 0 transactions"},
				{`{ __schema { queryType { name } } }`, "0 queries, 0 batches, 0 transactions"},
				{`{ allPosts { id } }`, one},
				{`{ allPosts { id author { posts { comments { author { name posts { _commentsMeta { count } } } } } } tags { posts { id } } }
				   allUsers(filter: {posts_some: {comments_every: {author: {name: "x"}}}}) { id } _allTagsMeta { count } Page(path: "/") { id } node(id: "x") { id } user { id } }`, one},
				{`{ allPosts { id } __schema { queryType { name } } bad: allPosts(first: 2000) { id } }`, one},
				{`mutation { createTag(name: "a") { id } }`, batch},
				{`mutation { createPost(title: "t", author: {name: "n", email: "e", posts: [{title: "u", tags: [{name: "b"}, {name: "c"}]}]}) { id author { posts { tags { name } } } } }`, batch},
				{`mutation { updateTag(id: "x", name: "z") { id } }`, batch},
				{`mutation { deleteTag(id: "x") { id } }`, batch},
				{`mutation { a: createTag(name: "d") { id } b: createTag(name: "e") { id } }`, "0 queries, 2 batches, 0 transactions"},
				{`mutation { updateOrCreateTag(update: {id: "x"}, create: {name: "f"}) { id } }`, "0 queries, 0 batches, 1 transactions"},
			} {
				c.take()
				if _, answer := p.Do(t, Request{Query: request.query}); strings.Contains(answer, "Whoops") {
					t.Fatal(answer)
				}
				if got := c.take(); got != request.want {
					t.Errorf("%s: %s, want %s", request.query, got, request.want)
				}
			}
		})
	}
}
