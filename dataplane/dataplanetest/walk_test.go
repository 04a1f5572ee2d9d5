package dataplanetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"icehouse/dataplane/compiledschema"
)

// walked has values of every order that are equal, differ in case alone, or are
// missing.
const walked = `
enum Color { RED GREEN BLUE }
type Shelf @model { id: ID! @isUnique things: [Thing!]! @relation(name: "On") liked: [Thing!]! @relation(name: "Likes") }
type Thing @model {
  id: ID! @isUnique
  createdAt: DateTime!
  text: String
  int: Int
  float: Float
  bool: Boolean
  color: Color
  rank: Int!
  shelf: Shelf @relation(name: "On")
  likedBy: [Shelf!]! @relation(name: "Likes")
}`

// walker reads a list page by page.
type walker struct {
	project *Project
	shelf   string // "" for all things
	field   string // of the shelf
	filter  string
	order   string
}

// page asks both APIs for one page, checks that they say the same, and returns
// its ids and what the connection says of what is beyond.
func (w walker) page(t *rapid.T, tb testing.TB, arguments string) (ids []string, more bool) {
	args := []string{arguments}
	if w.filter != "" {
		args = append(args, "filter: "+w.filter)
	}
	if w.order != "" {
		args = append(args, "orderBy: "+w.order)
	}
	list := "(" + strings.Join(args, ", ") + ")"
	simple, relay := "list: allThings"+list+" { id }", "list: allThings"+list+" "+connection
	if w.shelf != "" {
		simple = fmt.Sprintf("of: Shelf(id: %q) { list: %s%s { id } }", w.shelf, w.field, list)
		relay = fmt.Sprintf("of: Shelf(id: %q) { list: %s%s %s }", w.shelf, w.field, list, connection)
	}
	var plain struct {
		Data struct {
			List []struct{ ID string }
			Of   struct{ List []struct{ ID string } }
		}
	}
	type page struct {
		Edges []struct {
			Cursor string
			Node   struct{ ID string }
		}
		PageInfo struct {
			HasNextPage, HasPreviousPage bool
			StartCursor, EndCursor       *string
		}
	}
	var connected struct {
		Data struct {
			Viewer struct {
				List page
				Of   struct{ List page }
			}
		}
	}
	ask(t, tb, w.project, Request{Query: "{ " + simple + " }"}, &plain)
	ask(t, tb, w.project, Request{Query: "{ viewer { " + relay + " } }", API: compiledschema.Relay}, &connected)
	nodes, conn := plain.Data.List, connected.Data.Viewer.List
	if w.shelf != "" {
		nodes, conn = plain.Data.Of.List, connected.Data.Viewer.Of.List
	}
	for _, n := range nodes {
		ids = append(ids, n.ID)
	}
	var edges []string
	for _, e := range conn.Edges {
		if e.Cursor != e.Node.ID {
			t.Fatalf("the cursor of %s is %s", e.Node.ID, e.Cursor)
		}
		edges = append(edges, e.Cursor)
	}
	if !slices.Equal(ids, edges) {
		t.Fatalf("%s: the Simple API has %v, the Relay API %v", list, ids, edges)
	}
	start, end := conn.PageInfo.StartCursor, conn.PageInfo.EndCursor
	if len(ids) == 0 && (start != nil || end != nil) || len(ids) > 0 && (start == nil || end == nil || *start != ids[0] || *end != ids[len(ids)-1]) {
		t.Fatalf("%s: the cursors of %v are %v and %v", list, ids, start, end)
	}
	forward := strings.Contains(arguments, "first")
	if forward && conn.PageInfo.HasPreviousPage || !forward && conn.PageInfo.HasNextPage {
		t.Fatalf("%s: %+v", list, conn.PageInfo)
	}
	return ids, conn.PageInfo.HasNextPage || conn.PageInfo.HasPreviousPage
}

const connection = "{ edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }"

func ask(t *rapid.T, tb testing.TB, p *Project, r Request, into any) {
	_, answer := p.Do(tb, r)
	if strings.Contains(answer, `"errors"`) {
		t.Fatalf("%s\n%s", r.Query, answer)
	}
	if err := json.Unmarshal([]byte(answer), into); err != nil {
		t.Fatalf("%v\n%s", err, answer)
	}
}

