package managementapi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/graphql-go/graphql"

	"icehouse/controlplane/definition"
	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
	"icehouse/dataplane/datamodel"
)

// types are the object types that refer to each other.
type types struct {
	api *API

	node, function                                   *graphql.Interface
	viewer, customer, project, token                 *graphql.Object
	hook, subscription, resolver                     *graphql.Object
	message, schemaError                             *graphql.Object
	customerEdge, projectEdge, tokenEdge             *graphql.Object
	projectConnection, tokenConnection, functionConn *graphql.Object
	region                                           *graphql.Enum
	logConnection                                    *graphql.Object
	dateTime                                         *graphql.Scalar
}

// get makes a field that is read from a Go value of type S.
func get[S any](t graphql.Output, read func(ctx context.Context, source S, args map[string]any) (any, error)) *graphql.Field {
	return &graphql.Field{Type: t, Resolve: func(p graphql.ResolveParams) (out any, err error) {
		source, ok := p.Source.(S)
		if !ok {
			return nil, fmt.Errorf("field %s: source is %T", p.Info.FieldName, p.Source)
		}
		defer func() {
			if r := recover(); r != nil {
				out, err = nil, fmt.Errorf("field %s: panic: %v", p.Info.FieldName, r)
			}
		}()
		return orNothing(read(p.Context, source, p.Args))
	}}
}

