package dataplanetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"icehouse/dataplane/connector/database"
)

// library is a model for many nodes: texts, numbers, a list, an edge to one of
// few, and edges among many.
const library = `
type Writer @model {
  id: ID! @isUnique
  name: String!
  works: [Work!]! @relation(name: "WriterWorks")
}
type Work @model {
  id: ID! @isUnique
  createdAt: DateTime!
  title: String! @isUnique
  pages: Int
  rating: Float
  summary: String
  words: [String!]
  writer: Writer! @relation(name: "WriterWorks")
  similar: [Work!]! @relation(name: "Similar")
}
`

// libraryOf makes the elements of a library of n nodes, in the order and form of
// an export: one writer in ten, a list and two edges for each work.
func libraryOf(n int) map[string][]string {
	const times = `"createdAt":"2017-11-30T12:00:00.123Z","updatedAt":"2017-11-30T12:00:00.123Z"`
	writers := n / 10
	all := map[string][]string{}
	for i := range writers {
		all["nodes"] = append(all["nodes"], fmt.Sprintf(`{"_typeName":"Writer","id":"w%06d",%s,"name":"Writer %d"}`, i, times, i))
	}
	works := n - writers
	similar := make([]string, 0, works)
	for i := range works {
		all["nodes"] = append(all["nodes"], fmt.Sprintf(`{"_typeName":"Work","id":"k%06d",%s,"title":"Work %d","pages":%d,"rating":%d.5,"summary":"%s"}`,
			i, times, i, i%1000, i%5, strings.Repeat("a summary ", 5)))
		all["lists"] = append(all["lists"], fmt.Sprintf(`{"_typeName":"Work","id":"k%06d","words":["one","two","word %d"]}`, i, i))
		all["relations"] = append(all["relations"], edgeOf("Work", fmt.Sprintf("k%06d", i), "writer", "Writer", fmt.Sprintf("w%06d", i%writers), "works"))
		if i+1 < works {
			similar = append(similar, edgeOf("Work", fmt.Sprintf("k%06d", i+1), "similar", "Work", fmt.Sprintf("k%06d", i), "similar"))
		}
	}
	all["relations"] = append(all["relations"], similar...)
	return all
}

// files packs elements into documents that an import takes.
func files(valueType string, elements []string) []string {
	const most = 10_000_000
	var out []string
	start, size := 0, 0
	for i, e := range elements {
		if size += len(e) + 1; size > most {
			out = append(out, ndf(valueType, elements[start:i]...))
			start, size = i, len(e)
		}
	}
	return append(out, ndf(valueType, elements[start:]...))
}

// importLibrary imports in documents of the size that the contract speaks of.
func importLibrary(t testing.TB, p *Project, all map[string][]string) {
	t.Helper()
	for _, fileType := range fileTypes {
		for _, file := range files(fileType, all[fileType]) {
			if status, answer := p.bulk(t.Context(), "import", file, AdminToken); status != 200 || answer != "[]" {
				t.Fatalf("import of %s: %d %.500s", fileType, status, answer)
			}
		}
	}
}

func sameLibrary(t testing.TB, want, got map[string][]string) {
	t.Helper()
	for _, fileType := range fileTypes {
		a, b := slices.Sorted(slices.Values(want[fileType])), slices.Sorted(slices.Values(got[fileType]))
		if !slices.Equal(a, b) {
			t.Fatalf("%d %s went in, %d came out, not all the same", len(a), fileType, len(b))
		}
	}
}

// TestBulkThroughBoth brings a library through both databases.
func TestBulkThroughBoth(t *testing.T) {
	all := libraryOf(5000)
	both := contexts(t)
	first := deployBulk(t, both[0], library, 0)
	importLibrary(t, first, all)
	for _, c := range []Context{both[1], both[0]} {
		next := deployBulk(t, c, library, 0)
		importLibrary(t, next, first.exported(t))
		sameLibrary(t, all, next.exported(t))
		first = next
	}
}

