package dataplane

import (
	"context"
	"errors"

	"icehouse/dataplane/internal/bulk"
	"icehouse/tenancy"
)

// ErrMoved says that the nodes of a project changed while they were copied.
var ErrMoved = errors.New("dataplane: the nodes changed while they were copied")

// Copy stores all nodes and edges of a project in another one, which has the same
// types and no nodes. What was stored stays when it fails: ErrMoved when others wrote
// to the first one meanwhile. Caller: the control plane, when it clones a project.
func (d *DataPlane) Copy(ctx context.Context, from, to tenancy.ProjectID) error {
	p := (*pipeline)(d)
	source, err := p.whole(ctx, from)
	if err != nil {
		return err
	}
	target, err := p.whole(ctx, to)
	if err != nil {
		return err
	}
	err = bulk.Copy(ctx, source, target, d.config.ExportSize, d.config.Clock())
	if errors.Is(err, bulk.ErrMoved) {
		return ErrMoved
	}
	return err
}

// whole is all of a project, for one who may move it.
func (p *pipeline) whole(ctx context.Context, id tenancy.ProjectID) (*bulk.Project, error) {
	entry, err := p.config.Directory.Lookup(ctx, string(id))
	if err != nil {
		return nil, err
	}
	return p.bulkProject(ctx, entry)
}
