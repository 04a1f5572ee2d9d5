package dataplanetest

import (
	"context"
	"fmt"
	"testing"

	"icehouse/dataplane/connector/database"
	"icehouse/tenancy/directory"
	"icehouse/tenancy/isolation"
)

// leaving lets one call of the database meet tables that are not there any more.
type leaving struct {
	database.Driver
	calls, at int // at 0: none
}

func (l *leaving) out() error {
	if l.calls++; l.calls == l.at {
		return &database.Error{Kind: database.OutOfDate}
	}
	return nil
}

func (l *leaving) Query(ctx context.Context, scope isolation.Scope, s database.Statement) ([]byte, error) {
	if err := l.out(); err != nil {
		return nil, err
	}
	return l.Driver.Query(ctx, scope, s)
}

func (l *leaving) Batch(ctx context.Context, scope isolation.Scope, s []database.Statement) ([][]byte, error) {
	if err := l.out(); err != nil {
		return nil, err
	}
	return l.Driver.Batch(ctx, scope, s)
}

// TestBulkMeetsANewerRelease: at whichever of its statements an import or an export
// meets the tables of another release, it answers as if it had not.
func TestBulkMeetsANewerRelease(t *testing.T) {
	c := embedded(t)
	l := &leaving{}
	c.DB = c.DB.Wrap(func(d database.Driver) database.Driver { l.Driver = d; return l })
	p, set := deployChanging(t, c)
	release := int64(1)
	current := func(e *directory.Entry) { e.Release = release }
	set(current)

	var nodes, edges []string
	for i := range 1100 { // more than are written at a time
		nodes = append(nodes, fmt.Sprintf(`{"_typeName":"Post","id":"p%d"}`, i), fmt.Sprintf(`{"_typeName":"Tag","id":"t%d"}`, i))
		edges = append(edges, fmt.Sprintf(`[{"_typeName":"Post","id":"p%d","fieldName":"tags"},{"_typeName":"Tag","id":"t%d","fieldName":"posts"}]`, i, i))
	}
	// Two are refused, the one before and the other behind what is written first.
	nodes[3], nodes[1500] = nodes[2], nodes[7]
	const export = `{"fileType":"nodes","cursor":{"table":0,"row":0,"field":0,"array":0}}`
	empty := func() {
		l.at = 0
		for _, change := range p.Schema.Layout().Empty() {
			if _, err := c.DB.Batch(t.Context(), p.Scope, []database.Statement{{Statement: c.DB.Dialect().Change(p.Scope.Namespace(), change)}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	run := func(at int) (answers []string, calls int) {
		l.at, l.calls = at, 0
		release++ // comes while the request runs, unless it has come before
		for _, r := range [][2]string{{"import", ndf("nodes", nodes...)}, {"import", ndf("relations", edges...)}, {"export", export}} {
			status, answer := p.bulk(t.Context(), r[0], r[1], AdminToken)
			if status != 200 {
				t.Errorf("call %d: %d %s", at, status, answer)
			}
			answers = append(answers, answer)
		}
		return answers, l.calls
	}
	want, calls := run(0)
	if calls < 8 {
		t.Fatalf("only %d calls: %q", calls, want[:2])
	}
	for at := 1; at <= calls; at++ {
		empty()
		got, _ := run(at)
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("call %d of %d: answer %d is %.300s, not %.300s", at, calls, i, got[i], want[i])
			}
		}
	}
}
