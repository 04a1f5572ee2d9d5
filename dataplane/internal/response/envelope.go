package response

import (
	"bytes"
	"encoding/json"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"icehouse/dataplane/internal/fault"
)

// Message is the public text of a fault. Unexpected ones show nothing but the
// request id, which the log has too (data-api §5.3).
func Message(f *fault.Fault, requestID string) string {
	if f.Public() {
		return f.Message
	}
	return "Whoops. Looks like an internal server error. If it happens again, tell the operator of this service and include your Request ID: " + requestID
}

type location struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

type entry struct {
	Message       string          `json:"message"`
	Code          int             `json:"code,omitempty"`
	RequestID     string          `json:"requestId,omitempty"`
	Path          []any           `json:"path,omitempty"`
	Locations     []location      `json:"locations,omitempty"`
	FunctionError json.RawMessage `json:"functionError,omitempty"`
}

// AppendErrors writes a result's data and errors. locate finds the place of a
// field in the request's text.
func AppendErrors(out, data []byte, errs []Error, requestID string, locate func(field int) (line, column int)) []byte {
	entries := make([]entry, 0, len(errs))
	for _, e := range errs {
		one := entry{Message: Message(e.Fault, requestID), Code: max(e.Fault.Code, 0), RequestID: requestID, Path: e.Path, FunctionError: e.Fault.Details}
		if e.Field >= 0 {
			if line, column := locate(e.Field); line > 0 {
				one.Locations = []location{{line, column}}
			}
		}
		entries = append(entries, one)
	}
	out = append(out, `{"data":`...)
	out = append(out, data...)
	out = append(out, `,"errors":`...)
	return append(appendJSON(out, entries), '}')
}

// AppendInvalid writes the answer to an operation that is not valid: one entry
// for each violation, with request id where there is a code.
func AppendInvalid(out []byte, errs gqlerror.List, code int, requestID string) []byte {
	entries := make([]entry, 0, len(errs))
	for _, e := range errs {
		one := entry{Message: e.Message, Code: code}
		if code != 0 {
			one.RequestID = requestID
		}
		for _, l := range e.Locations {
			one.Locations = append(one.Locations, location{l.Line, l.Column})
		}
		entries = append(entries, one)
	}
	out = append(out, `{"data":null,"errors":`...)
	return append(appendJSON(out, entries), '}')
}

// AppendEnvelope writes a failure before execution (data-api §5.3). Without a
// code only requestId and error are given.
func AppendEnvelope(out []byte, f *fault.Fault, requestID string) []byte {
	return appendJSON(out, struct {
		Code      int    `json:"code,omitempty"`
		RequestID string `json:"requestId"`
		Error     string `json:"error"`
	}{f.Code, requestID, Message(f, requestID)})
}

// AppendSyntax writes the answer to a text that is no GraphQL.
func AppendSyntax(out []byte, text string) []byte {
	return appendJSON(out, struct {
		Error string `json:"error"`
	}{text})
}

func appendJSON(out []byte, v any) []byte {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil { // strings, numbers and lists of them always marshal
		panic(err)
	}
	return append(out, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}
