package dialecttest

import (
	"fmt"
	"math"
	"time"

	"pgregory.net/rapid"

	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
)

// Data is the rows of a layout, by table, in memory. Values have the Go types
// that relational.ArgKind names, or are nil.
type Data map[*relational.Table][]RowData

// RowData is one row.
type RowData map[*relational.Column]any

// RandomData fills a layout with few rows whose values are often equal, null or
// awkward.
func RandomData(t *rapid.T, l *relational.Layout) Data {
	data := Data{}
	for i, table := range l.Tables {
		for n := range rapid.IntRange(0, 7).Draw(t, "rows of "+table.Name) {
			row := RowData{table.ID: fmt.Sprintf("c%c%d", 'a'+i, n*3%7)}
			data[table] = append(data[table], row)
			for _, c := range table.Columns {
				if c != table.ID && c.References == nil {
					row[c] = randomValue(t, c, n)
				}
			}
		}
	}
	for _, table := range l.Tables {
		for _, c := range table.Columns {
			if c.References != nil {
				data.point(t, table, c)
			}
		}
	}
	for _, join := range l.Joins {
		data.join(t, join)
	}
	return data
}

// point gives the rows of a table targets; a row that can't have the target that
// it needs goes, with what pointed at it.
func (d Data) point(t *rapid.T, table *relational.Table, c *relational.Column) {
	taken := map[any]bool{}
	var kept []RowData
	for _, row := range d[table] {
		var free []any
		for _, target := range d[c.References] {
			if id := target[c.References.ID]; !c.Unique || !taken[id] {
				free = append(free, id)
			}
		}
		if !c.Required {
			free = append(free, nil)
		}
		if len(free) == 0 {
			continue
		}
		row[c] = rapid.SampledFrom(free).Draw(t, c.Name)
		taken[row[c]] = true
		kept = append(kept, row)
	}
	if len(kept) < len(d[table]) {
		d[table] = kept
		d.repair(t, table)
	}
}

// repair points anew at a table that lost rows.
func (d Data) repair(t *rapid.T, lost *relational.Table) {
	for table := range d {
		for _, c := range table.Columns {
			if c.References == lost && len(d[table]) > 0 {
				if _, pointed := d[table][0][c]; pointed {
					d.point(t, table, c)
				}
			}
		}
	}
}

func (d Data) join(t *rapid.T, join *relational.Table) {
	a, b := join.Columns[0], join.Columns[1]
	taken := map[any]bool{}
	for _, from := range d[a.References] {
		for _, to := range d[b.References] {
			id := from[a.References.ID]
			if (a.Unique && taken[id]) || !rapid.Bool().Draw(t, join.Name) {
				continue
			}
			taken[id] = true
			d[join] = append(d[join], RowData{a: id, b: to[b.References.ID]})
		}
	}
}

