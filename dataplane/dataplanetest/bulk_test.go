package dataplanetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"icehouse/dataplane"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
	"icehouse/tenancy/isolation"
)

// everything is a model with every scalar, lists of them, hidden times, and every
// kind of relation, required ends among them.
const everything = `
enum Format { PAPER EBOOK AUDIO }
type Author @model {
  id: ID! @isUnique
  name: String!
  books: [Book!]! @relation(name: "AuthorBooks")
  desk: Desk @relation(name: "AuthorDesk")
  friends: [Author!]! @relation(name: "Friends")
  spouse: Author @relation(name: "Spouses")
  teacher: Author @relation(name: "Teaching")
  pupils: [Author!]! @relation(name: "Teaching")
  key: Key! @relation(name: "Keys")
}
type Key @model {
  id: ID! @isUnique
  author: Author! @relation(name: "Keys")
}
type Book @model {
  id: ID! @isUnique
  createdAt: DateTime!
  updatedAt: DateTime!
  title: String! @isUnique
  pages: Int
  price: Float
  printed: Boolean
  on: DateTime
  data: Json
  secret: Password
  format: Format
  keywords: [String!]!
  marks: [Int!]
  ratings: [Float!]
  flags: [Boolean!]
  days: [DateTime!]
  extras: [Json!]
  formats: [Format!]
  author: Author! @relation(name: "AuthorBooks")
  tags: [Tag!]! @relation(name: "BookTags")
  next: Book @relation(name: "Sequel")
  previous: Book @relation(name: "Sequel")
}
type Tag @model {
  id: ID! @isUnique
  name: String! @isUnique
  books: [Book!]! @relation(name: "BookTags")
}
type Desk @model {
  id: ID! @isUnique
  owner: Author @relation(name: "AuthorDesk")
}
`

// deployBulk deploys a model with a bound on exports; 0 is the default.
func deployBulk(t testing.TB, c Context, sdl string, exportSize int, configure ...func(*dataplane.Config)) *Project {
	t.Helper()
	parsed, problems := datamodel.Parse(sdl)
	if len(problems) > 0 {
		t.Fatalf("data model: %v", problems)
	}
	return DeployRelease(t, c, compiledschema.Release{Model: parsed.Model, Layout: relational.Build(parsed.Model, nil), Permissions: compiledschema.Permissions{Open: true}},
		append(configure, func(c *dataplane.Config) { c.ExportSize = exportSize })...)
}

// bulk sends a body to a sub-path as an admin does.
func (p *Project) bulk(ctx context.Context, action, body, token string) (int, string) {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/simple/v1/"+string(p.ID)+"/"+action, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	p.Handler.ServeHTTP(w, r)
	return w.Code, requestIDs.ReplaceAllString(w.Body.String(), "<request>")
}

func (p *Project) importAll(t testing.TB, valueType string, elements []string) {
	t.Helper()
	status, answer := p.bulk(t.Context(), "import", ndf(valueType, elements...), AdminToken)
	if status != 200 || answer != "[]" {
		t.Fatalf("import of %s: %d %.500s", valueType, status, answer)
	}
}

func ndf(valueType string, elements ...string) string {
	return `{"valueType":"` + valueType + `","values":[` + strings.Join(elements, ",") + `]}`
}

// chunk is the answer to one call of an export.
type chunk struct {
	Out struct {
		JSONElements []json.RawMessage `json:"jsonElements"`
		Size         int               `json:"size"`
	} `json:"out"`
	Cursor json.RawMessage `json:"cursor"`
	IsFull bool            `json:"isFull"`
}

const (
	cursorStart = `{"table":0,"row":0,"field":0,"array":0}`
	cursorEnd   = `{"table":-1,"row":-1,"field":-1,"array":-1}`
)

// chunks exports all of one kind.
func (p *Project) chunks(t testing.TB, fileType string) []chunk {
	t.Helper()
	var out []chunk
	for cursor := cursorStart; cursor != cursorEnd; {
		status, answer := p.bulk(t.Context(), "export", `{"fileType":"`+fileType+`","cursor":`+cursor+`}`, AdminToken)
		var c chunk
		if err := json.Unmarshal([]byte(answer), &c); status != 200 || err != nil {
			t.Fatalf("export of %s: %d %v %.500s", fileType, status, err, answer)
		}
		size := 0
		for _, e := range c.Out.JSONElements {
			size += len([]rune(string(e)))
		}
		if size != c.Out.Size {
			t.Fatalf("the size of %d characters is said to be %d", size, c.Out.Size)
		}
		if c.IsFull == (string(c.Cursor) == cursorEnd) {
			t.Fatalf("isFull is %t with cursor %s", c.IsFull, c.Cursor)
		}
		if c.IsFull && len(c.Out.JSONElements) == 0 {
			t.Fatalf("no progress at cursor %s", cursor)
		}
		cursor = string(c.Cursor)
		out = append(out, c)
	}
	return out
}

