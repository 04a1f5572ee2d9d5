package managementapi

import (
	"context"
	"errors"

	"icehouse/controlplane/elements"
	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
)

// findNode finds what the caller may see by its id; nil when it is not there.
func (a *API) findNode(ctx context.Context, id string) (any, error) {
	if id == viewerID {
		return viewer{}, nil
	}
	c, err := customer(ctx)
	if err != nil {
		return nil, err
	}
	if c.ID == id {
		return c, nil
	}
	list, err := a.Projects.List(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		if string(p.ID) == id {
			return a.ownOrNil(ctx, c, p)
		}
	}
	if found, err := a.findElement(ctx, c, list, id); found != nil || err != nil {
		return found, err
	}
	if found, err := a.findSeat(ctx, c, id); found != nil || err != nil {
		return found, err
	}
	if found, err := a.findLog(ctx, c, list, id); found != nil || err != nil {
		return found, err
	}
	token, err := a.Projects.RootToken(ctx, c, id)
	var known *problem.Error
	if errors.As(err, &known) {
		return nil, nil
	}
	return token, err
}

// mine are the caller and their projects.
func (a *API) mine(ctx context.Context) (store.Customer, []store.Project, error) {
	c, err := customer(ctx)
	if err != nil {
		return store.Customer{}, nil, err
	}
	list, err := a.Projects.List(ctx, c)
	return c, list, err
}

// ownOrNil is a listed project, unless the caller's seat in it does not count.
func (a *API) ownOrNil(ctx context.Context, c store.Customer, p store.Project) (any, error) {
	p, err := a.Projects.Get(ctx, c, string(p.ID))
	var known *problem.Error
	if errors.As(err, &known) {
		return nil, nil
	}
	return a.projectNode(p), err
}

// findElement finds an element of the caller's projects: its id says in which ones
// it can be. nil when it is not there.
func (a *API) findElement(ctx context.Context, c store.Customer, list []store.Project, id string) (any, error) {
	for _, p := range list {
		kind, ok := elements.KindOf(p.ID, id)
		if !ok {
			continue
		}
		node, err := a.ownOrNil(ctx, c, p)
		if node == nil || err != nil {
			return nil, err
		}
		if found, err := node.(*projectNode).element(ctx, kind, id); found != nil || err != nil {
			return found, err
		}
	}
	return nil, nil
}

// element finds an element of the project; nil when it is not there.
func (p *projectNode) element(ctx context.Context, kind elements.Kind, id string) (any, error) {
	snap, err := p.served(ctx)
	if err != nil {
		return nil, err
	}
	at := part{project: p, snap: snap}
	switch kind {
	case elements.Model:
		return orNil(snap.Type(id), at.model), nil
	case elements.Field:
		return orNil(snap.Field(id), at.field), nil
	case elements.Relation:
		return orNil(snap.Relation(id), at.relation), nil
	case elements.Enum:
		return orNil(snap.Enum(id), at.enum), nil
	case elements.Function:
		if f := snap.Function(id); f != nil {
			return at.function(*f), nil
		}
	case elements.ModelPermission:
		if of := snap.Permission(id); of != nil && of.Type != nil {
			return at.modelPermission(*of), nil
		}
	case elements.RelationPermission:
		if of := snap.Permission(id); of != nil && of.Relation != nil {
			return at.relationPermission(*of), nil
		}
	default:
		return p.legacyElement(kind, id), nil
	}
	return nil, nil
}

// orNil makes a node, or nothing of nothing.
func orNil[E, N any](e *E, node func(*E) N) any {
	if e == nil {
		return nil
	}
	return node(e)
}

// with finds an element of a type by its id, or answers the problem.
func with[N any](ctx context.Context, a *API, id string, missing func(string) error) (N, error) {
	var none N
	c, list, err := a.mine(ctx)
	if err != nil {
		return none, err
	}
	found, err := a.findElement(ctx, c, list, id)
	if err != nil {
		return none, err
	}
	if node, ok := found.(N); ok {
		return node, nil
	}
	return none, missing(id)
}

func (a *API) modelWith(ctx context.Context, id string) (modelNode, error) {
	return with[modelNode](ctx, a, id, problem.NoModel)
}

func (a *API) fieldWith(ctx context.Context, id string) (fieldNode, error) {
	return with[fieldNode](ctx, a, id, problem.NoField)
}

func (a *API) relationWith(ctx context.Context, id string) (relationNode, error) {
	return with[relationNode](ctx, a, id, problem.NoRelation)
}

// projectNamed finds a project of the caller by its name.
func (a *API) projectNamed(ctx context.Context, name string) (*projectNode, error) {
	c, list, err := a.mine(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		if p.Name != name {
			continue
		}
		if node, err := a.ownOrNil(ctx, c, p); node != nil || err != nil {
			return node.(*projectNode), err
		}
	}
	return nil, problem.NoProjectNamed(name)
}

// in opens a project of the caller by its name.
func (a *API) in(ctx context.Context, name string) (part, error) {
	p, err := a.projectNamed(ctx, name)
	if err != nil {
		return part{}, err
	}
	snap, err := p.served(ctx)
	return part{project: p, snap: snap}, err
}

func (a *API) modelNamed(ctx context.Context, project, name string) (modelNode, error) {
	in, err := a.in(ctx, project)
	if err != nil {
		return modelNode{}, err
	}
	t := in.snap.Model.Type(name)
	if t == nil {
		return modelNode{}, problem.NoModel(name)
	}
	return in.model(t), nil
}

func (a *API) relationNamed(ctx context.Context, project, name string) (any, error) {
	in, err := a.in(ctx, project)
	if err != nil {
		return nil, err
	}
	r := in.snap.Model.Relation(name)
	if r == nil {
		return nil, problem.NoRelation(name)
	}
	return in.relation(r), nil
}

func (a *API) fieldNamed(ctx context.Context, project, model, name string) (any, error) {
	m, err := a.modelNamed(ctx, project, model)
	if err != nil {
		return nil, err
	}
	f := m.Type.Field(name)
	if f == nil {
		return nil, problem.NoField(name)
	}
	return m.field(f), nil
}
