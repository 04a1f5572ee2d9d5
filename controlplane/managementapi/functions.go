package managementapi

import (
	"context"
	"encoding/json"
	"strings"

	"icehouse/controlplane/definition"
)

// functionNode is a deployed function.
type functionNode struct {
	part
	definition.Function
}

func (f functionNode) typeName() string {
	switch f.Kind {
	case definition.Subscription:
		return "ServerSideSubscriptionFunction"
	case definition.Resolver:
		return "SchemaExtensionFunction"
	default:
		return "RequestPipelineMutationFunction"
	}
}

func (p part) function(f definition.Function) functionNode {
	p.id = p.snap.FunctionID(f.Name)
	return functionNode{p, f}
}

// bindings are the steps of hooks.
var bindings = map[string]definition.Kind{
	"TRANSFORM_ARGUMENT": definition.OperationBefore, "PRE_WRITE": definition.PreWrite, "TRANSFORM_PAYLOAD": definition.OperationAfter,
}

func (f functionNode) binding() any {
	for name, kind := range bindings {
		if f.Kind == kind {
			return name
		}
	}
	return nil
}

// kind is WEBHOOK or AUTH0, the word for code that the platform runs.
func (f functionNode) kind() any {
	if f.Webhook != nil {
		return "WEBHOOK"
	}
	return "AUTH0"
}

func (f functionNode) webhookURL() any {
	if f.Webhook == nil {
		return nil
	}
	return f.Webhook.URL
}

// headers are a JSON object as text. It names them; their values are not shown.
func (f functionNode) headers() (any, error) {
	if f.Webhook == nil {
		return nil, nil
	}
	if len(f.Webhook.Headers) == 0 {
		return "{}", nil
	}
	text, err := json.Marshal(f.snap.Definition.ShownSecrets(f.Name))
	return string(text), err
}

func (f functionNode) inlineCode() any {
	if f.Code == nil || f.Code.Text == "" {
		return nil
	}
	return f.Code.Text
}

func (r resolvers) functions() {
	r["Log"] = logFields()
	r["DeadEvent"] = deadFields()
	kind := func(name string, own fields) {
		own["name"] = value(func(f functionNode) any { return f.Name })
		own["type"] = value(functionNode.kind)
		own["isActive"] = value(func(f functionNode) any { return f.Enabled })
		own["webhookUrl"] = value(functionNode.webhookURL)
		own["webhookHeaders"] = asked(func(_ context.Context, f functionNode, _ input) (any, error) { return f.headers() })
		own["inlineCode"] = value(functionNode.inlineCode)
		own["auth0Id"] = value(func(functionNode) any { return nil })
		own["logs"] = asked(func(ctx context.Context, f functionNode, args input) (any, error) { return f.logs(ctx, args) })
		own["stats"] = asked(func(ctx context.Context, f functionNode, _ input) (any, error) { return f.stats(ctx) })
		r[name] = own
	}
	kind("RequestPipelineMutationFunction", fields{
		"model": value(func(f functionNode) any {
			t, _ := f.Hook(f.snap.Model)
			return f.model(t)
		}),
		"binding": value(functionNode.binding),
		"operation": value(func(f functionNode) any {
			_, verb := f.Hook(f.snap.Model)
			return strings.ToUpper(verb)
		}),
	})
	kind("ServerSideSubscriptionFunction", fields{"query": value(func(f functionNode) any { return f.Query })})
	kind("SchemaExtensionFunction", fields{"schema": value(func(f functionNode) any { return f.Schema })})
}
