package dataplanetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/internal/subscription"
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

// TestEventsOfHooks: an update gives what the client gave, and what its hook wrote
// instead (LQ-23).
func TestEventsOfHooks(t *testing.T) {
	each(t, func(t *testing.T, c Context) {
		s := &scripted{does: map[string]func(string, string) (string, error){"update": nil}}
		p := deployFunctions(t, c, `type Note @model { id: ID! @isUnique createdAt: DateTime! updatedAt: DateTime! text: String @isUnique by: String n: Int }`, s, nil,
			[]compiledschema.Function{hook("update", compiledschema.OperationBefore, "Note", compiledschema.Update)})
		if _, err := c.DB.Listen(t.Context(), p.Scope, 1, p.Schema.Layout().Listen(p.Schema.Layout().Model().Type("Note")), time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		_, created := p.Do(t, Request{Query: `mutation { createNote(text: "a", by: "b", n: 1) { id } }`})
		id := ids.FindString(created)
		var sent int64
		for _, row := range []struct{ returned, want, after string }{
			{`{}`, "[by text]", `{"text":"A","by":"B","n":1}`},
			{`{"data":{"n":2}}`, "[by n text]", `{"text":"A","by":"B","n":2}`},
			{`{"data":{"text":null,"by":"c"}}`, "[by text]", `{"text":null,"by":"c","n":2}`},
			{`{"data":{}}`, "[by text]", `{"text":null,"by":"c","n":2}`},
		} {
			s.mu.Lock()
			s.does["update"] = always(row.returned)
			s.mu.Unlock()
			p.answers(t, `mutation { updateNote(id: `+id+`, text: "A", by: "B") { text by n } }`, `{"updateNote":`+row.after+`}`)
			r, err := c.DB.Relay(t.Context(), database.Turn{Holder: "me", Lease: time.Minute, Sent: sent, Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			sent = r.Last
			last := r.Events[len(r.Events)-1]
			slices.Sort(last.Given)
			if got := fmt.Sprint(last.Given); last.Kind != database.Updated || got != row.want {
				t.Errorf("%s: %s, want %s", row.returned, got, row.want)
			}
		}
	})
}

// asked is how often a database is asked while nothing happens.
type asked struct {
	soon   int64 // in half a minute, when something has happened just before
	minute int64 // in one, when nothing has happened for a while
	hour   int64 // in one
}

// TestIdleSubscriptions says that subscriptions ask the database nothing while nothing
// happens, whatever they are of: what is asked is the relay's, which looks each second
// for a minute behind the last event, and then every five, and the gateway's, which asks
// for all streams at once every twenty. Time is not that of the clock here.
func TestIdleSubscriptions(t *testing.T) {
	few, many := idleFor(t, 2), idleFor(t, 10_000)
	if few != many {
		t.Errorf("two subscriptions ask %+v, and ten thousand %+v", few, many)
	}
	if want := (asked{soon: 30, minute: 0, hour: 12 + 6 + 3}); many != want {
		t.Errorf("they ask %+v, and should %+v", many, want)
	}
}

// idleFor counts with n subscriptions, half of which are each of another text.
func idleFor(t *testing.T, n int) (out asked) {
	synctest.Test(t, func(t *testing.T) {
		c, counter := embedded(t), &calls{}
		c.DB = c.DB.Wrap(func(d database.Driver) database.Driver {
			counter.Driver, counter.Streamer = d, d.(database.Streamer)
			return counter
		})
		p := Deploy(t, c, counted)
		s := listen(t, c, p)
		post, stop := p.subscribe(t, s, "")
		defer stop.Stop()
		for i := 1; i < n; i++ {
			query := "subscription { Post { mutation } }"
			if i%2 == 1 {
				query = fmt.Sprintf("subscription { Other(filter: {node: {name: %q}}) { mutation } }", fmt.Sprint(i))
			}
			sub, err := s.Start(t.Context(), subscription.Request{Project: string(p.ID), RequestID: "r", Query: query}, &told{news: make(chan struct{}, 1)})
			if err != nil {
				t.Fatal(err)
			}
			defer sub.Stop()
		}
		p.createPost(t, 1)
		expectNumbers(t, numbers(t, post.take(1)), 1, 1)
		synctest.Wait()
		during := func(d time.Duration) int64 {
			before := counter.n.Load()
			time.Sleep(d)
			synctest.Wait()
			return counter.n.Load() - before
		}
		out.soon = during(30 * time.Second)
		during(time.Minute)
		out.minute = during(time.Minute)
		out.hour = during(time.Hour)
	})
	return out
}
