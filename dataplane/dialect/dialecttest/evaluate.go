package dialecttest

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"icehouse/dataplane/dialect/sqlite"
	"icehouse/dataplane/relational"
)

// Evaluate answers a query in memory, in the plainest way that the words of
// relational/query.go and data-api §2.6, §2.11 allow: what the engines must
// answer, but for whitespace.
func Evaluate(d Data, q *relational.Query, args []any) string {
	e := &evaluator{data: d, args: args}
	return e.object(q.Fields, nil, nil)
}

type evaluator struct {
	data Data
	args []any
	page *page // the page that an object is about
}

// page is the rows of a page, and whether the list goes on where it was cut.
type page struct {
	table *relational.Table
	rows  []RowData
	more  bool
}

func (e *evaluator) arg(n relational.Arg) any { return e.args[n-1] }

func (e *evaluator) object(fields []relational.Field, row RowData, table *relational.Table) string {
	parts := make([]string, len(fields))
	for i, f := range fields {
		parts[i] = quote(f.Key) + ":" + e.value(f.Value, row, table)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func (e *evaluator) value(v relational.Value, row RowData, table *relational.Table) string {
	switch v := v.(type) {
	case relational.ColumnValue:
		return output(row[v.Column], v.Column.Kind)
	case relational.Literal:
		return v.JSON
	case relational.Object:
		return e.object(v.Fields, row, table)
	case *relational.One:
		if rows := e.list(v.Select, row); len(rows) > 0 {
			return e.object(v.Fields, rows[0], v.Select.Table)
		}
		return "null"
	case *relational.Many:
		parts := []string{}
		for _, r := range e.list(v.Select, row) {
			parts = append(parts, e.object(v.Fields, r, v.Select.Table))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case *relational.Count:
		return strconv.Itoa(len(e.found(v.Select, row)))
	case *relational.FirstOf:
		for _, o := range v.Options {
			if text := e.value(o, row, table); text != "null" {
				return text
			}
		}
	case relational.Argument:
		text, _ := e.arg(v.Arg).(string)
		return quote(text)
	case relational.When:
		if e.arg(v.Arg) == v.Is {
			return e.value(v.Then, row, table)
		}
		return e.value(v.Else, row, table)
	case *relational.Page:
		all := *v.Select
		all.Limit, all.Max = 0, 0
		outer := e.page
		e.page = &page{table: v.Select.Table, rows: e.list(v.Select, row)}
		e.page.more = len(e.list(&all, row)) > len(e.page.rows)
		text := e.object(v.Fields, row, table)
		e.page = outer
		return text
	case relational.PageRows:
		parts := []string{}
		for _, r := range e.page.rows {
			parts = append(parts, e.object(v.Fields, r, e.page.table))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case relational.PageCursor:
		if n := len(e.page.rows); n > 0 && v.Last {
			return output(e.page.rows[n-1][e.page.table.ID], relational.KindID)
		} else if n > 0 {
			return output(e.page.rows[0][e.page.table.ID], relational.KindID)
		}
	case relational.PageMore:
		return strconv.FormatBool(e.page.more)
	}
	return "null"
}

func output(v any, k relational.Kind) string {
	switch v := v.(type) {
	case string:
		if k == relational.KindJSON {
			return v
		}
		return quote(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return sqlite.FloatText(v)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return quote(v.Format("2006-01-02T15:04:05.000Z"))
	default:
		return "null"
	}
}

func quote(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string can be encoded
	return strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029").Replace(strings.TrimSuffix(b.String(), "\n"))
}

// found are the rows that a Select finds, in no order.
func (e *evaluator) found(s *relational.Select, parent RowData) []RowData {
	var out []RowData
	for _, row := range e.data[s.Table] {
		if s.Link != nil && !e.linked(s, row, parent) {
			continue
		}
		if s.Where == nil || e.holds(s.Where, row) == yes {
			out = append(out, row)
		}
	}
	return out
}

func (e *evaluator) linked(s *relational.Select, row, parent RowData) bool {
	id := row[s.Table.ID]
	switch l := s.Link; {
	case l.Parent != nil:
		return parent[l.Parent] == id
	case l.Child != nil:
		return row[l.Child] != nil && row[l.Child] == parent[l.Child.References.ID]
	default:
		for _, edge := range e.data[l.Join.Table] {
			if edge[l.Join.From] == parent[l.Join.From.References.ID] && edge[l.Join.To] == id {
				return true
			}
		}
		return false
	}
}

// list are the rows of a list: ordered, behind its cursors, cut.
func (e *evaluator) list(s *relational.Select, parent RowData) []RowData {
	rows := e.found(s, parent)
	slices.SortFunc(rows, func(a, b RowData) int { return before(s, a, b) })
	for _, c := range s.Cursors {
		var at RowData
		for _, row := range e.data[s.Table] {
			if row[s.Table.ID] == e.arg(c.ID) {
				at = row
			}
		}
		rows = slices.DeleteFunc(rows, func(row RowData) bool {
			return at == nil || c.Before && before(s, row, at) >= 0 || !c.Before && before(s, row, at) <= 0
		})
	}
	skip, limit := 0, len(rows)
	if s.Skip != 0 {
		n, _ := e.arg(s.Skip).(int64)
		skip = min(int(n), len(rows))
	}
	switch {
	case s.Max != 0:
		limit = s.Max
	case s.Limit != 0:
		n, _ := e.arg(s.Limit).(int64)
		limit = int(n)
	}
	if s.FromEnd {
		rows = rows[:len(rows)-skip]
		return rows[max(0, len(rows)-limit):]
	}
	rows = rows[skip:]
	return rows[:min(limit, len(rows))]
}

// before is the list order.
func before(s *relational.Select, a, b RowData) int {
	ids := compare(a[s.Table.ID], b[s.Table.ID])
	if s.OrderBy == nil {
		return ids
	}
	x, y := key(a, s.OrderBy), key(b, s.OrderBy)
	order := 0
	switch {
	case x == nil && y == nil:
	case x == nil:
		order = -1
	case y == nil:
		order = 1
	default:
		order = compare(x, y)
	}
	if s.Desc {
		order = -order
	}
	return cmp.Or(order, ids)
}

// key is a value in the form in which it is compared.
func key(row RowData, c *relational.Column) any {
	if s, ok := row[c].(string); ok && c.Kind == relational.KindText {
		return relational.Fold(s)
	}
	return row[c]
}

func compare(a, b any) int {
	switch a := a.(type) {
	case string:
		b, _ := b.(string)
		return strings.Compare(a, b)
	case int64:
		b, _ := b.(int64)
		return cmp.Compare(a, b)
	case float64:
		b, _ := b.(float64)
		return cmp.Compare(a, b)
	case time.Time:
		b, _ := b.(time.Time)
		return a.Compare(b)
	case bool:
		b, _ := b.(bool)
		switch {
		case a == b:
			return 0
		case a:
			return 1
		}
		return -1
	}
	return 0
}

// truth has three values: a condition on null is unknown.
type truth int

const (
	no truth = iota
	unknown
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

func turned(v truth, not bool) truth {
	if not {
		return yes - v
	}
	return v
}

func (e *evaluator) holds(p relational.Predicate, row RowData) truth {
	switch p := p.(type) {
	case relational.And:
		v := yes
		for _, part := range p {
			v = min(v, e.holds(part, row))
		}
		return v
	case relational.Or:
		v := no
		for _, part := range p {
			v = max(v, e.holds(part, row))
		}
		return v
	case relational.Not:
		return turned(e.holds(p.Predicate, row), true)
	case relational.Constant:
		return truthOf(bool(p))
	case relational.Flag:
		if row[p.Column] == nil {
			return unknown
		}
		return truthOf(row[p.Column] == any(p.Value))
	case relational.IsNull:
		return truthOf((row[p.Column] == nil) != p.Not)
	case relational.Exists:
		return truthOf((len(e.found(p.Select, row)) > 0) != p.Not)
	case relational.Compare:
		if row[p.Column] == nil {
			return unknown
		}
		c := compare(key(row, p.Column), e.arg(p.Arg))
		return truthOf([...]bool{c == 0, c != 0, c < 0, c <= 0, c > 0, c >= 0}[p.Op])
	case relational.In:
		list := anyList(e.arg(p.Arg))
		if row[p.Column] == nil && len(list) > 0 {
			return unknown
		}
		in := slices.ContainsFunc(list, func(v any) bool { return compare(key(row, p.Column), v) == 0 })
		return turned(truthOf(in), p.Not)
	case relational.Match:
		if row[p.Column] == nil {
			return unknown
		}
		text, _ := key(row, p.Column).(string)
		needle, _ := e.arg(p.Arg).(string)
		find := [...]func(string, string) bool{strings.Contains, strings.HasPrefix, strings.HasSuffix}[p.Kind]
		return turned(truthOf(find(text, needle)), p.Not)
	}
	return no
}

func anyList(v any) []any {
	var out []any
	switch v := v.(type) {
	case []any:
		return v
	case []string:
		for _, s := range v {
			out = append(out, s)
		}
	case []int64:
		for _, s := range v {
			out = append(out, s)
		}
	}
	return out
}
