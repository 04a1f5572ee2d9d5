package bulk

import (
	"context"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"icehouse/dataplane/dialect"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/relational"
)

// table reads the rows of a type in the order of their ids, batch after batch.
type table struct {
	*Project
	seek, page dialect.Statement
	extra      []any // further arguments of page

	after string // the id before the next row
	size  int    // rows of the next batch
	text  *jsontext.Decoder
}

// firstBatch is small, as nobody knows yet how large the rows are.
const firstBatch = 32

// openTable makes a reader of a table: each row is an object that begins with
// the row's id. Fields may use arguments from 3 on.
func (p *Project) openTable(t *relational.Table, fields []relational.Field, extra ...any) *table {
	id := column(idName, t.ID)
	types := []relational.ArgType{oneID, number}
	for range extra {
		types = append(types, number)
	}
	return &table{
		Project: p, size: firstBatch, extra: extra,
		seek: p.read(&relational.Query{Args: []relational.ArgType{number, number}, Fields: []relational.Field{
			{Key: "rows", Value: rowsOf(&relational.Select{Table: t, Skip: 1, Limit: 2}, id)},
		}}),
		page: p.read(&relational.Query{Args: types, Fields: []relational.Field{
			{Key: "rows", Value: rowsOf(&relational.Select{
				Table: t, Limit: 2, Where: relational.Compare{Column: t.ID, Op: relational.Greater, Arg: 1},
			}, append([]relational.Field{id}, fields...)...)},
		}}),
	}
}

// start goes to a row by its number. found is false when the table ends before.
func (t *table) start(ctx context.Context, row int64) (found bool, err error) {
	if row == 0 {
		return true, nil
	}
	// Only ids are read here, which an index holds: what is counted is not looked at.
	text, err := t.query(ctx, t.seek, row-1, int64(1))
	if err != nil {
		return false, err
	}
	d, err := rowsIn(text)
	if err != nil || d.PeekKind() != '{' {
		return false, err
	}
	before, err := d.ReadValue()
	if err != nil {
		return false, err
	}
	t.after, err = idOf(before)
	return true, err
}

// next returns the next row; nil at the end. It is valid until the next call.
func (t *table) next(ctx context.Context) (jsontext.Value, error) {
	if t.text == nil || t.text.PeekKind() != '{' {
		if t.size == 0 {
			return nil, nil
		}
		text, err := t.query(ctx, t.page, append([]any{t.after, int64(t.size)}, t.extra...)...)
		if err != nil {
			return nil, err
		}
		if t.text, err = rowsIn(text); err != nil {
			return nil, err
		}
		if t.text.PeekKind() != '{' {
			t.size = 0
			return nil, nil
		}
		t.size = nextSize(t.size, len(text))
	}
	row, err := t.text.ReadValue()
	if err != nil {
		return nil, fault.Internal(err)
	}
	t.after, err = idOf(row)
	return row, err
}

// nextSize is how many rows fit a batch, when some took so many bytes.
func nextSize(rows, bytes int) int {
	fits := rows * batchBytes / bytes
	return max(1, min(fits, 2*rows, batchRows))
}

// rowsIn opens the one list in a query's answer.
func rowsIn(answer []byte) (*jsontext.Decoder, error) {
	d := decoder(answer)
	for range 3 { // { "rows" [
		if _, err := d.ReadToken(); err != nil {
			return nil, fault.Internal(err)
		}
	}
	return d, nil
}

// idOf reads the id that a row begins with.
func idOf(row jsontext.Value) (string, error) {
	d := decoder(row)
	for range 2 { // { "id"
		if _, err := d.ReadToken(); err != nil {
			return "", fault.Internal(err)
		}
	}
	id, err := d.ReadToken()
	if err != nil {
		return "", fault.Internal(err)
	}
	return strings.Clone(id.String()), nil
}
