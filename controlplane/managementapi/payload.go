package managementapi

import (
	"context"
	"fmt"
	"strings"

	"github.com/graphql-go/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// input are the arguments or the fields of an input that were given.
type input map[string]any

func (in input) text(name string) string {
	s, _ := in[name].(string)
	return s
}

// optional is a value that may have been left out.
func optional[T any](in input, name string) *T {
	if v, ok := in[name].(T); ok {
		return &v
	}
	return nil
}

func (in input) yes(name string) bool {
	b, _ := in[name].(bool)
	return b
}

// texts is a list that was given, or nil.
func (in input) texts(name string) []string {
	list, ok := in[name].([]any)
	if !ok {
		return nil
	}
	out := make([]string, len(list))
	for i, v := range list {
		out[i], _ = v.(string)
	}
	return out
}

// payload is what a mutation answers: the objects it touched, by the names of their
// fields. Their edges and connections follow.
type payload map[string]any

// mutations are what the system API can change, by name.
type mutations map[string]func(context.Context, input) (payload, error)

func (all mutations) resolvers() fields {
	out := fields{}
	for name, run := range all {
		out[name] = func(p graphql.ResolveParams) (out any, err error) {
			given := input(p.Args["input"].(map[string]any))
			who := p.Context.Value(callerKey{}).(*caller)
			who.project = ""
			var answer payload
			defer func() {
				if r := recover(); r != nil {
					out, err = nil, fmt.Errorf("mutation %s: panic: %v", name, r)
				}
				who.record(p.Context, name, given, answer, err)
			}()
			answer, err = run(context.WithValue(p.Context, scopeKey{}, scopeOf(name)), given)
			if err != nil {
				return nil, err
			}
			answer["viewer"] = viewer{}
			answer["clientMutationId"] = given["clientMutationId"]
			return answer, nil
		}
	}
	return out
}

// connectionsOf says whose connection a payload shows.
var connectionsOf = map[string]struct{ key, typ, field string }{
	"fieldConnection":              {"model", "Model", "fields"},
	"modelConnection":              {"project", "Project", "models"},
	"modelPermissionConnection":    {"model", "Model", "permissions"},
	"relationConnection":           {"project", "Project", "relations"},
	"relationPermissionConnection": {"relation", "Relation", "permissions"},
	"permanentAuthTokenConnection": {"project", "Project", "permanentAuthTokens"},
	"seatConnection":               {"project", "Project", "seats"},
}

// payloadField reads a field of a payload.
func (e *executable) payloadField(f *ast.FieldDefinition) graphql.FieldResolveFn {
	if strings.HasSuffix(f.Type.Name(), "Edge") {
		key := strings.TrimSuffix(f.Name, "Edge")
		return value(func(p payload) any { return edgeOf(idOf(p[key]), p[key]) })
	}
	if of, ok := connectionsOf[f.Name]; ok {
		return func(p graphql.ResolveParams) (any, error) {
			p.Source = p.Source.(payload)[of.key]
			return e.resolvers[of.typ][of.field](p)
		}
	}
	if f.Name == "user" && f.Type.NonNull {
		return asked(func(ctx context.Context, p payload, _ input) (any, error) {
			if p["user"] != nil {
				return p["user"], nil
			}
			return customer(ctx)
		})
	}
	return value(func(p payload) any { return p[f.Name] })
}
