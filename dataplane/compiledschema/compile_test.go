package compiledschema

import (
	"errors"
	"strings"
	"testing"

	"icehouse/dataplane/datamodel"
)

// handmade builds a model without the parser's own checks: types with only an id,
// then scalar fields "name" and relation fields "name: Relation -> Type".
func handmade(names ...string) *datamodel.DataModel {
	m := &datamodel.DataModel{}
	for i, name := range names {
		t := &datamodel.Type{Name: name, Index: i}
		t.Fields = []*datamodel.Field{{Name: "id", Type: t, Scalar: datamodel.ID, Required: true, Unique: true}}
		m.Types = append(m.Types, t)
	}
	return m
}

func addField(t *datamodel.Type, f *datamodel.Field) *datamodel.Field {
	f.Type, f.Index = t, len(t.Fields)
	t.Fields = append(t.Fields, f)
	return f
}

func relate(m *datamodel.DataModel, name string, a, b *datamodel.Field) {
	r := &datamodel.Relation{Name: name, Ends: [2]*datamodel.Field{a, b}}
	a.Relation, b.Relation = r, r
	if a != b {
		b.Side = datamodel.SideB
	}
	m.Relations = append(m.Relations, r)
}

func TestCollisionsAreRefused(t *testing.T) {
	withIDField := handmade("Post", "User")
	addField(withIDField.Types[0], &datamodel.Field{Name: "authorId", Scalar: datamodel.String})
	relate(withIDField, "R",
		addField(withIDField.Types[0], &datamodel.Field{Name: "author"}),
		addField(withIDField.Types[1], &datamodel.Field{Name: "posts", List: true}))
	nested := handmade("A", "Ab", "B")
	relate(nested, "R",
		addField(nested.Types[0], &datamodel.Field{Name: "bxAb"}), // AbxAbAb ...
		addField(nested.Types[1], &datamodel.Field{Name: "xA"}))
	for _, c := range []struct {
		name  string
		model *datamodel.DataModel
		want  string
	}{
		{"a type is another's filter", handmade("Post", "PostFilter"), "PostFilter"},
		{"a type is another's order", handmade("PostOrderBy", "Post"), "PostOrderBy"},
		{"a type is another's update", handmade("Post", "UpdatePost"), "UpdatePost"},
		{"a type is called Node", handmade("Node"), "Node"},
		{"a type is called Query", handmade("Query"), "Query"},
		{"a type is called like a scalar", handmade("Json"), "Json"},
		{"a field of Mutation twice", handmade("Post", "OrCreatePost"), "Mutation.updateOrCreatePost"},
		{"plurals meet", handmade("Octopus", "Octopuse"), "Query.allOctopuses"},
		{"a field is a relation's argument", withIDField, "UpdatePost.authorId"},
	} {
		_, err := Compile(Input{Model: c.model})
		conflict, ok := errors.AsType[*Conflict](err)
		if !ok || conflict.Name != c.want || conflict.Resolver != "" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want a conflict about %s", c.name, err, c.want)
		}
	}
	if _, err := Compile(Input{Model: nested}); err != nil {
		t.Errorf("names that only look alike are refused: %v", err)
	}
}

func TestResolverConflicts(t *testing.T) {
	payload := "type %P { a: Int } extend type %T { %F: %P }"
	sdl := func(typ, field, payloadName string) string {
		return strings.NewReplacer("%P", payloadName, "%T", typ, "%F", field).Replace(payload)
	}
	model := handmade("User", "Post")
	for _, c := range []struct {
		typ, field, payload string
		want                string
	}{
		{"Query", "hello", "HelloPayload", ""},
		{"Query", "createPost", "HelloPayload", ""}, // free on Query
		{"Mutation", "createPost", "P", "Mutation.createPost"},
		{"Mutation", "createUser", "P", "Mutation.createUser"},
		{"Mutation", "updateOrCreatePost", "P", "Mutation.updateOrCreatePost"},
		{"Query", "allPosts", "P", "Query.allPosts"},
		{"Query", "Post", "P", "Query.Post"},
		{"Query", "user", "P", "Query.user"},
		{"Query", "node", "P", "Query.node"},
		{"Query", "a", "Post", "Post"},
		{"Query", "a", "PostFilter", "PostFilter"},
		{"Query", "a", "Query", "Query"},
		{"Query", "a", "_QueryMeta", "_QueryMeta"},
		{"Query", "a", "Int", "Int"},
	} {
		r := resolver(t, "fn", sdl(c.typ, c.field, c.payload))
		_, err := Compile(Input{Model: model, Resolvers: []*Resolver{r}})
		conflict, ok := errors.AsType[*Conflict](err)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%+v: %v", c, err)
		case c.want != "" && (!ok || conflict.Name != c.want || conflict.Resolver != "fn" || conflict.Payload != !strings.Contains(c.want, ".")):
			t.Errorf("%+v: got %v", c, err)
		}
	}
	twice := []*Resolver{resolver(t, "one", sdl("Query", "a", "P")), resolver(t, "two", sdl("Query", "b", "P"))}
	if conflict, ok := errors.AsType[*Conflict](compileError(model, twice)); !ok || !conflict.Payload || conflict.Resolver != "two" {
		t.Errorf("a payload type of two resolvers: %v", conflict)
	}
	twice[1] = resolver(t, "two", sdl("Query", "a", "Q"))
	if conflict, ok := errors.AsType[*Conflict](compileError(model, twice)); !ok || conflict.Payload {
		t.Errorf("a field of two resolvers: %v", conflict)
	}
}

