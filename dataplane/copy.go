package dataplane

import (
	"context"

	"icehouse/dataplane/internal/bulk"
	"icehouse/tenancy"
)

// Copy stores all nodes and edges of a project in another one, which has the same
// types and no nodes. What was stored stays when it fails, as it does when others write
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
	return bulk.Copy(ctx, source, target, d.config.ExportSize, d.config.Clock())
}

// whole is all of a project, for one who may move it.
func (p *pipeline) whole(ctx context.Context, id tenancy.ProjectID) (*bulk.Project, error) {
	entry, err := p.config.Directory.Lookup(ctx, string(id))
	if err != nil {
		return nil, err
	}
	return p.bulkProject(ctx, entry)
}