var fileTypes = []string{"nodes", "lists", "relations"}

// exported is all of a project, as text.
func (p *Project) exported(t testing.TB) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, fileType := range fileTypes {
		for _, c := range p.chunks(t, fileType) {
			for _, e := range c.Out.JSONElements {
				out[fileType] = append(out[fileType], string(e))
			}
		}
	}
	return out
}

// copyTo imports what another project exports.
func (p *Project) copyTo(t testing.TB, to *Project) {
	t.Helper()
	all := p.exported(t)
	for _, fileType := range fileTypes {
		to.importAll(t, fileType, all[fileType])
	}
}

// fill imports values in all their forms.
func (p *Project) fill(t testing.TB) {
	t.Helper()
	p.importAll(t, "nodes", []string{
		`{"_typeName":"Author","id":"a1","createdAt":"2001-02-03T04:05:06.789Z","updatedAt":"2002-02-03T04:05:06.000Z","name":"Ada \"\\\/\u00e9\n\t\u0001 <&> \u2028 😀"}`,
		`{"_typeName":"Author","id":"a2","name":""}`,
		`{"_typeName":"Author","id":"ä x/ß 😀","name":"free text"}`,
		`{"_typeName":"Author","id":"a3","name":"lonely"}`,
		`{"_typeName":"Key","id":"k1"}`, `{"_typeName":"Key","id":"k2"}`,
		`{"_typeName":"Book","id":"b1","createdAt":"1969-12-31T23:59:59.999Z","updatedAt":"2017-12-05 12:34:23","title":"One","pages":-2147483648,"price":0.1,"printed":true,
		  "on":"2017-12-05T13:34:23.5+01:00","data":{"z":1.0,"a":[null,1e5,"\u00e9\/"],"z":{}},"secret":"$2a$10$abc","format":"PAPER"}`,
		`{"_typeName":"Book","id":"b2","title":"Two","pages":42.0,"price":12345678901234567890,"printed":false,"on":"2017-W31-2","data":" [ 1 , 2 ] ","format":null}`,
		`{"_typeName":"Book","id":"b3","title":"Three","price":-5e-324}`,
		`{"_typeName":"Tag","id":"t1","name":"x"}`, `{"_typeName":"Tag","id":"t2","name":"y"}`,
		`{"_typeName":"Desk","id":"d1"}`, `{"_typeName":"Desk","id":"d2"}`,
	})
	p.importAll(t, "lists", []string{
		`{"_typeName":"Book","id":"b1","keywords":["x","]","\"","\u2028<é😀"]}`,
		`{"_typeName":"Book","id":"b1","keywords":["y"]}`,
		`{"_typeName":"Book","id":"b1","marks":[1,-2,3.0]}`, `{"_typeName":"Book","id":"b1","ratings":[1,0.1,1e21,1e-9]}`,
		`{"_typeName":"Book","id":"b1","flags":[true,false]}`, `{"_typeName":"Book","id":"b1","days":["2017-08-01","2017-08-01T10:20:30.123+02:00"]}`,
		`{"_typeName":"Book","id":"b1","extras":[{"a": [1]},"[2]"]}`, `{"_typeName":"Book","id":"b2","formats":["PAPER","AUDIO"]}`,
		`{"_typeName":"Book","id":"b3","keywords":[]}`,
	})
	p.importAll(t, "relations", []string{
		edgeOf("Book", "b1", "author", "Author", "a1", "books"),
		edgeOf("Author", "a1", "books", "Book", "b2", ""),
		edgeOf("Author", "ä x/ß 😀", "", "Book", "b3", "author"),
		edgeOf("Author", "a1", "desk", "Desk", "d1", ""),
		edgeOf("Desk", "d2", "owner", "Author", "a2", ""),
		edgeOf("Author", "a2", "friends", "Author", "a1", "friends"),
		edgeOf("Author", "a1", "friends", "Author", "a1", "friends"),
		edgeOf("Author", "a1", "friends", "Author", "a3", ""),
		edgeOf("Author", "a2", "spouse", "Author", "a1", ""),
		edgeOf("Author", "a3", "spouse", "Author", "a3", ""),
		edgeOf("Author", "a1", "teacher", "Author", "a2", ""),
		edgeOf("Author", "a2", "pupils", "Author", "a3", ""),
		edgeOf("Author", "a2", "teacher", "Author", "a2", ""),
		edgeOf("Key", "k1", "author", "Author", "a1", "key"),
		edgeOf("Author", "a2", "key", "Key", "k2", ""),
		edgeOf("Book", "b1", "tags", "Tag", "t1", ""), edgeOf("Tag", "t2", "books", "Book", "b1", ""), edgeOf("Book", "b2", "tags", "Tag", "t1", ""),
		edgeOf("Book", "b1", "next", "Book", "b2", "previous"), edgeOf("Book", "b3", "previous", "Book", "b2", ""),
	})
}

