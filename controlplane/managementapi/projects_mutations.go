package managementapi

import (
	"context"

	"icehouse/controlplane/account"
	"icehouse/controlplane/console"
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
	m["replayEvents"] = a.replayEvents
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

func (a *API) updateProject(ctx context.Context, in input) (payload, error) {
	c, p, err := a.own(ctx, in.text("id"))
	if err != nil {
		return nil, err
	}
	return a.changeProject(ctx, c, p, in)
}

func (a *API) trustedUpdateProject(ctx context.Context, in input) (payload, error) {
	if err := a.Accounts.Trusted(ctx, in.text("secret"), from(ctx)); err != nil {
		return nil, err
	}
	p, err := a.Projects.Find(ctx, in.text("id"))
	if err != nil {
		return nil, err
	}
	touch(ctx, p.ID)
	owner, err := a.Store.Customer(ctx, p.Owner)
	if err != nil {
		return nil, err
	}
	return a.changeProject(ctx, owner, p, in)
}

func (a *API) changeProject(ctx context.Context, c store.Customer, p store.Project, in input) (payload, error) {
	if in.text("webhookUrl") != "" {
		return nil, noWebhooks()
	}
	changed, err := a.Projects.Update(ctx, p, store.ProjectChange{Name: optional[string](in, "name"), Alias: optional[string](in, "alias"),
		AllowQueries: optional[bool](in, "allowQueries"), AllowMutations: optional[bool](in, "allowMutations"),
		// Of these two inputs only the trusted one has them.
		Exceeded: store.ExceededChange{Requests: optional[bool](in, "requestLimitExceeded"), Database: optional[bool](in, "databaseLimitExceeded"),
			Invocations: optional[bool](in, "invocationLimitExceeded")}})
	if err != nil {
		return nil, err
	}
	return payload{"project": a.projectNode(changed), "user": c}, nil
}

func noWebhooks() error {
	return &problem.Error{Message: "webhookUrl belongs to mutation callbacks, which this version of Icehouse does not have"}
}
