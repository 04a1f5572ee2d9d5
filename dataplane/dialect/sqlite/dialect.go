package sqlite

import (
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/dialect/internal/sqlgen"
	"icehouse/dataplane/relational"
)

// Dialect renders for SQLite 3.44 and later.
type Dialect struct{}

var _ dialect.Dialect = Dialect{}

// Query renders a read.
func (Dialect) Query(_ string, q *relational.Query) dialect.Statement {
	sql, around := sqlgen.New(engine{}, q.Args).Query(q)
	return dialect.Statement{SQL: sql, Around: around, Args: q.Args, Returns: true}
}

// Features says how SQLite differs: it does not say which foreign key is violated,
// and lets one write at a time.
func (Dialect) Features() dialect.Features {
	return dialect.Features{}
}