// edgeOf writes an element; an empty field is null.
func edgeOf(typ, id, field, otherTyp, otherID, otherField string) string {
	name := func(f string) string {
		if f == "" {
			return "null"
		}
		return `"` + f + `"`
	}
	return fmt.Sprintf(`[{"_typeName":"%s","id":"%s","fieldName":%s},{"_typeName":"%s","id":"%s","fieldName":%s}]`, typ, id, name(field), otherTyp, otherID, name(otherField))
}

func TestBulkRoundTrip(t *testing.T) {
	both := contexts(t)
	first := deployBulk(t, both[0], everything, 0)
	first.fill(t)
	want := first.exported(t)
	checkExport(t, "testdata/export.ndjson", want)
	// Through each database and back to the first.
	from := first
	for _, c := range []Context{both[0], both[1], both[0], both[1]} {
		to := deployBulk(t, c, everything, 0)
		from.copyTo(t, to)
		if diff := cmp.Diff(want, to.exported(t)); diff != "" {
			t.Fatalf("%s: the export after the round (-want +got):\n%s", c.Name, diff)
		}
		from = to
	}
	for _, p := range []*Project{first, from} {
		_, answer := p.Post(t, "", `{"query":"{ Author(id: \"a1\") { friends { id } spouse { id } pupils { id } books { id keywords data on tags { id } next { id } } } }"}`)
		const wanted = `{"data":{"Author":{"friends":[{"id":"a1"},{"id":"a2"},{"id":"a3"}],"spouse":{"id":"a2"},"pupils":[],` +
			`"books":[{"id":"b1","keywords":["x","]","\"","\u2028<é😀","y"],"data":{"z":1.0,"a":[null,1e5,"\u00e9\/"],"z":{}},"on":"2017-12-05T12:34:23.500Z","tags":[{"id":"t1"},{"id":"t2"}],"next":{"id":"b2"}},` +
			`{"id":"b2","keywords":[],"data":[1,2],"on":"2017-08-01T00:00:00.000Z","tags":[{"id":"t1"}],"next":{"id":"b3"}}]}}}`
		if answer = compacted(t, answer); answer != wanted {
			t.Errorf("the API answers\n%s\nnot\n%s", answer, wanted)
		}
	}
}

func compacted(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, []byte(text)); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// checkExport compares an export with a file of one element a line.
func checkExport(t *testing.T, file string, got map[string][]string) {
	t.Helper()
	var lines []string
	for _, fileType := range fileTypes {
		lines = append(append(lines, `"`+fileType+`"`), got[fileType]...)
	}
	text := strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil { //nolint:gosec // test data
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("the export (-want +got):\n%s", diff)
	}
}

// TestExportInPieces cuts an export at every size.
func TestExportInPieces(t *testing.T) {
	for _, c := range contexts(t) {
		t.Run(c.Name, func(t *testing.T) {
			whole := deployBulk(t, c, everything, 0)
			whole.fill(t)
			manyEdges(t, whole)
			want := whole.exported(t)
			for _, limit := range []int{1, 90, 150, 700, 3000} {
				small := deployBulk(t, c, everything, limit)
				for _, fileType := range fileTypes {
					small.importAll(t, fileType, want[fileType])
				}
				var elements []string
				for _, fileType := range fileTypes {
					for _, c := range small.chunks(t, fileType) {
						if n := len(c.Out.JSONElements); n > 1 && c.Out.Size > limit {
							t.Errorf("an answer of %d elements has %d characters with a limit of %d", n, c.Out.Size, limit)
						}
						for _, e := range c.Out.JSONElements {
							elements = append(elements, string(e))
						}
					}
				}
				// Lists may come in parts: importing them puts them together again.
				again := deployBulk(t, c, everything, 0)
				for _, fileType := range fileTypes {
					again.importAll(t, fileType, slices.DeleteFunc(slices.Clone(elements), func(e string) bool { return kindOf(e) != fileType }))
				}
				if diff := cmp.Diff(want, again.exported(t)); diff != "" {
					t.Errorf("limit %d (-want +got):\n%s", limit, diff)
				}
			}
		})
	}
}

// kindOf tells the elements of fill apart.
func kindOf(element string) string {
	switch {
	case strings.HasPrefix(element, "["):
		return "relations"
	case strings.Contains(element, "createdAt"):
		return "nodes"
	}
	return "lists"
}

// manyEdges gives one node more edges than are read with it.
func manyEdges(t *testing.T, p *Project) {
	t.Helper()
	var nodes, edges []string
	for i := range 230 {
		nodes = append(nodes, fmt.Sprintf(`{"_typeName":"Tag","id":"m%03d","name":"m%d"}`, i, i))
		edges = append(edges, edgeOf("Book", "b3", "tags", "Tag", fmt.Sprintf("m%03d", i), ""))
	}
	p.importAll(t, "nodes", nodes)
	p.importAll(t, "relations", edges)
}

