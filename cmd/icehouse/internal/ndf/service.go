package ndf

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"icehouse/cmd/icehouse/internal/systemapi"
)

// Service is a service with its two endpoints.
type Service struct {
	URL   string // of its Simple API
	Token string // a root token, or that of a collaborator
	HTTP  *http.Client
}

// Problem is what was wrong with one element of a document.
type Problem struct {
	Index   int    `json:"index"`
	Message string `json:"message"`
}

// maxAnswer bounds what is read of an answer: an export has 10 million characters.
const maxAnswer = 64 << 20

// post sends a body and reads the answer. An envelope is a *systemapi.Error.
func (s *Service) post(ctx context.Context, action string, body []byte) (jsontext.Value, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/"+action, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("address %s: %w", s.URL, err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+s.Token)
	response, err := s.HTTP.Do(request)
	if err != nil {
		return nil, &systemapi.UnreachableError{Host: s.URL, Cause: err}
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, &systemapi.UnreachableError{Host: s.URL, Cause: err}
	}
	if !jsontext.Value(answer).IsValid(lenient) {
		return nil, fmt.Errorf("%s/%s does not answer with JSON (HTTP %d): %.200s", s.URL, action, response.StatusCode, answer)
	}
	var envelope struct {
		Code      int    `json:"code"`
		Error     string `json:"error"`
		RequestID string `json:"requestId"`
	}
	if json.Unmarshal(answer, &envelope) == nil && envelope.Error != "" {
		return nil, &systemapi.Error{Code: envelope.Code, Message: envelope.Error, RequestID: envelope.RequestID}
	}
	return answer, nil
}

// importDocument sends a document and returns what was wrong with its elements;
// the others are stored.
func (s *Service) importDocument(ctx context.Context, document []byte) ([]Problem, error) {
	answer, err := s.post(ctx, "import", document)
	if err != nil {
		return nil, err
	}
	var problems []Problem
	if err := json.Unmarshal(answer, &problems); err != nil {
		return nil, fmt.Errorf("%s/import answers with no list: %.200s", s.URL, answer)
	}
	return problems, nil
}

// cursor is opaque but for its end.
type cursor struct {
	Table int64 `json:"table"`
	Row   int64 `json:"row"`
	Field int64 `json:"field"`
	Array int64 `json:"array"`
}

func (c cursor) ended() bool { return c.Table+c.Row+c.Field+c.Array < 0 }

// exportAll hands over all elements of a kind, answer by answer.
func (s *Service) exportAll(ctx context.Context, kind string, do func(elements []jsontext.Value) error) error {
	for at := (cursor{}); !at.ended(); {
		body, err := json.Marshal(map[string]any{"fileType": kind, "cursor": at})
		if err != nil {
			return err
		}
		answer, err := s.post(ctx, "export", body)
		if err != nil {
			return err
		}
		var chunk struct {
			Out struct {
				JSONElements []jsontext.Value `json:"jsonElements"`
			} `json:"out"`
			Cursor *cursor `json:"cursor"`
		}
		if err := json.Unmarshal(answer, &chunk); err != nil || chunk.Cursor == nil {
			return fmt.Errorf("%s/export answers with no part of an export: %.200s", s.URL, answer)
		}
		if *chunk.Cursor == at {
			return fmt.Errorf("%s/export does not get beyond %s", s.URL, body)
		}
		at = *chunk.Cursor
		if err := do(chunk.Out.JSONElements); err != nil {
			return err
		}
	}
	return nil
}
