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
		answer := func(at part, name string, err error) (payload, error) {
			return at.answer(err, func() payload { return payload{"function": at.function(*at.snap.Definition.Function(name))} })
		}
		m["add"+name] = func(ctx context.Context, in input) (payload, error) {
			at, err := a.edit(ctx, in.text("projectId"), func(d *console.Draft) error {
				return d.AddFunction(sort.kind, functionChange(in))
			})
			return answer(at, in.text("name"), err)
		}
		m["update"+name] = func(ctx context.Context, in input) (payload, error) {
			find := func(d *console.Draft, id string) (*definition.Function, error) { return d.Function(id, sort.is) }
			at, f, err := editOf[functionNode](ctx, a, in.text("functionId"), problem.NoFunction, find, func(d *console.Draft, f *definition.Function) error {
				return d.UpdateFunction(f, functionChange(in))
			})
			if err != nil {
				return nil, err
			}
			return answer(at, f.Name, nil)
		}
	}
	m["deleteFunction"] = func(ctx context.Context, in input) (payload, error) {
		find := func(d *console.Draft, id string) (*definition.Function, error) { return d.Function(id, console.IsAny) }
		at, _, err := editOf[functionNode](ctx, a, in.text("functionId"), problem.NoFunction, find, func(d *console.Draft, f *definition.Function) error {
			d.RemoveFunction(f)
			return nil
		})
		return at.answer(err, deleted(in.text("functionId")))
	}
}