// walk visits the list forwards or backwards in pages of changing sizes.
func (w walker) walk(t *rapid.T, tb testing.TB, backwards bool) []string {
	var all []string
	slice, cursor := "first", "after"
	if backwards {
		slice, cursor = "last", "before"
	}
	at := ""
	for range 1000 {
		size := rapid.IntRange(1, 5).Draw(t, "size")
		arguments := fmt.Sprintf("%s: %d", slice, size)
		if at != "" {
			arguments += fmt.Sprintf(", %s: %q", cursor, at)
		}
		ids, more := w.page(t, tb, arguments)
		if more && len(ids) != size {
			t.Fatalf("%s: a page of %d says that there is more", arguments, len(ids))
		}
		if backwards {
			all = append(slices.Clone(ids), all...)
		} else {
			all = append(all, ids...)
		}
		if !more {
			if next, _ := w.page(t, tb, fmt.Sprintf("%s: 1, %s: %q", slice, cursor, edge(ids, backwards, at))); len(next) > 0 && (len(ids) > 0 || at != "") {
				t.Fatalf("%s: nothing more, but %v comes next", arguments, next)
			}
			return all
		}
		at = edge(ids, backwards, at)
	}
	t.Fatalf("the walk does not end")
	return nil
}

// edge is the cursor from which a walk goes on.
func edge(ids []string, backwards bool, otherwise string) string {
	switch {
	case len(ids) == 0:
		return otherwise
	case backwards:
		return ids[0]
	default:
		return ids[len(ids)-1]
	}
}

// TestWalks reads lists page by page: with ties and nulls in any order, forwards
// and backwards, in pages of any sizes, each row is met exactly once, in the order
// of the whole list, by both APIs.
func TestWalks(t *testing.T) {
	for _, c := range contexts(t) {
		t.Run(c.Name, func(t *testing.T) {
			project := Deploy(t, c, walked)
			rapid.Check(t, func(r *rapid.T) {
				shelf, n := fill(r, t, project)
				w := walker{project: project}
				switch rapid.IntRange(0, 3).Draw(r, "where") {
				case 0:
					w.filter = fmt.Sprintf("{shelf: {id: %q}}", shelf)
				case 1:
					w.filter = fmt.Sprintf("{likedBy_some: {id: %q}}", shelf)
				case 2:
					w.shelf, w.field = shelf, "things"
				default:
					w.shelf, w.field = shelf, "liked"
				}
				w.order = rapid.SampledFrom([]string{
					"", "id_ASC", "id_DESC", "text_ASC", "text_DESC", "int_ASC", "int_DESC", "float_ASC", "float_DESC",
					"bool_ASC", "bool_DESC", "color_ASC", "color_DESC", "createdAt_DESC", "rank_DESC",
				}).Draw(r, "order")
				whole, more := w.page(r, t, "first: 1000")
				if len(whole) != n || more {
					r.Fatalf("the list has %d rows of %d", len(whole), n)
				}
				for _, backwards := range []bool{false, true} {
					if got := w.walk(r, t, backwards); !slices.Equal(got, whole) {
						r.Fatalf("order %q, filter %q, backwards %v:\nwalked %v\nwhole  %v", w.order, w.filter, backwards, got, whole)
					}
				}
			})
		})
	}
}

// fill makes a shelf of its own with some things on it.
func fill(t *rapid.T, tb testing.TB, p *Project) (shelf string, n int) {
	n = rapid.IntRange(0, 12).Draw(t, "rows")
	things := make([]string, n)
	for i := range things {
		fields := []string{fmt.Sprintf("rank: %d", rapid.IntRange(0, 2).Draw(t, "rank"))}
		for _, f := range []struct {
			name   string
			values []string
		}{
			{"text", []string{"null", `""`, `"a"`, `"A"`, `"b"`, `"ä"`, `"Ä"`}}, {"int", []string{"null", "0", "1"}},
			{"float", []string{"null", "0.5", "-1"}}, {"bool", []string{"null", "true", "false"}}, {"color", []string{"null", "RED", "BLUE"}},
		} {
			fields = append(fields, f.name+": "+rapid.SampledFrom(f.values).Draw(t, f.name))
		}
		things[i] = "{" + strings.Join(fields, ", ") + "}"
	}
	var made struct {
		Data struct {
			CreateShelf struct {
				ID     string
				Things []struct{ ID string }
			}
		}
	}
	ask(t, tb, p, Request{Query: "mutation { createShelf(things: [" + strings.Join(things, ", ") + "]) { id things { id } } }"}, &made)
	shelf = made.Data.CreateShelf.ID
	ids := make([]string, n)
	for i, thing := range made.Data.CreateShelf.Things {
		ids[i] = fmt.Sprintf("%q", thing.ID)
	}
	var ignored any
	ask(t, tb, p, Request{Query: fmt.Sprintf("mutation { updateShelf(id: %q, likedIds: [%s]) { id } }", shelf, strings.Join(ids, ", "))}, &ignored)
	return shelf, n
}
