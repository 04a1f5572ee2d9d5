// Package systemapi speaks to the management API of a cluster, with the
// operations of platform §4.3.
//
// In: a host, a token and the arguments of a call. Out: what it answered, or
// an *Error for the server's own words, or an error that says why nobody could
// be asked. Callers: the commands of the cli package.
package systemapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 20

// Client asks one cluster.
type Client struct {
	Host  string // base URL
	Token string // "" for none
	HTTP  *http.Client
}

// NewHTTP makes the HTTP client for Clients. It waits a little longer than the
// server works on a deploy (platform §4.1).
func NewHTTP() *http.Client { return &http.Client{Timeout: 130 * time.Second} }

// Error is what the server said.
type Error struct {
	Code      int    `json:"code"`
	Message   string `json:"message"`
	RequestID string `json:"requestId"`
}

func (e *Error) Error() string {
	if e.Code == 0 && e.RequestID != "" && !strings.Contains(e.Message, e.RequestID) {
		return fmt.Sprintf("%s (request %s)", e.Message, e.RequestID)
	}
	return e.Message
}

// NoSession reports whether the server did not accept the token.
func NoSession(err error) bool {
	var e *Error
	return errors.As(err, &e) && strings.HasPrefix(e.Message, "No valid session")
}

// NoService reports whether the server does not know the service.
func NoService(err error) bool {
	var e *Error
	return errors.As(err, &e) && strings.Contains(e.Message, "No service with id")
}

