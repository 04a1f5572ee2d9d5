package elements

import (
	"testing"

	"icehouse/controlplane/definition"
	"icehouse/controlplane/deployment/schemadiff"
	"icehouse/controlplane/store"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
	"icehouse/tenancy"
)

func release(t *testing.T, project, sdl string, before *Snapshot) *Snapshot {
	t.Helper()
	parsed, problems := datamodel.Parse(sdl)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	def := &definition.Definition{SDL: sdl, Permissions: []definition.Permission{
		{Operation: "Post.*"}, {Operation: "Post.read", Fields: []string{"title", "id"}}, {Operation: "Post.read"}, {Operation: "*"}, {Operation: "Wrote.connect"},
	}, Functions: []definition.Function{{Name: "f", Kind: definition.Resolver}, {Name: "never", Kind: definition.HTTPRequest}}}
	var prev *relational.Previous
	if before != nil {
		parsed.Model.KeepSides(before.Model, parsed.Hints)
		diff := schemadiff.Compare(before.Model, parsed.Model, parsed.Hints)
		prev = &relational.Previous{Layout: before.Release.Layout, Type: diff.OldType, Field: diff.OldField, Relation: diff.OldRelation}
	}
	return &Snapshot{Project: store.Project{ID: tenancy.ProjectID(project)}, Definition: def, Model: parsed.Model,
		Release: compiledschema.Release{Model: parsed.Model, Layout: relational.Build(parsed.Model, prev)}}
}

const first = `type Post @model { id: ID! @isUnique title: String kind: Kind author: User @relation(name: "Wrote") likers: [User!]! @relation(name: "Likes") }
type User @model { id: ID! @isUnique title: String posts: [Post!]! @relation(name: "Wrote") likes: [Post!]! @relation(name: "Likes") next: User @relation(name: "Next") }
enum Kind { A }`

// ids are all ids of a snapshot with what finds them.
func ids(s *Snapshot) map[string]any {
	out := map[string]any{}
	for _, t := range s.Model.Types {
		out[s.TypeID(t)] = s.Type(s.TypeID(t))
		for _, f := range t.Fields {
			out[s.FieldID(f)] = s.Field(s.FieldID(f))
		}
	}
	for _, r := range s.Model.Relations {
		out[s.RelationID(r)] = s.Relation(s.RelationID(r))
	}
	for _, e := range s.Model.Enums {
		out[s.EnumID(e)] = s.Enum(s.EnumID(e))
	}
	for _, p := range s.Permissions() {
		out[p.ID] = s.Permission(p.ID)
	}
	out[s.FunctionID("f")] = s.Function(s.FunctionID("f"))
	return out
}

func TestIDs(t *testing.T) {
	s, other := release(t, "cone", first, nil), release(t, "ctwo", first, nil)
	all, others := ids(s), ids(other)
	if want := 2 + 5 + 5 + 3 + 1 + 7 + 1; len(all) != want {
		t.Errorf("%d ids of %d elements", len(all), want)
	}
	for id, found := range all {
		if len(id) != 25 || id[0] != 'c' || found == nil {
			t.Errorf("%q finds %v", id, found)
		}
		if _, ok := KindOf("cone", id); !ok {
			t.Errorf("%q is not said to be of its project", id)
		}
		if _, ok := KindOf("ctwo", id); ok || others[id] != nil {
			t.Errorf("%q is said to be of another project", id)
		}
	}
	for _, f := range []func() bool{
		func() bool { return s.Type("x") == nil }, func() bool { return s.Field("x") == nil }, func() bool { return s.Relation("x") == nil },
		func() bool { return s.Enum("x") == nil }, func() bool { return s.Permission("x") == nil }, func() bool { return s.Function("x") == nil },
		func() bool { return s.Function(s.FunctionID("never")) == nil },
	} {
		if !f() {
			t.Error("something is found that is not there")
		}
	}
	if _, ok := KindOf("cone", "c"); ok {
		t.Error("a short id is of the project")
	}
	if a, b := NewID("cone", Field), NewID("cone", Field); a == b {
		t.Error("two new ids are one")
	}
}

// TestRenames keeps ids of elements that have other names, and gives new ones to new
// elements that have their old names.
func TestRenames(t *testing.T) {
	before := release(t, "cone", first, nil)
	after := release(t, "cone", `type Article @model @rename(oldName: "Post") { id: ID! @isUnique headline: String @rename(oldName: "title") title: Int kind: Kind
		writer: User @relation(name: "Authors", oldName: "Wrote") @rename(oldName: "author") likers: [User!]! @relation(name: "Likes") }
	type Post @model { id: ID! @isUnique title: String }
	type User @model { id: ID! @isUnique title: String posts: [Article!]! @relation(name: "Authors", oldName: "Wrote") likes: [Article!]! @relation(name: "Likes") next: User @relation(name: "Next") }
	enum Kind { A B }`, before)
	old, now := before.Model, after.Model
	for what, pair := range map[string][2]string{
		"type":     {before.TypeID(old.Type("Post")), after.TypeID(now.Type("Article"))},
		"field":    {before.FieldID(old.Type("Post").Field("title")), after.FieldID(now.Type("Article").Field("headline"))},
		"end":      {before.FieldID(old.Type("Post").Field("author")), after.FieldID(now.Type("Article").Field("writer"))},
		"relation": {before.RelationID(old.Relation("Wrote")), after.RelationID(now.Relation("Authors"))},
		"many":     {before.RelationID(old.Relation("Likes")), after.RelationID(now.Relation("Likes"))},
		"enum":     {before.EnumID(old.Enum("Kind")), after.EnumID(now.Enum("Kind"))},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %v", what, pair)
		}
	}
	all := ids(before)
	for what, id := range map[string]string{"type": after.TypeID(now.Type("Post")), "field": after.FieldID(now.Type("Article").Field("title"))} {
		if all[id] != nil {
			t.Errorf("a new %s has an old id", what)
		}
	}
}
