package bulk

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/relational"
)

// Export answers one call of an export (data-api §9.3): elements from where the
// body's cursor points, until the next one would make them larger than limit, and
// the cursor that goes on there.
//
// limit counts bytes, so that no answer is too large for an import; size is in
// characters, of which there are never more. An element that is larger alone is
// returned alone (LQ-D71), a list in parts. Errors are as those of Import.
func (p *Project) Export(ctx context.Context, body []byte, limit int) ([]byte, error) {
	fileType, at, err := readExport(body)
	if err != nil {
		return nil, err
	}
	e := &export{Project: p, limit: limit, out: []byte(`{"out":{"jsonElements":[`)}
	from := finished
	if at.valid() {
		switch fileType {
		case "nodes":
			from, err = e.tables(ctx, at, len(p.model().Types), e.nodes)
		case "lists":
			from, err = e.tables(ctx, at, len(p.model().Types), e.lists)
		case "relations":
			from, err = e.tables(ctx, at, len(p.model().Relations), e.relation)
		}
	}
	if err != nil {
		return nil, err
	}
	return e.answer(from), nil
}

// cursor is where an export goes on. A client sees four numbers that mean
// nothing to it, but for all of them being -1.
type cursor struct {
	Table int64 `json:"table"` // type, or relation
	Row   int64 `json:"row"`   // of the type; of a relation: of the end that has the edges
	Field int64 `json:"field"` // list field
	Array int64 `json:"array"` // item of the list, or edge of the row
}

var finished = cursor{-1, -1, -1, -1}

func (c cursor) valid() bool { return c.Table >= 0 && c.Row >= 0 && c.Field >= 0 && c.Array >= 0 }

func readExport(body []byte) (fileType string, at cursor, err error) {
	var named bool
	var where jsontext.Value
	err = readObject(body, func(name string, value jsontext.Value) error {
		switch name {
		case "fileType":
			fileType, named = text(value)
		case "cursor":
			where = value
		}
		return nil
	})
	switch {
	case err != nil:
		return "", at, err
	case !named:
		return "", at, unparsable(body, `"fileType" must be a text.`)
	case where.Kind() != '{':
		return "", at, unparsable(body, `"cursor" must be an object.`)
	}
	numbers := map[string]*int64{"table": &at.Table, "row": &at.Row, "field": &at.Field, "array": &at.Array}
	err = members(where, func(name string, value jsontext.Value) error {
		n, err := strconv.ParseInt(string(value), 10, 64)
		if into := numbers[name]; into != nil && err == nil {
			*into = n
			delete(numbers, name)
		}
		return nil
	})
	if err != nil || len(numbers) > 0 {
		return "", at, unparsable(body, `"cursor" must have the whole numbers "table", "row", "field" and "array".`)
	}
	return fileType, at, nil
}

// export is one answer being made.
type export struct {
	*Project
	limit int
	out   []byte
	count int // elements
	bytes int // of the elements alone
	size  int // characters of the elements alone
}

// add takes an element if there is room for it; for the first there always is.
func (e *export) add(element []byte) bool {
	if e.count > 0 {
		if e.bytes+len(element) > e.limit {
			return false
		}
		e.out = append(e.out, ',')
	}
	e.out = append(e.out, element...)
	e.count++
	e.bytes += len(element)
	e.size += utf8.RuneCount(element)
	return true
}

// answer closes the answer. Only one that stopped for want of room is full.
func (e *export) answer(at cursor) []byte {
	return fmt.Appendf(e.out, `],"size":%d},"cursor":{"table":%d,"row":%d,"field":%d,"array":%d},"isFull":%t}`,
		e.size, at.Table, at.Row, at.Field, at.Array, at != finished)
}

// tables exports one table after the other. Each is done from the cursor on and
// says where it stopped, if it did.
func (e *export) tables(ctx context.Context, at cursor, n int, one func(context.Context, cursor) (cursor, bool, error)) (cursor, error) {
	for at.Table < int64(n) {
		stopped, full, err := one(ctx, at)
		if err != nil || full {
			return stopped, err
		}
		at = cursor{Table: at.Table + 1}
	}
	return finished, nil
}

