package dataplanetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"icehouse/dataplane/internal/operation"
	"icehouse/dataplane/internal/planner"
)

// Statements returns the SQL that a request is planned as, one statement a
// paragraph; "" for a request that is refused before planning. The project's
// namespace is shown as p.
func Statements(t testing.TB, c Context, p *Project, r Request) string {
	t.Helper()
	plan, err := p.plan(c, r)
	if err != nil {
		var syntax *operation.SyntaxError
		var invalid *operation.Invalid
		if errors.As(err, &syntax) || errors.As(err, &invalid) {
			return ""
		}
		t.Fatal(err)
	}
	var out strings.Builder
	step := func(s *planner.Step) {
		out.WriteString(s.Statement.SQL)
		out.WriteString("\n\n")
	}
	if plan.Read != nil && plan.Read.Step != nil {
		step(plan.Read.Step)
	}
	for _, w := range plan.Writes {
		if w.Choose != nil {
			step(w.Choose)
		}
		for _, sequence := range []*planner.Sequence{w.Found, w.Missing} {
			if sequence != nil {
				for _, s := range sequence.Steps {
					step(s)
				}
			}
		}
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func (p *Project) plan(c Context, r Request) (*planner.Plan, error) {
	request := operation.Request{Query: r.Query, OperationName: r.OperationName}
	if len(bytes.TrimSpace(r.Variables)) > 0 {
		d := json.NewDecoder(bytes.NewReader(r.Variables))
		d.UseNumber()
		if err := d.Decode(&request.Variables); err != nil {
			return nil, err
		}
	}
	prepared, err := operation.NewCache(operation.DefaultLimits(), 1<<20).Prepare(p.Schema, request)
	if err != nil {
		return nil, err
	}
	return planner.Make(prepared, planner.Target{Dialect: c.DB.Dialect(), Namespace: "p"})
}