func compileError(m *datamodel.DataModel, resolvers []*Resolver) error {
	_, err := Compile(Input{Model: m, Resolvers: resolvers})
	return err
}

func TestResolverRules(t *testing.T) {
	for _, c := range []struct {
		sdl  string
		rule ResolverRule
	}{
		{`type P { a: Int! } extend type Query { f: P }`, 0},
		{`extend type Mutation { f(a: [Int!]!, b: Json, c: [ID]): [P!]! } type P { id: String! b: [DateTime!] }`, 0},
		{`type P { a: Int extend`, RuleSyntax},
		{``, RuleNoExtension},
		{`type P { a: Int }`, RuleNoExtension},
		{`type P { a: Int } extend type Query { f: P } extend type Mutation { f: P }`, RuleOneExtension},
		{`type P { a: Int } extend type Post { f: P }`, RuleExtendedType},
		{`type P { a: Int } extend input Query { f: P }`, RuleExtendedType},
		{`type P { a: Int } extend type Query { f: P g: P }`, RuleOneField},
		{`type P { a: Int } extend type Query { f: [P] }`, RuleFieldType},
		{`type P { a: Int } extend type Query { f: [P]! }`, RuleFieldType},
		{`type P { a: Int } extend type Query { f: [[P!]!] }`, RuleFieldType},
		{`extend type Query { f: P }`, RulePayload},
		{`extend type Query { f: Int }`, RulePayload},
		{`type P { a: Int } type Q { a: Int } extend type Query { f: P }`, RulePayload},
		{`type Q { a: Int } extend type Query { f: P }`, RulePayload},
		{`type P { a: Int } enum E { A } extend type Query { f: P }`, RulePayload},
		{`type P { a: Post } extend type Query { f: P }`, RuleValueType},
		{`type P { a: [[Int]] } extend type Query { f: P }`, RuleValueType},
		{`type P { a: Int } extend type Query { f(a: Mood): P }`, RuleValueType},
		{`type P { id: Int } extend type Query { f: P }`, RuleIDType},
		{`type P { id: [ID!] } extend type Query { f: P }`, RuleIDType},
		{`type P extend type Query { f: P }`, RulePayload},
		{`type P { __a: Int } extend type Query { f: P }`, RuleNames},
		{`type P { a: Int } extend type Query { __f: P }`, RuleNames},
		{`type P { a: Int } extend type Query { f(a: Int = "x"): P }`, RuleDefault},
		{`type P { a: Int } extend type Query { f(a: [Int!]! = 1, b: DateTime = "2017"): P }`, 0},
		{`type P { a: Int a: Int } extend type Query { f: P }`, RuleNames},
		{`type P { a: Int } extend type Query { f(a: Int, a: Int): P }`, RuleNames},
	} {
		_, err := ParseResolver("my-function", c.sdl)
		refused, ok := errors.AsType[*ResolverError](err)
		switch {
		case c.rule == 0 && err != nil:
			t.Errorf("%s: %v", c.sdl, err)
		case c.rule != 0 && (!ok || refused.Rule != c.rule || !strings.Contains(err.Error(), `"my-function"`)):
			t.Errorf("%s: got %v, want rule %d", c.sdl, err, c.rule)
		}
	}
}
