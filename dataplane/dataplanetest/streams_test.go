package dataplanetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"icehouse/dataplane/connector/database"
)

// TestEvents looks at which requests make events, and what these say was given (data-api
// §4.2).
func TestEvents(t *testing.T) {
	for _, c := range contexts(t) {
		t.Run(c.Name, func(t *testing.T) {
			p := deployBulk(t, c, `
				type Author @model { id: ID! @isUnique createdAt: DateTime! updatedAt: DateTime! name: String! age: Int tags: [String!] secret: Password books: [Book!]! @relation(name: "Books") }
				type Book @model { id: ID! @isUnique title: String! author: Author @relation(name: "Books") }`, 0)
			model := p.Schema.Layout().Model()
			for _, of := range model.Types {
				if _, err := c.DB.Listen(t.Context(), p.Scope, 1, p.Schema.Layout().Listen(of), time.Now().Add(time.Minute)); err != nil {
					t.Fatal(err)
				}
			}
			var sent int64
			events := func() (out []string) {
				r, err := c.DB.Relay(t.Context(), database.Turn{Holder: "me", Lease: time.Minute, Sent: sent, Limit: 100})
				if err != nil {
					t.Fatal(err)
				}
				sent = r.Last
				for _, e := range r.Events {
					slices.Sort(e.Given)
					out = append(out, fmt.Sprintf("%s %d %v", e.Model, e.Kind, e.Given))
				}
				slices.Sort(out) // one statement can create several nodes
				return out
			}
			run := func(query string, want ...string) {
				t.Helper()
				if status, answer := p.Do(t, Request{Query: query}); status != 200 || strings.Contains(answer, `"errors"`) {
					t.Fatalf("%s: %s", query, answer)
				}
				if got := events(); !slices.Equal(got, want) {
					t.Errorf("%s makes %q, not %q", query, got, want)
				}
			}
			p.importAll(t, "nodes", []string{`{"_typeName":"Author","id":"a1","name":"A"}`, `{"_typeName":"Book","id":"b1","title":"T"}`})
			p.importAll(t, "lists", []string{`{"_typeName":"Author","id":"a1","tags":["x"]}`})
			p.importAll(t, "relations", []string{`[{"_typeName":"Author","id":"a1","fieldName":"books"},{"_typeName":"Book","id":"b1","fieldName":"author"}]`})
			run(`{ allAuthors { id } }`)
			run(`mutation { createAuthor(name: "B", age: 1) { id } }`, "Author 1 []")
			run(`mutation { createAuthor(name: "C", books: [{title: "1"}, {title: "2"}]) { id } }`, "Author 1 []", "Book 1 []", "Book 1 []")
			run(`mutation { updateAuthor(id: "a1", age: 1, name: "A", tags: null, secret: "x") { id } }`, "Author 2 [age name secret tags]")
			run(`mutation { updateAuthor(id: "a1", booksIds: ["b1"]) { id } }`)
			run(`mutation { updateAuthor(id: "a1", age: 2, booksIds: []) { id } }`, "Author 2 [age]")
			run(`mutation { updateAuthor(id: "a1", books: [{title: "3"}]) { id } }`, "Book 1 []")
			run(`mutation { addToBooks(authorAuthorId: "a1", booksBookId: "b1") { authorAuthor { id } } }`)
			run(`mutation { updateOrCreateBook(update: {id: "b1", title: "U"}, create: {title: "V"}) { id } }`, "Book 2 [title]")
			run(`mutation { a: updateBook(id: "b1", title: "W") { id } b: updateAuthor(id: "a1", age: 3) { id } }`, "Author 2 [age]", "Book 2 [title]")
			run(`mutation { deleteAuthor(id: "a1") { id } }`, "Author 3 []")
			run(`mutation { deleteBook(id: "b1") { id } }`, "Book 3 []")
		})
	}
}
