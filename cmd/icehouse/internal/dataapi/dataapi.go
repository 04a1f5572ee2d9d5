// Package dataapi asks the data API of a project, as any client does.
//
// In: a project's address, a token, an operation. Out: the answer, or an error that
// says why nobody could be asked, or an *systemapi.Error for what the server said
// before it executed anything. Callers: the commands of the cli package that look at
// permissions.
package dataapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"icehouse/cmd/icehouse/internal/systemapi"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 20

// Client asks one project.
type Client struct {
	URL     string // base address of the server
	Project string // id or alias
	Token   string // "" for none
	HTTP    *http.Client
	Relay   bool // the Relay API
}

// Request is one operation.
type Request struct {
	Query     string
	Variables json.RawMessage // nil or empty: none
	// Explain and As are for admins: see X-Icehouse-Explain.
	Explain bool
	As      string
}

// Answer is what came back.
type Answer struct {
	Data       json.RawMessage `json:"data"`
	Errors     []Error         `json:"errors,omitempty"`
	Extensions struct {
		Explain *Explanation `json:"explain,omitempty"`
	} `json:"extensions"`
}

// Error is one entry of errors.
type Error struct {
	Message string `json:"message"`
	Code    int    `json:"code,omitempty"`
	Path    []any  `json:"path,omitempty"`
	// Locations are where in the operation it is, from 1.
	Locations []struct {
		Line   int `json:"line"`
		Column int `json:"column"`
	} `json:"locations,omitempty"`
}

// Place is the path without positions in lists: posts.title.
func (e Error) Place() string {
	var parts []string
	for _, p := range e.Path {
		if name, ok := p.(string); ok {
			parts = append(parts, name)
		}
	}
	return strings.Join(parts, ".")
}

// Explanation says how an answer came about.
type Explanation struct {
	Requester  string   `json:"requester"`
	Access     []Access `json:"access"`
	Statements []string `json:"statements"`
}

// Access is what was decided about one thing.
type Access struct {
	Target  string   `json:"target"`
	Verb    string   `json:"verb"`
	Field   string   `json:"field,omitempty"`
	Outcome string   `json:"outcome"`
	Why     string   `json:"why,omitempty"`
	Rules   []string `json:"rules"`
}

// Do sends a request.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	body := map[string]any{"query": r.Query}
	if len(r.Variables) > 0 {
		body["variables"] = r.Variables
	}
	text, err := json.Marshal(body)
	if err != nil {
		return Answer{}, err
	}
	api := "simple"
	if c.Relay {
		api = "relay"
	}
	url := fmt.Sprintf("%s/%s/v1/%s", strings.TrimSuffix(c.URL, "/"), api, c.Project)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return Answer{}, fmt.Errorf("address %s: %w", url, err)
	}
	request.Header.Set("Content-Type", "application/json")
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if r.Explain {
		request.Header.Set("X-Icehouse-Explain", "1")
		request.Header.Set("X-Icehouse-As", r.As)
	}
	response, err := c.HTTP.Do(request)
	if err != nil {
		return Answer{}, &systemapi.UnreachableError{Host: c.URL, Cause: err}
	}
	defer response.Body.Close()
	got, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return Answer{}, &systemapi.UnreachableError{Host: c.URL, Cause: err}
	}
	var answer struct {
		Answer
		Error     string
		Code      int
		RequestID string
	}
	if err := json.Unmarshal(got, &answer); err != nil {
		return Answer{}, fmt.Errorf("%s does not answer with JSON (HTTP %d): %.200s", url, response.StatusCode, got)
	}
	if answer.Error != "" {
		return Answer{}, &systemapi.Error{Code: answer.Code, Message: answer.Error, RequestID: answer.RequestID}
	}
	return answer.Answer, nil
}
