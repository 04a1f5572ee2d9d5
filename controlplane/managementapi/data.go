package managementapi

import (
	"context"

	"github.com/graphql-go/graphql"
)

// resetProjectData deletes a project's nodes and edges (platform §3.8).
func (t *types) resetProjectData() *graphql.Field {
	a := t.api
	return mutation("resetProjectData",
		graphql.InputObjectConfigFieldMap{"projectId": {Type: required(graphql.String)}},
		graphql.Fields{"viewer": {Type: required(t.viewer)}, "user": {Type: required(t.customer)}, "project": {Type: required(t.project)}},
		func(ctx context.Context, in input) (map[string]any, error) {
			c, err := customer(ctx)
			if err != nil {
				return nil, err
			}
			p, err := a.Projects.Reset(ctx, c, in.text("projectId"))
			if err != nil {
				return nil, err
			}
			return map[string]any{"user": c, "project": a.projectNode(p)}, nil
		})
}
