package sqlitedb

import (
	"container/list"
	"context"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/dialect/sqlite"
	"icehouse/dataplane/relational"
)

// conn is one connection with the statements that it has prepared. The call that
// holds it is its only user.
type conn struct {
	engine   sqldriver.Conn
	capacity int
	named    map[string]*list.Element
	recent   *list.List // of *prepared, the most recent first
}

type prepared struct {
	sql  string
	stmt sqldriver.Stmt
}

func newConn(c sqldriver.Conn, capacity int) *conn {
	return &conn{engine: c, capacity: capacity, named: map[string]*list.Element{}, recent: list.New()}
}

func (c *conn) close() error {
	var errs []error
	for e := c.recent.Front(); e != nil; e = e.Next() {
		if p, ok := e.Value.(*prepared); ok {
			errs = append(errs, p.stmt.Close())
		}
	}
	return errors.Join(append(errs, c.engine.Close())...)
}

func (c *conn) prepare(ctx context.Context, sql string) (sqldriver.Stmt, error) {
	if e, ok := c.named[sql]; ok {
		c.recent.MoveToFront(e)
		p, _ := e.Value.(*prepared)
		return p.stmt, nil
	}
	preparer, ok := c.engine.(sqldriver.ConnPrepareContext)
	if !ok {
		return nil, errors.New("this engine can't prepare")
	}
	stmt, err := preparer.PrepareContext(ctx, sql)
	if err != nil {
		return nil, err
	}
	c.named[sql] = c.recent.PushFront(&prepared{sql, stmt})
	if c.recent.Len() > c.capacity {
		old, _ := c.recent.Remove(c.recent.Back()).(*prepared)
		delete(c.named, old.sql)
		_ = old.stmt.Close()
	}
	return stmt, nil
}

// exec runs a statement that is not worth keeping.
func (c *conn) exec(ctx context.Context, sql string) error {
	e, ok := c.engine.(sqldriver.ExecerContext)
	if !ok {
		return errors.New("this engine can't execute")
	}
	_, err := e.ExecContext(ctx, sql, nil)
	return err
}

// step runs a statement without arguments that is not worth keeping.
func (c *conn) step(ctx context.Context, s dialect.Statement) error {
	if s.Check == dialect.NoCheck {
		return c.exec(ctx, s.SQL)
	}
	_, err := c.statement(ctx, database.Statement{Statement: s})
	return err
}

// run runs statements in order and returns the text of each that returns one.
func (c *conn) run(ctx context.Context, statements []database.Statement) ([][]byte, error) {
	out := make([][]byte, len(statements))
	for i, s := range statements {
		text, err := c.statement(ctx, s)
		if err != nil {
			err = describe(err, i)
			var e *database.Error
			if errors.As(err, &e) {
				e.Step = i
			}
			return nil, err
		}
		out[i] = text
	}
	return out, nil
}

func (c *conn) statement(ctx context.Context, s database.Statement) ([]byte, error) {
	args, err := encode(s)
	if err != nil {
		return nil, err
	}
	stmt, err := c.prepare(ctx, s.SQL)
	if err != nil {
		return nil, err
	}
	if !s.Returns && s.Check == dialect.NoCheck {
		e, ok := stmt.(sqldriver.StmtExecContext)
		if !ok {
			return nil, errors.New("this engine can't execute what it prepared")
		}
		_, err := e.ExecContext(ctx, args)
		return nil, err
	}
	values, err := firstRow(ctx, stmt, args)
	if err != nil {
		return nil, err
	}
	switch s.Check {
	case dialect.GuardCheck:
		if len(values) != 1 || values[0] != int64(1) {
			return nil, &database.Error{Kind: database.GuardFailed, Cause: errors.New("the guard does not hold")}
		}
		return nil, nil
	case dialect.RequireCheck:
		if len(values) > 0 {
			id, _ := values[0].(string)
			return nil, &database.Error{Kind: database.RequireFailed, Value: id, Cause: errors.New("an id is not there")}
		}
		return nil, nil
	default:
		if len(values) == 0 && s.Writes {
			return nil, nil
		}
		if len(values) == 0 && len(s.Around) != 2 {
			return nil, errors.New("the statement returned no row")
		}
		return join(values, s.Statement)
	}
}

// firstRow returns the columns of the first row, none when there is no row.
func firstRow(ctx context.Context, stmt sqldriver.Stmt, args []sqldriver.NamedValue) (values []sqldriver.Value, err error) {
	q, ok := stmt.(sqldriver.StmtQueryContext)
	if !ok {
		return nil, errors.New("this engine can't query what it prepared")
	}
	rows, err := q.QueryContext(ctx, args)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	values = make([]sqldriver.Value, len(rows.Columns()))
	switch err := rows.Next(values); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return values, nil
}

// join puts the pieces of a JSON text together.
func join(values []sqldriver.Value, s dialect.Statement) ([]byte, error) {
	if len(values) == 0 {
		values = []sqldriver.Value{nil}
	}
	size := len(s.Text(len(values)))
	for i, v := range values {
		size += len(s.Text(i))
		if v, ok := v.(string); ok {
			size += len(v)
		} else {
			size += 20
		}
	}
	out := make([]byte, 0, size)
	for i, v := range values {
		out = append(out, s.Text(i)...)
		switch v := v.(type) {
		case nil:
			out = append(out, "null"...)
		case string:
			out = append(out, v...)
		case int64:
			out = strconv.AppendInt(out, v, 10)
		default:
			return nil, fmt.Errorf("%T is no piece of a JSON text", v)
		}
	}
	return append(out, s.Text(len(values))...), nil
}

func encode(s database.Statement) ([]sqldriver.NamedValue, error) {
	types := s.Statement.Args
	if len(types) != len(s.Args) {
		return nil, fmt.Errorf("the statement takes %d arguments, %d are given", len(types), len(s.Args))
	}
	out := make([]sqldriver.NamedValue, len(types))
	for i, v := range s.Args {
		value, err := encodeValue(v, types[i])
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i+1, err)
		}
		out[i] = sqldriver.NamedValue{Ordinal: i + 1, Value: value}
	}
	return out, nil
}

func encodeValue(v any, t relational.ArgType) (sqldriver.Value, error) {
	switch v := v.(type) {
	case nil, string, int64, float64:
		return v, nil
	case bool:
		if v {
			return int64(1), nil
		}
		return int64(0), nil
	case time.Time:
		return sqlite.EncodeTime(v), nil
	case []string:
		return sqlite.EncodeList(v)
	case []int64:
		return sqlite.EncodeList(v)
	case []float64:
		return sqlite.EncodeList(v)
	case []bool:
		return sqlite.EncodeList(v)
	case []time.Time:
		return sqlite.EncodeList(v)
	case []any:
		return sqlite.EncodeList(v)
	}
	return nil, fmt.Errorf("%T does not fit kind %d", v, t.Kind)
}
