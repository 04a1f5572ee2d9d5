package compiledschema

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
)

// typesOf is a type definition of n types with ten fields each: id, two dates,
// five scalars and the two ends of relations.
func typesOf(n int) string {
	var b strings.Builder
	b.WriteString("enum Mood { GOOD BAD }\n")
	for i := range n {
		next := (i + 1) % n
		previous := (i + n - 1) % n
		fmt.Fprintf(&b, `type Article%d @model {
  id: ID! @isUnique
  createdAt: DateTime!
  updatedAt: DateTime!
  title: String!
  slug: String @isUnique
  views: Int @defaultValue(value: 0)
  price: Float
  mood: Mood
  related: [Article%d!]! @relation(name: "Related%d")
  origin: Article%d @relation(name: "Related%d")
}
`, i, next, i, previous, previous)
	}
	return b.String()
}

// retained is how many bytes one project in use takes: its model, its layout and
// its schema.
func retained(t testing.TB, sdl string) uint64 {
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	kept := make([]*Schema, 50)
	before := heap()
	for i := range kept {
		kept[i] = compile(t, sdl)
	}
	bytes := (heap() - before) / uint64(len(kept))
	runtime.KeepAlive(kept)
	return bytes
}

func BenchmarkRetained(b *testing.B) {
	for _, n := range []int{5, 50} {
		b.Run(fmt.Sprintf("%d models", n), func(b *testing.B) {
			s := compile(b, typesOf(n))
			release, err := EncodeRelease(Release{Model: s.Model(), Layout: s.Layout()})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				bytes := float64(retained(b, typesOf(n)))
				b.ReportMetric(bytes/1024, "KiB/project")
				b.ReportMetric(bytes/float64(len(release)), "times-the-release")
			}
		})
	}
}

// The budget of a project in use: 16 KiB with 5 models, 160 KiB with 50.
func TestMemoryBudget(t *testing.T) {
	for models, budget := range map[int]uint64{5: 16 << 10, 50: 160 << 10} {
		if bytes := retained(t, typesOf(models)); bytes > budget {
			t.Errorf("a project with %d models takes %d bytes, the budget is %d", models, bytes, budget)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{5, 50} {
		b.Run(fmt.Sprintf("%d models", n), func(b *testing.B) {
			parsed, _ := datamodel.Parse(typesOf(n))
			in := Input{Model: parsed.Model, Layout: relational.Build(parsed.Model, nil)}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Compile(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// benchmarkDocuments are one small and one nested query.
var benchmarkDocuments = map[string]string{
	"small": `query($id: ID!) { Article1(id: $id) { id title } }`,
	"nested": `query Q($filter: Article1Filter, $first: Int = 10) {
		allArticle1s(filter: $filter, orderBy: createdAt_DESC, first: $first) {
			...A related(first: 5, filter: {title_contains: "x", OR: [{views_gt: 3}, {mood_in: [GOOD]}], origin: {slug_not: null}}) {
				id title mood related(first: 2) { id title price origin { id title slug } _relatedMeta { count } } origin { ...A }
			}
			_relatedMeta { count }
		}
		_allArticle1sMeta(filter: $filter) { count }
		Article2(slug: "a") { id title related { id origin { id title } } }
	}
	fragment A on Article1 { id createdAt updatedAt title slug views price mood }`,
}

// BenchmarkColdPath is what a document costs that was not seen before.
func BenchmarkColdPath(b *testing.B) {
	s := compile(b, typesOf(50))
	for name, text := range benchmarkDocuments {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				doc, err := parser.ParseQuery(&ast.Source{Input: text})
				if err != nil {
					b.Fatal(err)
				}
				if errs := s.Validate(doc); len(errs) > 0 {
					b.Fatal(errs)
				}
			}
		})
	}
}

func BenchmarkMaterialize(b *testing.B) {
	s := compile(b, typesOf(50))
	for name, text := range benchmarkDocuments {
		doc := parseQuery(b, text)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Materialize(doc)
			}
		})
	}
}

func BenchmarkIntrospection(b *testing.B) {
	s := compile(b, typesOf(50))
	doc := parseQuery(b, fullIntrospection)
	field := doc.Operations[0].SelectionSet[0].(*ast.Field)
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if out, err = s.WriteIntrospection(out[:0], field, nil, doc.Fragments); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(out)))
}

// BenchmarkRepeats is a selection that makes the textbook rule for field merging
// quadratic.
func BenchmarkRepeats(b *testing.B) {
	s := compile(b, typesOf(5))
	doc := parseQuery(b, "{ allArticle1s { "+strings.Repeat("id ", 5000)+"} }")
	b.ReportAllocs()
	for b.Loop() {
		if errs := s.Validate(doc); len(errs) > 0 {
			b.Fatal(errs)
		}
	}
}