var letters = []string{"", "a", "A", "b", "B", "k", "K", "\u212a", "ß", "ẞ", "Σ", "σ", "ς", "İ", "ı", "i", "é", "É", "ǅ", "Ꭰ", "ꭰ", " ", "%", "_", "'", `"`, `\`, "\n", "\t", "\x01", "\x7f", "\u2028", "😀", "z"}

// Text is short and often equal to another without case.
func randomText(t *rapid.T) string {
	text := ""
	for range rapid.IntRange(0, 3).Draw(t, "length") {
		text += rapid.SampledFrom(letters).Draw(t, "letter")
	}
	return text
}

var jsonTexts = []string{`{}`, `[]`, `{"a": 1, "b":[true,null,"x\u00e9\/"]}`, `[1.0,1e5,-0]`, `{"b":{"a":""},"a":2,"a":3}`, ` [ "  " ] `}

var listTexts = []string{`[]`, `["a"]`, `["a","B"]`}

var floats = []float64{0, 1, -1, 0.1, 1e15, 1e14, 123456789012345, 1e23, 5e-324, math.MaxFloat64, 1e-5, 0.0001, 1.5, 2.5e-7, 9007199254740993}

func randomFloat(t *rapid.T) float64 {
	if rapid.Bool().Draw(t, "picked") {
		return rapid.SampledFrom(floats).Draw(t, "float")
	}
	return rapid.Float64().Draw(t, "float") + 0 // no -0, which coercion lets nothing bring
}

func randomTime(t *rapid.T) time.Time {
	if rapid.Bool().Draw(t, "near") {
		return time.UnixMilli(int64(rapid.IntRange(0, 3).Draw(t, "ms"))).UTC()
	}
	from, to := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC)
	return time.UnixMilli(rapid.Int64Range(from.UnixMilli(), to.UnixMilli()).Draw(t, "ms")).UTC()
}

func randomValue(t *rapid.T, c *relational.Column, n int) any {
	if !c.Required && rapid.IntRange(0, 3).Draw(t, "null") == 0 {
		return nil
	}
	switch c.Kind {
	case relational.KindText:
		if c.Unique {
			return fmt.Sprintf("%s%d", randomText(t), n)
		}
		return randomText(t)
	case relational.KindWord:
		return rapid.SampledFrom([]string{"OPEN", "CLOSED", "Lost"}).Draw(t, "word")
	case relational.KindHash:
		return rapid.SampledFrom([]string{"$2a$x", "$2A$x"}).Draw(t, "hash")
	case relational.KindInt:
		if c.Unique {
			return int64(n)
		}
		return int64(rapid.SampledFrom([]int32{0, 1, 2, -1, math.MaxInt32, math.MinInt32}).Draw(t, "int"))
	case relational.KindFloat:
		return randomFloat(t)
	case relational.KindBool:
		return rapid.Bool().Draw(t, "bool")
	case relational.KindTime:
		return randomTime(t)
	case relational.KindJSON:
		if c.Name == "labels" {
			return rapid.SampledFrom(listTexts).Draw(t, "list")
		}
		return rapid.SampledFrom(jsonTexts).Draw(t, "json")
	default:
		return fmt.Sprintf("c%d", n)
	}
}

// Inserts are the changes, with their arguments, that store the data: columns
// that point at rows last, since tables may point at each other.
func (d Data) Inserts(l *relational.Layout) (changes []relational.Change, args [][]any) {
	for _, table := range order(l) {
		if len(d[table]) == 0 {
			continue
		}
		in := &relational.Insert{Table: table, Each: true}
		var values []any
		for _, c := range table.Columns {
			list := make([]any, len(d[table]))
			for i, row := range d[table] {
				list[i] = row[c]
			}
			in.Columns = append(in.Columns, c)
			in.Args = append(in.Args, relational.ArgType{Kind: c.Kind.Arg(), List: true})
			in.Values = append(in.Values, relational.Arg(len(in.Args)))
			values = append(values, list)
		}
		changes, args = append(changes, in), append(args, values)
	}
	return changes, args
}

// order puts tables behind those that they point at; the test model has no
// cycle but to a table itself.
func order(l *relational.Layout) []*relational.Table {
	var out []*relational.Table
	seen := map[*relational.Table]bool{}
	var visit func(*relational.Table)
	visit = func(t *relational.Table) {
		if seen[t] {
			return
		}
		seen[t] = true
		for _, c := range t.Columns {
			if c.References != nil {
				visit(c.References)
			}
		}
		out = append(out, t)
	}
	for _, t := range l.Tables {
		visit(t)
	}
	return append(out, l.Joins...)
}

// links are the relation fields of a table's type.
func links(l *relational.Layout, t *relational.Table) []*datamodel.Field {
	for i, table := range l.Tables {
		if table != t {
			continue
		}
		var out []*datamodel.Field
		for _, f := range l.Model().Types[i].Fields {
			if f.IsRelation() {
				out = append(out, f)
			}
		}
		return out
	}
	return nil
}
