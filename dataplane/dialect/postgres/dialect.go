package postgres

import (
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/dialect/internal/sqlgen"
	"icehouse/dataplane/relational"
)

// Dialect renders for PostgreSQL 15 and later.
type Dialect struct{}

var _ dialect.Dialect = Dialect{}

// Query renders a read.
func (Dialect) Query(namespace string, q *relational.Query) dialect.Statement {
	sql, around := sqlgen.New(engine{namespace}, q.Args).Query(q)
	return dialect.Statement{SQL: sql, Around: around, Args: q.Args, Returns: true}
}

// Features says how PostgreSQL differs: it names the foreign keys that are
// violated, lets many write at once, and takes several insertions as one.
func (Dialect) Features() dialect.Features {
	return dialect.Features{NamesForeignKeys: true, ParallelWriters: true, InsertsTogether: true}
}
