package console

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"icehouse/controlplane/definition"
	"icehouse/controlplane/deployment/schemadiff"
	"icehouse/controlplane/elements"
	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
)

const types = `type Post @model {
  id: ID! @isUnique
  title: String! @defaultValue(value: "new")
  state: State
  author: User! @relation(name: "Wrote")
  next: Post @relation(name: "Follows")
}

type User @model {
  id: ID! @isUnique
  name: String
  posts: [Post!]! @relation(name: "Wrote")
}

type File @model {
  id: ID! @isUnique
  createdAt: DateTime!
  updatedAt: DateTime!
  contentType: String!
  name: String!
  secret: String! @isUnique
  size: Int!
  url: String! @isUnique
}

enum State {
  DRAFT
  PUBLIC
}
`

// fixture is a project of the console that serves these types.
type fixture struct {
	*testing.T
	*Draft
}

func newFixture(t *testing.T, connected bool) fixture {
	t.Helper()
	parsed, problems := datamodel.Parse(types)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	def := definition.Legacy(types)
	def.Permissions = append(def.Permissions, definition.Permission{Operation: "Post.read", Fields: []string{"title", "state"}, ID: "limited"})
	def.Descriptions = map[string]string{elements.FieldKey("Post", "title"): "a headline", elements.TypeKey("Post"): "what people write"}
	def.Functions = []definition.Function{
		{Name: "check", Kind: definition.OperationBefore, Operation: "Post.create", Enabled: true, Webhook: &definition.Webhook{URL: "https://example.org"}},
		{Name: "mail", Kind: definition.Subscription, Query: "subscription { Post { node { id } } }", QueryPath: "./mail.graphql", Enabled: true, Webhook: &definition.Webhook{URL: "https://example.org"}},
		{Name: "greet", Kind: definition.Resolver, Schema: "extend type Query { greet: String }", SchemaPath: "./src/greet.graphql", Enabled: true, Code: &definition.Code{Path: "./src/greet.js", Text: "x"}},
	}
	snap := &elements.Snapshot{
		Project: store.Project{ID: "cproject"}, Definition: def, Model: parsed.Model,
		Release: compiledschema.Release{Model: parsed.Model, Layout: relational.Build(parsed.Model, nil)},
	}
	return fixture{t, newDraft(snap, func(*datamodel.Relation) (bool, error) { return connected, nil })}
}

func (f fixture) typ(name string) *Type {
	t, err := f.Type(f.Before.TypeID(f.Before.Model.Type(name)))
	f.must(err)
	return t
}

func (f fixture) fieldOf(typ, name string) End {
	e, err := f.Field(f.Before.FieldID(f.Before.Model.Type(typ).Field(name)))
	f.must(err)
	return e
}

func (f fixture) rel(name string) *Relation {
	r, err := f.Relation(f.Before.RelationID(f.Before.Model.Relation(name)))
	f.must(err)
	return r
}

func (f fixture) function(name string, sort Is) *definition.Function {
	one, err := f.Function(f.Before.FunctionID(name), sort)
	f.must(err)
	return one
}

func (f fixture) state() *Enum {
	e, err := f.Enum(f.Before.EnumID(f.Before.Model.Enum("State")))
	f.must(err)
	return e
}

