package managementapi

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"math/big"
	"sync"

	"icehouse/controlplane/definition"
	"icehouse/controlplane/store"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
)

// viewerID is the id of the one Viewer (platform §4.6).
const viewerID = "static-viewer-id"

// viewer is the root of what a caller sees.
type viewer struct{}

// projectNode is a project with its definition, read when a field needs it.
type projectNode struct {
	store.Project
	api *API

	once sync.Once
	def  *definition.Definition
	err  error
}

func (a *API) projectNode(p store.Project) *projectNode { return &projectNode{Project: p, api: a} }

func (a *API) projectNodes(list []store.Project) []*projectNode {
	out := make([]*projectNode, len(list))
	for i, p := range list {
		out[i] = a.projectNode(p)
	}
	return out
}

func (p *projectNode) definition(ctx context.Context) (*definition.Definition, error) {
	p.once.Do(func() { p.def, p.err = p.api.Projects.Definition(ctx, p.Project) })
	return p.def, p.err
}

// model is the deployed data model.
func (p *projectNode) model(ctx context.Context) (*datamodel.DataModel, error) {
	if p.Release == 0 {
		return &datamodel.DataModel{}, nil
	}
	payload, err := p.api.Store.Payload(ctx, p.ID, p.Release)
	if err != nil {
		return nil, err
	}
	release, err := compiledschema.DecodeRelease(payload)
	return release.Model, err
}

// version counts the deploys that changed something after the project was made.
func (p *projectNode) version() int { return int(max(p.Release-1, 0)) }

func (p *projectNode) tokens(ctx context.Context) ([]store.RootToken, error) {
	return p.api.Store.RootTokens(ctx, p.ID)
}

// functionNode is a deployed function.
type functionNode struct {
	definition.Function
	id string
}

func (p *projectNode) functions(ctx context.Context) ([]functionNode, error) {
	def, err := p.definition(ctx)
	if err != nil {
		return nil, err
	}
	var out []functionNode
	for _, f := range def.Functions {
		if f.Kind != definition.HTTPRequest && f.Kind != definition.HTTPResponse { // have no type here
			out = append(out, functionNode{f, functionID(string(p.ID), f.Name)})
		}
	}
	return out, nil
}

// functionID names a function for as long as it keeps its name: a cuid made from
// the project and the name.
func functionID(project, name string) string {
	sum := sha256.Sum256([]byte("function\n" + project + "\n" + name))
	digits := new(big.Int).SetBytes(sum[:]).Text(36)
	return "c" + digits[len(digits)-24:]
}

// kind is WEBHOOK or AUTH0, the word for code that the platform runs.
func (f functionNode) kind() string {
	if f.Webhook != nil {
		return "WEBHOOK"
	}
	return "AUTH0"
}

func (f functionNode) webhookURL() any {
	if f.Webhook == nil {
		return nil
	}
	return f.Webhook.URL
}

// headers are a JSON object as text.
func (f functionNode) headers() (any, error) {
	if f.Webhook == nil {
		return nil, nil
	}
	if len(f.Webhook.Headers) == 0 {
		return "{}", nil
	}
	text, err := json.Marshal(f.Webhook.Headers)
	return string(text), err
}

func (f functionNode) inlineCode() any {
	if f.Code == nil || f.Code.Text == "" {
		return nil
	}
	return f.Code.Text
}
