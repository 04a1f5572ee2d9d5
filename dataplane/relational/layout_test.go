package relational_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
)

func parse(t *testing.T, sdl string) *datamodel.DataModel {
	t.Helper()
	parsed, diagnostics := datamodel.Parse(sdl)
	if len(diagnostics) > 0 {
		t.Fatal(diagnostics)
	}
	return parsed.Model
}

const model = `
type Author @model { id: ID! @isUnique name: String! @isUnique books: [Book!]! @relation(name: "Wrote")
  passport: Passport @relation(name: "Papers") friends: [Author!]! @relation(name: "Friends") spouse: Author @relation(name: "Married") }
type Book @model { id: ID! @isUnique title: String labels: [String!] author: Author! @relation(name: "Wrote") genres: [Genre!]! @relation(name: "About") }
type Passport @model { id: ID! @isUnique owner: Author! @relation(name: "Papers") }
type Genre @model { id: ID! @isUnique books: [Book!]! @relation(name: "About") }`

// describe writes a layout as text.
func describe(l *relational.Layout) string {
	var b strings.Builder
	for _, t := range append(append([]*relational.Table{}, l.Tables...), l.Joins...) {
		fmt.Fprintf(&b, "%s\n", t.Name)
		for _, c := range t.Columns {
			fmt.Fprintf(&b, "  %s kind %d", c.Name, c.Kind)
			for _, flag := range []struct {
				set  bool
				name string
			}{{c.Required, "required"}, {c.Unique, "unique"}, {c.Cascade, "cascade"}} {
				if flag.set {
					b.WriteString(" " + flag.name)
				}
			}
			if c.References != nil {
				b.WriteString(" -> " + c.References.Name)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func TestBuild(t *testing.T) {
	m := parse(t, model)
	l := relational.Build(m, nil)
	system := "  id kind 0 required unique\n  createdAt kind 7 required\n  updatedAt kind 7 required\n"
	want := "Author\n" + system + "  name kind 1 required unique\n" +
		"Book\n" + system + "  title kind 1\n  labels kind 8\n  author kind 0 required -> Author\n" +
		"Passport\n" + system + "  owner kind 0 required unique -> Author\n" +
		"Genre\n" + system +
		"_Friends\n  A kind 0 required cascade -> Author\n  B kind 0 required cascade -> Author\n" +
		"_Married\n  A kind 0 required unique cascade -> Author\n  B kind 0 required cascade -> Author\n" +
		"_About\n  A kind 0 required cascade -> Book\n  B kind 0 required cascade -> Genre\n"
	got := describe(l)
	// Join tables follow the order of relations, which is the document's.
	if diff := cmp.Diff(strings.Split(got, "\n"), strings.Split(want, "\n")); diff != "" {
		t.Errorf("the layout differs:\n%s", diff)
	}
	forms := map[string]string{}
	for _, typ := range m.Types {
		for _, f := range typ.Fields {
			if !f.IsRelation() {
				if l.Column(f) == nil {
					t.Errorf("%s.%s has no column", typ.Name, f.Name)
				}
				continue
			}
			link := l.Link(f)
			switch {
			case link.Parent != nil:
				forms[typ.Name+"."+f.Name] = "parent " + link.Parent.Name
			case link.Child != nil:
				forms[typ.Name+"."+f.Name] = "child " + link.Child.Name
			default:
				forms[typ.Name+"."+f.Name] = link.Join.Table.Name + " " + link.Join.From.Name + link.Join.To.Name
			}
		}
	}
	if diff := cmp.Diff(forms, map[string]string{
		"Author.books": "child author", "Author.passport": "child owner", "Author.friends": "_Friends AB", "Author.spouse": "_Married AB",
		"Book.author": "parent author", "Book.genres": "_About AB", "Passport.owner": "parent owner", "Genre.books": "_About BA",
	}); diff != "" {
		t.Errorf("the links differ:\n%s", diff)
	}
}

// TestLoad writes a layout and reads it back.
func TestLoad(t *testing.T) {
	m := parse(t, model)
	l := relational.Build(m, nil)
	data, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	again, err := relational.Load(m, data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(describe(again), describe(l)); diff != "" {
		t.Error(diff)
	}
	for _, broken := range []string{"", "{}", `{"tables":[],"relations":[]}`, `[]`, strings.Replace(string(data), `"owner":1`, `"owner":7`, 1)} {
		if _, err := relational.Load(m, []byte(broken)); err == nil {
			t.Errorf("%.60q was read", broken)
		}
	}
}

// TestNamesStay renames what a project has: rows stay where they are, and what
// is new gets out of the way of old names.
func TestNamesStay(t *testing.T) {
	before := parse(t, `type Post @model { id: ID! @isUnique text: String author: User @relation(name: "Wrote") }
		type User @model { id: ID! @isUnique posts: [Post!]! @relation(name: "Wrote") }`)
	after := parse(t, `type Article @model { id: ID! @isUnique body: String text: String writer: User @relation(name: "Wrote") }
		type User @model { id: ID! @isUnique articles: [Article!]! @relation(name: "Wrote") } type Post @model { id: ID! @isUnique }`)
	article, post := after.Type("Article"), before.Type("Post")
	l := relational.Build(after, &relational.Previous{
		Layout: relational.Build(before, nil),
		Type: func(t *datamodel.Type) *datamodel.Type {
			return map[*datamodel.Type]*datamodel.Type{article: post, after.Type("User"): before.Type("User")}[t]
		},
		Field: func(f *datamodel.Field) *datamodel.Field {
			return map[*datamodel.Field]*datamodel.Field{article.Field("body"): post.Field("text"), article.Field("id"): post.Field("id")}[f]
		},
		Relation: func(*datamodel.Relation) *datamodel.Relation { return before.Relations[0] },
	})
	for got, want := range map[string]string{
		l.Table(article).Name:                       "Post",
		l.Table(after.Type("Post")).Name:            "Post_2",
		l.Column(article.Field("body")).Name:        "text",
		l.Column(article.Field("text")).Name:        "text_2",
		l.Link(article.Field("writer")).Parent.Name: "author",
	} {
		if got != want {
			t.Errorf("the name is %s, not %s", got, want)
		}
	}
}

// TestLongNames cuts names to what engines keep, and keeps them apart.
func TestLongNames(t *testing.T) {
	long := strings.Repeat("x", 62)
	l := relational.Build(parse(t, fmt.Sprintf(`
		type T%[1]sA @model { id: ID! @isUnique f%[1]sa: Int f%[1]sb: Int many: [T%[1]sB!]! @relation(name: "R%[1]sA") other: [T%[1]sB!]! @relation(name: "R%[1]sB") }
		type T%[1]sB @model { id: ID! @isUnique back: [T%[1]sA!]! @relation(name: "R%[1]sA") rest: [T%[1]sA!]! @relation(name: "R%[1]sB") }`, long)), nil)
	seen := map[string]bool{}
	for _, table := range append(append([]*relational.Table{}, l.Tables...), l.Joins...) {
		for _, c := range table.Columns {
			name := table.Name + "." + c.Name
			if len(table.Name) > 63 || len(c.Name) > 63 || seen[strings.ToLower(name)] {
				t.Errorf("%s is too long, or there twice", name)
			}
			seen[strings.ToLower(name)] = true
		}
	}
}
