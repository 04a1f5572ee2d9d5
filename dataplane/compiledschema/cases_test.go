package compiledschema

import (
	"testing"
)

// schemaCase is a schema that many tests look at.
type schemaCase struct {
	name   string
	schema *Schema
}

// cases are schemas that together have every form of type, field and relation.
func cases(t testing.TB) []schemaCase {
	hello := resolver(t, "hello-fn", `
		type HelloPayload { message: String! counts: [Int!]! when: DateTime raw: [Json] }
		extend type Query { hello(name: String!, times: [Int!]! = [1, 2], greeting: String = "Hi \"you\""): HelloPayload! }`)
	signup := resolver(t, "signup", `
		type SignupPayload { id: ID! token: String! }
		extend type Mutation { signup(email: String!, secret: Password!): [SignupPayload!] }`)
	simple := []schemaCase{
		{"sample", sample(t)},
		{"no types", compile(t, "")},
		{"only resolvers", compile(t, "", hello, signup)},
		{"names that meet in the Relay API", compile(t, meeting, resolver(t, "meeting", `
			type CreateAuthorPayload { a: Int } extend type Mutation { makeAuthor: CreateAuthorPayload }`))},
		{"every form", compile(t, everyForm, hello, signup)},
	}
	all := simple
	for _, c := range simple {
		all = append(all, schemaCase{c.name + " relay", c.schema.For(Relay)})
	}
	return all
}

func everyFormSchema(t testing.TB) *Schema {
	for _, c := range cases(t) {
		if c.name == "every form" {
			return c.schema
		}
	}
	panic("not there")
}

// meeting has relation fields and types whose names payloads of the Relay API have
// for themselves.
const meeting = `
type Author @model {
  id: ID! @isUnique
  author: Author @relation(name: "Self")
  viewer: Edge @relation(name: "Seen")
  deletedId: Edge @relation(name: "Deleted")
}
type Edge @model {
  id: ID! @isUnique
  edge: Author @relation(name: "Seen")
  seen: [Author!]! @relation(name: "Deleted")
}
`

func resolver(t testing.TB, function, sdl string) *Resolver {
	t.Helper()
	r, err := ParseResolver(function, sdl)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// everyForm has every scalar alone and as a list, enums, all kinds of relations
// and self relations, types with hardly anything to write, and a User.
const everyForm = `
enum Mood { GOOD BAD }
enum Unused { NOTHING }

type User @model {
  id: ID! @isUnique
  createdAt: DateTime!
  updatedAt: DateTime!
  email: String! @isUnique
  password: Password!
  mood: Mood! @defaultValue(value: GOOD)
  moods: [Mood!]!
  age: Int @isUnique
  weight: Float
  admin: Boolean!
  born: DateTime
  settings: Json!
  ints: [Int!]
  tags: [String!]! @defaultValue(value: "[\"a\"]")
  friends: [User!]! @relation(name: "Friends")
  spouse: User @relation(name: "Marriage")
  profile: Profile @relation(name: "UserProfile")
  written: [Post!]! @relation(name: "Written")
  liked: [Post!]! @relation(name: "Liked")
}

type Profile @model {
  id: ID! @isUnique
  user: User! @relation(name: "UserProfile")
}

type Post @model {
  id: ID! @isUnique
  title: String!
  author: User! @relation(name: "Written")
  likedBy: [User!]! @relation(name: "Liked")
  parent: Post @relation(name: "Thread")
  replies: [Post!]! @relation(name: "Thread")
  previous: Post @relation(name: "Chain")
  next: Post @relation(name: "Chain")
  bare: Bare @relation(name: "PostBare")
  label: Label @relation(name: "PostLabel")
}

type Bare @model {
  id: ID! @isUnique
  post: Post @relation(name: "PostBare")
}

type Label @model {
  id: ID! @isUnique
  posts: [Post!]! @relation(name: "PostLabel")
}

type Counter @model {
  id: ID! @isUnique
  createdAt: DateTime!
}
`