func (f fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func ptr[T any](v T) *T { return &v }

// changes names what a deploy of the draft would change.
func (f fixture) changes() (out []string) {
	f.Helper()
	def := f.definition()
	parsed, problems := datamodel.Parse(def.SDL)
	if len(problems) > 0 {
		f.Fatalf("%v\n%s", problems, def.SDL)
	}
	parsed.Model.KeepSides(f.Before.Model, parsed.Hints)
	if p := def.Check(parsed.Model); len(p) > 0 {
		f.Fatalf("%v", p)
	}
	for _, c := range schemadiff.Compare(f.Before.Model, parsed.Model, parsed.Hints).Changes {
		name, _, _ := strings.Cut(fmt.Sprintf("%T", c), "{")
		out = append(out, strings.TrimPrefix(name, "schemadiff."))
	}
	return out
}

func operations(def *definition.Definition) string {
	var all []string
	for _, p := range def.Permissions {
		all = append(all, p.Operation+strings.Join(p.Fields, "+"))
	}
	return strings.Join(all, " ")
}

func TestDraftWithoutChange(t *testing.T) {
	f := newFixture(t, false)
	def := f.definition()
	if diff := cmp.Diff(types, def.SDL); diff != "" {
		t.Errorf("%s", diff)
	}
	if diff := cmp.Diff(f.Before.Definition.Descriptions, def.Descriptions); diff != "" {
		t.Errorf("%s", diff)
	}
	if len(def.IDs) != 0 || len(f.changes()) != 0 {
		t.Errorf("%v %v", def.IDs, f.changes())
	}
}

// TestEdits says what each change changes, in the words of the diff, and in which
// lines of the definition.
func TestEdits(t *testing.T) {
	for name, c := range map[string]struct {
		edit    func(f fixture) error
		changes []string
		has     []string // lines of the types
		lines   []string // of graphcool.yml
		no      string   // not in graphcool.yml
	}{
		"a type": {
			func(f fixture) error { _, err := f.AddType("Tag", ptr("a word")); return err },
			[]string{"CreateType"}, []string{"type Tag @model {", "  createdAt: DateTime!"}, []string{"- operation: Tag.read", "- operation: Tag.delete"}, "x",
		},
		"another name for a type": {
			func(f fixture) error { return f.UpdateType(f.typ("Post"), ptr("Article"), nil) },
			[]string{"RenameType"},
			[]string{`type Article @model @rename(oldName: "Post") {`, `  posts: [Article!]! @relation(name: "Wrote")`, `  next: Article @relation(name: "Follows")`},
			[]string{"- operation: Article.read", "    operation: Article.create"}, "Post",
		},
		"no type": {
			func(f fixture) error {
				fields, err := f.RemoveType(f.typ("Post"))
				if want := f.Before.FieldID(f.Before.Model.Type("User").Field("posts")); !slices.Equal(fields, []string{want}) {
					f.Errorf("fields that go: %v", fields)
				}
				return err
			},
			[]string{"RemoveType", "RemoveField", "RemoveRelation", "RemoveRelation"}, nil, []string{"  greet:"}, "Post",
		},
		"a field": {
			func(f fixture) error {
				_, err := f.AddField(f.typ("User"), FieldChange{Name: ptr("age"), Type: ptr("Int"), Required: ptr(true), Migration: ptr("3"), Default: ptr("4")})
				return err
			},
			[]string{"AddField"}, []string{`  age: Int! @defaultValue(value: "4") @migrationValue(value: "3")`}, nil, "x",
		},
		"an enum field": {
			func(f fixture) error {
				_, err := f.AddField(f.typ("User"), FieldChange{Name: ptr("states"), Type: ptr("Enum"), EnumID: ptr(f.Before.EnumID(f.Before.Model.Enums[0])), List: ptr(true)})
				return err
			},
			[]string{"AddField"}, []string{`  states: [State!]`}, nil, "x",
		},
		"another name for a field": {
			func(f fixture) error {
				e := f.fieldOf("Post", "title")
				return f.UpdateField(e, FieldChange{Name: ptr("headline"), Description: ptr("big letters")})
			},
			[]string{"RenameField"}, []string{`  headline: String! @defaultValue(value: "new") @rename(oldName: "title")`}, []string{"  - headline", "  - state"}, "title",
		},
		"another type for a field": {
			func(f fixture) error {
				e := f.fieldOf("Post", "title")
				return f.UpdateField(e, FieldChange{Type: ptr("Int"), Unique: ptr(true), Required: ptr(false), Migration: ptr("1")})
			},
			[]string{"ChangeField"}, []string{`  title: Int @isUnique @migrationValue(value: "1")`}, nil, "x",
		},
		"no field": {
			func(f fixture) error { e := f.fieldOf("Post", "state"); return f.RemoveField(e) },
			[]string{"RemoveField"}, []string{"  title: String! @defaultValue(value: \"new\")"}, []string{"  - title"}, "- state",
		},
		"a relation": {
			func(f fixture) error {
				_, err := f.AddRelation(RelationChange{Name: ptr("Likes"), Models: [2]*string{ptr(f.Before.TypeID(f.Before.Model.Type("User"))), ptr(f.Before.TypeID(f.Before.Model.Type("Post")))},
					Fields: [2]*string{ptr("likes"), ptr("likers")}, List: [2]*bool{ptr(true), ptr(true)}})
				return err
			},
			[]string{"AddField", "AddField", "CreateRelation"}, []string{`  likes: [Post!]! @relation(name: "Likes")`, `  likers: [User!]! @relation(name: "Likes")`}, []string{"- operation: Likes.*"}, "x",
		},
		"a relation with one field": {
			func(f fixture) error {
				user := ptr(f.Before.TypeID(f.Before.Model.Type("User")))
				_, err := f.AddRelation(RelationChange{Name: ptr("Friends"), Models: [2]*string{user, user}, Fields: [2]*string{ptr("friends"), ptr("friends")}, List: [2]*bool{ptr(true), ptr(true)}})
				return err
			},
			[]string{"AddField", "CreateRelation"}, []string{`  friends: [User!]! @relation(name: "Friends")`}, nil, "x",
		},
		"another name for a relation": {
			func(f fixture) error {
				return f.UpdateRelation(f.rel("Wrote"), RelationChange{Name: ptr("Authors"), Fields: [2]*string{ptr("writer"), nil}})
			},
			[]string{"RenameField", "RenameRelation"},
			[]string{`  writer: User! @relation(name: "Authors", oldName: "Wrote") @rename(oldName: "author")`, `  posts: [Post!]! @relation(name: "Authors", oldName: "Wrote")`},
			[]string{"- operation: Authors.*"}, "Wrote",
		},
		"many where was one": {
			func(f fixture) error {
				return f.UpdateRelation(f.rel("Wrote"), RelationChange{List: [2]*bool{ptr(true), nil}, Required: [2]*bool{ptr(false), nil}})
			},
			[]string{"ChangeField"}, []string{`  author: [User!]! @relation(name: "Wrote")`}, nil, "x",
		},
		"other models for a relation": {
			func(f fixture) error {
				return f.UpdateRelation(f.rel("Wrote"), RelationChange{Models: [2]*string{nil, ptr(f.Before.TypeID(f.Before.Model.Type("File")))}})
			},
			[]string{"RemoveField", "RemoveField", "AddField", "AddField", "RemoveRelation", "CreateRelation"},
			[]string{`  author: File! @relation(name: "Wrote")`, `  posts: [Post!]! @relation(name: "Wrote")`}, []string{"- operation: Wrote.*"}, "x",
		},
		"no relation": {
			func(f fixture) error { f.RemoveRelation(f.rel("Wrote")); return nil },
			[]string{"RemoveField", "RemoveField", "RemoveRelation"}, nil, nil, "Wrote",
		},
		"an enum": {
			func(f fixture) error { _, err := f.AddEnum("Color", []string{"RED"}); return err },
			[]string{"CreateEnum"}, []string{"enum Color {", "  RED"}, nil, "x",
		},
		"another name and values for an enum": {
			func(f fixture) error {
				return f.UpdateEnum(f.state(), ptr("Mode"), []string{"PUBLIC", "OLD"}, ptr("OLD"))
			},
			[]string{"RenameEnum", "AddEnumValues", "RemoveEnumValues"}, []string{`enum Mode @rename(oldName: "State") @migrationValue(value: "OLD") {`, "  state: Mode"}, nil, "x",
		},
		"a permission": {
			func(f fixture) error {
				_, err := f.AddPermission("User", elements.ModelPermission, PermissionChange{Operation: ptr("UPDATE"), UserType: ptr("AUTHENTICATED"), Rule: ptr("GRAPH"),
					Query:    ptr("query ($node_id: ID!, $user_id: ID!) { SomeUserExists(filter: {AND: [{id: $node_id}, {id: $user_id}]}) }"),
					FieldIDs: []string{f.Before.FieldID(f.Before.Model.Type("User").Field("name"))}, Whole: ptr(false)})
				return err
			},
			nil, nil, []string{"  query: ./src/permissions/User.graphql:update", "  authenticated: true", "  - name"}, "x",
		},
		"another permission": {
			func(f fixture) error {
				return f.UpdatePermission("limited", elements.ModelPermission, PermissionChange{Operation: ptr("DELETE"), Whole: ptr(true)})
			},
			nil, nil, []string{"- operation: Post.delete"}, "- title",
		},
		"a permission that is off": {
			func(f fixture) error {
				return f.UpdatePermission("limited", elements.ModelPermission, PermissionChange{Active: ptr(false)})
			},
			nil, nil, nil, "- title",
		},
		"no permission": {
			func(f fixture) error { return f.RemovePermission("limited", elements.ModelPermission) },
			nil, nil, nil, "- title",
		},
		"half of a permission": {
			func(f fixture) error {
				all := f.Before.Permissions()
				at := slices.IndexFunc(all, func(p elements.Permission) bool { return p.Relation != nil && p.Relation.Name == "Wrote" })
				return f.UpdatePermission(all[at].ID, elements.RelationPermission, PermissionChange{Disconnect: ptr(false)})
			},
			nil, nil, []string{"- operation: Wrote.connect"}, "Wrote.*",
		},
		"another name for a function": {
			func(f fixture) error {
				return f.UpdateFunction(f.function("greet", IsResolver), FunctionChange{Name: ptr("hello")})
			},
			nil, nil, []string{"  hello:", "    schema: ./src/hello.graphql", "        src: ./src/hello.js"}, "greet",
		},
		"no function": {
			func(f fixture) error { f.RemoveFunction(f.function("check", IsAny)); return nil },
			nil, nil, []string{"  mail:"}, "check",
		},
		"nothing but the system": {
			func(f fixture) error { return f.Reset() },
			[]string{"RemoveType", "RemoveField", "RemoveField", "RemoveEnum", "RemoveRelation", "RemoveRelation"}, []string{"type User @model {", "type File @model {"}, nil, "Post",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, false)
			f.must(c.edit(f))
			got, want := f.changes(), c.changes
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("changes: %v, want %v", got, want)
			}
			def := f.definition()
			for _, line := range c.has {
				if !strings.Contains(def.SDL, line+"\n") {
					t.Errorf("no line %q in\n%s", line, def.SDL)
				}
			}
			for _, line := range c.lines {
				if !strings.Contains(def.Source.Content, line+"\n") {
					t.Errorf("no line %q in\n%s", line, def.Source.Content)
				}
			}
			if strings.Contains(def.Source.Content, c.no+"\n") || strings.Contains(def.Source.Content, c.no+".") {
				t.Errorf("there is %q in\n%s", c.no, def.Source.Content)
			}
			if shown := def.Source.Files[def.TypesPath]; strings.Contains(shown, "@rename") || strings.Contains(shown, "@migrationValue") || strings.Contains(shown, "oldName") {
				t.Errorf("hints are shown:\n%s", shown)
			}
			if _, _, problems := definition.Load(def.Render()); len(problems) > 0 {
				t.Errorf("what is shown can't be deployed: %v", problems)
			}
		})
	}
}

