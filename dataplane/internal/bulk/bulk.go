package bulk

import (
	"context"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/relational"
	"icehouse/tenancy/isolation"
)

// Project is whose nodes are moved.
type Project struct {
	DB     *database.DB
	Scope  isolation.Scope
	Layout *relational.Layout
}

// batchRows and batchBytes bound what is read or written at a time.
const (
	batchRows  = 1000
	batchBytes = 1 << 20
)

func (p *Project) model() *datamodel.DataModel { return p.Layout.Model() }

func (p *Project) read(q *relational.Query) dialect.Statement {
	return p.DB.Dialect().Query(p.Scope.Namespace(), q)
}

func (p *Project) change(c relational.Change) dialect.Statement {
	return p.DB.Dialect().Change(p.Scope.Namespace(), c)
}

func (p *Project) query(ctx context.Context, s dialect.Statement, args ...any) ([]byte, error) {
	out, err := p.DB.Query(ctx, p.Scope, database.Statement{Statement: s, Args: args})
	return out, ended(ctx, err)
}

// batch writes without a word to those who listen (data-api §4.2).
func (p *Project) batch(ctx context.Context, statements []database.Statement) ([][]byte, error) {
	out, err := p.DB.Quietly(ctx, p.Scope, statements)
	return out, ended(ctx, err)
}

// ended returns the context's error in place of what it broke.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

var (
	oneID   = relational.ArgType{Kind: relational.ArgID}
	manyIDs = relational.ArgType{Kind: relational.ArgID, List: true}
	number  = relational.ArgType{Kind: relational.ArgInt}
)

func column(key string, c *relational.Column) relational.Field {
	return relational.Field{Key: key, Value: relational.ColumnValue{Column: c}}
}

func rowsOf(s *relational.Select, fields ...relational.Field) relational.Value {
	return &relational.Many{Select: s, Fields: fields}
}
