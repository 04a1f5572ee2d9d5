package ndf

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"icehouse/cmd/icehouse/internal/systemapi"
	"icehouse/dataplane/datamodel"
)

// fake is a service that exports what it is given, in parts, and takes all.
type fake struct {
	exports map[string][]string // elements by kind
	answer  string              // to an import
	took    []string
}

func (f *fake) serve(t *testing.T) *Service {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer token" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("headers %v", r.Header)
		}
		switch r.URL.Path {
		case "/p/import":
			var body json.RawMessage
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				t.Error(err)
			}
			f.took = append(f.took, string(body))
			_, _ = fmt.Fprint(w, f.answer)
		case "/p/export":
			var body struct {
				FileType string
				Cursor   cursor
			}
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				t.Error(err)
			}
			all := f.exports[body.FileType]
			if int(body.Cursor.Row) >= len(all) {
				_, _ = fmt.Fprint(w, `{"out":{"jsonElements":[],"size":0},"cursor":{"table":-1,"row":-1,"field":-1,"array":-1},"isFull":false}`)
				return
			}
			_, _ = fmt.Fprintf(w, `{"out":{"jsonElements":[%s],"size":1},"cursor":{"table":0,"row":%d,"field":0,"array":0},"isFull":true}`, all[body.Cursor.Row], body.Cursor.Row+1)
		}
	}))
	t.Cleanup(server.Close)
	return &Service{URL: server.URL + "/p", Token: "token", HTTP: server.Client()}
}

func quiet(string, ...any) {}

