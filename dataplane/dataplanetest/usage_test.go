package dataplanetest

import (
	"fmt"
	"sync"
	"testing"

	"icehouse/dataplane"
	"icehouse/dataplane/compiledschema"
	"icehouse/tenancy"
	"icehouse/tenancy/meter"
)

// uses remembers what was counted.
type uses struct {
	mu   sync.Mutex
	list []string
}

func (u *uses) Add(project tenancy.ProjectID, use meter.Use) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.list = append(u.list, fmt.Sprintf("%s %v %d", project, use.Features.Names(), use.PermissionQueries))
}

// TestUsage counts each request of a project with what it used, also one that fails,
// and each of a batch (platform §4.9).
func TestUsage(t *testing.T) {
	const simple, filter, nested, permission, authentication = "backend/api/simple", "backend/feature/filter", "backend/feature/nested-mutation", "backend/feature/permission-queries", "backend/feature/authentication"
	for _, c := range contexts(t) {
		t.Run(c.Name, func(t *testing.T) {
			u := &uses{}
			p := deployOwned(t, c, func(c *dataplane.Config) { c.Meter = u })
			me := p.admin(t, `mutation { x: createUser(editor: true, posts: [{title: "t"}]) { id } }`, nil)
			for _, r := range []Request{
				{Query: `{ allPosts { id title } }`},
				{Query: `{ allPosts(filter: {title: "t"}) { text } }`, Token: p.NodeToken(t, "User", me)},
				{Query: `{ allPosts(filter: {title: "t"}) { text } }`, Token: p.NodeToken(t, "User", me)},
				{Query: `{ nothing }`},
			} {
				p.Do(t, r)
			}
			p.post(t, compiledschema.Relay, "", `[{"query":"{ viewer { id } }"},{"query":"{ viewer { id } }"}]`, Request{})
			want := []string{
				fmt.Sprintf("%s %v 0", p.ID, []string{simple, nested, authentication}),
				fmt.Sprintf("%s %v 0", p.ID, []string{simple}),
				fmt.Sprintf("%s %v 1", p.ID, []string{simple, filter, permission, authentication}),
				fmt.Sprintf("%s %v 1", p.ID, []string{simple, filter, permission, authentication}),
				fmt.Sprintf("%s %v 0", p.ID, []string{simple}),
				fmt.Sprintf("%s %v 0", p.ID, []string{"backend/api/relay"}),
				fmt.Sprintf("%s %v 0", p.ID, []string{"backend/api/relay"}),
			}
			if got := u.list; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("counted\n%q\nnot\n%q", got, want)
			}
		})
	}
}
