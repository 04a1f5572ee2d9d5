package managementapi

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/graphql-go/graphql"

	"icehouse/controlplane/definition"
	"icehouse/controlplane/deployment"
	"icehouse/controlplane/deployment/migrationplan"
	"icehouse/controlplane/problem"
	"icehouse/controlplane/project"
	"icehouse/controlplane/store"
)

// input are the fields of a mutation's input that were given.
type input map[string]any

func (in input) text(name string) string {
	s, _ := in[name].(string)
	return s
}

func (in input) optional(name string) *string {
	if s, ok := in[name].(string); ok {
		return &s
	}
	return nil
}

func (in input) yes(name string) bool {
	b, _ := in[name].(bool)
	return b
}

// mutation makes a field with one input and a payload, both with the optional
// clientMutationId (platform §4.1).
func mutation(name string, in graphql.InputObjectConfigFieldMap, out graphql.Fields, run func(context.Context, input) (map[string]any, error)) *graphql.Field {
	typeName := strings.ToUpper(name[:1]) + name[1:]
	in["clientMutationId"] = &graphql.InputObjectFieldConfig{Type: graphql.String}
	out["clientMutationId"] = &graphql.Field{Type: graphql.String}
	return &graphql.Field{
		Type: graphql.NewObject(graphql.ObjectConfig{Name: typeName + "Payload", Fields: out}),
		Args: graphql.FieldConfigArgument{"input": {Type: required(graphql.NewInputObject(graphql.InputObjectConfig{Name: typeName + "Input", Fields: in}))}},
		Resolve: func(p graphql.ResolveParams) (out any, err error) {
			defer func() {
				if r := recover(); r != nil {
					out, err = nil, fmt.Errorf("mutation %s: panic: %v", name, r)
				}
			}()
			given := input(p.Args["input"].(map[string]any))
			payload, err := run(p.Context, given)
			if err != nil {
				return nil, err
			}
			payload["viewer"] = viewer{}
			payload["clientMutationId"] = given["clientMutationId"]
			return payload, nil
		},
	}
}

