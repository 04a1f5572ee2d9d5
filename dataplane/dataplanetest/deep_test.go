package dataplanetest

import (
	"strings"
	"testing"
)

// Long and deep filters and selections are answered, or refused with a reason
// where an engine ends.
func TestDeepRequests(t *testing.T) {
	deep := func(n int) string {
		return strings.Repeat("{author: {posts_some: ", n) + `{title: "a"}` + strings.Repeat("}}", n)
	}
	cases := map[string]string{
		"OR of 2,000":    "{ allPosts(filter: {OR: [" + strings.Repeat(`{title: "a"}`, 2000) + "]}) { id } }",
		"AND of 2,000":   "{ allPosts(filter: {AND: [" + strings.Repeat(`{title_not: "a"}`, 2000) + "]}) { id } }",
		"filter, 24":     "{ allPosts(filter: " + deep(12) + ") { id } }",
		"filter, 80":     "{ allPosts(filter: " + deep(40) + ") { id } }",
		"every, 20":      "{ allPosts(filter: " + strings.ReplaceAll(deep(10), "some", "every") + ") { id } }",
		"20 levels deep": "{ allPosts " + strings.Repeat("{ author { posts ", 10) + "{ id }" + strings.Repeat("}}", 10) + "}",
		"24 levels deep": "{ allPosts " + strings.Repeat("{ author { posts ", 11) + "{ id }" + strings.Repeat("}}", 11) + "}",
	}
	for _, c := range contexts(t) {
		p := Deploy(t, c, blog)
		for name, query := range cases {
			t.Run(c.Name+"/"+name, func(t *testing.T) {
				status, answer := p.Do(t, Request{Query: query})
				if c.Name == "sqlite" && (name == "filter, 80" || name == "24 levels deep") {
					if status != 200 || !strings.Contains(answer, "nests deeper than") {
						t.Errorf("%d %.300s", status, answer)
					}
				} else if status != 200 || answer != `{"data":{"allPosts":[]}}` {
					t.Errorf("%d %.300s", status, answer)
				}
			})
		}
		if log := p.Log.String(); log != "" {
			t.Errorf("%.1000s", log)
		}
	}
}
