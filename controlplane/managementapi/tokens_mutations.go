package managementapi

import (
	"context"
	"errors"
	"time"

	"icehouse/controlplane/account"
	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
)

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

// signinUser makes a token for a node of the type User, for a collaborator.
func (a *API) signinUser(ctx context.Context, in input) (payload, error) {
	if _, _, err := a.own(ctx, in.text("projectId")); err != nil {
		return nil, err
	}
	return a.nodeToken(ctx, input{"projectId": in["projectId"], "pat": ctx.Value(callerKey{}).(*caller).token, "userId": in["clientUserId"], "modelName": "User"},
		"projectId", "pat", "userId")
}

func (a *API) createPlatformToken(ctx context.Context, in input) (payload, error) {
	var made store.Session
	var text string
	answer, err := asOwner(ctx, "createPlatformToken", func(who account.Caller) (_ store.Customer, err error) {
		made, text, err = a.Accounts.NewToken(ctx, who, in.text("name"), in.texts("scopes"), in.seconds("expiresInSeconds"))
		return who.Customer, err
	})
	if err == nil {
		answer["platformToken"], answer["token"] = made, text
	}
	return answer, err
}

// seconds is a time that was given as a number.
func (in input) seconds(name string) *time.Duration {
	n, ok := in[name].(int)
	if !ok {
		return nil
	}
	d := time.Duration(n) * time.Second
	return &d
}

func (a *API) deletePlatformToken(ctx context.Context, in input) (payload, error) {
	answer, err := asOwner(ctx, "deletePlatformToken", func(who account.Caller) (store.Customer, error) {
		return who.Customer, a.Accounts.DeleteToken(ctx, who, in.text("id"))
	})
	if err == nil {
		answer["deletedId"] = in.text("id")
	}
	return answer, err
}