func (t *types) mutations() *graphql.Object {
	a := t.api
	arg := func(typ graphql.Type) *graphql.InputObjectFieldConfig {
		return &graphql.InputObjectFieldConfig{Type: typ}
	}
	viewerField := &graphql.Field{Type: required(t.viewer)}
	userField := &graphql.Field{Type: required(t.customer)}
	messages, schemaErrors := &graphql.Field{Type: listOf(t.message)}, &graphql.Field{Type: listOf(t.schemaError)}
	// Beyond the contract: what does not stop a deploy and yet should be read.
	warnings := &graphql.Field{Type: listOf(graphql.String)}
	// Likewise: what anyone may do without a token.
	exposed := &graphql.Field{Type: graphql.NewObject(graphql.ObjectConfig{Name: "Exposure", Fields: graphql.Fields{
		"now": {Type: listOf(graphql.String)}, "added": {Type: listOf(graphql.String)}, "removed": {Type: listOf(graphql.String)},
	}})}
	return graphql.NewObject(graphql.ObjectConfig{Name: "Mutation", Fields: graphql.Fields{
		"authenticateCustomer": mutation("authenticateCustomer",
			graphql.InputObjectConfigFieldMap{"auth0IdToken": arg(required(graphql.String))},
			graphql.Fields{"viewer": viewerField, "user": userField, "userEdge": {Type: required(t.customerEdge)}, "token": {Type: required(graphql.String)}},
			a.authenticateCustomer),
		"addProject": mutation("addProject",
			graphql.InputObjectConfigFieldMap{"name": arg(required(graphql.String)), "alias": arg(graphql.String), "webhookUrl": arg(graphql.String),
				"schema": arg(graphql.String), "region": arg(t.region), "config": arg(graphql.String)},
			graphql.Fields{"viewer": viewerField, "project": {Type: required(t.project)}, "projectEdge": {Type: required(t.projectEdge)},
				"user": userField, "migrationMessages": messages, "errors": schemaErrors, "warnings": warnings, "exposure": exposed},
			a.addProject),
		"push": mutation("push",
			graphql.InputObjectConfigFieldMap{"projectId": arg(required(graphql.String)), "version": arg(required(graphql.Int)),
				"config": arg(required(graphql.String)), "isDryRun": arg(required(graphql.Boolean)), "force": arg(graphql.Boolean)},
			graphql.Fields{"project": {Type: t.project}, "migrationMessages": messages, "errors": schemaErrors, "warnings": warnings, "exposure": exposed},
			a.push),
		"deleteProject": mutation("deleteProject",
			graphql.InputObjectConfigFieldMap{"projectId": arg(required(graphql.String))},
			graphql.Fields{"viewer": viewerField, "user": userField, "deletedId": {Type: required(graphql.String)}},
			a.deleteProject),
		"resetProjectData": t.resetProjectData(),
		"getTemporaryDeployUrl": mutation("getTemporaryDeployUrl",
			graphql.InputObjectConfigFieldMap{"projectId": arg(required(graphql.String))},
			graphql.Fields{"url": {Type: required(graphql.String)}},
			a.deployURL),
		"addPermanentAuthToken": mutation("addPermanentAuthToken",
			graphql.InputObjectConfigFieldMap{"projectId": arg(required(graphql.ID)), "name": arg(required(graphql.String)), "description": arg(graphql.String)},
			graphql.Fields{"viewer": viewerField, "project": {Type: required(t.project)}, "user": userField, "permanentAuthToken": {Type: required(t.token)},
				"permanentAuthTokenEdge": {Type: required(t.tokenEdge)}, "permanentAuthTokenConnection": t.tokensOf()},
			a.addRootToken),
		"deletePermanentAuthToken": mutation("deletePermanentAuthToken",
			graphql.InputObjectConfigFieldMap{"permanentAuthTokenId": arg(required(graphql.String))},
			graphql.Fields{"viewer": viewerField, "project": {Type: required(t.project)}, "user": userField, "deletedId": {Type: required(graphql.String)},
				"permanentAuthTokenConnection": t.tokensOf()},
			a.deleteRootToken),
		"generateNodeToken": mutation("generateNodeToken",
			graphql.InputObjectConfigFieldMap{"rootToken": arg(required(graphql.String)), "serviceId": arg(required(graphql.ID)),
				"nodeId": arg(required(graphql.ID)), "modelName": arg(required(graphql.ID)), "expirationInSeconds": arg(graphql.Int)},
			graphql.Fields{"token": {Type: required(graphql.String)}},
			func(ctx context.Context, in input) (map[string]any, error) {
				return a.nodeToken(ctx, in, "serviceId", "rootToken", "nodeId")
			}),
		"generateUserToken": mutation("generateUserToken",
			graphql.InputObjectConfigFieldMap{"pat": arg(required(graphql.String)), "projectId": arg(required(graphql.ID)),
				"userId": arg(required(graphql.ID)), "modelName": arg(required(graphql.ID)), "expirationInSeconds": arg(graphql.Int)},
			graphql.Fields{"token": {Type: required(graphql.String)}},
			func(ctx context.Context, in input) (map[string]any, error) {
				return a.nodeToken(ctx, in, "projectId", "pat", "userId")
			}),
	}})
}

func (a *API) authenticateCustomer(ctx context.Context, in input) (map[string]any, error) {
	c, token, err := a.Accounts.Authenticate(ctx, in.text("auth0IdToken"))
	if err != nil {
		return nil, err
	}
	// What else the operation selects belongs to the customer who just came in.
	if who := ctx.Value(callerKey{}).(*caller); who.customer == nil {
		who.customer = &c
	}
	return map[string]any{"user": c, "userEdge": edgeOf(c.ID, c), "token": token}, nil
}

