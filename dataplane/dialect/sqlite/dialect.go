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

// ConstraintName is the name that the driver reports for a violation.
func (Dialect) ConstraintName(c *relational.Column, kind dialect.ConstraintKind) string {
	if kind == dialect.ForeignKey {
		return dialect.ForeignKeyName(c.Table.Name, c.Name)
	}
	return dialect.UniqueName(c.Table.Name, c.Name)
}

// Features says how SQLite differs: it does not say which foreign key is violated,
// and lets one write at a time.
func (Dialect) Features() dialect.Features {
	return dialect.Features{}
}
