package dataplanetest

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/internal/operation"
	"icehouse/dataplane/internal/planner"
)

// Statements returns the SQL that a request is planned as, one statement a
// paragraph; "" for a request that is refused before planning. The project's
// namespace is shown as p.
func Statements(t testing.TB, c Context, p *Project, r Request) string {
	t.Helper()
	plan, err := p.planFor(c, r, "p")
	if err != nil {
		var syntax *operation.SyntaxError
		var invalid *operation.Invalid
		if errors.As(err, &syntax) || errors.As(err, &invalid) {
			return ""
		}
		t.Fatal(err)
	}
	var out strings.Builder
	for _, step := range allSteps(plan) {
		out.WriteString(step.Statement.String())
		out.WriteString("\n\n")
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func (p *Project) planFor(c Context, r Request, namespace string) (*planner.Plan, error) {
	request := operation.Request{Query: r.Query, OperationName: r.OperationName}
	if len(bytes.TrimSpace(r.Variables)) > 0 {
		var err error
		if request.Variables, err = coercion.ReadVariables(string(r.Variables)); err != nil {
			return nil, err
		}
	}
	documents := operation.NewCache(operation.DefaultLimits(), 1<<20)
	prepared, err := documents.Prepare(p.Schema.For(r.API), request)
	if err != nil {
		return nil, err
	}
	return planner.Make(prepared, planner.Target{
		Dialect: c.DB.Dialect(), Namespace: namespace, Requester: r.requester(), Mark: mark,
		Queries: func(text string) (*operation.Document, error) { return documents.Permission(p.Schema, text) },
	})
}

// requester is who sends a request, as plans see it.
func (r Request) requester() planner.Requester {
	switch {
	case r.Token == AdminToken:
		return planner.Requester{Admin: true}
	case r.Token != "":
		return planner.Requester{Type: r.As}
	default:
		return planner.Requester{}
	}
}

// allSteps lists the statements of a plan, those of both branches of a choice.
func allSteps(p *planner.Plan) []*planner.Step {
	var out []*planner.Step
	if p.Read != nil && p.Read.Step != nil {
		out = append(out, p.Read.Step)
	}
	for _, w := range p.Writes {
		if w.Choose != nil {
			out = append(out, w.Choose)
		}
		for _, s := range []*planner.Sequence{w.Found, w.Missing} {
			if s != nil {
				out = append(out, s.Steps...)
			}
		}
	}
	return out
}