func (a *API) addProject(ctx context.Context, in input) (map[string]any, error) {
	c, err := customer(ctx)
	if err != nil {
		return nil, err
	}
	if in.text("webhookUrl") != "" {
		return nil, &problem.Error{Message: "webhookUrl belongs to mutation callbacks, which this version of Icehouse does not have"}
	}
	p, result, err := a.Projects.Add(ctx, c, project.New{Name: in.text("name"), Alias: in.text("alias"), Region: in.text("region"),
		Config: in.optional("config"), Schema: in.optional("schema")})
	if err != nil {
		return nil, err
	}
	node := a.projectNode(p)
	return map[string]any{"project": node, "projectEdge": edgeOf(string(p.ID), node), "user": c,
		"migrationMessages": wireMessages(result.Messages), "errors": wireProblems(result.Errors),
		"warnings": append([]string{}, result.Warnings...), "exposure": wireExposure(result.Exposure)}, nil
}

func (a *API) push(ctx context.Context, in input) (map[string]any, error) {
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
	return map[string]any{"project": a.projectNode(p), "migrationMessages": wireMessages(result.Messages), "errors": wireProblems(result.Errors),
		"warnings": append([]string{}, result.Warnings...), "exposure": wireExposure(result.Exposure)}, nil
}

func (a *API) own(ctx context.Context, idOrAlias string) (store.Customer, store.Project, error) {
	c, err := customer(ctx)
	if err != nil {
		return store.Customer{}, store.Project{}, err
	}
	p, err := a.Projects.Get(ctx, c, idOrAlias)
	return c, p, err
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

func (a *API) deleteProject(ctx context.Context, in input) (map[string]any, error) {
	c, err := customer(ctx)
	if err != nil {
		return nil, err
	}
	id, err := a.Projects.Delete(ctx, c, in.text("projectId"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"deletedId": string(id), "user": c}, nil
}

func (a *API) deployURL(ctx context.Context, in input) (map[string]any, error) {
	_, p, err := a.own(ctx, in.text("projectId"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"url": a.Functions.UploadURL(p.ID)}, nil
}

// tokensOf are the root tokens of a payload's project.
func (t *types) tokensOf() *graphql.Field {
	f := get(required(t.tokenConnection), func(ctx context.Context, payload map[string]any, args map[string]any) (any, error) {
		list, err := payload["project"].(*projectNode).tokens(ctx)
		if err != nil {
			return nil, err
		}
		return pageOf(list, func(k store.RootToken) string { return k.ID }, args)
	})
	f.Args = connectionArgs()
	return f
}

func (a *API) addRootToken(ctx context.Context, in input) (map[string]any, error) {
	c, p, err := a.own(ctx, in.text("projectId"))
	if err != nil {
		return nil, err
	}
	token, err := a.Projects.AddRootToken(ctx, c, p, in.text("name"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"project": a.projectNode(p), "user": c, "permanentAuthToken": token, "permanentAuthTokenEdge": edgeOf(token.ID, token)}, nil
}

func (a *API) deleteRootToken(ctx context.Context, in input) (map[string]any, error) {
	c, err := customer(ctx)
	if err != nil {
		return nil, err
	}
	id := in.text("permanentAuthTokenId")
	p, err := a.Projects.DeleteRootToken(ctx, c, id)
	if err != nil {
		return nil, err
	}
	return map[string]any{"project": a.projectNode(p), "user": c, "deletedId": id}, nil
}

// nodeToken needs no login: the root token is the proof (platform §4.5).
func (a *API) nodeToken(ctx context.Context, in input, service, root, node string) (map[string]any, error) {
	asked := in.text(service)
	p, err := a.Projects.Find(ctx, asked)
	if err != nil {
		return nil, err
	}
	var lifetime *time.Duration
	if seconds, ok := in["expirationInSeconds"].(int); ok {
		d := time.Duration(seconds) * time.Second
		lifetime = &d
	}
	token, err := a.Accounts.NodeToken(ctx, p.ID, asked, in.text(root), in.text(node), in.text("modelName"), lifetime)
	if err != nil {
		return nil, err
	}
	return map[string]any{"token": token}, nil
}
