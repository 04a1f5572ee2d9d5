package systemapi

import (
	"context"
	"time"
)

// ResetData deletes all nodes and edges of a service.
func (c *Client) ResetData(ctx context.Context, project string) error {
	var data struct {
		ResetProjectData struct{ ClientMutationID string }
	}
	return c.do(ctx, `mutation ($projectId: String!) {
  resetProjectData(input: {projectId: $projectId, clientMutationId: "static"}) { clientMutationId }
}`, map[string]any{"projectId": project}, &data)
}

// Function is a function of a service.
type Function struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
}

// Functions lists the functions of a service.
func (c *Client) Functions(ctx context.Context, project string) ([]Function, error) {
	var data struct {
		Viewer struct {
			Project struct{ Functions connection[Function] }
		}
	}
	err := c.do(ctx, `query ($projectId: ID!) {
  viewer { project(id: $projectId) { functions { edges { node { id name type } } } } }
}`, map[string]any{"projectId": project}, &data)
	return data.Viewer.Project.Functions.nodes(), err
}

// LogEntry is what a function said in one call (platform §2.11).
type LogEntry struct {
	ID        string    `json:"id"`
	RequestID string    `json:"requestId"`
	Duration  int       `json:"duration"` // in milliseconds
	Status    string    `json:"status"`   // SUCCESS or FAILURE
	Timestamp time.Time `json:"timestamp"`
	Message   string    `json:"message"` // a JSON document
}

// Logs reads the last entries of a function, at most count, the newest first. A server
// answers long ones in several pages.
func (c *Client) Logs(ctx context.Context, function string, count int) (all []LogEntry, err error) {
	var after *string
	for {
		var data struct {
			Node struct {
				Logs struct {
					connection[LogEntry]
					PageInfo struct {
						HasNextPage bool
						EndCursor   *string
					}
				}
			}
		}
		if err := c.do(ctx, `query ($id: ID!, $count: Int!, $after: String) {
  node(id: $id) { ... on Function { logs(last: $count, after: $after) { pageInfo { hasNextPage endCursor } edges { node { id requestId duration status timestamp message } } } } }
}`, map[string]any{"id": function, "count": count - len(all), "after": after}, &data); err != nil {
			return nil, err
		}
		page := data.Node.Logs
		all = append(all, page.nodes()...)
		if len(all) >= count || len(page.Edges) == 0 || !page.PageInfo.HasNextPage {
			return all, nil
		}
		after = page.PageInfo.EndCursor
	}
}