// rows hands the rows of a table to do, from the cursor's on. do says with which
// cursor to stop.
func rows(ctx context.Context, t *table, at cursor, do func(row jsontext.Value, at cursor) (cursor, bool, error)) (cursor, bool, error) {
	found, err := t.start(ctx, at.Row)
	if err != nil || !found {
		return at, false, err
	}
	for {
		row, err := t.next(ctx)
		if err != nil || row == nil {
			return at, false, err
		}
		stopped, full, err := do(row, at)
		if err != nil || full {
			return stopped, full, err
		}
		at = cursor{Table: at.Table, Row: at.Row + 1}
	}
}

// nodes exports the nodes of a type: their scalars, and always the times that the
// server keeps.
func (e *export) nodes(ctx context.Context, at cursor) (cursor, bool, error) {
	t := e.model().Types[at.Table]
	stored := e.Layout.Table(t)
	fields := []relational.Field{column("createdAt", stored.CreatedAt), column("updatedAt", stored.UpdatedAt)}
	for _, f := range t.Fields {
		if !f.IsRelation() && !f.IsSystem() && !f.List {
			fields = append(fields, column(f.Name, e.Layout.Column(f)))
		}
	}
	var element []byte
	return rows(ctx, e.openTable(stored, fields), at, func(row jsontext.Value, at cursor) (cursor, bool, error) {
		element = append(append(append(element[:0], `{"_typeName":"`...), t.Name...), '"')
		err := members(row, func(name string, value jsontext.Value) error {
			if value.Kind() != 'n' {
				element = append(append(append(append(element, `,"`...), name...), `":`...), value...)
			}
			return nil
		})
		if err != nil {
			return at, false, fault.Internal(err)
		}
		element = append(element, '}')
		return at, !e.add(element), nil
	})
}

// lists exports the lists of the nodes of a type that are not empty.
func (e *export) lists(ctx context.Context, at cursor) (cursor, bool, error) {
	t := e.model().Types[at.Table]
	var fields []relational.Field
	for _, f := range t.Fields {
		if !f.IsRelation() && f.List {
			fields = append(fields, column(f.Name, e.Layout.Column(f)))
		}
	}
	if len(fields) == 0 {
		return at, false, nil
	}
	return rows(ctx, e.openTable(e.Layout.Table(t), fields), at, func(row jsontext.Value, at cursor) (cursor, bool, error) {
		full := false
		var id jsontext.Value
		position := int64(-1) // of the list among the fields
		err := members(row, func(name string, value jsontext.Value) (err error) {
			switch position++; {
			case position == 0:
				id = value
				return nil
			case full || position-1 < at.Field || value.Kind() != '[':
				return nil
			}
			if position-1 > at.Field {
				at.Field, at.Array = position-1, 0
			}
			full, err = e.list(t, id, name, value, &at)
			return err
		})
		if err != nil {
			return at, false, fault.Internal(err)
		}
		return at, full, nil
	})
}

// list exports one list from the cursor's item on. A list that has no room beside
// other elements comes in the next answer; one that has none in an answer of its
// own comes in parts.
func (e *export) list(t *datamodel.Type, id jsontext.Value, name string, value jsontext.Value, at *cursor) (full bool, err error) {
	head := fmt.Appendf(nil, `{"_typeName":"%s","id":%s,"%s":`, t.Name, id, name)
	if string(value) == "[]" {
		return false, nil
	}
	if whole := len(head) + len(value) + len("}"); at.Array == 0 && (whole <= e.limit || e.count > 0) {
		return !e.add(append(append(head, value...), '}')), nil
	}
	part := append(head, '[')
	before := len(part)
	err = items(value, func(i int, item jsontext.Value) error {
		if int64(i) < at.Array || full {
			return nil
		}
		if len(part) > before {
			if e.bytes+len(part)+len(",]}")+len(item) > e.limit {
				full = true
				return nil
			}
			part = append(part, ',')
		}
		part = append(part, item...)
		at.Array = int64(i) + 1
		return nil
	})
	if err == nil && len(part) > before {
		e.add(append(part, "]}"...))
	}
	return full, err
}

// edgesAtOnce is how many edges of a row in a join table are read with the row.
const edgesAtOnce = 100

