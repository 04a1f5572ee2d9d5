package datamodel

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"
)

// FuzzParse says that no text makes Parse panic, that errors have positions
// inside the text, and that every accepted model survives its other forms.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, input := range archive.Files {
			if strings.HasSuffix(input.Name, ".graphql") {
				f.Add(string(input.Data))
			}
		}
	}
	f.Fuzz(func(t *testing.T, sdl string) {
		parsed, errs := Parse(sdl)
		lines := 1 + strings.Count(sdl, "\n") + strings.Count(sdl, "\r")
		for _, d := range errs {
			if d.Line < 1 || d.Line > lines || d.Column < 1 || d.Column > len(sdl)+1 || d.Type == "" || d.Description == "" {
				t.Errorf("bad diagnostic %+v", d)
			}
		}
		if errs != nil {
			return
		}
		checkForms(t, parsed.Model)
		first := Print(parsed.Model)
		if second := Print(mustParse(t, first).Model); first != second {
			t.Errorf("printing is not stable:\n%s\n%s", first, second)
		}
	})
}

func FuzzPlural(f *testing.F) {
	f.Add("Curriculum")
	f.Fuzz(func(t *testing.T, word string) {
		if got := Plural(word); (got == "") != (word == "") {
			t.Errorf("Plural(%q) = %q", word, got)
		}
	})
}

// TestRandomModels takes random models through JSON and SDL.
func TestRandomModels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parsed, errs := Parse(randomSDL(t))
		if errs != nil {
			t.Fatal(errs)
		}
		for _, r := range parsed.Model.Relations {
			if !r.SameField() && rapid.Bool().Draw(t, "swap") {
				r.swap()
			}
		}
		checkForms(t, parsed.Model)
	})
}

// randomSDL draws a valid type definition.
func randomSDL(t *rapid.T) string {
	types := rapid.IntRange(0, 6).Draw(t, "types")
	enums := rapid.IntRange(0, 3).Draw(t, "enums")
	fields := make([][]string, types)
	for i := range fields {
		for j := range rapid.IntRange(0, 6).Draw(t, "fields") {
			fields[i] = append(fields[i], fmt.Sprintf("f%d: %s", j, randomScalar(t, enums)))
		}
	}
	if types > 0 {
		pick := rapid.IntRange(0, types-1)
		form := func(target int) string {
			return fmt.Sprintf(rapid.SampledFrom([]string{"T%d", "T%d!", "[T%d!]!"}).Draw(t, "form"), target)
		}
		for r := range rapid.IntRange(0, 6).Draw(t, "relations") {
			a, b := pick.Draw(t, "a"), pick.Draw(t, "b")
			fields[a] = append(fields[a], fmt.Sprintf("a%d: %s @relation(name: \"R%d\")", r, form(b), r))
			if a != b || rapid.Bool().Draw(t, "two fields") {
				fields[b] = append(fields[b], fmt.Sprintf("b%d: %s @relation(name: \"R%d\")", r, form(a), r))
			}
		}
	}
	var sdl strings.Builder
	for i := range fields {
		all := append([]string{"id: ID! @isUnique"}, fields[i]...)
		fmt.Fprintf(&sdl, "type T%d @model {\n%s\n}\n", i, strings.Join(rapid.Permutation(all).Draw(t, "order"), "\n"))
	}
	for i := range enums {
		fmt.Fprintf(&sdl, "enum E%d { A B_%d }\n", i, i)
	}
	return sdl.String()
}

