package functionhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"icehouse/dataplane/connector/function"
	"icehouse/dataplane/internal/fault"
	"icehouse/tenancy"
	"icehouse/tenancy/functionlog"
)

// entry becomes an entry of a function's log (platform §2.11).
type entry struct {
	call
	began   time.Time
	took    time.Duration
	event   []byte
	success bool
	message map[string]any
	tokens  []string // that the function was told, and may have said
}

// logLine is one thing that was said, as an object with one key.
type logLine function.Log

func (l logLine) MarshalJSON() ([]byte, error) { return json.Marshal(map[string]string{l.Key: l.Text}) }

func lines(logs []function.Log) []logLine {
	out := make([]logLine, len(logs))
	for i, l := range logs {
		out[i] = logLine(l)
	}
	return out
}

// returned is what is noted of a function that answered. err is the fault that its
// answer means.
func (e *entry) returned(out function.Output, r returned, err error) {
	var f *fault.Fault
	e.success = err == nil
	switch {
	case err == nil, errors.As(err, &f) && (f.Code == fault.FunctionError || f.Code == fault.FunctionErrorObject):
		e.message = map[string]any{"event": string(e.event), "logs": lines(out.Logs), "returnValue": json.RawMessage(r.whole)}
	default:
		e.failed(fmt.Sprintf("%s It returned: %s", fault.Of(err).Message, cut(out.Value)), out.Logs)
	}
}

// heard is what is noted of a webhook that was told of an event, and says nothing that
// has a meaning.
func (e *entry) heard(answer []byte) {
	e.success = true
	e.message = map[string]any{"event": string(e.event), "rawResponse": cut(answer)}
	if json.Valid(answer) {
		e.message = map[string]any{"event": string(e.event), "logs": []any{}, "returnValue": json.RawMessage(answer)}
	}
}

// invocationFailed is what is noted of a function that did not answer.
func (e *entry) invocationFailed(err error) {
	var known *function.Error
	if !errors.As(err, &known) {
		e.failed("The function could not be run.", nil)
		return
	}
	text := known.Text
	if hook := e.function.Webhook; hook != nil && known.Kind == function.BadStatus {
		text = fmt.Sprintf("Call to %s failed with status %d, response body %s and headers [%s]", hook.URL, known.Status, cut(known.Body), headers(known.Header))
	}
	e.failed(text, known.Logs)
}

func (e *entry) failed(why string, logs []function.Log) {
	e.message = map[string]any{"error": why, "event": string(e.event)}
	if len(logs) > 0 {
		e.message["logs"] = lines(logs)
	}
}

// headers are those of an answer, in words.
func headers(all http.Header) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, name+": "+strings.Join(all[name], ", "))
	}
	return cut([]byte(strings.Join(out, " | ")))
}

// cut is the beginning of a text.
func cut(text []byte) string {
	const most = 4 << 10
	if len(text) > most {
		return string(bytes.ToValidUTF8(text[:most], nil)) + " ..."
	}
	return string(bytes.ToValidUTF8(text, []byte("\uFFFD")))
}

// hide leaves tokens out of what is kept of a failure.
func (e *entry) hide(err error) error {
	var f *fault.Fault
	if !errors.As(err, &f) {
		return err
	}
	known := *f
	for _, token := range e.tokens {
		if token != "" {
			known.Message = strings.ReplaceAll(known.Message, token, hidden)
		}
	}
	return &known
}

func (e *entry) entry() functionlog.Entry {
	text, err := encoded(e.message)
	if err != nil { // what was returned was looked at: it is JSON
		text = []byte(`{"error":"The entry could not be written."}`)
	}
	for _, token := range e.tokens {
		if quoted, err := json.Marshal(token); err == nil && token != "" {
			text = bytes.ReplaceAll(text, quoted[1:len(quoted)-1], []byte(hidden))
		}
	}
	return functionlog.Entry{
		ID: tenancy.NewID(), Project: e.project.Project, Function: e.function.ID, RequestID: e.requestID,
		Success: e.success, Duration: e.took, At: e.began, Message: text,
	}
}
