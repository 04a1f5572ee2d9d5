package dataplane

import (
	"context"
	"errors"

	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/dataplane/internal/bulk"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/internal/transport"
	"icehouse/tenancy/directory"
	"icehouse/tenancy/meter"
)

// Bulk answers an import or an export (data-api §9). Both need an admin token,
// also in a project that lets everybody do everything. What meets the tables of a
// release that came meanwhile goes on with that.
func (p *pipeline) Bulk(ctx context.Context, c transport.Caller, action transport.BulkAction, body func() ([]byte, error)) (transport.Answer, error) {
	project, err := p.admitBulk(ctx, c, action)
	if err != nil {
		return p.failed(ctx, c, err), nil
	}
	p.config.Meter.Add(c.Project.Project, meter.Use{Features: meter.Simple | meter.Authentication, Address: c.Address})
	text, err := body()
	if err != nil {
		return transport.Answer{}, err
	}
	var from bulk.Progress
	for {
		out, again, err := []byte(nil), false, error(nil)
		if action == transport.Import {
			out, err = project.Import(ctx, text, p.config.Clock(), &from)
			again = from.Continues(err)
		} else {
			out, err = project.Export(ctx, text, p.config.ExportSize)
			again = bulk.OutOfDate(err)
		}
		switch {
		case err == nil:
			return transport.Answer{Body: out}, nil
		case errors.Is(err, fault.ErrNotJSON):
			return transport.Answer{}, err
		case !again || !p.newer(ctx, &c.Project):
			return p.failed(ctx, c, err), nil
		}
		if project, err = p.bulkProject(ctx, c.Project); err != nil {
			return p.failed(ctx, c, err), nil
		}
	}
}

// admitBulk opens the project for a caller who may move all of it.
func (p *pipeline) admitBulk(ctx context.Context, c transport.Caller, action transport.BulkAction) (*bulk.Project, error) {
	who, err := p.requester(ctx, c)
	if err != nil {
		return nil, err
	}
	if !who.Admin {
		return nil, fault.New(fault.NotAllowed, "Insufficient permissions for bulk %s", action)
	}
	operation := ast.Query
	if action == transport.Import {
		operation = ast.Mutation
	}
	if f := locked(c.Project, operation); f != nil {
		return nil, f
	}
	if err := full(c.Project, action == transport.Export); err != nil {
		return nil, err
	}
	return p.bulkProject(ctx, c.Project)
}

// bulkProject opens the tables of a project.
func (p *pipeline) bulkProject(ctx context.Context, e directory.Entry) (*bulk.Project, error) {
	schema, err := p.schemas.Get(ctx, e.Project, e.Release)
	if err != nil {
		return nil, err
	}
	scope, err := e.Scope()
	if err != nil {
		return nil, err
	}
	db, err := p.config.Database(e.Placement)
	if err != nil {
		return nil, err
	}
	return &bulk.Project{DB: db, Scope: scope, Layout: schema.Layout()}, nil
}