// TestIdentity lets elements keep their ids when they change all that ids are made
// from.
func TestIdentity(t *testing.T) {
	f := newFixture(t, false)
	b := f.Before
	ids := map[string]string{
		"type": b.TypeID(b.Model.Type("Post")), "field": b.FieldID(b.Model.Type("Post").Field("title")), "relation": b.RelationID(b.Model.Relation("Wrote")),
		"end": b.FieldID(b.Model.Type("Post").Field("author")), "enum": b.EnumID(b.Model.Enum("State")), "function": b.FunctionID("greet"),
	}
	f.must(f.UpdateType(f.typ("Post"), ptr("Article"), nil))
	e := f.fieldOf("Post", "title")
	f.must(f.UpdateField(e, FieldChange{Name: ptr("headline"), Type: ptr("Int")}))
	f.must(f.UpdateRelation(f.rel("Wrote"), RelationChange{Name: ptr("Authors"), Fields: [2]*string{ptr("writers")}, List: [2]*bool{ptr(true)}, Required: [2]*bool{ptr(false)}}))
	f.must(f.UpdateEnum(f.state(), ptr("Mode"), nil, nil))
	f.must(f.UpdateFunction(f.function("greet", IsResolver), FunctionChange{Name: ptr("hello")}))
	def := f.definition()
	parsed, problems := datamodel.Parse(def.SDL)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	// Stored in another place than before, which only explicit ids outlive.
	next := &elements.Snapshot{Project: b.Project, Definition: def, Model: parsed.Model,
		Release: compiledschema.Release{Model: parsed.Model, Layout: relational.Build(parsed.Model, nil)}}
	m := parsed.Model
	got := map[string]string{
		"type": next.TypeID(m.Type("Article")), "field": next.FieldID(m.Type("Article").Field("headline")), "relation": next.RelationID(m.Relation("Authors")),
		"end": next.FieldID(m.Type("Article").Field("writers")), "enum": next.EnumID(m.Enum("Mode")), "function": next.FunctionID("hello"),
	}
	if diff := cmp.Diff(ids, got); diff != "" {
		t.Errorf("%s", diff)
	}
	if want := "a headline"; def.Descriptions[elements.FieldKey("Article", "headline")] != want {
		t.Errorf("%v", def.Descriptions)
	}
}

