package managementapi

import (
	"context"
	"errors"

	"icehouse/controlplane/account"
	"icehouse/controlplane/console"
	"icehouse/controlplane/definition"
	"icehouse/controlplane/deployment"
	"icehouse/controlplane/deployment/migrationplan"
	"icehouse/controlplane/problem"
	"icehouse/controlplane/project"
	"icehouse/controlplane/store"
)

func (a *API) projectMutations(m mutations) {
	m["authenticateCustomer"] = a.authenticateCustomer
	m["addProject"] = a.addProject
	m["push"] = a.push
	m["deleteProject"] = a.deleteProject
	m["getTemporaryDeployUrl"] = a.deployURL
	m["addPermanentAuthToken"] = a.addRootToken
	m["deletePermanentAuthToken"] = a.deleteRootToken
	m["migrateProject"] = a.migrate
	m["ejectProject"] = a.ejectProject
	m["cloneProject"] = a.cloneProject
	m["exportData"] = a.exportData
	m["resetProjectData"] = a.resetData
	m["resetProjectSchema"] = a.resetSchema
	m["signinClientUser"] = a.signinUser
	m["generateNodeToken"] = func(ctx context.Context, in input) (payload, error) {
		return a.nodeToken(ctx, in, "serviceId", "rootToken", "nodeId")
	}
	m["generateUserToken"] = func(ctx context.Context, in input) (payload, error) {
		return a.nodeToken(ctx, in, "projectId", "pat", "userId")
	}
}

func (a *API) authenticateCustomer(ctx context.Context, in input) (payload, error) {
	c, token, err := a.Accounts.Authenticate(ctx, in.text("auth0IdToken"), from(ctx))
	if err != nil {
		return nil, err
	}
	// What else the operation selects belongs to the customer who just came in.
	if who := ctx.Value(callerKey{}).(*caller); who.who == nil {
		who.who = &account.Caller{Customer: c}
	}
	return payload{"user": c, "token": token}, nil
}

func (a *API) addProject(ctx context.Context, in input) (payload, error) {
	c, err := customer(ctx)
	if err != nil {
		return nil, err
	}
	if in.text("webhookUrl") != "" {
		return nil, noWebhooks()
	}
	p, result, err := a.Projects.Add(ctx, c, project.New{Name: in.text("name"), Alias: in.text("alias"), Region: in.text("region"),
		Config: optional[string](in, "config"), Schema: optional[string](in, "schema")})
	if err != nil {
		return nil, err
	}
	return payload{"project": a.projectNode(p),
		"migrationMessages": wireMessages(result.Messages), "errors": wireProblems(result.Errors),
		"warnings": append([]string{}, result.Warnings...), "exposure": wireExposure(result.Exposure)}, nil
}

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