func archiveOf(t *testing.T, files map[string]string) *Archive {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.zip")
	file, err := os.Create(path) //nolint:gosec // the test's own
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(file)
	for name, text := range files {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(z.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	a, _, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func names(a *Archive) (out []string) {
	for _, f := range a.Files {
		out = append(out, f.Name)
	}
	return out
}

func TestFilesAreInTheOrderOfTheirNumbers(t *testing.T) {
	a := archiveOf(t, map[string]string{"relations/1.json": "", "nodes/10.json": "", "nodes/000002.json": "", "lists/3.json": "", "nodes/": "", "readme": ""})
	if got, want := names(a), []string{"nodes/000002.json", "nodes/10.json", "lists/3.json", "relations/1.json"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestExportFillsFiles(t *testing.T) {
	large := func(n int) string {
		return fmt.Sprintf(`{"_typeName":"T","id":"%d","text":"%s"}`, n, strings.Repeat("ä", 2_000_000))
	}
	huge := fmt.Sprintf(`{"_typeName":"T","id":"huge","text":"%s"}`, strings.Repeat("x", maxFile+1))
	f := &fake{exports: map[string][]string{"nodes": {large(1), large(2), large(3), huge, large(4)}, "relations": {`[{},{}]`}}}
	path := filepath.Join(t.TempDir(), "out.zip")
	if err := Export(t.Context(), f.serve(t), path, quiet); err != nil {
		t.Fatal(err)
	}
	a, others, err := Open(path)
	if err != nil || len(others) > 0 {
		t.Fatal(err, others)
	}
	defer func() { _ = a.Close() }()
	if got, want := names(a), []string{"nodes/000001.json", "nodes/000002.json", "nodes/000003.json", "nodes/000004.json", "relations/000001.json"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	first, err := a.Files[0].Read()
	if want := `{"valueType":"nodes","values":[` + large(1) + "," + large(2) + "]}\n"; err != nil || string(first) != want {
		t.Errorf("%v; %d bytes, want %d", err, len(first), len(want))
	}
}

func TestExportThatFailsLeavesNothing(t *testing.T) {
	s := (&fake{}).serve(t)
	s.URL += "/nowhere"
	folder := t.TempDir()
	if err := Export(t.Context(), s, filepath.Join(folder, "out.zip"), quiet); err == nil {
		t.Error("no error")
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("%v %v", left, err)
	}
}

func TestImportTellsTheServersWords(t *testing.T) {
	a := archiveOf(t, map[string]string{"nodes/1.json": `{"valueType":"nodes","values":[]}`})
	for answer, want := range map[string]string{
		`{"code":3008,"requestId":"r","error":"Insufficient permissions for bulk import"}`: "Insufficient permissions for bulk import",
		`[{"index":4,"message":"too blue"}]`:                                               "element 4: too blue",
		`oops`:                                                                             "does not answer with JSON (HTTP 200): oops",
		`{}`:                                                                               "answers with no list",
	} {
		f := &fake{answer: answer}
		im := &Import{Service: f.serve(t), Archive: a, State: filepath.Join(t.TempDir(), "state"), Note: quiet}
		if err := im.Run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	im := &Import{Service: (&fake{}).serve(t), Archive: a, State: filepath.Join(t.TempDir(), "state"), Note: quiet}
	im.Service.URL = "http://127.0.0.1:1"
	var unreachable *systemapi.UnreachableError
	if err := im.Run(t.Context()); !errors.As(err, &unreachable) {
		t.Errorf("%v is no UnreachableError", err)
	}
}

// TestRest brings an import to every point at which its second file of lists can
// have been left, and looks at what is sent of it.
func TestRest(t *testing.T) {
	a := archiveOf(t, map[string]string{
		"nodes/1.json": `{"valueType":"nodes","values":[{"_typeName":"T","id":"1"},{"_typeName":"T","id":"2"}]}`,
		"lists/1.json": `{"valueType":"lists","values":[{"_typeName":"T","id":"1","l":["x","x"]}]}`,
		"lists/2.json": `{"valueType":"lists","values":[{"_typeName":"T","id":"1","l":["x"]},{"_typeName":"T","id":"2","l":["x"]},{"_typeName":"T","id":"1","l":["x","y"]},{"_typeName":"T","id":"2","l":[]}]}`,
	})
	for _, c := range []struct {
		there []string
		want  []int
		err   bool
	}{
		{[]string{`{"_typeName":"T","id":"1","l":["x","x"]}`}, []int{0, 1, 2}, false},
		{[]string{`{"_typeName":"T","id":"1","l":["x","x","x"]}`}, []int{1, 2}, false},
		{[]string{`{"_typeName":"T","id":"1","l":["x","x"]}`, `{"_typeName":"T","id":"1","l":["x"]}`, `{"_typeName":"T","id":"2","l":["x"]}`}, []int{2}, false},
		{[]string{`{"_typeName":"T","id":"1","l":["x","x","x","x","y"]}`, `{"_typeName":"T","id":"2","l":["x"]}`}, []int{}, false},
		{[]string{`{"_typeName":"T","id":"1","l":["x","x","x","x"]}`}, nil, true},
		{[]string{`{"_typeName":"T","id":"1","l":["x"]}`}, nil, true},
		{[]string{`{"_typeName":"T","id":"1","l":["x","x"]}`, `{"_typeName":"T","id":"2","l":["x","z"]}`}, nil, true},
	} {
		f := &fake{exports: map[string][]string{"lists": c.there}}
		im := &Import{Service: f.serve(t), Archive: a}
		document, err := a.Files[2].Read()
		if err != nil {
			t.Fatal(err)
		}
		_, got, err := im.rest(t.Context(), a.Files[2], document)
		if errors.Is(err, errChanged) != c.err || !c.err && !slices.Equal(got, c.want) {
			t.Errorf("with %v: %v, %v; want %v", c.there, got, err, c.want)
		}
	}
	strange := archiveOf(t, map[string]string{"lists/1.json": `{"valueType":"lists","values":[{"_typeName":"T","id":"old","l":["x"]}]}`})
	document, err := strange.Files[0].Read()
	if err != nil {
		t.Fatal(err)
	}
	im := &Import{Service: (&fake{}).serve(t), Archive: strange}
	if _, _, err := im.rest(t.Context(), strange.Files[0], document); !errors.Is(err, errChanged) {
		t.Errorf("lists of nodes from elsewhere: %v", err)
	}
}

func TestCheck(t *testing.T) {
	parsed, problems := datamodel.Parse(`
enum E { A B }
type T @model {
  id: ID! @isUnique
  i: Int f: Float b: Boolean d: DateTime j: Json e: E s: String! l: [Int!] other: T @relation(name: "R")
}`)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for kind, elements := range map[string]map[string]string{
		"nodes": {
			`{"_typeName":"T","id":"1","s":"x"}`: "",
			`{"_typeName":"T","id":"1","s":"x","i":1.0,"f":1,"b":true,"d":"2017","j":{},"e":"A","createdAt":"2017-12-05 12:34:23","updatedAt":null}`: "",
			`{"_typeName":"T","id":"1"}`: "the required field s of type T is missing",
			`{"_typeName":"T","s":"x"}`:  `it has no "id"`,
			`{"id":"1"}`:                 `it has no "_typeName"`,
			`7`:                          "an object is wanted",
			`{"_typeName":"T","id":"1","s":"x","i":1.5}`:          "1.5 is no value for the field i of type Int",
			`{"_typeName":"T","id":"1","s":"x","f":"1"}`:          `"1" is no value for the field f of type Float`,
			`{"_typeName":"T","id":"1","s":"x","b":0}`:            "0 is no value for the field b of type Boolean",
			`{"_typeName":"T","id":"1","s":"x","d":"x"}`:          `"x" is no value for the field d of type DateTime`,
			`{"_typeName":"T","id":"1","s":"x","j":1}`:            "1 is no value for the field j of type Json",
			`{"_typeName":"T","id":"1","s":"x","e":"C"}`:          `"C" is no value for the field e of type E`,
			`{"_typeName":"T","id":"1","s":"x","createdAt":"no"}`: `"no" is no date for the field createdAt`,
			`{"_typeName":"T","id":"1","s":"x","l":[]}`:           "the field l of type T is a list, whose values belong to the folder lists",
			`{"_typeName":"T","id":"1","s":"x","other":"2"}`:      "the field other of type T is a relation, whose edges belong to the folder relations",
		},
		"lists": {
			`{"_typeName":"T","id":"1","l":[1,2]}`:         "",
			`{"_typeName":"T","id":"1","l":[null]}`:        "null is no value for the field l of type Int",
			`{"_typeName":"T","id":"1","l":1}`:             "a list is wanted",
			`{"_typeName":"T","id":"1","l":[1],"s":["x"]}`: "it has 2 fields; exactly one list is wanted",
			`{"_typeName":"T","id":"1","s":["x"]}`:         "the type T has no list field s",
		},
		"relations": {
			`[{"_typeName":"T","id":"1","fieldName":"other"},{"_typeName":"T","id":"2","fieldName":null}]`: "",
			`[{"_typeName":"T","id":"1"},{"_typeName":"T","id":"2"}]`:                                      `neither node has a "fieldName"`,
			`[{"_typeName":"T","id":"1","fieldName":"other"}]`:                                             "it names 1 nodes; two are wanted",
			`[{"_typeName":"T","id":"1","fieldName":"s"},{"_typeName":"T","id":"2"}]`:                      "the type T has no relation field s",
			`{}`: "a list is wanted",
		},
	} {
		for element, want := range elements {
			err := Check(archiveOf(t, map[string]string{kind + "/1.json": `{"valueType":"` + kind + `","values":[` + element + `]}`}), parsed.Model)
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), kind+"/1.json, element 0: "+want)) {
				t.Errorf("%s: %v, want %s", element, err, want)
			}
		}
	}
	for text, want := range map[string]string{
		`{"valueType":"lists","values":[]}`: `nodes/1.json: has the valueType "lists", which is not its folder's`,
		`{"valueType":"nodes"}`:             `nodes/1.json: has no list of "values"`,
		`{`:                                 "nodes/1.json: is no document",
		`{"valueType":"nodes","values":[` + strings.Repeat(`{},`, 99) + `{}]}`: "and more",
	} {
		if err := Check(archiveOf(t, map[string]string{"nodes/1.json": text}), parsed.Model); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