func TestBulkNeedsAnAdmin(t *testing.T) {
	p := deployBulk(t, embedded(t), everything, 0)
	for action, body := range map[string]string{"import": ndf("nodes", `{"_typeName":"Tag","id":"t","name":"t"}`), "export": `{"fileType":"nodes","cursor":` + cursorStart + `}`} {
		for _, token := range []string{"", "a stranger's token"} {
			status, answer := p.bulk(t.Context(), action, body, token)
			want := `{"code":3008,"requestId":"<request>","error":"Insufficient permissions for bulk ` + action + `"}`
			if status != 200 || answer != want {
				t.Errorf("%d %s, want 200 %s", status, answer, want)
			}
		}
	}
	if got := p.exported(t)["nodes"]; got != nil {
		t.Errorf("nodes of a stranger: %s", got)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/relay/v1/"+string(p.ID)+"/import", strings.NewReader(ndf("nodes", `{"_typeName":"Tag","id":"t","name":"t"}`)))
	r.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + AdminToken}}
	w := httptest.NewRecorder()
	p.Handler.ServeHTTP(w, r)
	if got := w.Body.String(); got != "[]" || len(p.exported(t)["nodes"]) != 1 {
		t.Errorf("import below relay: %s", got)
	}
}

func TestImportReports(t *testing.T) {
	long := strings.Repeat("x", 26)
	cases := []struct{ name, body, want string }{
		{"nodes", ndf("nodes",
			`{"_typeName":"Tag","id":"t1","name":"one"}`,
			`{"_typeName":"Tag","id":"t1","name":"again"}`,
			`{"_typeName":"Author","id":"t1","name":"of another type"}`,
			`{"_typeName":"Tag","id":"t2","name":"ONE"}`,
			`{"_typeName":"Tag","id":"t3","name":"three"}`,
			`{"_typeName":"Tag","id":"t4"}`,
			`{"_typeName":"Tag","id":"t5","name":null}`,
			`{"_typeName":"Tag","id":"","name":"no id"}`,
			`{"_typeName":"Tag","id":"`+long+`","name":"long id"}`,
			`{"_typeName":"Tag","id":"t6","name":7}`,
			`{"_typeName":"Tag","id":"t7","name":"a\u0000b"}`,
			`{"_typeName":"Tag","id":"t8","name":"x","more":1}`,
			`{"_typeName":"Tag","id":"t9","name":"x","books":[]}`,
			`{"_typeName":"Book","id":"b1","title":"x","keywords":["x"]}`,
			`{"_typeName":"Book","id":"b2","title":"x","pages":2147483648}`,
			`{"_typeName":"Book","id":"b3","title":"x","pages":1.5}`,
			`{"_typeName":"Book","id":"b4","title":"x","price":1e999}`,
			`{"_typeName":"Book","id":"b5","title":"x","printed":"true"}`,
			`{"_typeName":"Book","id":"b6","title":"x","on":"yesterday"}`,
			`{"_typeName":"Book","id":"b7","title":"x","data":7}`,
			`{"_typeName":"Book","id":"b8","title":"x","data":"{"}`,
			`{"_typeName":"Book","id":"b9","title":"x","format":"paper"}`,
			`{"_typeName":"Book","id":"b10","title":"x","createdAt":17}`,
			`{"_typeName":"Book","id":"b11","title":"`+longUnique+`"}`,
			`{"_typeName":"Book","id":"b12","title":"fine"}`,
		), `[{"index":1,"message":"There is a node with the id 't1' already."},` +
			`{"index":2,"message":"There is a node with the id 't1' already."},` +
			`{"index":3,"message":"A unique constraint would be violated on Tag. Details: Field name = name"},` +
			`{"index":5,"message":"The field 'name' on type 'Tag' is required."},` +
			`{"index":6,"message":"The field 'name' on type 'Tag' is required."},` +
			`{"index":7,"message":"The id is empty."},` +
			`{"index":8,"message":"The id '` + long + `' has 26 characters; 25 are the most."},` +
			`{"index":9,"message":"The value 7 is not valid for the field 'name' of type String: a text is wanted."},` +
			`{"index":10,"message":"The value \"a\\u0000b\" is not valid for the field 'name' of type String: no text may contain the character U+0000."},` +
			`{"index":11,"message":"Field with the name 'more' does not exist on the model 'Tag'"},` +
			`{"index":12,"message":"The field 'books' on type 'Tag' is a relation: its edges are imported as \"relations\"."},` +
			`{"index":13,"message":"The field 'keywords' on type 'Book' is a list: its values are imported as \"lists\"."},` +
			`{"index":14,"message":"The value 2147483648 is not valid for the field 'pages' of type Int: a whole number of 32 bits is wanted."},` +
			`{"index":15,"message":"The value 1.5 is not valid for the field 'pages' of type Int: a whole number of 32 bits is wanted."},` +
			`{"index":16,"message":"The value 1e999 is not valid for the field 'price' of type Float: it is too large for a double."},` +
			`{"index":17,"message":"The value \"true\" is not valid for the field 'printed' of type Boolean: true or false is wanted."},` +
			`{"index":18,"message":"The value \"yesterday\" is not valid for the field 'on' of type DateTime: a date in a form of ISO 8601 is wanted."},` +
			`{"index":19,"message":"The value 7 is not valid for the field 'data' of type Json: an object or a list is wanted, or a text that holds one."},` +
			`{"index":20,"message":"The value \"{\" is not valid for the field 'data' of type Json: an object or a list is wanted, or a text that holds one."},` +
			`{"index":21,"message":"The value \"paper\" is not valid for the field 'format' of type Format: the enum has the values PAPER, EBOOK, AUDIO."},` +
			`{"index":22,"message":"The value 17 is not valid for the field 'createdAt': a date in a form of ISO 8601 is wanted."},` +
			`{"index":23,"message":"Value for field title is too long: it is unique, which only a shorter text can be."}]`},
		{"nodes again", ndf("nodes", `{"_typeName":"Book","id":"b12","title":"again"}`, `{"_typeName":"Desk","id":"b12"}`, `{"_typeName":"Desk","id":"d1"}`),
			`[{"index":0,"message":"There is a node with the id 'b12' already."},{"index":1,"message":"There is a node with the id 'b12' already."}]`},
		{"more nodes", ndf("nodes", `{"_typeName":"Author","id":"a1","name":"a"}`, `{"_typeName":"Author","id":"a2","name":"b"}`, `{"_typeName":"Author","id":"a3","name":"c"}`,
			`{"_typeName":"Book","id":"b13","title":"other"}`, `{"_typeName":"Desk","id":"d2"}`), `[]`},
		{"lists", ndf("lists",
			`{"_typeName":"Book","id":"b12","keywords":["a"],"marks":["only the first counts"],"nothing":1}`,
			`{"_typeName":"Book","id":"nobody","keywords":["a"]}`,
			`{"_typeName":"Book","id":"t1","keywords":["of another type"]}`,
			`{"_typeName":"Book","id":"b12","keywords":"a"}`,
			`{"_typeName":"Book","id":"b12","keywords":["a",null]}`,
			`{"_typeName":"Book","id":"b12","marks":[1,"2"]}`,
			`{"_typeName":"Book","id":"b12","title":"x"}`,
			`{"_typeName":"Book","id":"b12","more":["x"]}`,
			`{"_typeName":"Book","id":"b12"}`,
			`{"id":"b12","keywords":["b"],"_typeName":"Book"}`,
		), `[{"index":1,"message":"The type 'Book' has no node with the id 'nobody'."},` +
			`{"index":2,"message":"The type 'Book' has no node with the id 't1'."},` +
			`{"index":3,"message":"The value \"a\" is not valid for the field 'keywords': a list is wanted."},` +
			`{"index":4,"message":"The value null is not valid for the field 'keywords' of type String: a text is wanted."},` +
			`{"index":5,"message":"The value \"2\" is not valid for the field 'marks' of type Int: a whole number of 32 bits is wanted."},` +
			`{"index":6,"message":"The element names no list field of type 'Book'."},` +
			`{"index":7,"message":"Field with the name 'more' does not exist on the model 'Book'"},` +
			`{"index":8,"message":"The element names no list field of type 'Book'."}]`},
		{"relations", ndf("relations",
			edgeOf("Book", "b12", "author", "Author", "a1", "books"),
			edgeOf("Author", "a1", "books", "Book", "b12", ""),
			edgeOf("Book", "b12", "author", "Author", "a2", ""),
			edgeOf("Book", "b13", "author", "Author", "a2", "friends"),
			edgeOf("Book", "b13", "author", "Author", "nobody", ""),
			edgeOf("Book", "nobody", "author", "Author", "a1", ""),
			edgeOf("Book", "b13", "author", "Tag", "t1", ""),
			edgeOf("Author", "a1", "desk", "Desk", "d1", ""),
			edgeOf("Author", "a1", "desk", "Desk", "d2", ""),
			edgeOf("Author", "a2", "desk", "Desk", "d1", ""),
			edgeOf("Author", "a1", "spouse", "Author", "a2", ""),
			edgeOf("Author", "a2", "spouse", "Author", "a1", ""),
			edgeOf("Author", "a3", "spouse", "Author", "a2", ""),
			edgeOf("Author", "a1", "spouse", "Author", "a1", ""),
			edgeOf("Author", "a1", "friends", "Author", "a2", ""),
			edgeOf("Author", "a2", "friends", "Author", "a1", ""),
			`[{"_typeName":"Book","id":"b12","fieldName":"tags"},{"_typeName":"Tag","id":"t1"}]`,
		), `[{"index":2,"message":"The node 'b12' of type 'Book' has another node in its field 'author', which holds one only."},` +
			`{"index":4,"message":"The type 'Author' has no node with the id 'nobody'."},` +
			`{"index":5,"message":"The type 'Book' has no node with the id 'nobody'."},` +
			`{"index":6,"message":"The field 'author' on type 'Book' leads to nodes of type 'Author', not of type 'Tag'."},` +
			`{"index":8,"message":"The node 'a1' of type 'Author' has another node in its field 'desk', which holds one only."},` +
			`{"index":9,"message":"The node 'd1' of type 'Desk' has another node in its field 'owner', which holds one only."},` +
			`{"index":12,"message":"The node 'a2' of type 'Author' has another node in its field 'spouse', which holds one only."},` +
			`{"index":13,"message":"The node 'a1' of type 'Author' has another node in its field 'spouse', which holds one only."}]`},
		{"relations again", ndf("relations",
			edgeOf("Book", "b12", "author", "Author", "a1", "books"), edgeOf("Book", "b12", "author", "Author", "a2", ""),
			edgeOf("Author", "a2", "spouse", "Author", "a1", ""), edgeOf("Author", "a3", "spouse", "Author", "a1", ""),
			edgeOf("Desk", "d1", "owner", "Author", "a3", ""), edgeOf("Author", "a3", "desk", "Desk", "d1", "")),
			`[{"index":1,"message":"The node 'b12' of type 'Book' has another node in its field 'author', which holds one only."},` +
				`{"index":3,"message":"The node 'a1' of type 'Author' has another node in its field 'spouse', which holds one only."},` +
				`{"index":4,"message":"The node 'd1' of type 'Desk' has another node in its field 'owner', which holds one only."},` +
				`{"index":5,"message":"The node 'd1' of type 'Desk' has another node in its field 'owner', which holds one only."}]`},
		{"nothing", ndf("nodes"), `[]`},
		{"values first", `{"values":[{"_typeName":"Tag","id":"t20","name":"twenty"}],"valueType":"nodes"}`, `[]`},

		{"unknown type", ndf("nodes", `{"_typeName":"Desk","id":"not stored"}`, `{"_typeName":"Chair","id":"c"}`), envelope(4012, "Please supply a valid model. Reason: there is no type 'Chair'.")},
		{"unknown type of a list", ndf("lists", `{"_typeName":"Chair","id":"c","x":[]}`), envelope(4012, "Please supply a valid model. Reason: there is no type 'Chair'.")},
		{"unknown type of an edge", ndf("relations", edgeOf("Chair", "c", "x", "Tag", "t1", "")), envelope(4012, "Please supply a valid model. Reason: there is no type 'Chair'.")},
		{"unknown field of an edge", ndf("relations", edgeOf("Tag", "t1", "nope", "Book", "b12", "")), envelope(4014, "Field with the name 'nope' does not exist on the model 'Tag'")},
		{"scalar field of an edge", ndf("relations", edgeOf("Tag", "t1", "", "Book", "b12", "title")), envelope(4014, "Field with the name 'title' does not exist on the model 'Book'")},
		{"no field of an edge", ndf("relations", `[{"_typeName":"Tag","id":"t1"},{"_typeName":"Tag","id":"t1"}]`),
			envelope(1001, `input could not be parsed: '[{"_typeName":"Tag","id":"t1"},{"_typeName":"Tag","id":"t1"}]'. One of the two nodes needs a text "fieldName".`)},
		{"one end of an edge", ndf("relations", `[{"_typeName":"Tag","id":"t1","fieldName":"books"}]`),
			envelope(1001, `input could not be parsed: '[{"_typeName":"Tag","id":"t1","fieldName":"books"}]'. An element must be a list of two nodes.`)},
		{"no type", ndf("nodes", `{"id":"t1"}`), envelope(1001, `input could not be parsed: '{"id":"t1"}'. The element needs a text "_typeName".`)},
		{"no id", ndf("nodes", `{"_typeName":"Tag","id":7}`), envelope(1001, `input could not be parsed: '{"_typeName":"Tag","id":7}'. The element needs a text "id".`)},
		{"a name twice", ndf("nodes", `{"_typeName":"Tag","id":"t","id":"u"}`), envelope(1001, `input could not be parsed: '{"_typeName":"Tag","id":"t","id":"u"}'. "id" is given twice.`)},
		{"no element", ndf("nodes", `7`), envelope(1001, `input could not be parsed: '7'. An element must be an object.`)},
		{"unknown valueType", ndf("edges"), envelope(1001, `input could not be parsed: '{"valueType":"edges","values":[]}'. "valueType" must be "nodes", "lists" or "relations".`)},
		{"no values", `{"valueType":"nodes"}`, envelope(1001, `input could not be parsed: '{"valueType":"nodes"}'. "values" must be a list.`)},
		{"no object", `[]`, envelope(1001, `input could not be parsed: '[]'. The body must be an object.`)},
		{"no JSON", `{"valueType":"nodes","values":[{]}`, "The request body is not valid JSON.\n"},
	}
	for _, c := range contexts(t) {
		t.Run(c.Name, func(t *testing.T) {
			p, other := deployBulk(t, c, everything, 0), deployBulk(t, c, everything, 0)
			other.fill(t)
			before := other.exported(t)
			for _, c := range cases {
				_, answer := p.bulk(t.Context(), "import", c.body, AdminToken)
				if diff := cmp.Diff(strings.ReplaceAll(c.want, "},{", "},\n{"), strings.ReplaceAll(answer, "},{", "},\n{")); diff != "" {
					t.Errorf("%s (-want +got):\n%s", c.name, diff)
				}
			}
			if log := p.Log.String(); log != "" {
				t.Errorf("unexpected failures were logged:\n%s", log)
			}
			stored := strings.Join(p.exported(t)["nodes"], "\n")
			if got := strings.Count(stored, "\n") + 1; got != 10 || strings.Contains(stored, "not stored") {
				t.Errorf("stored %d nodes:\n%s", got, stored)
			}
			if got, want := strings.Join(p.exported(t)["lists"], "\n"), `{"_typeName":"Book","id":"b12","keywords":["a","b"]}`; got != want {
				t.Errorf("stored lists %s, want %s", got, want)
			}
			if diff := cmp.Diff(before, other.exported(t)); diff != "" {
				t.Errorf("the other project changed:\n%s", diff)
			}
		})
	}
}

