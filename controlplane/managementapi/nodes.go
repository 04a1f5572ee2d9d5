package managementapi

import (
	"context"
	"fmt"
	"sync"

	"icehouse/controlplane/definition"
	"icehouse/controlplane/elements"
	"icehouse/controlplane/store"
)

// viewerID is the id of the one Viewer (platform §4.6).
const viewerID = "static-viewer-id"

// viewer is the root of what a caller sees.
type viewer struct{}

// element is a value with an id and a type of its own.
type element interface {
	elementID() string
	typeName() string
}

// idOf is the id of a node.
func idOf(v any) string {
	switch v := v.(type) {
	case viewer:
		return viewerID
	case store.Customer:
		return v.ID
	case store.RootToken:
		return v.ID
	case element:
		return v.elementID()
	}
	panic(fmt.Sprintf("managementapi: %T has no id", v))
}

// typeOf is the object type of a value behind an interface.
func typeOf(v any) string {
	switch v := v.(type) {
	case viewer:
		return "Viewer"
	case store.Customer:
		return "Customer"
	case store.RootToken:
		return "PermanentAuthToken"
	case element:
		return v.typeName()
	}
	panic(fmt.Sprintf("managementapi: %T has no type", v))
}

// projectNode is a project with what serves it, read when a field needs it.
type projectNode struct {
	store.Project
	api *API

	once sync.Once
	snap *elements.Snapshot
	err  error

	statsOnce sync.Once
	stats     map[string]store.FunctionStats
	statsErr  error
}

func (p *projectNode) elementID() string { return string(p.ID) }
func (p *projectNode) typeName() string  { return "Project" }

func (a *API) projectNode(p store.Project) *projectNode { return &projectNode{Project: p, api: a} }

// served is the project's release, taken apart.
func (p *projectNode) served(ctx context.Context) (*elements.Snapshot, error) {
	p.once.Do(func() { p.snap, p.err = elements.Load(ctx, p.api.Store, p.Project) })
	return p.snap, p.err
}

// version counts the deploys that changed something after the project was made.
func (p *projectNode) version() int { return int(max(p.Release-1, 0)) }

// part is what every element of a project knows.
type part struct {
	project *projectNode
	snap    *elements.Snapshot
	id      string
}

func (p part) elementID() string { return p.id }

// parts makes nodes of all elements of a kind.
func parts[E, N any](ctx context.Context, p *projectNode, all func(*elements.Snapshot) []E, node func(part, E) N) ([]N, error) {
	snap, err := p.served(ctx)
	if err != nil {
		return nil, err
	}
	list := all(snap)
	out := make([]N, len(list))
	for i, e := range list {
		out[i] = node(part{project: p, snap: snap}, e)
	}
	return out, nil
}

// definitionText is a field that is text of the definition.
func definitionText(text func(*definition.Definition) string) func(context.Context, *projectNode, input) (any, error) {
	return func(ctx context.Context, p *projectNode, _ input) (any, error) {
		snap, err := p.served(ctx)
		if err != nil {
			return nil, err
		}
		return text(snap.Definition), nil
	}
}
