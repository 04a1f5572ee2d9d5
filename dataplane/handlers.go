package dataplane

import (
	"context"

	"icehouse/dataplane/connector/queue"
	"icehouse/dataplane/internal/eventhandler"
	"icehouse/tenancy"
)

// TellFunctions tells functions of the events of all placements until ctx ends (platform
// §2.8). The queue says when there are some.
func (d *DataPlane) TellFunctions(ctx context.Context, messages *queue.Queue, placements func(context.Context) ([]tenancy.Placement, error)) {
	eventhandler.New(eventhandler.Config{
		Directory:  d.config.Directory,
		Schemas:    d.schemas,
		Documents:  d.documents,
		Placements: placements,
		Database:   d.config.Database,
		Functions:  d.functions,
		Messages:   messages,
		Used:       d.config.Meter.Add,
		RequestID:  func() string { return region + ":events:" + tenancy.NewID() },
		Mark:       d.mark,
		Timeout:    d.config.Timeout,
		Clock:      d.config.Clock,
		Log:        d.config.Log,
	}).Run(ctx)
}
