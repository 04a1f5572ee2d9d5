package managementapi

import (
	"context"

	"github.com/graphql-go/graphql"

	"icehouse/controlplane/definition"
	"icehouse/controlplane/elements"
	"icehouse/controlplane/store"
	"icehouse/dataplane/datamodel"
	"icehouse/tenancy/token"
)

// databaseNode is the place of a project's nodes. Each project has one of its own.
type databaseNode struct{ project *projectNode }

func (databaseNode) typeName() string { return "ProjectDatabase" }

func (d databaseNode) elementID() string {
	return elements.ID(d.project.ID, elements.Database, string(d.project.Placement))
}

func (r resolvers) projects() {
	r["Project"] = fields{
		"name": value(func(p *projectNode) any { return p.Name }),
		"alias": value(func(p *projectNode) any {
			if p.Alias == "" {
				return nil
			}
			return p.Alias
		}),
		"version":                 value(func(p *projectNode) any { return p.version() }),
		"region":                  value(func(p *projectNode) any { return p.Region }),
		"isEjected":               value(func(p *projectNode) any { return p.Ejected }),
		"allowMutations":          value(func(p *projectNode) any { return p.AllowMutations }),
		"requestLimitExceeded":    value(func(p *projectNode) any { return p.Exceeded.Requests }),
		"databaseLimitExceeded":   value(func(p *projectNode) any { return p.Exceeded.Database }),
		"invocationLimitExceeded": value(func(p *projectNode) any { return p.Exceeded.Invocations }),
		"projectDatabase":         value(func(p *projectNode) any { return databaseNode{p} }),
		"schema":                  modelText(func(m *datamodel.DataModel) *datamodel.DataModel { return m }),
		"typeSchema": modelText(func(m *datamodel.DataModel) *datamodel.DataModel {
			return &datamodel.DataModel{Types: m.Types, Relations: m.Relations}
		}),
		"enumSchema":                       modelText(func(m *datamodel.DataModel) *datamodel.DataModel { return &datamodel.DataModel{Enums: m.Enums} }),
		"projectDefinition":                asked(definitionText(func(d *definition.Definition) string { return d.Shown().Source.Content })),
		"projectDefinitionWithFileContent": asked(definitionText(func(d *definition.Definition) string { return d.Shown().Render() })),
		"isGlobalEnumsEnabled":             value(func(*projectNode) any { return true }), // enums are types of their own
		"webhookSecret": asked(func(ctx context.Context, p *projectNode, _ input) (any, error) {
			if _, err := signedIn(ctx, token.Data); err != nil {
				return nil, err
			}
			return p.api.Accounts.Tokens.WebhookSecret(p.ID)
		}),
		"deadEvents":         asked(func(ctx context.Context, p *projectNode, args input) (any, error) { return p.deadEvents(ctx, args) }),
		"webhookUrl":         value(func(*projectNode) any { return nil }),
		"availableUserRoles": value(func(*projectNode) any { return []string{} }), // there are no roles
		"fields": listed(func(ctx context.Context, p *projectNode) ([]fieldNode, error) {
			snap, err := p.served(ctx)
			if err != nil {
				return nil, err
			}
			return part{project: p, snap: snap}.fieldsOf(snap.Model.Types...), nil
		}),
		"models": listed(func(ctx context.Context, p *projectNode) ([]modelNode, error) {
			return parts(ctx, p, func(s *elements.Snapshot) []*datamodel.Type { return s.Model.Types }, part.model)
		}),
		"relations": listed(func(ctx context.Context, p *projectNode) ([]relationNode, error) {
			return parts(ctx, p, func(s *elements.Snapshot) []*datamodel.Relation { return s.Model.Relations }, part.relation)
		}),
		"enums": listed(func(ctx context.Context, p *projectNode) ([]enumNode, error) {
			return parts(ctx, p, func(s *elements.Snapshot) []*datamodel.Enum { return s.Model.Enums }, part.enum)
		}),
		"functions": listed(func(ctx context.Context, p *projectNode) ([]functionNode, error) {
			return parts(ctx, p, func(s *elements.Snapshot) []definition.Function { return s.Definition.Running() }, part.function)
		}),
		"seats":    listed(func(ctx context.Context, p *projectNode) ([]seatNode, error) { return p.seats(ctx) }),
		"auditLog": asked(func(ctx context.Context, p *projectNode, in input) (any, error) { return p.auditLog(ctx, in) }),
		"permanentAuthTokens": listed(func(ctx context.Context, p *projectNode) ([]store.RootToken, error) {
			return p.api.Store.RootTokens(ctx, p.ID)
		}),
		"functionRequestHistogram": asked(func(ctx context.Context, p *projectNode, in input) (any, error) { return p.histogram(ctx, in) }),
		"actionSchema":             asked(func(context.Context, *projectNode, input) (any, error) { return nil, noCallbacks() }),
		"actions":                  none[*projectNode](),
		"featureToggles":           none[*projectNode](),
		"packageDefinitions":       none[*projectNode](),
		"authProviders":            listed(func(_ context.Context, p *projectNode) ([]authProvider, error) { return p.authProviders(), nil }),
		"integrations":             listed(func(_ context.Context, p *projectNode) ([]searchProvider, error) { return p.searchProviders(), nil }),
	}
	r["ProjectDatabase"] = fields{
		"name":   value(func(d databaseNode) any { return string(d.project.Placement) }),
		"region": value(func(d databaseNode) any { return d.project.Region }),
	}
}

func modelText(kept func(*datamodel.DataModel) *datamodel.DataModel) graphql.FieldResolveFn {
	return asked(func(ctx context.Context, p *projectNode, _ input) (any, error) {
		snap, err := p.served(ctx)
		if err != nil {
			return nil, err
		}
		return datamodel.Print(kept(snap.Model)), nil
	})
}
