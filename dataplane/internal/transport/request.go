package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/internal/operation"
)

// call is the body of a POST (data-api §5.2): one request, or a batch of them.
type call struct {
	requests []element
	batch    bool
}

// element is one request of a body, or what is wrong with it.
type element struct {
	request operation.Request
	fault   *fault.Fault
}

// errNotJSON says that the body is no JSON at all.
var errNotJSON = errors.New("the request body is not valid JSON")

type wireRequest struct {
	Query         string          `json:"query"`
	Variables     json.RawMessage `json:"variables"`
	OperationName string          `json:"operationName"`
}

// readCall reads a body. The error is errNotJSON or a *fault.Fault that stands
// for the whole body.
func readCall(body []byte) (call, error) {
	body = bytes.TrimSpace(body)
	switch {
	case len(body) == 0:
		return call{}, errNotJSON
	case body[0] == '{':
		e, err := readElement(body)
		if err != nil {
			return call{}, unparsable(body)
		}
		return call{requests: []element{e}}, nil
	case body[0] == '[':
		var parts []json.RawMessage
		if err := json.Unmarshal(body, &parts); err != nil {
			return call{}, errNotJSON
		}
		c := call{batch: true, requests: make([]element, 0, len(parts))}
		for _, part := range parts {
			part = bytes.TrimSpace(part)
			if len(part) == 0 || part[0] != '{' {
				return call{}, unparsable(body)
			}
			e, err := readElement(part)
			if err != nil {
				return call{}, unparsable(body)
			}
			c.requests = append(c.requests, e)
		}
		return c, nil
	default:
		return call{}, unparsable(body)
	}
}

// unparsable tells text that is no JSON from JSON of the wrong form.
func unparsable(body []byte) error {
	if !json.Valid(body) {
		return errNotJSON
	}
	const shown = 1000
	text := string(body)
	if len(text) > shown {
		text = strings.ToValidUTF8(text[:shown], "") + "..."
	}
	return fault.New(fault.InputUnparsable, "input could not be parsed: '%s'", text)
}

func readElement(data []byte) (element, error) {
	var w wireRequest
	if err := json.Unmarshal(data, &w); err != nil {
		return element{}, err
	}
	e := element{request: operation.Request{Query: w.Query, OperationName: w.OperationName}}
	e.request.Variables, e.fault = readVariables(w.Variables)
	return e, nil
}

// readVariables takes an object, or a text that holds one. All else is none.
func readVariables(raw json.RawMessage) (map[string]any, *fault.Fault) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return nil, nil
	}
	if raw[0] == '"' {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, fault.New(fault.VariablesUnparsed, "Variables could not be parsed as json: %s", raw)
		}
		if strings.TrimSpace(text) == "" {
			return nil, nil
		}
		if raw = bytes.TrimSpace([]byte(text)); !json.Valid(raw) {
			return nil, fault.New(fault.VariablesUnparsed, "Variables could not be parsed as json: %s", text)
		}
	}
	if raw[0] != '{' {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var variables map[string]any
	if err := d.Decode(&variables); err != nil {
		return nil, fault.New(fault.VariablesUnparsed, "Variables could not be parsed as json: %s", raw)
	}
	return variables, nil
}