// orNothing drops the value beside an error: the executor would write it out.
func orNothing(v any, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

// plainly makes a field that can't fail.
func plainly[S any](t graphql.Output, read func(S) any) *graphql.Field {
	return get(t, func(_ context.Context, s S, _ map[string]any) (any, error) { return read(s), nil })
}

func (a *API) buildSchema() (graphql.Schema, error) {
	t := &types{api: a}
	t.basics()
	t.functionTypes()
	t.objects()
	t.connections()
	query := graphql.NewObject(graphql.ObjectConfig{Name: "Query", Fields: graphql.Fields{
		"viewer": {Type: required(t.viewer), Resolve: func(graphql.ResolveParams) (any, error) { return viewer{}, nil }},
		"node": {Type: t.node, Args: graphql.FieldConfigArgument{"id": {Type: required(graphql.ID)}},
			Resolve: func(p graphql.ResolveParams) (any, error) {
				return orNothing(a.findNode(p.Context, p.Args["id"].(string)))
			}},
	}})
	return graphql.NewSchema(graphql.SchemaConfig{Query: query, Mutation: t.mutations(),
		Types: []graphql.Type{t.hook, t.subscription, t.resolver}})
}

func (t *types) basics() {
	enum := func(name string, values ...string) *graphql.Enum {
		config := graphql.EnumValueConfigMap{}
		for _, v := range values {
			config[v] = &graphql.EnumValueConfig{Value: v}
		}
		return graphql.NewEnum(graphql.EnumConfig{Name: name, Values: config})
	}
	t.region = enum("Region", "EU_WEST_1", "AP_NORTHEAST_1", "US_WEST_2")
	t.dateTime = graphql.NewScalar(graphql.ScalarConfig{Name: "DateTime", Serialize: func(v any) any {
		at, ok := v.(time.Time)
		if !ok {
			return nil
		}
		return at.UTC().Format("2006-01-02T15:04:05.000Z")
	}})
	t.node = graphql.NewInterface(graphql.InterfaceConfig{Name: "Node",
		Fields:      graphql.Fields{"id": {Type: required(graphql.ID)}},
		ResolveType: func(p graphql.ResolveTypeParams) *graphql.Object { return t.objectOf(p.Value) },
	})
	fields := graphql.Fields{
		"type": {Type: required(graphql.String)}, "action": {Type: required(graphql.String)},
		"name": {Type: required(graphql.String)}, "description": {Type: required(graphql.String)},
	}
	sub := graphql.NewObject(graphql.ObjectConfig{Name: "MigrationSubMessage", Fields: fields})
	all := graphql.Fields{"subDescriptions": {Type: listOf(sub)}}
	for name, f := range fields {
		all[name] = &graphql.Field{Type: f.Type}
	}
	t.message = graphql.NewObject(graphql.ObjectConfig{Name: "MigrationMessage", Fields: all})
	t.schemaError = graphql.NewObject(graphql.ObjectConfig{Name: "SchemaError", Fields: graphql.Fields{
		"type": {Type: required(graphql.String)}, "field": {Type: graphql.String}, "description": {Type: required(graphql.String)},
	}})
}

// objectOf is the object type of a value behind an interface.
func (t *types) objectOf(value any) *graphql.Object {
	switch v := value.(type) {
	case viewer:
		return t.viewer
	case store.Customer:
		return t.customer
	case *projectNode:
		return t.project
	case store.RootToken:
		return t.token
	case functionNode:
		switch v.Kind {
		case definition.Subscription:
			return t.subscription
		case definition.Resolver:
			return t.resolver
		default:
			return t.hook
		}
	}
	return nil
}

// functionTypes are the three kinds of function (platform §15.1).
func (t *types) functionTypes() {
	functionType := graphql.NewEnum(graphql.EnumConfig{Name: "FunctionType", Values: graphql.EnumValueConfigMap{
		"WEBHOOK": {Value: "WEBHOOK"}, "AUTH0": {Value: "AUTH0"}}})
	binding := graphql.NewEnum(graphql.EnumConfig{Name: "FunctionBinding", Values: graphql.EnumValueConfigMap{
		"TRANSFORM_ARGUMENT": {Value: "TRANSFORM_ARGUMENT"}, "PRE_WRITE": {Value: "PRE_WRITE"}, "TRANSFORM_PAYLOAD": {Value: "TRANSFORM_PAYLOAD"}}})
	operation := graphql.NewEnum(graphql.EnumConfig{Name: "RequestPipelineMutationOperation", Values: graphql.EnumValueConfigMap{
		"CREATE": {Value: "CREATE"}, "UPDATE": {Value: "UPDATE"}, "DELETE": {Value: "DELETE"}}})
	stats := graphql.NewObject(graphql.ObjectConfig{Name: "FunctionStats", Fields: graphql.Fields{
		"requestHistogram": {Type: listOf(graphql.Int)}, "requestCount": {Type: required(graphql.Int)},
		"errorCount": {Type: required(graphql.Int)}, "lastRequest": {Type: t.dateTime},
	}})
	// Functions don't run yet: nothing was counted.
	counted := plainly(required(stats), func(functionNode) any {
		return map[string]any{"requestHistogram": make([]int, 180), "requestCount": 0, "errorCount": 0}
	})
	counted.Args = connectionArgs()
	common := func() graphql.Fields {
		return graphql.Fields{
			"id":             plainly(required(graphql.ID), func(f functionNode) any { return f.id }),
			"name":           plainly(required(graphql.String), func(f functionNode) any { return f.Name }),
			"type":           plainly(required(functionType), func(f functionNode) any { return f.kind() }),
			"isActive":       plainly(required(graphql.Boolean), func(f functionNode) any { return f.Enabled }),
			"webhookUrl":     plainly(graphql.String, functionNode.webhookURL),
			"webhookHeaders": get(graphql.String, func(_ context.Context, f functionNode, _ map[string]any) (any, error) { return f.headers() }),
			"inlineCode":     plainly(graphql.String, functionNode.inlineCode),
			"auth0Id":        plainly(graphql.String, func(functionNode) any { return nil }),
			"logs":           t.logs(),
			"stats":          counted,
		}
	}
	shared := graphql.Fields{}
	for name, f := range common() {
		shared[name] = &graphql.Field{Type: f.Type, Args: f.Args}
	}
	t.function = graphql.NewInterface(graphql.InterfaceConfig{Name: "Function", Fields: shared,
		ResolveType: func(p graphql.ResolveTypeParams) *graphql.Object { return t.objectOf(p.Value) }})
	kind := func(name string, own graphql.Fields) *graphql.Object {
		for key, f := range common() {
			own[key] = f
		}
		return graphql.NewObject(graphql.ObjectConfig{Name: name, Fields: own, Interfaces: []*graphql.Interface{t.node, t.function}})
	}
	t.hook = kind("RequestPipelineMutationFunction", graphql.Fields{
		"binding": plainly(required(binding), func(f functionNode) any {
			if f.Kind == definition.OperationBefore {
				return "TRANSFORM_ARGUMENT"
			}
			return "TRANSFORM_PAYLOAD"
		}),
		"operation": plainly(required(operation), func(f functionNode) any {
			_, verb, _ := strings.Cut(f.Operation, ".")
			return strings.ToUpper(verb)
		}),
	})
	t.subscription = kind("ServerSideSubscriptionFunction", graphql.Fields{
		"query": plainly(required(graphql.String), func(f functionNode) any { return f.Query })})
	t.resolver = kind("SchemaExtensionFunction", graphql.Fields{
		"schema": plainly(required(graphql.String), func(f functionNode) any { return f.Schema })})
}

func (t *types) objects() {
	isNode := []*graphql.Interface{t.node}
	source := graphql.NewEnum(graphql.EnumConfig{Name: "CustomerSourceType", Values: graphql.EnumValueConfigMap{
		"LEARN_RELAY": {Value: "LEARN_RELAY"}, "LEARN_APOLLO": {Value: "LEARN_APOLLO"}, "DOCS": {Value: "DOCS"},
		"WAIT_LIST": {Value: "WAIT_LIST"}, "HOMEPAGE": {Value: "HOMEPAGE"}}})
	t.viewer = graphql.NewObject(graphql.ObjectConfig{Name: "Viewer", Interfaces: isNode, Fields: graphql.Fields{
		"id": plainly(required(graphql.ID), func(viewer) any { return viewerID }),
	}})
	t.customer = graphql.NewObject(graphql.ObjectConfig{Name: "Customer", Interfaces: isNode, Fields: graphql.Fields{
		"id":        plainly(required(graphql.ID), func(c store.Customer) any { return c.ID }),
		"name":      plainly(required(graphql.String), func(c store.Customer) any { return c.Name }),
		"email":     plainly(required(graphql.String), func(c store.Customer) any { return c.Email }),
		"source":    plainly(required(source), func(c store.Customer) any { return c.Source }),
		"createdAt": plainly(required(t.dateTime), func(c store.Customer) any { return c.CreatedAt }),
		"updatedAt": plainly(required(t.dateTime), func(c store.Customer) any { return c.UpdatedAt }),
	}})
	t.token = graphql.NewObject(graphql.ObjectConfig{Name: "PermanentAuthToken", Interfaces: isNode, Fields: graphql.Fields{
		"id":    plainly(required(graphql.ID), func(k store.RootToken) any { return k.ID }),
		"name":  plainly(required(graphql.String), func(k store.RootToken) any { return k.Name }),
		"token": plainly(required(graphql.String), func(k store.RootToken) any { return k.Token }),
	}})
	t.project = graphql.NewObject(graphql.ObjectConfig{Name: "Project", Interfaces: isNode, Fields: graphql.Fields{
		"id":   plainly(required(graphql.ID), func(p *projectNode) any { return string(p.ID) }),
		"name": plainly(required(graphql.String), func(p *projectNode) any { return p.Name }),
		"alias": plainly(graphql.String, func(p *projectNode) any {
			if p.Alias == "" {
				return nil
			}
			return p.Alias
		}),
		"version":        plainly(required(graphql.Int), func(p *projectNode) any { return p.version() }),
		"region":         plainly(required(t.region), func(p *projectNode) any { return p.Region }),
		"isEjected":      plainly(required(graphql.Boolean), func(p *projectNode) any { return p.Ejected }),
		"allowMutations": plainly(required(graphql.Boolean), func(p *projectNode) any { return p.AllowMutations }),
		"schema":         modelText(func(m *datamodel.DataModel) *datamodel.DataModel { return m }),
		"typeSchema": modelText(func(m *datamodel.DataModel) *datamodel.DataModel {
			return &datamodel.DataModel{Types: m.Types, Relations: m.Relations}
		}),
		"enumSchema": modelText(func(m *datamodel.DataModel) *datamodel.DataModel { return &datamodel.DataModel{Enums: m.Enums} }),
		"projectDefinition": definitionText(func(d *definition.Definition) string {
			return d.Source.Content
		}),
		"projectDefinitionWithFileContent": definitionText((*definition.Definition).Render),
	}})
}

func modelText(part func(*datamodel.DataModel) *datamodel.DataModel) *graphql.Field {
	return get(required(graphql.String), func(ctx context.Context, p *projectNode, _ map[string]any) (any, error) {
		m, err := p.model(ctx)
		if err != nil {
			return nil, err
		}
		return datamodel.Print(part(m)), nil
	})
}

func definitionText(text func(*definition.Definition) string) *graphql.Field {
	return get(required(graphql.String), func(ctx context.Context, p *projectNode, _ map[string]any) (any, error) {
		d, err := p.definition(ctx)
		if err != nil {
			return nil, err
		}
		return text(d), nil
	})
}

// connections closes the circle: fields whose types need the objects.
func (t *types) connections() {
	t.projectConnection, t.projectEdge = connectionTypes("Project", t.project)
	t.tokenConnection, t.tokenEdge = connectionTypes("PermanentAuthToken", t.token)
	t.functionConn, _ = connectionTypes("Function", t.function)
	t.customerEdge = graphql.NewObject(graphql.ObjectConfig{Name: "ClientEdge", Fields: graphql.Fields{
		"node": {Type: required(t.customer)}, "cursor": {Type: required(graphql.String)},
	}})
	add := func(o *graphql.Object, name string, f *graphql.Field, args graphql.FieldConfigArgument) {
		f.Args = args
		o.AddFieldConfig(name, f)
	}
	a := t.api
	add(t.viewer, "user", get(t.customer, func(ctx context.Context, _ viewer, _ map[string]any) (any, error) {
		return customer(ctx)
	}), nil)
	add(t.viewer, "project", get(t.project, func(ctx context.Context, _ viewer, args map[string]any) (any, error) {
		c, err := customer(ctx)
		if err != nil {
			return nil, err
		}
		p, err := a.Projects.Get(ctx, c, args["id"].(string))
		if err != nil {
			return nil, err
		}
		return a.projectNode(p), nil
	}), graphql.FieldConfigArgument{"id": {Type: required(graphql.ID)}})
	add(t.customer, "projects", get(required(t.projectConnection), func(ctx context.Context, c store.Customer, args map[string]any) (any, error) {
		list, err := a.Projects.List(ctx, c)
		if err != nil {
			return nil, err
		}
		return pageOf(a.projectNodes(list), func(p *projectNode) string { return string(p.ID) }, args)
	}), connectionArgs())
	add(t.project, "permanentAuthTokens", get(required(t.tokenConnection), func(ctx context.Context, p *projectNode, args map[string]any) (any, error) {
		list, err := p.tokens(ctx)
		if err != nil {
			return nil, err
		}
		return pageOf(list, func(k store.RootToken) string { return k.ID }, args)
	}), connectionArgs())
	add(t.project, "functions", get(required(t.functionConn), func(ctx context.Context, p *projectNode, args map[string]any) (any, error) {
		list, err := p.functions(ctx)
		if err != nil {
			return nil, err
		}
		return pageOf(list, func(f functionNode) string { return f.id }, args)
	}), connectionArgs())
}

// findNode looks through what the caller may see; nil when it is not there.
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
	p, err := a.Projects.Get(ctx, c, id)
	if err == nil && string(p.ID) == id {
		return a.projectNode(p), nil
	}
	var known *problem.Error
	if err != nil && !errors.As(err, &known) {
		return nil, err
	}
	list, err := a.Projects.List(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, p := range a.projectNodes(list) {
		tokens, err := p.tokens(ctx)
		if err != nil {
			return nil, err
		}
		for _, k := range tokens {
			if k.ID == id {
				return k, nil
			}
		}
		functions, err := p.functions(ctx)
		if err != nil {
			return nil, err
		}
		for _, f := range functions {
			if f.id == id {
				return f, nil
			}
		}
	}
	return nil, nil
}