// TestImportUniqueValues holds values of every unique kind apart, within a batch
// and from what is there.
func TestImportUniqueValues(t *testing.T) {
	const sdl = `
enum E { A B }
type U @model { id: ID! @isUnique t: String @isUnique i: Int @isUnique f: Float @isUnique b: Boolean @isUnique d: DateTime @isUnique e: E @isUnique }`
	for _, c := range contexts(t) {
		t.Run(c.Name, func(t *testing.T) {
			p := deployBulk(t, c, sdl, 0)
			values := []string{`"t":"Ä%"`, `"i":7`, `"f":0.1`, `"b":true`, `"d":"2017-01-01"`, `"e":"A"`}
			same := []string{`"t":"ä%"`, `"i":7.0`, `"f":1e-1`, `"b":true`, `"d":"2017-01-01T01:00+01:00"`, `"e":"A"`}
			var there, again []string
			for i := range values {
				there = append(there, fmt.Sprintf(`{"_typeName":"U","id":"a%d",%s}`, i, values[i]))
				again = append(again, fmt.Sprintf(`{"_typeName":"U","id":"b%d",%s}`, i, same[i]))
			}
			p.importAll(t, "nodes", there)
			again = append(again,
				`{"_typeName":"U","id":"c0","t":"new","i":7}`,                // refused: leaves its text free
				`{"_typeName":"U","id":"c1","t":"NEW","i":8}`,                // stored
				`{"_typeName":"U","id":"c2","t":"new","i":9}`,                // refused for its batch
				`{"_typeName":"U","id":"c3","i":9,"e":"B"}`,                  // stored
				`{"_typeName":"U","id":"c4"}`, `{"_typeName":"U","id":"c5"}`) // nulls are not held apart
			var want []string
			for i, name := range []string{"t", "i", "f", "b", "d", "e", "i", "", "t"} {
				if name != "" {
					want = append(want, fmt.Sprintf(`{"index":%d,"message":"A unique constraint would be violated on U. Details: Field name = %s"}`, i, name))
				}
			}
			if _, answer := p.bulk(t.Context(), "import", ndf("nodes", again...), AdminToken); answer != "["+strings.Join(want, ",")+"]" {
				t.Errorf("answer %s", answer)
			}
			if n := len(p.exported(t)["nodes"]); n != len(values)+4 {
				t.Errorf("%d nodes are stored", n)
			}
		})
	}
}

