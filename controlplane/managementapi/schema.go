package managementapi

import (
	"context"

	"github.com/graphql-go/graphql"
)

// buildSchema hangs the resolvers on the schema.
func (a *API) buildSchema() error {
	sdl, text, err := loadSchema()
	if err != nil {
		return err
	}
	m := mutations{}
	a.accountMutations(m)
	a.seatMutations(m)
	a.projectMutations(m)
	a.dataModelMutations(m)
	a.legacyMutations(m)
	r := resolvers{"Mutation": m.resolvers()}
	a.roots(r)
	r.accounts(a)
	r.tokensAndLog()
	r.seats()
	r.projects()
	r.models()
	r.permissions()
	r.functions()
	r.integrations()
	r.bills(a)
	a.sdl, a.text = sdl, text
	a.schema, err = makeExecutable(sdl, r)
	return err
}

// roots are the fields of Query and Viewer.
func (a *API) roots(r resolvers) {
	r["Query"] = fields{
		"viewer": func(graphql.ResolveParams) (any, error) { return viewer{}, nil },
		"node": func(p graphql.ResolveParams) (any, error) {
			found, err := a.findNode(p.Context, p.Args["id"].(string))
			if err != nil {
				return nil, err
			}
			return found, nil
		},
	}
	find := func(look func(context.Context, input) (any, error)) graphql.FieldResolveFn {
		return asked(func(ctx context.Context, _ viewer, in input) (any, error) { return look(ctx, in) })
	}
	r["Viewer"] = fields{
		"user": find(func(ctx context.Context, _ input) (any, error) { return customer(ctx) }),
		"project": find(func(ctx context.Context, in input) (any, error) {
			_, p, err := a.own(ctx, in.text("id"))
			return a.projectNode(p), err
		}),
		"projectByName": find(func(ctx context.Context, in input) (any, error) { return a.projectNamed(ctx, in.text("projectName")) }),
		"model":         find(func(ctx context.Context, in input) (any, error) { return a.modelWith(ctx, in.text("id")) }),
		"relation":      find(func(ctx context.Context, in input) (any, error) { return a.relationWith(ctx, in.text("id")) }),
		"field":         find(func(ctx context.Context, in input) (any, error) { return a.fieldWith(ctx, in.text("id")) }),
		"modelByName": find(func(ctx context.Context, in input) (any, error) {
			return a.modelNamed(ctx, in.text("projectName"), in.text("modelName"))
		}),
		"relationByName": find(func(ctx context.Context, in input) (any, error) {
			return a.relationNamed(ctx, in.text("projectName"), in.text("relationName"))
		}),
		"fieldByName": find(func(ctx context.Context, in input) (any, error) {
			return a.fieldNamed(ctx, in.text("projectName"), in.text("modelName"), in.text("fieldName"))
		}),
	}
}
