package functionhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/function"
	"icehouse/dataplane/internal/fault"
)

// returned is what a function returned, taken apart (platform §2.5).
type returned struct {
	// Data is nil when there was none, and the JSON null when it was null.
	Data []byte
	// whole is the object that was returned, for the log.
	whole []byte
}

// read takes an output apart. managed says that the platform ran the code: its answer
// may come in an envelope with logs (LQ-14). The error is a *fault.Fault.
func read(out function.Output, managed bool, requestID string) (returned, error) {
	unusable := func(why string) (returned, error) {
		return returned{}, fault.New(fault.FunctionUnusable, "The function returned %s. See the function's log for executionId '%s'.", why, requestID)
	}
	value := jsontext.Value(bytes.TrimSpace(out.Value))
	if out.Value == nil || managed && (len(value) == 0 || string(value) == "null") { // LQ-13
		return returned{whole: []byte("{}")}, nil
	}
	if value = wellFormed(value); value == nil {
		return unusable("something that is no JSON")
	}
	fields, ok := object(value)
	if !ok {
		return unusable("no JSON object with data or error")
	}
	if inner, ok := object(fields["response"]); managed && ok {
		value, fields = jsontext.Value(fields["response"]), inner
	}
	r := returned{Data: fields["data"], whole: value}
	failed := bytes.TrimSpace(fields["error"])
	switch {
	case len(failed) == 0 || string(failed) == "null":
		return r, nil
	case failed[0] == '"':
		var text string
		if err := json.Unmarshal(failed, &text); err != nil {
			return unusable("an error that can't be read")
		}
		return r, &fault.Fault{Code: fault.FunctionError, Message: "function execution error: " + text, Details: failed}
	case failed[0] == '{':
		return r, &fault.Fault{Code: fault.FunctionErrorObject, Message: "function execution error", Details: failed}
	default:
		return unusable("an error that is neither a text nor an object")
	}
}

func isObject(value []byte) bool {
	_, ok := object(value)
	return ok
}

// wellFormed is a value if it is JSON, else nil. What is no character, as the half of one
// that JavaScript leaves of a text that it cuts, becomes U+FFFD.
func wellFormed(value jsontext.Value) jsontext.Value {
	if value.IsValid(jsontext.AllowDuplicateNames(true)) {
		return value
	}
	value = value.Clone()
	if value.Format(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true), jsontext.PreserveRawStrings(false)) != nil {
		return nil
	}
	return value
}

// object reads the fields of a JSON object; the last of a name counts.
func object(value []byte) (map[string]json.RawMessage, bool) {
	value = bytes.TrimSpace(value)
	if len(value) == 0 || value[0] != '{' {
		return nil, false
	}
	var fields map[string]json.RawMessage
	return fields, json.Unmarshal(value, &fields) == nil
}

// failure is the fault of an invocation that failed. A webhook that does not answer in
// time can't be reached; what it answers at too great a length can't be used.
func failure(err error, f *compiledschema.Function, requestID string) *fault.Fault {
	var e *function.Error
	if !errors.As(err, &e) {
		return fault.Internal(err)
	}
	name, kind := f.Name, e.Kind
	if f.Webhook != nil && kind == function.TimedOut {
		kind = function.Unreachable
	}
	switch kind {
	case function.BadStatus:
		return &fault.Fault{Code: fault.FunctionStatus, Message: fmt.Sprintf("The webhook of the function '%s' answered with the status %d. See the function's log for executionId '%s'.", name, e.Status, requestID), Cause: err}
	case function.Unreachable:
		return &fault.Fault{Code: fault.FunctionUnreachable, Message: fmt.Sprintf("The webhook of the function '%s' can't be reached: %s. See the function's log for executionId '%s'.", name, e.Text, requestID), Cause: err}
	default:
		code := fault.FunctionFailed
		if f.Webhook != nil && kind == function.TooLarge {
			code = fault.FunctionUnusable
		}
		return &fault.Fault{Code: code, Message: fmt.Sprintf("The function '%s' failed: %s. See the function's log for executionId '%s'.", name, firstLine(e.Text), requestID), Cause: err}
	}
}

func firstLine(text string) string {
	line, _, _ := bytes.Cut([]byte(text), []byte("\n"))
	return string(line)
}

// badShape is the fault of data that is none of what is asked for.
func badShape(name, want string) *fault.Fault {
	return fault.New(fault.FunctionShape, "Data that is not %s was returned by the function %s", want, name)
}
