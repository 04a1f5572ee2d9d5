package compiledschema

import (
	"slices"

	"icehouse/dataplane/datamodel"
)

// FunctionKind says when a function runs (platform §2.1).
type FunctionKind string

// The kinds that run.
const (
	OperationBefore FunctionKind = "operationBefore"
	PreWrite        FunctionKind = "operationPreWrite"
	OperationAfter  FunctionKind = "operationAfter"
	ResolverKind    FunctionKind = "resolver"
	EventHandler    FunctionKind = "subscription"
)

// Function is a function of a release: when it runs, and what runs.
type Function struct {
	ID   string       `json:"id"` // of the element
	Name string       `json:"name"`
	Kind FunctionKind `json:"kind"`
	// Type and Verb are what a hook hangs on. An event handler hangs on a type.
	Type string `json:"type,omitempty"`
	Verb Verb   `json:"verb,omitempty"`
	// Formerly are names that the type had while an event handler hung on it: what happened
	// then and is told now has them.
	Formerly []string `json:"formerly,omitempty"`
	// Query is what an event handler is told (platform §2.8), and Retries how often more
	// when it fails.
	Query   string `json:"query,omitempty"`
	Retries int    `json:"retries,omitempty"`
	// Version is which code runs; "" for a webhook.
	Version string   `json:"version,omitempty"`
	Webhook *Webhook `json:"webhook,omitempty"`
}

// Webhook is where a function runs that is not the platform's (platform §2.10).
type Webhook struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
}

// Hook finds the function that runs at a step of a type's operation; nil when none
// does.
func (s *Schema) Hook(t *datamodel.Type, verb Verb, step FunctionKind) *Function {
	for i := range s.functions {
		if f := &s.functions[i]; f.Kind == step && f.Verb == verb && f.Type == t.Name {
			return f
		}
	}
	return nil
}

// Function finds a function by its name; nil when the release has none.
func (s *Schema) Function(name string) *Function {
	for i := range s.functions {
		if s.functions[i].Name == name {
			return &s.functions[i]
		}
	}
	return nil
}

// Handler finds an event handler by the id of the function; nil when the release has none.
func (s *Schema) Handler(id string) *Function {
	for i := range s.functions {
		if f := &s.functions[i]; f.ID == id && f.Kind == EventHandler && f.Type != "" {
			return f
		}
	}
	return nil
}

// Hears says whether an event handler is told of what happened to nodes of a type, by the
// name that it had then.
func (f *Function) Hears(name string) bool {
	return f.Type == name || slices.Contains(f.Formerly, name)
}

// IsResolved says that a root field of some operation is a resolver function's.
func (s *Schema) IsResolved(field string) bool {
	for _, r := range s.resolvers {
		if r.Field.Name == field {
			return true
		}
	}
	return false
}
