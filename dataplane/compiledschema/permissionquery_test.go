package compiledschema_test

import (
	"fmt"
	"strings"
	"testing"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
)

func TestReadPermissionQuery(t *testing.T) {
	parsed, problems := datamodel.Parse(`
		type Post @model { id: ID! @isUnique title: String! kind: Kind likes: Int createdAt: DateTime! tags: [String!]! author: User @relation(name: "Wrote") }
		type User @model { id: ID! @isUnique name: String posts: [Post!]! @relation(name: "Wrote") }
		enum Kind { A B }`)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	s, err := compiledschema.Compile(compiledschema.Input{Model: parsed.Model, Layout: relational.Build(parsed.Model, nil)})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		target string
		verb   compiledschema.Verb
		text   string
		name   string
		want   string // of the text, and of the first problem
		never  string
	}{
		"an old query gets a header": {
			"Post", compiledschema.Update, `{ SomePostExists(filter: {id: $node_id, author: {id: $user_id}, likes: $new_likes, kind: $old_kind}) }`, "",
			`query ($node_id: ID, $user_id: ID, $new_likes: Int, $old_kind: Kind) {`, "",
		},
		"the named operation alone, with its fragments": {
			"Post", compiledschema.Read, "query a { SomeUserExists }\n# b\nquery b($user_id: ID!) { ...F }\nfragment F on Query { SomeUserExists(filter: {id: $user_id}) }\nfragment G on Query { SomeUserExists }", "b",
			`query b ($user_id: ID!) {`, "",
		},
		"unknown field": {
			"Post", compiledschema.Read, "query ($node_id: ID!) {\n  SomePostExists(filter: {nothing: $node_id})\n}", "",
			``, `2:27: Field "nothing" is not defined by type "PostFilter".`,
		},
		"a variable of another verb": {
			"Post", compiledschema.Read, "query ($input_title: String!) { SomePostExists(filter: {title: $input_title}) }", "",
			``, `1:8: the variable $input_title never has a value in a query for Post.read`,
		},
		"one that may be absent": {
			"Post", compiledschema.Create, "query ($input_kind: Kind) { SomePostExists(filter: {kind: $input_kind}) }", "",
			`query ($input_kind: Kind) {`, ``,
		},
		"one that is always absent": {
			"Post", compiledschema.Create, "query ($anything: String) { SomePostExists(filter: {title: $anything}) }", "",
			``, `1:8: the variable $anything never has a value in a query for Post.create`,
		},
		"one that is always its default": {
			"Post", compiledschema.Create, `query ($anything: String = "x") { SomePostExists(filter: {title: $anything}) }`, "",
			`query ($anything: String = "x") {`, ``,
		},
		"one of another verb that may be null": {
			"Post", compiledschema.Read, "query ($input_title: String) { SomePostExists(filter: {title: $input_title}) }", "",
			``, `1:8: the variable $input_title never has a value in a query for Post.read`,
		},
		"a field that the type hides": {
			"Post", compiledschema.Read, "query ($node_updatedAt: DateTime) { SomePostExists(filter: {likes: 1, createdAt_lte: $node_updatedAt}) }", "",
			``, `the variable $node_updatedAt never has a value in a query for Post.read`,
		},
		"a list that may be null": {
			"Post", compiledschema.Delete, "query ($node_tags: [String!]) { SomePostExists(filter: {title_in: $node_tags}) }", "",
			``, `1:8: the variable $node_tags never has a value in a query for Post.delete`,
		},
		"a wrong type": {
			"Post", compiledschema.Read, "query ($node_title: Int!) { SomePostExists(filter: {likes: $node_title}) }", "",
			``, `1:8: the variable $node_title is declared as Int!; its values have the type String`,
		},
		"a list": {
			"Post", compiledschema.Read, "query ($node_tags: [String!]!) { SomePostExists(filter: {title_in: $node_tags}) }", "",
			``, `1:8: the variable $node_tags never has a value in a query for Post.read`,
		},
		"ends of an edge": {
			"Wrote", compiledschema.Connect, "query ($authorUser_id: ID!, $postsPost_id: ID!) { SomeUserExists(filter: {id: $authorUser_id, posts_none: {id: $postsPost_id}}) }", "",
			`query ($authorUser_id: ID!, $postsPost_id: ID!) {`, ``,
		},
		"a mutation": {"Post", compiledschema.Read, "mutation { createPost { id } }", "", ``, `Schema does not support operation type "mutation"`},
		"a page that depends on a variable": {
			"Post", compiledschema.Read, "query ($node_likes: Int!) { SomePostExists(first: $node_likes) }", "",
			``, `1:51: $node_likes stands where no variable can`,
		},
		"what is never true": {"Post", compiledschema.Read, "{ __typename SomePostExists }", "", ``, `1:3: the field __typename is never true`},
	} {
		t.Run(name, func(t *testing.T) {
			got, problems := s.ReadPermissionQuery(c.target, c.verb, c.text, c.name)
			never := ""
			if len(problems) > 0 {
				if l := problems[0].Locations; len(l) > 0 {
					never = fmt.Sprintf("%d:%d: ", l[0].Line, l[0].Column)
				}
				never += problems[0].Message
			}
			if !strings.Contains(never, c.never) || c.never == "" && never != "" {
				t.Errorf("the problem is %q, not %q", never, c.never)
			}
			if !strings.Contains(got, c.want) || strings.Contains(got, "fragment G") || strings.Contains(got, "query a") {
				t.Errorf("the text is\n%s", got)
			}
			if again, problems := s.ReadPermissionQuery(c.target, c.verb, got, ""); c.never == "" && (again != got || len(problems) > 0) {
				t.Errorf("read again it is\n%s%v", again, problems)
			}
		})
	}
}