func randomScalar(t *rapid.T, enums int) string {
	kinds := []string{"String", "Int", "Float", "Boolean", "DateTime", "Json", "Password"}
	for i := range enums {
		kinds = append(kinds, fmt.Sprintf("E%d", i))
	}
	kind := rapid.SampledFrom(kinds).Draw(t, "kind")
	form := rapid.SampledFrom([]string{"%s", "%s!", "[%s!]", "[%s!]!"}).Draw(t, "form")
	out := fmt.Sprintf(form, kind)
	if rapid.Bool().Draw(t, "unique") {
		out += " @isUnique"
	}
	if form[0] != '[' && rapid.Bool().Draw(t, "default") {
		value := ""
		switch kind {
		case "Int":
			value = fmt.Sprint(rapid.Int32().Draw(t, "int"))
		case "Float":
			value = rapid.StringMatching(`-?(0|[1-9][0-9]{0,9})(\.[0-9]{1,9})?(e[0-9])?`).Draw(t, "float")
		case "Boolean":
			value = fmt.Sprint(rapid.Bool().Draw(t, "boolean"))
		case "Json":
			value = quote(`{"a": ` + quote(rapid.String().Draw(t, "json")) + `}`)
		case "String", "Password", "DateTime":
			value = quote(strings.ReplaceAll(rapid.String().Draw(t, "text"), "\x00", ""))
		default:
			value = "A"
		}
		out += " @defaultValue(value: " + value + ")"
	}
	return out
}

// TestPositions says that columns count characters and that line ends of other
// systems and byte order marks do not shift them.
func TestPositions(t *testing.T) {
	for sdl, want := range map[string]string{
		"type A @model {\n  id: ID! @isUnique\n  b: X\n}":                  "3:3",
		"type A @model {\r\n  id: ID! @isUnique\r\n  b: X\r\n}":            "3:3",
		"type A @model {\r  id: ID! @isUnique\r  b: X\r}":                  "3:3",
		"\ufefftype A @model { id: ID! @isUnique\nb: X }":                  "2:1",
		"# é\ntype A @model {\n \"\"\"x\ny\"\"\" \"b\" }":                  "4:6",
		"# é\ntype A @model {\n  b: \"\"\"x\ny\"\"\" }":                    "3:6",
		"\"äöü\" type A @model { id: ID! @isUnique \"\"\"é\n\"\"\" b: X }": "2:5",
	} {
		_, errs := Parse(sdl)
		if len(errs) != 1 || !strings.HasPrefix(errs.Error(), want+" ") {
			t.Errorf("%q gives %v, want one error at %s", sdl, errs, want)
		}
	}
}

// TestHostile parses texts that are made to be slow or to exhaust memory.
func TestHostile(t *testing.T) {
	fill := func(head, item, tail string) string {
		return head + strings.Repeat(item, (maxSource-len(head)-len(tail))/len(item)) + tail
	}
	numbered := func(format string) string {
		var b strings.Builder
		for i := 0; ; i++ {
			item := fmt.Sprintf(strings.ReplaceAll(format, "#", "%[1]d"), i)
			if b.Len()+len(item) > maxSource-1000 {
				return b.String()
			}
			b.WriteString(item)
		}
	}
	const id = "type A @model{id:ID!@isUnique "
	for name, sdl := range map[string]string{
		"too long":               strings.Repeat(" ", maxSource+1),
		"not UTF-8":              "type A\xff",
		"only zeros":             strings.Repeat("\x00", 1000),
		"lists of lists":         fill("type A @model { a: ", "[", ""),
		"values in values":       fill("type A @model { a: Int @x(y: ", "[", ""),
		"objects in objects":     fill("type A @model { a: Int @x(y: ", "{a:", ""),
		"one name":               fill("type ", "A", " @model"),
		"one field, many times":  fill(id, "a:B ", "}"),
		"one type, many times":   fill("", "type A ", ""),
		"one relation":           fill(id, "a:A@relation(name:\"R\")", "}"),
		"directives on a field":  fill(id+"a:Int", "@a", "}"),
		"different directives":   id + "a:Int" + numbered("@a#") + "}",
		"arguments":              fill(id+"a:Int@a(", "b:1 ", ")}"),
		"enum values":            fill("enum E{", "a ", "}"),
		"different enum values":  "enum E{" + numbered("A# ") + "}",
		"long enum, long list":   id + "a:[E!]@defaultValue(value:\"[" + strings.Repeat("A0 ", 80000) + "]\")}enum E{" + numbered("A# ")[:700000] + "}",
		"many types":             numbered("type A#@model{id:ID!@isUnique}"),
		"many colliding types":   numbered("type A#@model{id:ID!@isUnique}type A#Filter@model{id:ID!@isUnique}"),
		"many relations":         id + numbered("a#:A@relation(name:\"R#\")") + "}",
		"colliding enum values":  "enum E{" + numbered("a# ") + "}",
		"many enums with values": numbered("enum E#@migrationValue(value:A){A}"),
		"a long default":         fill(id+"a:Int@defaultValue(value:\"", "x", "\")}"),
		"a long text":            fill(id+"a:String@defaultValue(value:\"", "x", "\")}"),
		"a long list":            fill(id+"a:[Int!]@defaultValue(value:\"[", "1 ", "]\")}"),
		"a long number":          fill(id+"a:Float@defaultValue(value:", "9", ")}"),
		"quotes":                 fill("", "\"", ""),
		"comments":               fill("", "#\n", ""),
		"long relation names":    fill(id, "a:B@relation(name:\""+strings.Repeat("r", 5000)+"\")", "}"),
	} {
		start := time.Now()
		_, errs := Parse(sdl)
		took := time.Since(start)
		size := len(errs.Error())
		t.Logf("%-24s %8s %6d errors, %d bytes", name, took.Round(time.Millisecond), len(errs), size)
		if took > 10*time.Second {
			t.Errorf("%s takes %s", name, took)
		}
		if len(errs) > maxDiagnostics+1 || size > 4*maxSource {
			t.Errorf("%s gives %d errors in %d bytes", name, len(errs), size)
		}
	}
}

