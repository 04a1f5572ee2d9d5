package systemapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// DeployURL makes a URL that takes the code of one file of a service.
func (c *Client) DeployURL(ctx context.Context, project string) (string, error) {
	var data struct{ GetTemporaryDeployURL struct{ URL string } }
	err := c.do(ctx, `mutation ($projectId: String!) {
  getTemporaryDeployUrl(input: {projectId: $projectId, clientMutationId: "static"}) { url }
}`, map[string]any{"projectId": project}, &data)
	return data.GetTemporaryDeployURL.URL, err
}

// WebhookSecret is what signs what a service's webhooks are sent.
func (c *Client) WebhookSecret(ctx context.Context, project string) (string, error) {
	var data struct {
		Viewer struct {
			Project struct{ WebhookSecret string }
		}
	}
	err := c.do(ctx, `query ($projectId: ID!) { viewer { project(id: $projectId) { webhookSecret } } }`, map[string]any{"projectId": project}, &data)
	return data.Viewer.Project.WebhookSecret, err
}

// Upload sends an archive to a URL that DeployURL made.
func (c *Client) Upload(ctx context.Context, url string, archive []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, url, bytes.NewReader(archive))
	if err != nil {
		return fmt.Errorf("the address for uploads, %s: %w", url, err)
	}
	request.Header.Set("Content-Type", "application/zip")
	response, err := c.HTTP.Do(request)
	if err != nil {
		return &UnreachableError{url, err}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return &UnreachableError{url, err}
	}
	if response.StatusCode == http.StatusOK {
		return nil
	}
	var answer struct{ Error string }
	if json.Unmarshal(text, &answer) != nil || answer.Error == "" {
		return fmt.Errorf("the address for uploads, %s, answered HTTP %d", url, response.StatusCode)
	}
	return fmt.Errorf("the code was not accepted: %s", answer.Error)
}

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

// DeadEvent is an event that a function failed at for the last time.
type DeadEvent struct {
	ID         string    `json:"id"`
	Function   string    `json:"functionName"`
	Model      string    `json:"modelName"`
	Node       string    `json:"nodeId"`
	Mutation   string    `json:"mutation"`
	Attempts   int       `json:"attempts"`
	Error      string    `json:"error"`
	HappenedAt time.Time `json:"happenedAt"`
	DeadAt     time.Time `json:"deadAt"`
}

// DeadEvents reads all of a service, the oldest first.
func (c *Client) DeadEvents(ctx context.Context, project string) (all []DeadEvent, err error) {
	var after *string
	for {
		var data struct {
			Viewer struct {
				Project struct{ DeadEvents []DeadEvent }
			}
		}
		if err := c.do(ctx, `query ($projectId: ID!, $after: ID) {
  viewer { project(id: $projectId) { deadEvents(after: $after) { id functionName modelName nodeId mutation attempts error happenedAt deadAt } } }
}`, map[string]any{"projectId": project, "after": after}, &data); err != nil {
			return nil, err
		}
		page := data.Viewer.Project.DeadEvents
		if len(page) == 0 {
			return all, nil
		}
		all = append(all, page...)
		after = &page[len(page)-1].ID
	}
}

// ReplayEvents lets functions be told of dead events again, and says of how many: of
// those with the ids, or those of a function, or all.
func (c *Client) ReplayEvents(ctx context.Context, project, function string, ids []string) (int, error) {
	input := map[string]any{"projectId": project}
	if function != "" {
		input["functionName"] = function
	}
	if len(ids) > 0 {
		input["ids"] = ids
	}
	var data struct{ ReplayEvents struct{ Count int } }
	err := c.do(ctx, `mutation ($input: ReplayEventsInput!) { replayEvents(input: $input) { count } }`, map[string]any{"input": input}, &data)
	return data.ReplayEvents.Count, err
}