// TestHeadersAreKept sends headers back as they are shown: their values stay.
func TestHeadersAreKept(t *testing.T) {
	f := newFixture(t, false)
	hook := f.function("check", IsHook)
	f.must(f.UpdateFunction(hook, FunctionChange{Headers: ptr(`{"A": "one", "B": "two"}`)}))
	f.must(f.UpdateFunction(hook, FunctionChange{Name: ptr("verify"), Headers: ptr(`{"A": "${env:CHECK_A}", "B": "three", "C": "${env:CHECK_C}"}`)}))
	if diff := cmp.Diff(map[string]string{"A": "one", "B": "three", "C": "${env:CHECK_C}"}, hook.Webhook.Headers); diff != "" {
		t.Error(diff)
	}
	if text := f.definition().Source.Content; !strings.Contains(text, "A: one\n") {
		t.Error(text)
	}
}

// TestRefusals are changes that no deploy has to look at.
func TestRefusals(t *testing.T) {
	model := func(f fixture, name string) *string { return ptr(f.Before.TypeID(f.Before.Model.Type(name))) }
	for name, c := range map[string]struct {
		code int
		edit func(f fixture) error
	}{
		"no such type":     {4001, func(f fixture) error { _, err := f.Type("nobody"); return err }},
		"no such field":    {4003, func(f fixture) error { _, err := f.Field("nobody"); return err }},
		"no such relation": {4022, func(f fixture) error { _, err := f.Relation("nobody"); return err }},
		"no such enum":     {4037, func(f fixture) error { _, err := f.Enum("nobody"); return err }},
		"no such function": {4038, func(f fixture) error { _, err := f.Function("nobody", IsAny); return err }},
		"a function of another sort": {4038, func(f fixture) error {
			_, err := f.Function(f.Before.FunctionID("greet"), IsHook)
			return err
		}},
		"no such permission":          {4005, func(f fixture) error { return f.RemovePermission("nobody", elements.ModelPermission) }},
		"no such relation permission": {4034, func(f fixture) error { return f.RemovePermission("limited", elements.RelationPermission) }},
		"a bad name":                  {2008, func(f fixture) error { _, err := f.AddType("A { id", nil); return err }},
		"a bad name for a field": {2008, func(f fixture) error {
			_, err := f.AddField(f.typ("User"), FieldChange{Name: ptr("a: Int\n b"), Type: ptr("Int")})
			return err
		}},
		"rename User":   {2050, func(f fixture) error { return f.UpdateType(f.typ("User"), ptr("Human"), nil) }},
		"remove File":   {4018, func(f fixture) error { _, err := f.RemoveType(f.typ("File")); return err }},
		"change id":     {4016, func(f fixture) error { e := f.fieldOf("Post", "id"); return f.UpdateField(e, FieldChange{}) }},
		"change url":    {4016, func(f fixture) error { e := f.fieldOf("File", "url"); return f.UpdateField(e, FieldChange{}) }},
		"remove id":     {4017, func(f fixture) error { e := f.fieldOf("Post", "id"); return f.RemoveField(e) }},
		"remove an end": {4025, func(f fixture) error { e := f.fieldOf("Post", "author"); return f.RemoveField(e) }},
		"a default for an end": {4020, func(f fixture) error {
			e := f.fieldOf("Post", "author")
			return f.UpdateField(e, FieldChange{Default: ptr("x")})
		}},
		"a required list": {2043, func(f fixture) error {
			e := f.fieldOf("Post", "author")
			return f.UpdateField(e, FieldChange{List: ptr(true)})
		}},
		"no enum for an enum field": {2045, func(f fixture) error {
			_, err := f.AddField(f.typ("User"), FieldChange{Name: ptr("e"), Type: ptr("Enum")})
			return err
		}},
		"a relation as a field": {4020, func(f fixture) error {
			_, err := f.AddField(f.typ("User"), FieldChange{Name: ptr("e"), Type: ptr("Relation")})
			return err
		}},
		"an unknown type": {4020, func(f fixture) error {
			_, err := f.AddField(f.typ("User"), FieldChange{Name: ptr("e"), Type: ptr("Text")})
			return err
		}},
		"no values":   {2010, func(f fixture) error { _, err := f.AddEnum("E", nil); return err }},
		"a used enum": {2044, func(f fixture) error { return f.RemoveEnum(f.state()) }},
		"half one, half many": {2016, func(f fixture) error {
			_, err := f.AddRelation(RelationChange{Name: ptr("R"), Models: [2]*string{model(f, "User"), model(f, "User")}, Fields: [2]*string{ptr("r"), ptr("r")}, List: [2]*bool{ptr(true), ptr(false)}})
			return err
		}},
		"other models with edges": {2014, func(f fixture) error {
			return f.UpdateRelation(f.rel("Wrote"), RelationChange{Models: [2]*string{nil, model(f, "File")}})
		}},
		"a webhook for permissions": {2066, func(f fixture) error {
			_, err := f.AddPermission("User", elements.ModelPermission, PermissionChange{Operation: ptr("READ"), Rule: ptr("WEBHOOK")})
			return err
		}},
		"a query that does not parse": {2058, func(f fixture) error {
			_, err := f.AddPermission("User", elements.ModelPermission, PermissionChange{Operation: ptr("READ"), Rule: ptr("GRAPH"), Query: ptr("{")})
			return err
		}},
		"a query that never holds": {2058, func(f fixture) error {
			_, err := f.AddPermission("User", elements.ModelPermission, PermissionChange{Operation: ptr("READ"), Rule: ptr("GRAPH"), Query: ptr("{ SomeNobodyExists }")})
			return err
		}},
		"no query": {2058, func(f fixture) error {
			_, err := f.AddPermission("User", elements.ModelPermission, PermissionChange{Operation: ptr("READ"), Rule: ptr("GRAPH")})
			return err
		}},
		"another type's field": {4014, func(f fixture) error {
			_, err := f.AddPermission("User", elements.ModelPermission, PermissionChange{Operation: ptr("READ"), FieldIDs: []string{f.Before.FieldID(f.Before.Model.Type("Post").Field("title"))}, Whole: ptr(false)})
			return err
		}},
		"neither connect nor disconnect": {2066, func(f fixture) error {
			_, err := f.AddPermission("Wrote", elements.RelationPermission, PermissionChange{Connect: ptr(false), Disconnect: ptr(false)})
			return err
		}},
		"a bad name for a function": {2060, func(f fixture) error {
			return f.AddFunction(definition.Resolver, FunctionChange{Name: ptr("a b")})
		}},
		"bad headers": {4049, func(f fixture) error {
			return f.AddFunction(definition.Resolver, FunctionChange{Name: ptr("a"), Type: ptr("WEBHOOK"), URL: ptr("https://example.org"), Headers: ptr(`["a"]`)})
		}},
		"no code": {0, func(f fixture) error {
			return f.AddFunction(definition.Resolver, FunctionChange{Name: ptr("a"), Type: ptr("AUTH0")})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.edit(newFixture(t, true))
			var known *problem.Error
			if !errors.As(err, &known) || known.Code != c.code {
				t.Errorf("%v, want %d", err, c.code)
			}
		})
	}
}

