package deployment

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"

	"icehouse/controlplane/definition"
	"icehouse/controlplane/deployment/migrationplan"
	"icehouse/controlplane/problem"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/relational"
)

// compile makes the release that the data plane will read, and proves that it
// can be served by compiling it from its encoded form, as a node will. warnings say
// which permission queries can never hold (LQ-8).
func compile(next migrationplan.State, layout *relational.Layout, functions []compiledschema.Function) (release compiledschema.Release, encoded []byte, warnings []string, problems definition.Problems, err error) {
	release, problems = resolvers(next, layout)
	if len(problems) > 0 {
		return release, nil, nil, problems, nil
	}
	release.Functions = functions
	schema, err := release.Compile()
	if err != nil {
		return refused(release, err)
	}
	if problems = subscriptions(next, schema); len(problems) > 0 {
		return release, nil, nil, problems, nil
	}
	release.Permissions, warnings = permissions(next, schema)
	if encoded, err = compiledschema.EncodeRelease(release); err != nil {
		return release, nil, nil, nil, err
	}
	read, err := compiledschema.DecodeRelease(encoded)
	if err != nil {
		return release, nil, nil, nil, err
	}
	if _, err := read.Compile(); err != nil {
		return refused(release, err)
	}
	return release, encoded, warnings, nil, nil
}

// refused is the answer to a release that can't be compiled.
func refused(release compiledschema.Release, err error) (compiledschema.Release, []byte, []string, definition.Problems, error) {
	var conflict *compiledschema.Conflict
	var resolver *compiledschema.ResolverError
	if errors.As(err, &conflict) || errors.As(err, &resolver) {
		return release, nil, nil, definition.Problems{resolverProblem(err)}, nil
	}
	return release, nil, nil, nil, err
}

// subscriptions checks the queries of event handlers against the API (platform §2.8).
func subscriptions(next migrationplan.State, schema *compiledschema.Schema) (problems definition.Problems) {
	for _, f := range next.Definition.Functions {
		if f.Kind != definition.Subscription {
			continue
		}
		doc, err := parser.ParseQuery(&ast.Source{Input: f.Query})
		if err != nil { // the definition was checked
			continue
		}
		invalid := schema.ValidateUpTo(doc, 1)
		if v := unanswered(doc); len(invalid) == 0 && v != nil {
			invalid = gqlerror.List{gqlerror.ErrorPosf(v.Position, "Nobody gives the variable $%s a value", v.Variable)}
		}
		if len(invalid) > 0 {
			problems = append(problems, definition.Problem{Type: definition.Global, Code: problem.CodeSubscriptionQuery,
				Description: fmt.Sprintf("The subscription query of the function '%s' is invalid: %s: %s", f.Name, place(f.QueryPath, invalid[0]), invalid[0].Message)})
		}
	}
	return problems
}

// unanswered is a variable of a document's operation that must be given, or nil.
func unanswered(doc *ast.QueryDocument) *ast.VariableDefinition {
	for _, v := range doc.Operations[0].VariableDefinitions {
		if v.Type.NonNull && v.DefaultValue == nil {
			return v
		}
	}
	return nil
}

// permissions are the records of a definition, with the text of their queries.
func permissions(next migrationplan.State, schema *compiledschema.Schema) (out compiledschema.Permissions, warnings []string) {
	out.Open = next.Definition.Open()
	for _, rule := range next.Definition.Rules(next.Model) {
		p := compiledschema.Permission{Target: rule.Target, Authenticated: rule.Authenticated, Fields: rule.Fields, Name: rule.Name()}
		for _, verb := range rule.Verbs() {
			p.Verb = compiledschema.Verb(verb)
			if rule.Query != "" {
				file := rule.QueryPath
				if rule.QueryName != "" {
					file += ":" + rule.QueryName
				}
				p.Name = rule.Name() + " (" + file + ")"
				var never gqlerror.List
				if p.Query, never = schema.ReadPermissionQuery(p.Target, p.Verb, rule.Query, rule.QueryName); len(never) > 0 {
					w := fmt.Sprintf("%s: the permission query for '%s' can never hold: %s", place(rule.QueryPath, never[0]), rule.Name(), never[0].Message)
					if !slices.Contains(warnings, w) { // two verbs of a relation share it
						warnings = append(warnings, w)
					}
				}
			}
			out.Records = append(out.Records, p)
		}
	}
	return out, warnings
}

func place(file string, err *gqlerror.Error) string {
	if len(err.Locations) == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d:%d", file, err.Locations[0].Line, err.Locations[0].Column)
}

// resolvers begins a release with what functions add to the schema.
func resolvers(next migrationplan.State, layout *relational.Layout) (compiledschema.Release, definition.Problems) {
	release := compiledschema.Release{Model: next.Model, Layout: layout}
	var problems definition.Problems
	for _, f := range next.Definition.Functions {
		if f.Kind != definition.Resolver {
			continue
		}
		if _, err := compiledschema.ParseResolver(f.Name, f.Schema); err != nil {
			problems = append(problems, resolverProblem(err))
			continue
		}
		if f.Enabled {
			release.Resolvers = append(release.Resolvers, compiledschema.ResolverSource{Function: f.Name, SDL: f.Schema})
		}
	}
	return release, problems
}

// resolverProblem gives what compiledschema refuses its number (platform §2.9).
func resolverProblem(err error) definition.Problem {
	p := definition.Problem{Type: definition.Global, Code: problem.CodeResolverSchema, Description: err.Error()}
	var conflict *compiledschema.Conflict
	if errors.As(err, &conflict) {
		switch {
		case conflict.Resolver == "":
			p.Code = problem.CodeDefinition
		case conflict.Payload:
			p.Code = problem.CodePayloadName
		}
	}
	return p
}
