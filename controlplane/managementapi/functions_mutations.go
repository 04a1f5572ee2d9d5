package managementapi

import (
	"context"

	"icehouse/controlplane/console"
	"icehouse/controlplane/definition"
	"icehouse/controlplane/problem"
)

// functionChange is what an input says about a function.
func functionChange(in input) console.FunctionChange {
	c := console.FunctionChange{
		Name: optional[string](in, "name"), Active: optional[bool](in, "isActive"), ModelID: optional[string](in, "modelId"),
		Operation: optional[string](in, "operation"), Query: optional[string](in, "query"), Schema: optional[string](in, "schema"),
		Type: optional[string](in, "type"), URL: optional[string](in, "webhookUrl"), Headers: optional[string](in, "webhookHeaders"),
		Code: optional[string](in, "inlineCode"),
	}
	if kind, ok := bindings[in.text("binding")]; ok {
		c.Kind = &kind
	}
	return c
}

func (a *API) functionMutations(m mutations) {
	for name, sort := range map[string]struct {
		is   console.Is
		kind definition.Kind // of a new one; hooks say theirs
	}{
		"RequestPipelineMutationFunction": {console.IsHook, definition.OperationBefore},
		"ServerSideSubscriptionFunction":  {console.IsSubscription, definition.Subscription},
		"SchemaExtensionFunction":         {console.IsResolver, definition.Resolver},
	} {
		m["add"+name] = func(ctx context.Context, in input) (payload, error) {
			at, err := a.edit(ctx, in.text("projectId"), func(d *console.Draft) error {
				_, err := d.AddFunction(sort.kind, functionChange(in))
				return err
			})
			if err != nil {
				return nil, err
			}
			return at.functionAnswer(in.text("name")), nil
		}
		m["update"+name] = func(ctx context.Context, in input) (payload, error) {
			id, named := in.text("functionId"), ""
			at, err := editOf[functionNode](ctx, a, id, problem.NoFunction, func(d *console.Draft) (err error) {
				named, err = d.UpdateFunction(id, sort.is, functionChange(in))
				return err
			})
			if err != nil {
				return nil, err
			}
			return at.functionAnswer(named), nil
		}
	}
	m["deleteFunction"] = func(ctx context.Context, in input) (payload, error) {
		id := in.text("functionId")
		at, err := editOf[functionNode](ctx, a, id, problem.NoFunction, func(d *console.Draft) error { return d.RemoveFunction(id) })
		if err != nil {
			return nil, err
		}
		return at.answer(payload{"deletedId": id}), nil
	}
}

func (p part) functionAnswer(name string) payload {
	out := p.answer(nil)
	for _, f := range running(p.snap) {
		if f.Name == name {
			out["function"] = p.function(f)
		}
	}
	return out
}
