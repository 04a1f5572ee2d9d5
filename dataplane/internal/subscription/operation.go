package subscription

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"icehouse/dataplane/coercion"
)

// operation is what a client asks for, in each protocol's message.
type operation struct {
	Query         *string        `json:"query"`
	Variables     jsontext.Value `json:"variables"`
	OperationName *string        `json:"operationName"`
	Extensions    jsontext.Value `json:"extensions"`
}

var errNotUnderstood = errors.New("the message can't be parsed")

// size is how large it is.
func (o operation) size() int {
	n := len(o.Variables)
	if o.Query != nil {
		n += len(*o.Query)
	}
	return n
}

// request reads an operation; resumes says that the client knows of cursors.
func (o operation) request() (r Request, resumes bool, err error) {
	if o.Query == nil {
		return r, false, errNotUnderstood
	}
	r.Query = *o.Query
	if o.OperationName != nil {
		r.OperationName = *o.OperationName
	}
	if text := strings.TrimSpace(string(o.Variables)); text != "" && text != "null" {
		if r.Variables, err = coercion.ReadVariables(text); err != nil || r.Variables == nil {
			return r, false, errNotUnderstood
		}
	}
	if text := strings.TrimSpace(string(o.Extensions)); text != "" && text != "null" {
		var extensions struct {
			Cursor jsontext.Value `json:"cursor"`
		}
		if !understood(o.Extensions, &extensions) {
			return r, false, errNotUnderstood
		}
		if extensions.Cursor != nil {
			resumes = true
			var cursor *string
			if !understood(extensions.Cursor, &cursor) {
				return r, false, errNotUnderstood
			}
			if cursor != nil {
				if *cursor == "" { // no place, and not null: whoever sends it has lost one
					return r, false, errNotUnderstood
				}
				r.Cursor = *cursor
			}
		}
	}
	return r, resumes, nil
}

// bearer reads the Authorization of a payload (data-api §4.7). ok is false when it is
// there and no string.
func bearer(payload jsontext.Value) (token string, ok bool) {
	var members map[string]jsontext.Value
	if len(payload) == 0 || !understood(payload, &members) {
		return "", true
	}
	value, given := members["Authorization"]
	if !given {
		value, given = members["authorization"]
	}
	if !given || string(value) == "null" {
		return "", true
	}
	var text string
	if !understood(value, &text) {
		return "", false
	}
	token, isBearer := strings.CutPrefix(text, "Bearer ")
	if !isBearer {
		return "", true
	}
	return strings.TrimSpace(token), true
}
