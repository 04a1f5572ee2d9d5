package dataplanetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// Documents made to hurt are refused with a reason, soon, and the server goes on.
func TestHostileRequests(t *testing.T) {
	p := Deploy(t, embedded(t), blog)
	bomb := "{ allPosts { ...f0 } }"
	for i := range 40 {
		bomb += fmt.Sprintf(" fragment f%d on Post { a%d: author { posts { ...f%d } } b%d: author { posts { ...f%d } } }", i, i, i+1, i, i+1)
	}
	bomb += " fragment f40 on Post { id }"
	cases := map[string]struct{ query, want string }{
		"alias bomb":         {"{" + strings.Repeat(" allPosts { id }", 200) + strings.Repeat(" x: allPosts { author { posts { id } } }", 4000) + "}", "tokens"},
		"aliased roots":      {"{" + numbered(" a%d: allPosts { id }", 6000) + "}", "tokens"},
		"fragment bomb":      {bomb, "more than"},
		"cyclic fragment":    {"{ allPosts { ...a } } fragment a on Post { author { posts { ...a } } }", "within itself"},
		"deep selection":     {"{ allPosts" + strings.Repeat("{ author { posts", 30) + "{ id }" + strings.Repeat("}}", 30) + "}", "levels deep"},
		"10,000 deep":        {strings.Repeat("{a", 10_000), "nests"},
		"deep filter":        {"{ allPosts(filter: " + strings.Repeat("{AND: [", 150) + strings.Repeat("]}", 150) + ") { id } }", "nests"},
		"long text":          {"{ allPosts { " + strings.Repeat("id ", 100_000) + "} }", "bytes"},
		"NUL in a value":     {"{ allPosts(filter: {title: \"a\\u0000b\"}) { id } }", "NUL"},
		"unknown everything": {"{" + numbered(" nope%d(x: 1) { y }", 2000) + "}", "Cannot query field"},
		"bad unicode":        {"{ allPosts(filter: {title: \"\\ud800\"}) { id } }", ""},
		"no such operation":  {"query a { allPosts { id } } query a { allPosts { id } }", "operation"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			status, answer := p.Do(t, Request{Query: c.query})
			if status != 200 || !strings.Contains(answer, c.want) || strings.Contains(answer, "Whoops") {
				t.Errorf("%d %.300s, want %q", status, answer, c.want)
			}
			limit := slices.Contains([]string{"tokens", "more than", "levels deep", "nests", "bytes"}, c.want)
			if coded := strings.Contains(answer, `"code":1000,"requestId":`); coded != limit {
				t.Errorf("with code 1000: %v, want %v: %.300s", coded, limit, answer)
			}
			if strings.Count(answer, `"message"`) > 20 {
				t.Errorf("%d errors", strings.Count(answer, `"message"`))
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
	if _, answer := p.Do(t, Request{Query: `{ _allPostsMeta { count } }`}); answer != `{"data":{"_allPostsMeta":{"count":0}}}` {
		t.Errorf("afterwards: %s", answer)
	}
	if log := p.Log.String(); log != "" {
		t.Errorf("unexpected failures were logged:\n%s", log)
	}
}

// 5,000 times the same field is one field, and cheap.
func TestRepeatedFields(t *testing.T) {
	p := Deploy(t, embedded(t), blog)
	_, answer := p.Do(t, Request{Query: "{ allPosts {" + strings.Repeat(" id", 5000) + " } }"})
	if answer != `{"data":{"allPosts":[]}}` {
		t.Errorf("%.300s", answer)
	}
}

// The largest seed script that was seen has 431 creates in one document.
func TestSeedScript(t *testing.T) {
	p := Deploy(t, embedded(t), blog)
	_, answer := p.Do(t, Request{Query: "mutation {" + numbered(` c%d: createTag(name: "tag %[1]d") { id }`, 431) + "}"})
	if strings.Contains(answer, "errors") {
		t.Fatalf("%.300s", answer)
	}
	if _, answer = p.Do(t, Request{Query: `{ _allTagsMeta { count } }`}); answer != `{"data":{"_allTagsMeta":{"count":431}}}` {
		t.Error(answer)
	}
}

func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// skip has no upper bound (data-api §2.11).
func TestSkipBeyondThePage(t *testing.T) {
	for _, c := range contexts(t) {
		p := Deploy(t, c, blog)
		if _, answer := p.Do(t, Request{Query: "mutation { createPost(title: \"t\", author: {name: \"n\", email: \"e\", posts: [" + numbered(`{title: "%d"} `, 1100) + "]}) { id } }"}); strings.Contains(answer, "errors") {
			t.Fatal(answer)
		}
		if _, answer := p.Do(t, Request{Query: `{ allPosts(skip: 1099) { __typename } _allPostsMeta { count } }`}); strings.Count(answer, "Post\"") != 2 || !strings.Contains(answer, `{"count":1101}`) {
			t.Errorf("%s: %s", c.Name, answer)
		}
	}
}
