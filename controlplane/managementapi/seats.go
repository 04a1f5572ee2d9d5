package managementapi

import (
	"context"
	"errors"

	"icehouse/controlplane/store"
	"icehouse/tenancy"
)

// seatNode is a seat in a project, or an invitation to one.
type seatNode struct{ store.Member }

func (s seatNode) elementID() string { return s.ID }
func (seatNode) typeName() string    { return "Seat" }

func (r resolvers) seats() {
	r["Seat"] = fields{
		"isOwner": value(func(s seatNode) any { return s.Owner }),
		"email":   value(func(s seatNode) any { return s.Email }),
		"name": value(func(s seatNode) any {
			if s.Status == store.Invited {
				return nil
			}
			return s.Name
		}),
		"status": value(func(s seatNode) any { return s.Status }),
	}
}

func (p *projectNode) seats(ctx context.Context) ([]seatNode, error) {
	list, err := p.api.Projects.Members(ctx, p.Project)
	out := make([]seatNode, len(list))
	for i, m := range list {
		out[i] = seatNode{m}
	}
	return out, err
}

// findSeat finds a seat in a project of the caller; nil when it is not there.
func (a *API) findSeat(ctx context.Context, c store.Customer, id string) (any, error) {
	if !tenancy.ValidNodeID(id) {
		return nil, nil
	}
	project, err := a.Store.ProjectOfSeat(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	node, err := a.ownOrNil(ctx, c, store.Project{ID: project})
	if node == nil || err != nil {
		return nil, err
	}
	seats, err := node.(*projectNode).seats(ctx)
	for _, s := range seats {
		if s.ID == id {
			return s, err
		}
	}
	return nil, err
}

func (a *API) seatMutations(m mutations) {
	m["inviteCollaborator"] = a.inviteCollaborator
	m["removeCollaborator"] = a.removeCollaborator
	m["transferOwnership"] = a.transferOwnership
	m["updateProject"] = a.updateProject
	m["trustedUpdateProject"] = a.trustedUpdateProject
}

func (a *API) inviteCollaborator(ctx context.Context, in input) (payload, error) {
	c, p, err := a.own(ctx, in.text("projectId"))
	if err != nil {
		return nil, err
	}
	m, err := a.Projects.Invite(ctx, c, p, in.text("email"))
	if err != nil {
		return nil, err
	}
	return payload{"project": a.projectNode(p), "user": c, "seat": seatNode{m}}, nil
}

func (a *API) removeCollaborator(ctx context.Context, in input) (payload, error) {
	_, p, err := a.own(ctx, in.text("projectId"))
	if err != nil {
		return nil, err
	}
	m, err := a.Projects.RemoveMember(ctx, p, in.text("email"))
	if err != nil {
		return nil, err
	}
	return payload{"project": a.projectNode(p), "deletedId": m.ID}, nil
}

func (a *API) transferOwnership(ctx context.Context, in input) (payload, error) {
	c, p, err := a.own(ctx, in.text("projectId"))
	if err != nil {
		return nil, err
	}
	if err := a.Projects.Transfer(ctx, c, p, in.text("email")); err != nil {
		return nil, err
	}
	if p, err = a.Projects.Get(ctx, c, string(p.ID)); err != nil {
		return nil, err
	}
	return payload{"project": a.projectNode(p), "user": c}, nil
}