func TestMigrate(t *testing.T) {
	f := newFixture(t, false)
	next := `# project: shop
# version: 3

type Article implements Node @rename(oldName: "Post") {
  id: ID! @isUnique
  headline: String @rename(oldName: "title")
  author: User @relation(name: "Authors", oldName: "Wrote")
  tags: [Tag!]! @relation(name: "Tags")
}
type User implements Node { id: ID! @isUnique name: String posts: [Article!]! @relation(name: "Authors", oldName: "Wrote") }
type File @model { id: ID! @isUnique contentType: String! name: String! secret: String! @isUnique size: Int! url: String! @isUnique }
type Tag @model { id: ID! @isUnique articles: [Article!]! @relation(name: "Tags") }
`
	if got := readHeader(next); got != (header{"shop", "3"}) {
		t.Fatal(got)
	}
	def, problems := f.migrate(next)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	const want = "Article.read Article.create Article.update Article.delete User.read User.create User.update User.delete " +
		"File.read File.create File.update File.delete Authors.* Article.readheadline Tag.read Tag.create Tag.update Tag.delete Tags.*"
	if got := operations(def); got != want {
		t.Errorf("permissions: %s", got)
	}
	if def.Functions[0].Operation != "Article.create" || def.Functions[1].Listens() != "Article" {
		t.Errorf("%+v", def.Functions)
	}
	if got := def.Descriptions[elements.FieldKey("Article", "headline")]; got != "a headline" {
		t.Errorf("%v", def.Descriptions)
	}
	for missing, text := range map[string]string{
		"The type `File` is a system type":  "type User @model { id: ID! @isUnique }",
		"The field `url` is a system field": "type User @model { id: ID! @isUnique } type File @model { id: ID! @isUnique contentType: String! name: String! secret: String! @isUnique size: Int! }",
		"There's a syntax error":            "type",
	} {
		if _, problems := newFixture(t, false).migrate(text); !strings.Contains(problems.Error(), missing) {
			t.Errorf("%v, want %q", problems, missing)
		}
	}
}

// TestTexts lets every text stand in a definition, as it was given.
func TestTexts(t *testing.T) {
	for _, text := range []string{``, `"`, `\`, `\n`, "a\nb\tc", "\u2028\u0001\u007f", "<&>", `"""`, "𝄞 é", `") @isUnique }`, "#", "${a}", "null "} {
		f := newFixture(t, false)
		_, err := f.AddField(f.typ("User"), FieldChange{Name: ptr("a"), Type: ptr("String"), Default: ptr(text), Description: ptr(text)})
		f.must(err)
		def := f.definition()
		parsed, problems := datamodel.Parse(def.SDL)
		if len(problems) > 0 {
			t.Errorf("%q: %v", text, problems)
			continue
		}
		if got := parsed.Model.Type("User").Field("a").Default; got.Text != text || def.Descriptions[elements.FieldKey("User", "a")] != text {
			t.Errorf("%q became %q", text, got.Text)
		}
	}
}