// BenchmarkBulk is a library of 100,000 nodes, 90,000 lists and 180,000 edges,
// there and back.
func BenchmarkBulk(b *testing.B) {
	const n = 100_000
	all := libraryOf(n)
	for _, c := range contexts(b) {
		b.Run(c.Name, func(b *testing.B) {
			for b.Loop() {
				p := deployBulk(b, c, library, 0)
				start := time.Now()
				importLibrary(b, p, all)
				in := time.Since(start)
				start = time.Now()
				got := map[string]int{}
				var slowest time.Duration
				for _, fileType := range fileTypes {
					for cursor := cursorStart; cursor != cursorEnd; {
						began := time.Now()
						_, answer := p.bulk(b.Context(), "export", `{"fileType":"`+fileType+`","cursor":`+cursor+`}`, AdminToken)
						slowest = max(slowest, time.Since(began))
						var chunk chunk
						if err := json.Unmarshal([]byte(answer), &chunk); err != nil {
							b.Fatal(err)
						}
						got[fileType] += len(chunk.Out.JSONElements)
						cursor = string(chunk.Cursor)
					}
				}
				out := time.Since(start)
				sameLibrary(b, all, p.exported(b))
				total := float64(len(all["nodes"]) + len(all["lists"]) + len(all["relations"]))
				b.ReportMetric(total/in.Seconds(), "imported/s")
				b.ReportMetric(total/out.Seconds(), "exported/s")
				b.ReportMetric(float64(slowest.Milliseconds()), "ms/slowest-export")
			}
		})
	}
}

// BenchmarkExportAtDepth is one small answer from the end of 100,000 rows: what
// finding the row costs.
func BenchmarkExportAtDepth(b *testing.B) {
	const n = 100_000
	nodes := libraryOf(n)["nodes"]
	for _, c := range contexts(b) {
		p := deployBulk(b, c, library, 1000)
		importLibrary(b, p, map[string][]string{"nodes": nodes})
		for _, row := range []int{0, n*9/10 - 100} {
			b.Run(fmt.Sprintf("%s/row=%d", c.Name, row), func(b *testing.B) {
				for b.Loop() {
					status, answer := p.bulk(b.Context(), "export", fmt.Sprintf(`{"fileType":"nodes","cursor":{"table":1,"row":%d,"field":0,"array":0}}`, row), AdminToken)
					if status != 200 || !strings.Contains(answer, `"isFull":true`) {
						b.Fatalf("%d %.300s", status, answer)
					}
				}
			})
		}
	}
}

// TestBulkMemory measures what a request keeps in memory at each of its steps:
// beside the body, or the answer, no more than a few batches, however much has
// gone through.
func TestBulkMemory(t *testing.T) {
	const most = 4 << 20
	for _, c := range contexts(t) {
		t.Run(c.Name, func(t *testing.T) {
			measure, steps := false, 0
			var before, peak uint64
			look := func() {
				if steps++; measure && steps%4 == 0 {
					peak = max(peak, heap())
				}
			}
			watched := Context{Name: c.Name, DB: c.DB.Wrap(func(d database.Driver) database.Driver {
				return &hooked{Driver: d, batch: func([]database.Statement) { look() }, query: look}
			})}
			p := deployBulk(t, watched, library, 0)
			elements := libraryOf(30_000)
			for _, fileType := range fileTypes {
				for _, file := range files(fileType, elements[fileType]) {
					before, peak, measure = heap(), 0, true
					status, answer := p.bulk(t.Context(), "import", file, AdminToken)
					measure = false
					if status != 200 || answer != "[]" {
						t.Fatalf("%d %.300s", status, answer)
					}
					held := int64(peak) - int64(before) //nolint:gosec // heaps are small
					t.Logf("import of %s, %d bytes: %d KiB held", fileType, len(file), held>>10)
					if limit := int64(len(file)) + most; held > limit {
						t.Errorf("an import of %d bytes held %d", len(file), held)
					}
				}
			}
			for _, fileType := range fileTypes {
				before, peak, measure = heap(), 0, true
				_, answer := p.bulk(t.Context(), "export", `{"fileType":"`+fileType+`","cursor":`+cursorStart+`}`, AdminToken)
				measure = false
				held := int64(peak) - int64(before) //nolint:gosec // heaps are small
				t.Logf("export of %s, %d bytes: %d KiB held", fileType, len(answer), held>>10)
				if limit := int64(len(answer))*5/4 + most; held > limit { // the answer's buffer grows by quarters
					t.Errorf("an export of %d bytes held %d", len(answer), held)
				}
			}
		})
	}
}