// do sends one operation and reads its data.
func (c *Client) do(ctx context.Context, query string, variables map[string]any, data any) error {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Host+"/system", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("cluster address %s: %w", c.Host, err)
	}
	request.Header.Set("Content-Type", "application/json")
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	response, err := c.HTTP.Do(request)
	if err != nil {
		return &UnreachableError{c.Host, err}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return &UnreachableError{c.Host, err}
	}
	var answer struct {
		Data      json.RawMessage `json:"data"`
		Errors    []Error         `json:"errors"`
		Error     string          `json:"error"` // before execution
		Code      int             `json:"code"`
		RequestID string          `json:"requestId"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("%s does not answer like a management API (HTTP %d); is this the address of a cluster?", c.Host, response.StatusCode)
	}
	switch {
	case len(answer.Errors) > 0:
		return &answer.Errors[0]
	case answer.Error != "":
		return &Error{answer.Code, answer.Error, answer.RequestID}
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("%s answered HTTP %d", c.Host, response.StatusCode)
	}
	return json.Unmarshal(answer.Data, data)
}

// UnreachableError is a server that does not answer.
type UnreachableError struct {
	Host  string
	Cause error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("no answer from %s: %v", e.Host, e.Cause)
}

func (e *UnreachableError) Unwrap() error { return e.Cause }

// Project is a service as the server describes it.
type Project struct {
	ID      string  `json:"id"`
	Name    string  `json:"name"`
	Alias   *string `json:"alias"`
	Region  string  `json:"region"`
	Schema  string  `json:"schema"` // the data model, as SDL
	Ejected bool    `json:"isEjected"`
	// Definition is the deployed definition with its files, as JSON (platform §1.7).
	Definition string `json:"projectDefinitionWithFileContent"`
}

// Message is one step of a deploy.
type Message struct {
	Type            string    `json:"type"`
	Action          string    `json:"action"`
	Name            string    `json:"name"`
	Description     string    `json:"description"`
	SubDescriptions []Message `json:"subDescriptions,omitempty"`
}

// SchemaError is one reason why a deploy was refused.
type SchemaError struct {
	Type        string  `json:"type"`
	Field       *string `json:"field"`
	Description string  `json:"description"`
}

// Outcome is the result of a push.
type Outcome struct {
	Messages []Message     `json:"migrationMessages"`
	Errors   []SchemaError `json:"errors"`
	Warnings []string      `json:"warnings"`
	Exposure Exposure      `json:"exposure"`
	Steps    []Step        `json:"steps"` // of a dry run
}

// Step is what a deploy would do to stored rows: whom it keeps waiting (NONE, MOMENT,
// WRITES, TABLE) and how many rows it goes through.
type Step struct {
	Description string  `json:"description"`
	Lock        string  `json:"lock"`
	Rows        float64 `json:"rows"`
}

// Exposure is what anyone may do without a token, and what a deploy changes in that.
type Exposure struct {
	Now     []string `json:"now"`
	Added   []string `json:"added"`
	Removed []string `json:"removed"`
}

// RootToken is a long-lived token of a service.
type RootToken struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Token string `json:"token"`
}

// Authenticate trades the master token of an own cluster for a token of the
// management API.
func (c *Client) Authenticate(ctx context.Context, masterToken string) (string, error) {
	var data struct {
		AuthenticateCustomer struct{ Token string }
	}
	err := c.anonymous().do(ctx, `mutation ($token: String!) {
  authenticateCustomer(input: {auth0IdToken: $token}) { token user { id } }
}`, map[string]any{"token": masterToken}, &data)
	return data.AuthenticateCustomer.Token, err
}

const remoteProject = `
fragment RemoteProject on Project { id name schema alias region isEjected projectDefinitionWithFileContent }`

// AddProject makes a service. An empty alias is none.
func (c *Client) AddProject(ctx context.Context, name, alias, config string) (Project, error) {
	variables := map[string]any{"name": name, "region": "EU_WEST_1", "config": config}
	if alias != "" {
		variables["alias"] = alias
	}
	var data struct {
		AddProject struct{ Project Project }
	}
	err := c.do(ctx, `mutation addProject($name: String!, $alias: String, $region: Region, $config: String) {
  addProject(input: {name: $name, alias: $alias, region: $region, config: $config, clientMutationId: "static"}) {
    project { ...RemoteProject }
  }
}`+remoteProject, variables, &data)
	return data.AddProject.Project, err
}

// Push deploys a definition, or says what a deploy would do.
func (c *Client) Push(ctx context.Context, project, config string, dryRun, force bool) (Outcome, error) {
	var data struct{ Push Outcome }
	err := c.do(ctx, `mutation ($projectId: String!, $force: Boolean, $isDryRun: Boolean!, $config: String!) {
  push(input: {projectId: $projectId, force: $force, isDryRun: $isDryRun, config: $config, version: 1, clientMutationId: "static"}) {
    migrationMessages { type action name description subDescriptions { type action name description } }
    errors { description type field }
    warnings
    exposure { now added removed }
    steps { description lock rows }
    project { id name alias projectDefinitionWithFileContent }
  }
}`, map[string]any{"projectId": project, "force": force, "isDryRun": dryRun, "config": config}, &data)
	return data.Push, err
}

// Project finds a service by id or alias.
func (c *Client) Project(ctx context.Context, idOrAlias string) (Project, error) {
	var data struct{ Viewer struct{ Project Project } }
	err := c.do(ctx, `query ($projectId: ID!) { viewer { project(id: $projectId) { ...RemoteProject } } }`+remoteProject,
		map[string]any{"projectId": idOrAlias}, &data)
	return data.Viewer.Project, err
}

// connection is a list in the form of Relay.
type connection[T any] struct{ Edges []struct{ Node T } }

func (c connection[T]) nodes() []T {
	out := make([]T, 0, len(c.Edges))
	for _, edge := range c.Edges {
		out = append(out, edge.Node)
	}
	return out
}

// Projects lists the services of the account.
func (c *Client) Projects(ctx context.Context) ([]Project, error) {
	var data struct {
		Viewer struct {
			User struct{ Projects connection[Project] }
		}
	}
	err := c.do(ctx, `{ viewer { user { projects { edges { node { id name alias region } } } } } }`, nil, &data)
	return data.Viewer.User.Projects.nodes(), err
}

// RootTokens lists the root tokens of a service.
func (c *Client) RootTokens(ctx context.Context, project string) ([]RootToken, error) {
	var data struct {
		Viewer struct {
			Project struct{ PermanentAuthTokens connection[RootToken] }
		}
	}
	err := c.do(ctx, `query ($projectId: ID!) {
  viewer { project(id: $projectId) { permanentAuthTokens { edges { node { id name token } } } } }
}`, map[string]any{"projectId": project}, &data)
	return data.Viewer.Project.PermanentAuthTokens.nodes(), err
}

// NodeToken makes the token of a node, by the right of the client's own token.
func (c *Client) NodeToken(ctx context.Context, project, node, model string) (string, error) {
	var data struct{ GenerateNodeToken struct{ Token string } }
	err := c.do(ctx, `mutation ($root: String!, $service: ID!, $node: ID!, $model: ID!) {
  generateNodeToken(input: {rootToken: $root, serviceId: $service, nodeId: $node, modelName: $model, clientMutationId: "static"}) { token }
}`, map[string]any{"root": c.Token, "service": project, "node": node, "model": model}, &data)
	return data.GenerateNodeToken.Token, err
}

// DeleteProject removes a service with all that it holds.
func (c *Client) DeleteProject(ctx context.Context, project string) error {
	var data struct{ DeleteProject struct{ DeletedID string } }
	return c.do(ctx, `mutation ($projectId: String!) {
  deleteProject(input: {projectId: $projectId, clientMutationId: "static"}) { deletedId }
}`, map[string]any{"projectId": project}, &data)
}
