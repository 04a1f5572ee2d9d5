package managementapi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/graphql-go/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// resolvers say how fields are read: by type, then field. The fields of a type that
// is not in it are read from maps.
type resolvers map[string]fields

type fields map[string]graphql.FieldResolveFn

// value reads a field that can't fail from a Go value of type S.
func value[S any](read func(S) any) graphql.FieldResolveFn {
	return asked(func(_ context.Context, s S, _ input) (any, error) { return read(s), nil })
}

// asked reads a field from a Go value of type S.
func asked[S any](read func(ctx context.Context, source S, args input) (any, error)) graphql.FieldResolveFn {
	return func(p graphql.ResolveParams) (out any, err error) {
		source, ok := p.Source.(S)
		if !ok {
			return nil, fmt.Errorf("field %s: source is %T", p.Info.FieldName, p.Source)
		}
		defer func() {
			if r := recover(); r != nil {
				out, err = nil, fmt.Errorf("field %s: panic: %v", p.Info.FieldName, r)
			}
		}()
		out, err = read(p.Context, source, p.Args)
		if err != nil { // the executor would write out what stands beside an error
			return nil, err
		}
		return out, nil
	}
}

// listed reads a connection from a Go value of type S.
func listed[S, N any](read func(ctx context.Context, source S) ([]N, error)) graphql.FieldResolveFn {
	return asked(func(ctx context.Context, s S, args input) (any, error) {
		all, err := read(ctx, s)
		if err != nil {
			return nil, err
		}
		return pageOf(all, func(n N) string { return idOf(n) }, args)
	})
}

// none is a connection to what this version does not have.
func none[S any]() graphql.FieldResolveFn {
	return listed(func(context.Context, S) ([]nothing, error) { return nil, nil })
}

type nothing struct{ element }

// executable makes the types that execute a schema.
type executable struct {
	schema    *ast.Schema
	types     map[string]graphql.Type
	resolvers resolvers
	errs      []error
}

// makeExecutable hangs resolvers on a schema. A resolver without a field is an
// error, and so is a field without a resolver in a type that has others.
func makeExecutable(schema *ast.Schema, r resolvers) (graphql.Schema, error) {
	e := &executable{schema: schema, resolvers: r, types: map[string]graphql.Type{
		"ID": graphql.ID, "String": graphql.String, "Int": graphql.Int, "Float": graphql.Float, "Boolean": graphql.Boolean, "DateTime": dateTime,
	}}
	for typ, fields := range r {
		d := schema.Types[typ]
		for name := range fields {
			if d == nil || d.Fields.ForName(name) == nil {
				e.errs = append(e.errs, fmt.Errorf("there is no field %s.%s to resolve", typ, name))
			}
		}
	}
	for name, d := range schema.Types {
		if !d.BuiltIn && d.Kind != ast.Scalar {
			e.types[name] = e.named(d)
		}
	}
	var implementations []graphql.Type
	for name, d := range schema.Types {
		if d.Kind == ast.Object && len(d.Interfaces) > 0 {
			implementations = append(implementations, e.types[name])
		}
	}
	out, err := graphql.NewSchema(graphql.SchemaConfig{
		Query: e.types["Query"].(*graphql.Object), Mutation: e.types["Mutation"].(*graphql.Object), Types: implementations,
	})
	return out, errors.Join(append(e.errs, err)...)
}

func (e *executable) named(d *ast.Definition) graphql.Type {
	switch d.Kind {
	case ast.Enum:
		values := graphql.EnumValueConfigMap{}
		for _, v := range d.EnumValues {
			values[v.Name] = &graphql.EnumValueConfig{Value: v.Name}
		}
		return graphql.NewEnum(graphql.EnumConfig{Name: d.Name, Values: values})
	case ast.InputObject:
		return graphql.NewInputObject(graphql.InputObjectConfig{Name: d.Name, Fields: graphql.InputObjectConfigFieldMapThunk(func() graphql.InputObjectConfigFieldMap {
			all := graphql.InputObjectConfigFieldMap{}
			for _, f := range d.Fields {
				all[f.Name] = &graphql.InputObjectFieldConfig{Type: e.typ(f.Type)}
			}
			return all
		})})
	case ast.Interface:
		return graphql.NewInterface(graphql.InterfaceConfig{Name: d.Name, Fields: e.fields(d),
			ResolveType: func(p graphql.ResolveTypeParams) *graphql.Object {
				o, _ := e.types[typeOf(p.Value)].(*graphql.Object)
				return o
			}})
	default:
		return graphql.NewObject(graphql.ObjectConfig{Name: d.Name, Fields: e.fields(d), Interfaces: graphql.InterfacesThunk(func() []*graphql.Interface {
			var all []*graphql.Interface
			for _, name := range d.Interfaces {
				all = append(all, e.types[name].(*graphql.Interface))
			}
			return all
		})})
	}
}

func (e *executable) fields(d *ast.Definition) graphql.FieldsThunk {
	resolve := make([]graphql.FieldResolveFn, len(d.Fields))
	for i, f := range d.Fields {
		resolve[i] = e.resolver(d, f)
	}
	return func() graphql.Fields {
		all := graphql.Fields{}
		for i, f := range d.Fields {
			if strings.HasPrefix(f.Name, "__") {
				continue
			}
			args := graphql.FieldConfigArgument{}
			for _, a := range f.Arguments {
				args[a.Name] = &graphql.ArgumentConfig{Type: e.typ(a.Type)}
			}
			all[f.Name] = &graphql.Field{Type: e.typ(f.Type), Args: args, Resolve: resolve[i]}
		}
		return all
	}
}

// resolver is nil for fields that are read from maps.
func (e *executable) resolver(d *ast.Definition, f *ast.FieldDefinition) graphql.FieldResolveFn {
	own := e.resolvers[d.Name]
	switch {
	case d.Kind == ast.Interface || strings.HasPrefix(f.Name, "__"):
		return nil
	case own[f.Name] != nil:
		return own[f.Name]
	case strings.HasSuffix(d.Name, "Payload"):
		return e.payloadField(f)
	case f.Name == "id" && len(d.Interfaces) > 0:
		return value(func(node any) any { return idOf(node) })
	case own != nil:
		e.errs = append(e.errs, fmt.Errorf("the field %s.%s has no resolver", d.Name, f.Name))
	}
	return nil
}

func (e *executable) typ(t *ast.Type) graphql.Type {
	var out graphql.Type
	if t.Elem != nil {
		out = graphql.NewList(e.typ(t.Elem))
	} else {
		out = e.types[t.NamedType]
	}
	if t.NonNull {
		return graphql.NewNonNull(out)
	}
	return out
}

var dateTime = graphql.NewScalar(graphql.ScalarConfig{Name: "DateTime", Serialize: func(v any) any {
	at, ok := v.(time.Time)
	if !ok {
		return nil
	}
	return at.UTC().Format("2006-01-02T15:04:05.000Z")
}})