// relation exports the edges of a relation: of each the end of side B, then that
// of side A.
func (e *export) relation(ctx context.Context, at cursor) (cursor, bool, error) {
	r := e.model().Relations[at.Table]
	f := r.A()
	link := e.Layout.Link(f)
	if link.Child != nil {
		f = r.B()
		link = e.Layout.Link(f)
	}
	from := e.Layout.Table(f.Type)
	x := &edges{export: e, field: f}
	if link.Parent != nil {
		return rows(ctx, e.openTable(from, []relational.Field{column("to", link.Parent)}), at, func(row jsontext.Value, at cursor) (cursor, bool, error) {
			var ends struct {
				ID jsontext.Value
				To jsontext.Value
			}
			if err := json.Unmarshal(row, &ends); err != nil {
				return at, false, fault.Internal(err)
			}
			if ends.To.Kind() != '"' {
				return at, false, nil
			}
			return at, !x.add(ends.ID, ends.To), nil
		})
	}
	return x.joined(ctx, at, link)
}

// edges exports the edges of one relation by one of its fields.
type edges struct {
	*export
	field   *datamodel.Field
	element []byte
}

// add takes the edge between two nodes by the JSON of their ids; from is at the
// field's end.
func (x *edges) add(from, to jsontext.Value) bool {
	a, b := from, to
	if x.field.Side == datamodel.SideB {
		a, b = to, from
	}
	sideA, sideB := x.field.Relation.A(), x.field.Relation.B()
	x.element = fmt.Appendf(x.element[:0], `[{"_typeName":"%s","id":%s,"fieldName":"%s"},{"_typeName":"%s","id":%s,"fieldName":"%s"}]`,
		sideB.Type.Name, b, sideB.Name, sideA.Type.Name, a, sideA.Name)
	return x.export.add(x.element)
}

// joined exports the edges in a join table, row by row of the type that has the
// field. The rows bring their first edges with them.
func (x *edges) joined(ctx context.Context, at cursor, link *relational.Link) (cursor, bool, error) {
	from, to := x.Layout.Table(x.field.Type), x.Layout.Table(x.field.Target())
	first := rowsOf(&relational.Select{Table: to, Link: link, Limit: 3}, column(idName, to.ID))
	more := x.read(&relational.Query{
		Args: []relational.ArgType{oneID, oneID, number, number},
		Fields: []relational.Field{{Key: "rows", Value: rowsOf(
			&relational.Select{Table: from, Where: relational.Compare{Column: from.ID, Op: relational.Equal, Arg: 1}},
			relational.Field{Key: "to", Value: rowsOf(&relational.Select{
				Table: to, Link: link, Skip: 3, Limit: 4, Where: relational.Compare{Column: to.ID, Op: relational.Greater, Arg: 2},
			}, column(idName, to.ID))},
		)}},
	})
	t := x.openTable(from, []relational.Field{{Key: "to", Value: first}}, int64(edgesAtOnce))
	return rows(ctx, t, at, func(row jsontext.Value, at cursor) (cursor, bool, error) {
		id, found, err := edgesOf(row)
		if err != nil {
			return at, false, err
		}
		most, skip, after := edgesAtOnce, at.Array, ""
		if skip > 0 {
			// The edges that came with the row may all have been exported.
			found, most = nil, 0
		}
		owner, _ := text(id)
		for {
			for _, other := range found {
				target, _ := text(other)
				// An edge without direction is stored in both and exported once.
				if (!x.field.Relation.SameField() || owner <= target) && !x.add(id, other) {
					return at, true, nil
				}
				at.Array++
				after = target
			}
			if len(found) < most {
				return at, false, nil
			}
			most = batchRows
			answer, err := x.query(ctx, more, owner, after, skip, int64(most))
			if err != nil {
				return at, false, err
			}
			if found, err = moreEdges(answer); err != nil {
				return at, false, err
			}
			skip = 0
		}
	})
}

// edgesOf reads a row of a node with the nodes at the other ends of its edges.
func edgesOf(row jsontext.Value) (id jsontext.Value, found []jsontext.Value, err error) {
	var ends struct {
		ID jsontext.Value
		To []struct{ ID jsontext.Value }
	}
	if err := json.Unmarshal(row, &ends); err != nil {
		return nil, nil, fault.Internal(err)
	}
	for _, end := range ends.To {
		found = append(found, end.ID)
	}
	return ends.ID, found, nil
}

func moreEdges(answer []byte) ([]jsontext.Value, error) {
	d, err := rowsIn(answer)
	if err != nil || d.PeekKind() != '{' {
		return nil, err
	}
	row, err := d.ReadValue()
	if err != nil {
		return nil, fault.Internal(err)
	}
	_, found, err := edgesOf(row)
	return found, err
}
