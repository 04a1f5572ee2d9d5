package definition

import (
	"reflect"
	"strings"

	"icehouse/dataplane/datamodel"
)

// Kind is a kind of function (platform §2.1).
type Kind string

// The kinds. The last two are accepted and never run (LQ-1). PreWrite comes from the
// console only.
const (
	OperationBefore Kind = "operationBefore"
	PreWrite        Kind = "operationPreWrite"
	OperationAfter  Kind = "operationAfter"
	Subscription    Kind = "subscription"
	Resolver        Kind = "resolver"
	HTTPRequest     Kind = "httpRequest"
	HTTPResponse    Kind = "httpResponse"
)

// Function is one function with its handler.
type Function struct {
	Name        string   `json:"name"`
	Kind        Kind     `json:"kind"`
	Enabled     bool     `json:"enabled"`
	Description string   `json:"description,omitempty"`
	Operation   string   `json:"operation,omitempty"` // hooks: Model.create
	SchemaPath  string   `json:"schemaPath,omitempty"`
	Schema      string   `json:"schema,omitempty"` // resolvers: SDL
	QueryPath   string   `json:"queryPath,omitempty"`
	Query       string   `json:"query,omitempty"`   // subscriptions
	Retries     int      `json:"retries,omitempty"` // subscriptions: LQ-37
	Code        *Code    `json:"code,omitempty"`
	Webhook     *Webhook `json:"webhook,omitempty"`
}

// MaxRetries is how often more a function may be told of an event that it failed at.
const MaxRetries = 10

// Code is a handler that runs on the platform.
type Code struct {
	Path        string            `json:"path"`
	Text        string            `json:"text,omitempty"` // one-file functions (LQ-6)
	Bundle      *External         `json:"bundle,omitempty"`
	Environment map[string]string `json:"environment,omitempty"`
}

// Webhook is a handler that runs elsewhere.
type Webhook struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
}

// Runs says that the function is of a kind that is more than accepted (LQ-1).
func (f *Function) Runs() bool { return f.Kind != HTTPRequest && f.Kind != HTTPResponse }

// Hook is what a hook hangs on: a type of the model, whatever its case, and the verb. The
// type is nil when there is none, which a deploy lets not through.
func (f *Function) Hook(m *datamodel.DataModel) (t *datamodel.Type, verb string) {
	name, verb, _ := strings.Cut(f.Operation, ".")
	return typeNamed(m, name), verb
}

// typeNamed looks a type up without regard to case.
func typeNamed(m *datamodel.DataModel, name string) *datamodel.Type {
	if t := m.Type(name); t != nil {
		return t
	}
	for _, t := range m.Types {
		if strings.EqualFold(t.Name, name) {
			return t
		}
	}
	return nil
}

// Function finds a function by its name, or is nil.
func (d *Definition) Function(name string) *Function {
	for i := range d.Functions {
		if d.Functions[i].Name == name {
			return &d.Functions[i]
		}
	}
	return nil
}

// Running are the functions that are more than accepted.
func (d *Definition) Running() (out []Function) {
	for _, f := range d.Functions {
		if f.Runs() {
			out = append(out, f)
		}
	}
	return out
}

// Does says that two functions do the same, however they are described.
func (f Function) Does(what Function) bool { return reflect.DeepEqual(f.essence(), what.essence()) }

// essence is what counts of a function that runs.
func (f Function) essence() Function {
	f = f.withoutURL()
	f.Description = ""
	if f.Code != nil && len(f.Code.Environment) == 0 {
		code := *f.Code
		code.Environment = nil
		f.Code = &code
	}
	if f.Webhook != nil && len(f.Webhook.Headers) == 0 {
		hook := *f.Webhook
		hook.Headers = nil
		f.Webhook = &hook
	}
	return f
}

// withoutURL leaves out where the function's bundle was uploaded, if it is known what
// is in it: each upload has a URL of its own (LQ-22).
func (f Function) withoutURL() Function {
	if f.Code != nil && f.Code.Bundle != nil && f.Code.Bundle.Hash != "" {
		code, bundle := *f.Code, *f.Code.Bundle
		bundle.URL = ""
		code.Bundle = &bundle
		f.Code = &code
	}
	return f
}

// Same says that two definitions are the same to their author: bundles count by
// what is in them, not by where they were uploaded.
func Same(a, b *Definition) bool {
	x, errX := a.withoutURLs().Encode()
	y, errY := b.withoutURLs().Encode()
	return errX == nil && errY == nil && string(x) == string(y)
}

func (d *Definition) withoutURLs() *Definition {
	c := *d
	c.Source.External = nil // functions have what counts of it
	c.Functions = make([]Function, len(d.Functions))
	for i, f := range d.Functions {
		c.Functions[i] = f.withoutURL()
	}
	return &c
}
