package functionhook

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/internal/planner"
	"icehouse/tenancy/directory"
)

// Request is a request whose functions run: executor.Functions.
type Request struct {
	*Stage
	Project   directory.Entry
	Schema    *compiledschema.Schema
	RequestID string
	Address   string // of the client
	Header    http.Header
	// Auth says who sends the request; nil for nobody. Only resolvers are told (LQ-9).
	Auth func() *Auth
	// Nested says whether a function sends the request.
	Nested func() bool
	// Calls counts those of the request.
	Calls atomic.Int32
}

// do calls a function for the request.
func (r *Request) do(ctx context.Context, c call) error {
	r.Calls.Add(1)
	return r.Stage.do(ctx, c)
}

func (r *Request) call(f *compiledschema.Function, data []byte) call {
	return call{project: r.Project, function: f, requestID: r.RequestID, nested: r.Nested(), data: data}
}

// Resolve implements executor.Functions.
func (r *Request) Resolve(ctx context.Context, n *planner.Node, data []byte) (out []byte, err error) {
	f := r.Schema.Function(n.Call.Resolver.Function)
	if f == nil {
		return nil, fault.New(fault.FunctionFailed, "The function '%s' is not deployed.", n.Call.Resolver.Function)
	}
	c := r.call(f, data)
	c.address, c.header, c.auth = r.Address, r.Header, r.Auth()
	c.accept = func(answer returned) (err error) {
		if n.NonNull && (answer.Data == nil || string(bytes.TrimSpace(answer.Data)) == "null") { // LQ-12
			return fault.New(fault.ResolverNull, "The function '%s' returned no data, but its type %s can't be null.", f.Name, n.Call.Resolver.Field.Type)
		}
		out, err = shaped(r.Schema, n, answer.Data)
		return err
	}
	return out, r.do(ctx, c)
}

// Before implements executor.Functions (platform §2.6).
func (r *Request) Before(ctx context.Context, h *planner.Hook, data []byte) (values map[string]coercion.Value, err error) {
	if h.Before != nil {
		c := r.call(h.Before, data)
		c.accept = func(answer returned) error {
			if answer.Data == nil || h.Verb == compiledschema.Delete && string(bytes.TrimSpace(answer.Data)) != "null" {
				return nil
			}
			fields, ok := object(answer.Data)
			if !ok {
				return badShape(h.Before.Name, "an object")
			}
			values, err = scalars(r.Schema, h.Type, fields, func(f *datamodel.Field) bool { return !f.IsSystem() })
			return err
		}
		if err := r.do(ctx, c); err != nil {
			return nil, err
		}
		if values != nil && h.Verb == compiledschema.Create {
			if err := complete(h.Type, values); err != nil {
				return nil, err
			}
		}
	}
	if h.PreWrite != nil {
		if data, err = transformed(data, h.Type, values); err != nil {
			return nil, err
		}
		c := r.call(h.PreWrite, data)
		c.accept = func(returned) error { return nil }
		if err := r.do(ctx, c); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// complete checks that a new node has what it needs.
func complete(t *datamodel.Type, values map[string]coercion.Value) error {
	for _, f := range t.Fields {
		if v, ok := values[f.Name]; !f.IsRelation() && !f.IsSystem() && f.Required && v == nil && (ok || f.Default == nil) {
			return planner.RequiredNull(f)
		}
	}
	return nil
}

// transformed are the data of a node with other scalars; with the same for nil.
func transformed(data []byte, t *datamodel.Type, values map[string]coercion.Value) ([]byte, error) {
	if values == nil {
		return data, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	for _, f := range t.Fields {
		if !f.IsRelation() && !f.IsSystem() {
			delete(fields, f.Name)
		}
	}
	for name, v := range values {
		text, err := coercion.AppendJSON(nil, v)
		if err != nil {
			return nil, err
		}
		fields[name] = text
	}
	return json.Marshal(fields)
}

// After implements executor.Functions (platform §2.7).
func (r *Request) After(ctx context.Context, h *planner.AfterHook, data []byte) (out map[string][]byte, err error) {
	c := r.call(h.Function, data)
	c.accept = func(answer returned) error {
		if answer.Data == nil {
			return nil
		}
		fields, ok := object(answer.Data)
		if !ok {
			return badShape(h.Function.Name, "an object")
		}
		values, err := scalars(r.Schema, h.Type, fields, func(*datamodel.Field) bool { return true })
		if err != nil {
			return err
		}
		out = map[string][]byte{}
		for name, v := range values {
			if out[name], err = coercion.AppendJSON(nil, v); err != nil {
				return err
			}
		}
		return nil
	}
	return out, r.do(ctx, c)
}
