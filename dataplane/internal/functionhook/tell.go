package functionhook

import (
	"bytes"
	"context"
	"errors"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/function"
	"icehouse/dataplane/internal/fault"
	"icehouse/tenancy/directory"
)

// idHeader is the header that has the id of an event: that of each attempt to tell a
// function of it, by which the function knows what it was told already. Webhooks get it as
// a header of the request too.
const idHeader = "webhook-id"

// Event is something that a function is told of (platform §2.8).
type Event struct {
	Project   directory.Entry
	Function  *compiledschema.Function
	ID        string // the same for each attempt
	RequestID string
	Data      []byte // JSON
}

// Tell tells a function of an event. Errors are *fault.Fault, without tokens, or the
// context's. later says that the function is not at fault: it was not called.
func (s *Stage) Tell(ctx context.Context, e Event) (later bool, err error) {
	c := call{project: e.Project, function: e.Function, requestID: e.RequestID, eventID: e.ID, data: e.Data}
	c.accept = func(answer returned) error { // what it returned is nobody's, but noted
		switch data := bytes.TrimSpace(answer.Data); {
		case len(data) > 0 && data[0] == '[':
			return badShape(e.Function.Name, "an object")
		case string(data) == "null":
			return fault.New(fault.FunctionShape, "The function '%s' returned null as data.", e.Function.Name)
		}
		return nil
	}
	if e.Project.Exceeded.Invocations {
		return true, s.do(ctx, c)
	}
	err = s.do(ctx, c)
	var failed *function.Error
	return errors.As(err, &failed) && (failed.Kind == function.Busy || failed.Kind == function.Unavailable || failed.Kind == function.NotFound), err
}