// longUnique is too long for a unique text.
var longUnique = strings.Repeat("long ", 600)

func envelope(code int, message string) string {
	text, err := json.Marshal(message)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`{"code":%d,"requestId":"<request>","error":%s}`, code, text)
}

func TestExportRefuses(t *testing.T) {
	p := deployBulk(t, embedded(t), everything, 0)
	p.importAll(t, "nodes", []string{`{"_typeName":"Tag","id":"t1","name":"x"}`})
	const nothing = `{"out":{"jsonElements":[],"size":0},"cursor":` + cursorEnd + `,"isFull":false}`
	for body, want := range map[string]string{
		`{"fileType":"edges","cursor":` + cursorStart + `}`:                                           nothing,
		`{"fileType":"nodes","cursor":` + cursorEnd + `}`:                                             nothing,
		`{"fileType":"nodes","cursor":{"table":99,"row":0,"field":0,"array":0}}`:                      nothing,
		`{"fileType":"nodes","cursor":{"table":2,"row":9999,"field":0,"array":0}}`:                    `{"out":{"jsonElements":[{"_typeName":"Tag","id":"t1","createdAt":"2017-11-30T12:00:00.123Z","updatedAt":"2017-11-30T12:00:00.123Z","name":"x"}],"size":118},"cursor":` + cursorEnd + `,"isFull":false}`,
		`{"fileType":"lists","cursor":{"table":0,"row":0,"field":99,"array":99}}`:                     nothing,
		`{"fileType":"relations","cursor":{"table":9223372036854775807,"row":0,"field":0,"array":0}}`: nothing,
		`{"cursor":` + cursorStart + `}`:                                                              envelope(1001, `input could not be parsed: '{"cursor":`+cursorStart+`}'. "fileType" must be a text.`),
		`{"fileType":"nodes"}`:                                                                        envelope(1001, `input could not be parsed: '{"fileType":"nodes"}'. "cursor" must be an object.`),
		`{"fileType":"nodes","cursor":{"table":0,"row":0,"field":0}}`:                                 envelope(1001, `input could not be parsed: '{"fileType":"nodes","cursor":{"table":0,"row":0,"field":0}}'. "cursor" must have the whole numbers "table", "row", "field" and "array".`),
		`{"fileType":"nodes","cursor":{"table":0.5,"row":0,"field":0,"array":0}}`:                     envelope(1001, `input could not be parsed: '{"fileType":"nodes","cursor":{"table":0.5,"row":0,"field":0,"array":0}}'. "cursor" must have the whole numbers "table", "row", "field" and "array".`),
		`7`: envelope(1001, `input could not be parsed: '7'. The body must be an object.`),
		``:  "The request body is not valid JSON.\n",
	} {
		if _, answer := p.bulk(t.Context(), "export", body, AdminToken); answer != want {
			t.Errorf("%s\n got %s\nwant %s", body, answer, want)
		}
	}
}

