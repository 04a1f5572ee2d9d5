package deployment

import (
	"errors"

	"icehouse/controlplane/definition"
	"icehouse/controlplane/deployment/migrationplan"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/relational"
)

// compile makes the release that the data plane will read, and proves that it
// can be served by compiling it from its encoded form, as a node will.
func compile(next migrationplan.State, layout *relational.Layout) ([]byte, definition.Problems, error) {
	release := compiledschema.Release{Model: next.Model, Layout: layout}
	release.Open = next.Definition.Open()
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
	if len(problems) > 0 {
		return nil, problems, nil
	}
	encoded, err := compiledschema.EncodeRelease(release)
	if err != nil {
		return nil, nil, err
	}
	read, err := compiledschema.DecodeRelease(encoded)
	if err != nil {
		return nil, nil, err
	}
	if _, err := read.Compile(); err != nil {
		var conflict *compiledschema.Conflict
		var resolver *compiledschema.ResolverError
		if errors.As(err, &conflict) || errors.As(err, &resolver) {
			return nil, definition.Problems{resolverProblem(err)}, nil
		}
		return nil, nil, err
	}
	return encoded, nil, nil
}

// resolverProblem gives what compiledschema refuses its number (platform §2.9).
func resolverProblem(err error) definition.Problem {
	p := definition.Problem{Type: definition.Global, Code: 2053, Description: err.Error()}
	var conflict *compiledschema.Conflict
	if errors.As(err, &conflict) {
		switch {
		case conflict.Resolver == "":
			p.Code = 2040
		case conflict.Payload:
			p.Code = 2065
		}
	}
	return p
}
