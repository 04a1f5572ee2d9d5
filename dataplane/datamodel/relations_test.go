package datamodel

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func mustParse(t testing.TB, sdl string) *Parsed {
	t.Helper()
	parsed, errs := Parse(sdl)
	if errs != nil {
		t.Fatalf("%v\n%s", errs, sdl)
	}
	return parsed
}

// sides lists the relations of a model as "Name: Type.a Type.b".
func sides(m *DataModel) []string {
	var out []string
	for _, r := range m.Relations {
		out = append(out, fmt.Sprintf("%s: %s.%s %s.%s", r.Name, r.A().Type.Name, r.A().Name, r.B().Type.Name, r.B().Name))
	}
	return out
}

func TestKeepSides(t *testing.T) {
	const before = `
		type Post @model { id: ID! @isUnique author: User @relation(name: "Authors") next: Post @relation(name: "Chain") last: Post @relation(name: "Chain") }
		type User @model { id: ID! @isUnique posts: [Post!]! @relation(name: "Authors") friends: [User!]! @relation(name: "Friends") }`
	for _, c := range []struct {
		name, after string
		want        []string
	}{
		{"nothing changed", before, []string{"Authors: Post.author User.posts", "Chain: Post.next Post.last", "Friends: User.friends User.friends"}},
		{"the file is in another order", `
			type User @model { id: ID! @isUnique friends: [User!]! @relation(name: "Friends") posts: [Post!]! @relation(name: "Authors") }
			type Post @model { id: ID! @isUnique last: Post @relation(name: "Chain") next: Post @relation(name: "Chain") author: User @relation(name: "Authors") }`,
			[]string{"Friends: User.friends User.friends", "Authors: Post.author User.posts", "Chain: Post.next Post.last"}},
		{"everything has a new name", `
			type Human @model @rename(oldName: "User") { id: ID! @isUnique texts: [Text!]! @rename(oldName: "posts") @relation(name: "Writers", oldName: "Authors") }
			type Text @model @rename(oldName: "Post") { id: ID! @isUnique writer: Human @rename(oldName: "author") @relation(name: "Writers", oldName: "Authors")
				z: Text @rename(oldName: "last") @relation(name: "Row", oldName: "Chain") a: Text @rename(oldName: "next") @relation(name: "Row", oldName: "Chain") }`,
			[]string{"Writers: Text.writer Human.texts", "Row: Text.a Text.z"}},
		{"a relation has a new name that nothing announces", `
			type User @model { id: ID! @isUnique posts: [Post!]! @relation(name: "Renamed") }
			type Post @model { id: ID! @isUnique author: User @relation(name: "Renamed") }`,
			[]string{"Renamed: Post.author User.posts"}},
		{"an old rename was left in the file", `
			type User @model { id: ID! @isUnique posts: [Post!]! @relation(name: "Authors", oldName: "Gone") }
			type Post @model { id: ID! @isUnique author: User @relation(name: "Authors", oldName: "Gone") }`,
			[]string{"Authors: Post.author User.posts"}},
		{"one end is another field", `
			type User @model { id: ID! @isUnique written: [Post!]! @relation(name: "Authors") }
			type Post @model { id: ID! @isUnique author: User @relation(name: "Authors") }`,
			[]string{"Authors: Post.author User.written"}},
		{"both ends are other fields of the same types", `
			type User @model { id: ID! @isUnique written: [Post!]! @relation(name: "Authors") }
			type Post @model { id: ID! @isUnique writer: User @relation(name: "Authors") }`,
			[]string{"Authors: Post.writer User.written"}},
		{"a new relation follows the document", `
			type User @model { id: ID! @isUnique edits: [Post!]! @relation(name: "Editors") }
			type Post @model { id: ID! @isUnique editor: User @relation(name: "Editors") }`,
			[]string{"Editors: User.edits Post.editor"}},
		{"a one-field relation gets its second field", `
			type User @model { id: ID! @isUnique fans: [User!]! @relation(name: "Friends") friends: [User!]! @relation(name: "Friends") }`,
			[]string{"Friends: User.fans User.friends"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			after := mustParse(t, c.after)
			after.Model.KeepSides(mustParse(t, before).Model, after.Hints)
			if diff := cmp.Diff(c.want, sides(after.Model)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			checkForms(t, after.Model)
			after.Model.KeepSides(nil, after.Hints)
			if diff := cmp.Diff(c.want, sides(after.Model)); diff != "" {
				t.Errorf("without a previous model (-want +got)\n%s", diff)
			}
		})
	}
}
