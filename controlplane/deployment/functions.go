package deployment

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"icehouse/controlplane/definition"
	"icehouse/controlplane/deployment/migrationplan"
	"icehouse/controlplane/deployment/schemadiff"
	"icehouse/controlplane/elements"
	"icehouse/controlplane/functiondeploy"
	"icehouse/controlplane/store"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/function"
	"icehouse/dataplane/datamodel"
	"icehouse/tenancy"
)

// together is how many functions are made callable at a time (platform §10).
const together = 10

// functions are those of a release that follows another; from is nil for the first.
func functions(project tenancy.ProjectID, from *elements.Snapshot, next migrationplan.State, diff *schemadiff.Diff) (out []compiledschema.Function) {
	for _, f := range next.Definition.Functions {
		if !f.Enabled || !f.Runs() {
			continue
		}
		one := compiledschema.Function{
			ID: next.Definition.IDs[elements.FunctionKey(f.Name)], Name: f.Name, Kind: compiledschema.FunctionKind(f.Kind),
			Query: f.Query, Retries: f.Retries, Type: f.Listens(), Version: functiondeploy.Version(f),
		}
		if one.ID == "" {
			one.ID = elements.ID(project, elements.Function, f.Name)
		}
		if f.Webhook != nil {
			one.Webhook = &compiledschema.Webhook{URL: f.Webhook.URL, Headers: f.Webhook.Headers}
		}
		if t, verb := f.Hook(next.Model); t != nil {
			one.Type, one.Verb = t.Name, compiledschema.Verb(verb)
		}
		if from != nil && one.Kind == compiledschema.EventHandler {
			one.Formerly = formerly(from.Release.Functions, one, diff.OldType(next.Model.Type(one.Type)))
		}
		out = append(out, one)
	}
	return out
}

// formerly are the names that the type of an event handler had while it hung on it.
func formerly(before []compiledschema.Function, now compiledschema.Function, was *datamodel.Type) []string {
	i := slices.IndexFunc(before, func(f compiledschema.Function) bool { return f.ID == now.ID && f.Kind == now.Kind })
	if i < 0 || was == nil || was.Name != before[i].Type {
		return nil
	}
	names := slices.Clone(before[i].Formerly)
	if was.Name != now.Type {
		names = append(names, was.Name)
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == now.Type })
}

// deployCode makes the functions of a definition callable, beside those that serve.
func (d *Deployer) deployCode(ctx context.Context, project store.Project, def *definition.Definition) (definition.Problems, error) {
	scope, _, err := d.Runner.Place(project.ID, project.Placement)
	if err != nil {
		return nil, err
	}
	problems := make([]definition.Problems, len(def.Functions))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(together)
	for i, f := range def.Functions {
		if functiondeploy.Version(f) == "" || !f.Enabled {
			continue
		}
		g.Go(func() error {
			err := d.Functions.Deploy(ctx, scope, d.Code(project.ID, f))
			var refused *function.Error
			if errors.As(err, &refused) {
				problems[i] = definition.Problems{{Type: definition.Global, Description: "The function '" + f.Name + "' can't be deployed: " + refused.Text}}
				return nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var out definition.Problems
	for _, p := range problems {
		out = append(out, p...)
	}
	return out, nil
}

// forgetCode removes what neither release needs. Requests of the one before may still
// run.
func (d *Deployer) forgetCode(ctx context.Context, project store.Project, now, before *definition.Definition) {
	scope, _, err := d.Runner.Place(project.ID, project.Placement)
	if err == nil {
		err = d.Functions.Remove(ctx, scope, append(functiondeploy.Versions(now), functiondeploy.Versions(before)...)...)
	}
	if err != nil {
		d.Logger.WarnContext(ctx, "old code of functions can't be removed", "project", project.ID, "error", err)
	}
}