// benchmarkSDL is a type definition with eight fields per type, two of which
// are relation fields.
func benchmarkSDL(models int) string {
	var b strings.Builder
	for i := range models {
		fmt.Fprintf(&b, `
type Model%[1]d @model {
  id: ID! @isUnique
  createdAt: DateTime!
  updatedAt: DateTime!
  title: String! @isUnique
  views: Int! @defaultValue(value: 0)
  mood: Mood @defaultValue(value: GOOD)
  next: Model%[2]d @relation(name: "Relation%[1]d")
  previous: [Model%[3]d!]! @relation(name: "Relation%[3]d")
}
`, i, (i+1)%models, (i+models-1)%models)
	}
	b.WriteString("enum Mood { GOOD BAD }\n")
	return b.String()
}

func BenchmarkParse(b *testing.B) {
	for _, models := range []int{5, 50, 200} {
		sdl := benchmarkSDL(models)
		b.Run(fmt.Sprint(models), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(sdl)))
			for b.Loop() {
				if _, errs := Parse(sdl); errs != nil {
					b.Fatal(errs)
				}
			}
		})
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	for _, models := range []int{5, 50} {
		data, err := mustParse(b, benchmarkSDL(models)).Model.MarshalJSON()
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint(models), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := new(DataModel).UnmarshalJSON(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestRetainedMemory measures what one idle model keeps: at most 6 of the 16 KiB
// that a small project may cost altogether, and nothing of its text.
func TestRetainedMemory(t *testing.T) {
	const count, limit = 200, 6 << 10
	sdl := benchmarkSDL(5)
	data, err := mustParse(t, sdl).Model.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	padding := "# " + strings.Repeat("x", 100_000) + "\n"
	for _, c := range []struct {
		name string
		make func() *DataModel
	}{
		{"Parse", func() *DataModel { return mustParse(t, padding+sdl).Model }},
		{"UnmarshalJSON", func() *DataModel {
			m := &DataModel{}
			if err := m.UnmarshalJSON(data); err != nil {
				t.Fatal(err)
			}
			return m
		}},
	} {
		kept := make([]*DataModel, count)
		before := heap()
		for i := range kept {
			kept[i] = c.make()
		}
		each := (int64(heap()) - int64(before)) / count
		runtime.KeepAlive(kept)
		t.Logf("%s keeps %d bytes for 5 models with 8 fields", c.name, each)
		if each > limit {
			t.Errorf("%s keeps %d bytes, more than %d", c.name, each, limit)
		}
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
