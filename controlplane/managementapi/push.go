package managementapi

import (
	"context"

	"icehouse/controlplane/definition"
	"icehouse/controlplane/deployment"
	"icehouse/controlplane/deployment/migrationplan"
)

func (a *API) push(ctx context.Context, in input) (payload, error) {
	c, p, err := a.own(ctx, in.text("projectId"))
	if err != nil {
		return nil, err
	}
	result, err := a.Deployer.Push(ctx, p, deployment.Request{Config: in.text("config"), DryRun: in.yes("isDryRun"), Force: in.yes("force"), Customer: c.ID})
	if err != nil {
		return nil, err
	}
	if p, err = a.Projects.Get(ctx, c, string(p.ID)); err != nil {
		return nil, err
	}
	return payload{"project": a.projectNode(p), "migrationMessages": wireMessages(result.Messages), "errors": wireProblems(result.Errors),
		"warnings": append([]string{}, result.Warnings...), "exposure": wireExposure(result.Exposure), "steps": wireSteps(result.Steps)}, nil
}

// wireSteps are those of a dry run (ADR 0017). Rows can be more than an Int holds.
func wireSteps(all []deployment.Step) []map[string]any {
	out := make([]map[string]any, len(all))
	for i, s := range all {
		out[i] = map[string]any{"description": s.Does, "lock": string(s.Lock), "rows": float64(s.Rows)}
	}
	return out
}

func wireExposure(e deployment.Exposure) map[string]any {
	return map[string]any{"now": append([]string{}, e.Now...), "added": append([]string{}, e.Added...), "removed": append([]string{}, e.Removed...)}
}

// wireMessages never gives null for a list: the command line counts on it.
func wireMessages(all []migrationplan.Message) []map[string]any {
	out := make([]map[string]any, len(all))
	for i, m := range all {
		out[i] = map[string]any{"type": m.Type, "action": m.Action, "name": m.Name, "description": m.Description,
			"subDescriptions": wireMessages(m.Sub)}
	}
	return out
}

func wireProblems(all definition.Problems) []map[string]any {
	out := make([]map[string]any, len(all))
	for i, p := range all {
		out[i] = map[string]any{"type": p.Type, "description": p.Description}
		if p.Field != "" {
			out[i]["field"] = p.Field
		}
	}
	return out
}