// TestBulkStops ends requests in the middle: what was stored stays, nothing more
// is written.
func TestBulkStops(t *testing.T) {
	for _, c := range contexts(t) {
		t.Run(c.Name, func(t *testing.T) {
			var elements []string
			for i := range 5000 {
				elements = append(elements, fmt.Sprintf(`{"_typeName":"Tag","id":"t%d","name":"%d"}`, i, i))
			}
			body := ndf("nodes", elements...)
			for name, want := range map[string]string{
				"disconnect": "",
				"timeout":    envelope(1000, "The request took too long: it needed more time than the 1h0m0s that a request may take."),
			} {
				t.Run(name, func(t *testing.T) {
					ctx, cancel := context.WithCancelCause(t.Context())
					defer cancel(nil)
					end := func() { cancel(nil) }
					if name == "timeout" {
						timed := &deadline{Context: t.Context(), done: make(chan struct{})}
						ctx, end = timed, timed.pass
					}
					writes := 0
					counting := Context{Name: c.Name, DB: c.DB.Wrap(func(d database.Driver) database.Driver {
						return &hooked{Driver: d, batch: func(s []database.Statement) {
							if !s[0].Returns {
								if writes++; writes == 2 {
									end()
								}
							}
						}}
					})}
					p := deployBulk(t, counting, everything, 0, func(c *dataplane.Config) { c.Timeout = time.Hour })
					if _, answer := p.bulk(ctx, "import", body, AdminToken); answer != want {
						t.Errorf("answer %q, want %q", answer, want)
					}
					if writes != 2 {
						t.Errorf("%d batches were written", writes)
					}
					// The second batch had begun when the request ended: it is in or
					// it is not, but never in part.
					if n := len(p.exported(t)["nodes"]); n != 1000 && n != 2000 {
						t.Errorf("%d nodes are stored, want the first batch, or two", n)
					}
				})
			}
		})
	}
}

