package project

import (
	"context"
	"errors"
	"testing"

	"icehouse/controlplane/problem"
	"icehouse/dataplane/connector/database"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

// busy fails as often as it is told.
type busy struct {
	database.Driver
	kind    database.ErrorKind
	failing int
	calls   int
}

func (b *busy) Batch(context.Context, isolation.Scope, []database.Statement) ([][]byte, error) {
	if b.calls++; b.calls <= b.failing {
		return nil, &database.Error{Kind: b.kind}
	}
	return nil, nil
}

func TestResetBesideWriters(t *testing.T) {
	scope, err := isolation.ForProject(tenancy.ProjectID(tenancy.NewID()), tenancy.DefaultPlacement)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		driver busy
		calls  int
		ok     bool
		told   bool
	}{
		"alone":              {busy{}, 1, true, false},
		"a row came between": {busy{kind: database.MissingReference, failing: 2}, 3, true, false},
		"lost twice":         {busy{kind: database.Conflict, failing: 2}, 3, true, false},
		"never alone":        {busy{kind: database.Conflict, failing: 9}, 3, false, true},
		"broken":             {busy{kind: database.Unavailable, failing: 1}, 1, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := empty(t.Context(), database.Open(&c.driver), scope, nil)
			var known *problem.Error
			if (err == nil) != c.ok || errors.As(err, &known) != c.told || c.driver.calls != c.calls {
				t.Errorf("%v after %d tries", err, c.driver.calls)
			}
		})
	}
}
