package dialecttest

import (
	"fmt"

	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
)

// sdl has every kind of column, names that are reserved words, and every form of
// relation: foreign key at either end, one to one, join tables, and both kinds
// of self relation.
const sdl = `
type Order @model {
  id: ID! @isUnique
  createdAt: DateTime!
  updatedAt: DateTime!
  title: String!
  code: String @isUnique
  note: String
  count: Int
  amount: Float
  paid: Boolean
  at: DateTime
  data: Json
  secret: Password
  state: State
  labels: [String!]
  rank: Int! @isUnique
  user: User @relation(name: "OrderUser")
  group: Group! @relation(name: "OrderGroup")
  tags: [Tag!]! @relation(name: "OrderTags")
  receipt: Receipt @relation(name: "OrderReceipt")
}
type User @model {
  id: ID! @isUnique
  createdAt: DateTime!
  updatedAt: DateTime!
  name: String
  email: String! @isUnique
  orders: [Order!]! @relation(name: "OrderUser")
  friends: [User!]! @relation(name: "Friends")
  partner: User @relation(name: "Partners")
  boss: User @relation(name: "Boss")
  reports: [User!]! @relation(name: "Boss")
}
type Group @model {
  id: ID! @isUnique
  createdAt: DateTime!
  updatedAt: DateTime!
  select: String!
  orders: [Order!]! @relation(name: "OrderGroup")
}
type Tag @model {
  id: ID! @isUnique
  createdAt: DateTime!
  updatedAt: DateTime!
  name: String! @isUnique
  orders: [Order!]! @relation(name: "OrderTags")
}
type Receipt @model {
  id: ID! @isUnique
  createdAt: DateTime!
  updatedAt: DateTime!
  number: Int
  order: Order! @relation(name: "OrderReceipt")
}
enum State { OPEN CLOSED Lost }
`

// Model is the layout of a model with every form of column and link.
func Model() (*relational.Layout, error) {
	parsed, diagnostics := datamodel.Parse(sdl)
	if len(diagnostics) > 0 {
		return nil, fmt.Errorf("the test model: %v", diagnostics)
	}
	return relational.Build(parsed.Model, nil), nil
}