// hooked is a driver that tells what it is asked for.
type hooked struct {
	database.Driver
	batch func([]database.Statement)
	query func()
}

func (h *hooked) Batch(ctx context.Context, scope isolation.Scope, s []database.Statement) ([][]byte, error) {
	h.batch(s)
	return h.Driver.Batch(ctx, scope, s)
}

func (h *hooked) Query(ctx context.Context, scope isolation.Scope, s database.Statement) ([]byte, error) {
	if h.query != nil {
		h.query()
	}
	return h.Driver.Query(ctx, scope, s)
}

// deadline is a context whose time is over when the test says so: for those that are
// made from it, too, by the time pass returns.
type deadline struct {
	context.Context //nolint:containedctx // it is one
	done            chan struct{}
	mu              sync.Mutex
	after           []*func()
}

func (d *deadline) pass() {
	close(d.done)
	d.mu.Lock()
	after := d.after
	d.after = nil
	d.mu.Unlock()
	for _, f := range after {
		(*f)()
	}
}

func (d *deadline) Done() <-chan struct{} { return d.done }

// AfterFunc is how package context tells contexts that are made from this one.
func (d *deadline) AfterFunc(f func()) (stop func() bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.after = append(d.after, &f)
	return func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		before := len(d.after)
		d.after = slices.DeleteFunc(d.after, func(g *func()) bool { return g == &f })
		return len(d.after) < before
	}
}

func (d *deadline) Err() error {
	select {
	case <-d.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}