func (a *API) own(ctx context.Context, idOrAlias string) (store.Customer, store.Project, error) {
	c, err := customer(ctx)
	if err != nil {
		return store.Customer{}, store.Project{}, err
	}
	p, err := a.Projects.Get(ctx, c, idOrAlias)
	if err == nil {
		touch(ctx, p.ID)
	}
	return c, p, err
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

func (a *API) deleteProject(ctx context.Context, in input) (payload, error) {
	c, p, err := a.own(ctx, in.text("projectId"))
	if err != nil {
		return nil, err
	}
	id, err := a.Projects.Delete(ctx, c, string(p.ID))
	if err != nil {
		return nil, err
	}
	return payload{"deletedId": string(id)}, nil
}

func (a *API) deployURL(ctx context.Context, in input) (payload, error) {
	_, p, err := a.own(ctx, in.text("projectId"))
	if err != nil {
		return nil, err
	}
	return payload{"url": a.Functions.UploadURL(p.ID)}, nil
}

func (a *API) addRootToken(ctx context.Context, in input) (payload, error) {
	c, p, err := a.own(ctx, in.text("projectId"))
	if err != nil {
		return nil, err
	}
	token, err := a.Projects.AddRootToken(ctx, c, p, in.text("name"))
	if err != nil {
		return nil, err
	}
	return payload{"project": a.projectNode(p), "permanentAuthToken": token}, nil
}

func (a *API) deleteRootToken(ctx context.Context, in input) (payload, error) {
	c, err := customer(ctx)
	if err != nil {
		return nil, err
	}
	id := in.text("permanentAuthTokenId")
	p, err := a.Projects.DeleteRootToken(ctx, c, id)
	if err != nil {
		return nil, err
	}
	return payload{"project": a.projectNode(p), "deletedId": id}, nil
}

// nodeToken needs no login: the root token is the proof (platform §4.5). For a project
// that does not exist none is, in the words for a project of others (LQ-30).
func (a *API) nodeToken(ctx context.Context, in input, service, root, node string) (payload, error) {
	asked := in.text(service)
	p, err := a.Projects.Find(ctx, asked)
	var unknown *problem.Error
	if errors.As(err, &unknown) && unknown.Code == problem.CodeNoProject {
		return nil, problem.PATInvalid(asked)
	}
	if err != nil {
		return nil, err
	}
	token, err := a.Accounts.NodeToken(ctx, p.ID, asked, in.text(root), in.text(node), in.text("modelName"), in.seconds("expirationInSeconds"))
	if err != nil {
		return nil, err
	}
	return payload{"token": token}, nil
}

func (a *API) migrate(ctx context.Context, in input) (payload, error) {
	c, err := customer(ctx)
	if err != nil {
		return nil, err
	}
	done, err := a.Console.Migrate(ctx, c, in.text("newSchema"), in.yes("isDryRun"), in.yes("force"))
	if err != nil {
		return nil, err
	}
	out := payload{"migrationMessages": wireMessages(done.Messages), "errors": wireProblems(done.Errors)}
	if done.Project != nil {
		out["project"] = a.projectNode(*done.Project)
	}
	return out, nil
}

func (a *API) ejectProject(ctx context.Context, in input) (payload, error) {
	c, p, err := a.own(ctx, in.text("projectId"))
	if err != nil {
		return nil, err
	}
	if err := a.Projects.Eject(ctx, p); err != nil {
		return nil, err
	}
	p, err = a.Projects.Get(ctx, c, string(p.ID))
	return payload{"project": a.projectNode(p)}, err
}

// cloneProject copies no callbacks, since there are none.
func (a *API) cloneProject(ctx context.Context, in input) (payload, error) {
	c, p, err := a.own(ctx, in.text("projectId"))
	if err != nil {
		return nil, err
	}
	clone, err := a.Projects.Clone(ctx, c, p, in.text("name"), in.yes("includeData"))
	return payload{"project": a.projectNode(clone)}, err
}

func (a *API) exportData(ctx context.Context, in input) (payload, error) {
	if _, _, err := a.own(ctx, in.text("projectId")); err != nil {
		return nil, err
	}
	return nil, &problem.Error{Message: "This installation keeps no archives of exported data. Use `icehouse export`, or the bulk export that it uses: POST /simple/v1/<id>/export."}
}

// signinUser makes a token for a node of the type User, for a collaborator.
func (a *API) signinUser(ctx context.Context, in input) (payload, error) {
	if _, _, err := a.own(ctx, in.text("projectId")); err != nil {
		return nil, err
	}
	return a.nodeToken(ctx, input{"projectId": in["projectId"], "pat": ctx.Value(callerKey{}).(*caller).token, "userId": in["clientUserId"], "modelName": "User"},
		"projectId", "pat", "userId")
}

// resetData deletes a project's nodes and edges (platform §3.8).
func (a *API) resetData(ctx context.Context, in input) (payload, error) {
	c, err := customer(ctx)
	if err != nil {
		return nil, err
	}
	p, err := a.Projects.Reset(ctx, c, in.text("projectId"))
	if err != nil {
		return nil, err
	}
	return payload{"user": c, "project": a.projectNode(p)}, nil
}

// resetSchema removes what the console's users made: all types but the system's, with
// their data, and all enums and functions; and the nodes of the types that stay
// (platform §3.8). Who was refused the first half has lost nothing, and who was refused
// the second asks again.
func (a *API) resetSchema(ctx context.Context, in input) (payload, error) {
	at, err := a.edit(ctx, in.text("projectId"), func(d *console.Draft) error { return d.Reset() })
	if err == nil {
		_, err = a.resetData(ctx, in)
	}
	return at.answer(err, nil)
}
